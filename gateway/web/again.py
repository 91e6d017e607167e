"""One more login of somebody who is signed in, before something that matters, and the way back there."""

from urllib.parse import urlencode

from gateway.flows.login import Logins
from gateway.model.answer import Answer
from gateway.model.session import Session
from gateway.web.purpose import sign_in_again
from gateway.web.replies import Replies
from gateway.web.visit import Visit


class SignInAgain:
    """Leads people to prove anew who they are, the way they did."""

    def __init__(self, *, logins: Logins, replies: Replies, prefix: str) -> None:
        self._logins = logins
        self._replies = replies
        self._signin = f"{prefix}/signin"

    async def lead(self, visit: Visit, session: Session, *, back: str) -> Answer:
        """Send whoever has *session* to sign in, and then to *back*, a path of ours.

        Raises IssuerUnavailable.
        """
        if session.provider not in {provider.id for provider in self._logins.providers}:
            asked = urlencode({"return_to": back}, safe="/")
            return self._replies.redirect(sign_in_again(f"{self._signin}?{asked}", session))
        departure = await self._logins.start(
            session.provider,
            inbound=visit.inbound,
            return_to=back,
            persistent=session.persistent,
            hints={"prompt": "login"},
        )
        return self._replies.redirect(departure.location, cookies=departure.cookies)

"""Where somebody who signs in with a password gives themselves another one."""

from typing import Protocol

from gateway.errors import CredentialsRefused, GatewayError, LoginRequired, NoSuchPage, PasswordRefused
from gateway.flows.link import FRESH
from gateway.flows.password_change import Choice, PasswordChange
from gateway.flows.resume import Resume
from gateway.model.answer import Answer
from gateway.model.event import Clock
from gateway.model.session import Session
from gateway.sessions.strategy import Strategy
from gateway.web.again import SignInAgain
from gateway.web.csrf import Csrf
from gateway.web.errors import explaining
from gateway.web.pages import Pages
from gateway.web.replies import Replies
from gateway.web.visit import Visit


class Owners(Protocol):
    async def has_password(self, user_id: str) -> bool:
        """Say whether the user can sign in with a password. Raises StoreUnavailable."""
        ...


class PasswordPage:
    """`/account/password`. Without *change* nobody has a password here."""

    def __init__(
        self,
        *,
        change: PasswordChange | None,
        owners: Owners,
        strategy: Strategy,
        resume: Resume,
        again: SignInAgain,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        clock: Clock,
        prefix: str,
    ) -> None:
        self._change = change
        self._owners = owners
        self._strategy = strategy
        self._resume = resume
        self._again = again
        self._csrf = csrf
        self._pages = pages
        self._replies = replies
        self._clock = clock
        self._changed = f"{prefix}/account?changed=password"
        self._here = f"{prefix}/account/password"

    async def show(self, visit: Visit) -> Answer:
        """GET /account/password. Raises LoginRequired, NoSuchPage where they have none."""
        resumed = await self._resume.resume(visit.inbound, asks_for_roles=True)
        visit.passage.session = resumed.session
        visit.passage.leave = resumed.leave
        visit.passage.reason = resumed.rejected
        session, _ = await self._owner(resumed.session)
        return self._page(visit, session)

    async def choose(self, visit: Visit) -> Answer:
        """POST /account/password: take a new one on the word of who knows the present one; after a new login
        if this one is old."""
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        session, change = await self._owner(await self._resume.live(visit.inbound))
        if self._is_stale(session):
            return await self._again.lead(visit, session, back=self._here)
        choice = Choice(current=fields.one("current") or "", new=fields.one("new") or "")
        try:
            if fields.one("again") not in (None, choice.new):
                raise PasswordRefused("was not typed the same way twice")
            user = await change.change(session, choice, address=visit.inbound.client_ip)
        except (CredentialsRefused, PasswordRefused) as error:
            if not visit.inbound.wants_html:
                raise
            visit.passage.code = error.code
            return self._page(visit, session, refused=error)
        reissued = await self._strategy.reissue(session, user)
        cookies = self._strategy.cookies(reissued, visit.inbound.headers)
        return self._replies.redirect(self._changed, cookies=cookies)

    async def _owner(self, session: Session | None) -> tuple[Session, PasswordChange]:
        if session is None:
            raise LoginRequired("account page")
        if self._change is None or not await self._owners.has_password(session.identity.user_id):
            raise NoSuchPage("they have no password")
        return session, self._change

    def _is_stale(self, session: Session) -> bool:
        return self._clock() - session.last_proof_at > FRESH

    def _page(self, visit: Visit, session: Session, *, refused: GatewayError | None = None) -> Answer:
        token = self._csrf.issue(visit.inbound.headers)
        facts = {
            "csrf": token.text,
            "stale": self._is_stale(session),
            "email": session.identity.email or "",
            "wrong": isinstance(refused, CredentialsRefused),
            "fault": refused.fault if isinstance(refused, PasswordRefused) else "",
        }
        return self._pages.form(
            "password.html",
            facts,
            cookies=token.cookies,
            departs=True,
            status=refused.status if refused else 200,
            headers=explaining(refused) if refused else (),
        )

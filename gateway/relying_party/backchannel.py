"""Our calls to one issuer as its client: each is authenticated anew, and none is made twice."""

from collections.abc import Sequence
from urllib.parse import urlencode

from gateway.model.event import Clock
from gateway.relying_party.client_auth import authentication
from gateway.relying_party.http import DEADLINE, MEBIBYTE, IssuerAnswer, IssuerHttp
from gateway.relying_party.registration import Registration


class BackChannel:
    """Sends forms to the endpoints of one issuer that want to know their client."""

    def __init__(self, registration: Registration, *, http: IssuerHttp, clock: Clock) -> None:
        self.registration = registration
        self._http = http
        self._clock = clock

    async def post(
        self,
        endpoint: str,
        form: Sequence[tuple[str, str]],
        *,
        limit: int = MEBIBYTE,
        deadline: float = DEADLINE,
    ) -> IssuerAnswer:
        """Return the answer to *form*, sent to *endpoint* with our authentication.

        Raises IssuerUnavailable.
        """
        headers, credentials = authentication(self.registration, now=self._clock())
        body = urlencode([*form, *credentials])
        return await self._http.post_form(endpoint, body, headers=headers, limit=limit, deadline=deadline)

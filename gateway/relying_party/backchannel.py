"""Our calls to one issuer as its client: each is authenticated anew, and none is made twice.

A call with a key is made again where the issuer refused it for want of a nonce alone (RFC 9449 8):
with another proof and another assertion, for nothing of the first counts any more.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from gateway.model.event import Clock
from gateway.relying_party.client_auth import authentication
from gateway.relying_party.dpop import DpopKey, Proofs
from gateway.relying_party.http import DEADLINE, MEBIBYTE, IssuerAnswer, IssuerHttp
from gateway.relying_party.registration import Registration


class BackChannel:
    """Sends forms to the endpoints of one issuer that want to know their client."""

    def __init__(self, registration: Registration, *, http: IssuerHttp, clock: Clock) -> None:
        self.registration = registration
        self._http = http
        self._clock = clock
        self._proofs = Proofs(clock=clock)

    def fresh_key(self) -> DpopKey | None:
        """Return a key for the tokens of one grant, None where tokens are not bound to any."""
        return DpopKey.fresh() if self.registration.dpop else None

    async def post(
        self,
        endpoint: str,
        form: Sequence[tuple[str, str]],
        *,
        key: DpopKey | None = None,
        accept: str = "application/json",
        limit: int = MEBIBYTE,
        deadline: float = DEADLINE,
    ) -> IssuerAnswer:
        """Return the answer to *form*, sent to *endpoint* with our authentication.

        With *key*, what comes is bound to it; *accept* is the media type asked for. Raises IssuerUnavailable.
        """

        async def call(proof: str | None) -> IssuerAnswer:
            headers, credentials = authentication(self.registration, now=self._clock())
            body = urlencode([*form, *(pair for pair in credentials if pair not in form)])
            sent = {"Accept": accept, **headers, **({} if proof is None else {"DPoP": proof})}
            return await self._http.post_form(endpoint, body, headers=sent, limit=limit, deadline=deadline)

        if key is None:
            return await call(None)
        return await self._proofs.send(key, "POST", endpoint, call)

    async def get(self, url: str, *, access_token: str, key: DpopKey | None = None) -> IssuerAnswer:
        """Return the answer to a GET of *url* with *access_token*, bound to *key* where there is one.

        Raises IssuerUnavailable.
        """

        async def call(proof: str) -> IssuerAnswer:
            sent = {"Authorization": f"DPoP {access_token}", "DPoP": proof}
            return await self._http.get(url, headers=sent)

        if key is None:
            return await self._http.get(url, headers={"Authorization": f"Bearer {access_token}"})
        return await self._proofs.send(key, "GET", url, call, access_token=access_token)

"""A login at the relying party's level: begun, consented to by the fake issuer, and redeemed.

async with at(issuer, scopes=("openid",)) as login:
    verified = await login.run(login_hint="bob")
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.model.identity import VerifiedLogin
from gateway.model.login import PendingLogin
from gateway.relying_party.authorization import CallbackResponse, random_value
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.provider import RelyingParty
from gateway.relying_party.registration import Registration
from tests.fakes.issuer import HostileIssuer

NOON = 1_750_000_000.0


@dataclass
class Hands:
    """A clock that a test sets by hand."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def registration(issuer: str = "https://issuer.example", **changes: Any) -> Registration:
    """Return a registration that only needs what a test is about."""
    settled: dict[str, Any] = {
        "id": "demo",
        "name": "Demo",
        "issuer": issuer,
        "client_id": "gateway",
        "client_secret": "a secret of at least 32 bytes, for HMAC",
    }
    return Registration(**{**settled, **changes})


def pending_at(issuer: str, **changes: Any) -> PendingLogin:
    """Return a login just begun at *issuer*."""
    settled: dict[str, Any] = {
        "provider": "demo",
        "issuer": issuer,
        "client_id": "gateway",
        "redirect_uri": "http://localhost:8080/.gateway/callback/demo",
        "state": random_value(),
        "nonce": random_value(),
        "verifier": random_value(),
        "return_to": "/",
        "started_at": int(NOON),
    }
    return PendingLogin(**{**settled, **changes})


@dataclass
class Login:
    """One relying party at the fake issuer, on one clock."""

    issuer: HostileIssuer
    party: RelyingParty
    clock: Hands
    http: IssuerHttp
    pending: PendingLogin = field(init=False)

    def __post_init__(self) -> None:
        self.pending = self.fresh()

    def fresh(self) -> PendingLogin:
        return pending_at(self.issuer.url)

    async def respond(self, **hints: str) -> CallbackResponse:
        """Begin `pending` and return what the issuer sends back through the browser."""
        return await self.party.read(self.issuer.respond(await self.party.begin(self.pending, hints)))

    async def run(self, **hints: str) -> VerifiedLogin:
        """Sign in, from begin to redeem, as a login of its own."""
        self.pending = self.fresh()
        return await self.party.redeem(self.pending, await self.respond(**hints))


@asynccontextmanager
async def at(issuer: HostileIssuer, *, deadline: float = 10.0, **changes: Any) -> AsyncIterator[Login]:
    """Register at *issuer*, whose clock becomes ours."""
    clock = Hands()
    issuer.clock = clock
    http = IssuerHttp(deadline=deadline)
    settled = {"client_secret": issuer.client_secret, **changes}
    party = RelyingParty(registration(issuer.url, **settled), http=http, clock=clock)
    try:
        yield Login(issuer=issuer, party=party, clock=clock, http=http)
    finally:
        await http.close()

"""Ten thousand sessions whose access tokens fall due in one second: what others notice of the refreshes.

All are asked for at an even pace, each once, on a route that forwards the token, in turn with tokens that
are fresh and with tokens that are due. Meanwhile the 99th percentile of another route's requests is taken.
The issuer takes 50 ms for an answer and counts how many calls it has at once.
"""

import asyncio
import secrets
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from gateway.assembly.sessions import cookie_names, session_policy
from gateway.flows.grants import Grants
from gateway.flows.places import AT_ONCE
from gateway.keys.keyring import SESSION, KeyRing
from gateway.model.grant import ProviderTokens, Token
from gateway.model.session import Session
from gateway.sessions import claims
from gateway.sessions.opaque import token_id
from gateway.store.database import Database
from tests.bench.paced import PACE, even_pace, printed
from tests.bench.stage import Gateway, Plan, Stage
from tests.fakes.issuer import HostileIssuer

SESSIONS = 10_000
MOST = 2.0
SLOW = 0.05

_TABLES = """
[[routes]]
path = "/api"
upstream = "http://127.0.0.1:{upstream}"
forward_token = "access_token"
on_refresh_error = "keep"
"""


class CountingIssuer(HostileIssuer):
    """Takes every refresh token; `most` is how many calls it ever had at once, `refreshes` all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.refreshes = self.most = 0
        self._now = 0

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if form.get("grant_type") != "refresh_token":
            return await super()._token(request)
        self._now += 1
        self.refreshes += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(SLOW)
        self._now -= 1
        given = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 3600}
        return web.json_response({**given, "refresh_token": secrets.token_urlsafe(16)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Cookie headers of sessions, and those of them whose access token is to be refreshed."""

    fresh: Sequence[str]
    due: Sequence[str]


async def measure(stage: Stage, *, rounds: int) -> dict[str, object]:
    """Return the p99 of other requests while tokens are refreshed over that while none is."""
    async with CountingIssuer() as issuer:
        own = replace(stage, issuer=issuer)
        plan = Plan(tables=_TABLES.format(upstream=stage.upstream))
        async with own.gateway("falling due", plan) as gateway:
            other = await gateway.signed_in()
            due = await _sessions(gateway)
            return await _compared(gateway, issuer, other, due, rounds=rounds)


async def _compared(
    gateway: Gateway, issuer: CountingIssuer, other: str, sessions: Due, *, rounds: int
) -> dict[str, object]:
    measured, share = [], SESSIONS // rounds
    for number in range(rounds):
        part = slice(number * share, (number + 1) * share)
        before = issuer.refreshes
        fresh = await _asked(gateway, other, sessions.fresh[part])
        due = await _asked(gateway, other, sessions.due[part])
        measured.append({"fresh": fresh, "due": due, "refreshes": issuer.refreshes - before})
    return {
        "rounds": measured,
        "p99_ms": {
            name: round(statistics.median(each[name]["p99"] for each in measured), 2)
            for name in ("fresh", "due")
        },
        "refreshes": issuer.refreshes,
        "refused": sum(each["due"]["refused"] + each["fresh"]["refused"] for each in measured),
        "refreshes_at_once": {"most": issuer.most, "limit": AT_ONCE},
        "ratio": {
            "due / fresh": round(
                statistics.median(each["due"]["p99"] / each["fresh"]["p99"] for each in measured), 2
            )
        },
        "most": MOST,
    }


async def _asked(gateway: Gateway, other: str, cookies: Sequence[str]) -> dict[str, float]:
    """Present *cookies* at the forwarding route, and return the latencies of the other one."""
    seconds = len(cookies) / PACE
    given = "\n".join(cookies)
    parade = asyncio.create_task(printed("parade", port=gateway.port, rate=PACE, given=given))
    latency = await even_pace(gateway, other, seconds=seconds)
    answers = await parade
    return {**latency, "refused": sum(count for status, count in answers.items() if status != "200")}


async def _sessions(gateway: Gateway) -> Due:
    """Make sessions that are as good as a login's, with a grant each."""
    settings, now = gateway.settings, int(time.time())
    ring = KeyRing(settings.secret, scope=settings.public_url)
    sealer, audience = ring.sealer(SESSION), session_policy(settings).audience
    name = cookie_names(settings).session
    cookie = await gateway.signed_in()
    like = claims.decode(sealer.open(cookie.partition("=")[2]), audience=audience, pieces=1)
    database = await Database.open(settings.database.url, clock=time.time)
    grants = Grants(
        database.provider_grants,
        sealer=ring.sealer("provider-tokens", longest=64 * 1024),
        mac=ring.mac("refresh-token"),
    )

    async def made(*, expires_in: int) -> str:
        session = _another(like)
        token = Token(value=secrets.token_urlsafe(16), received_at=now - 600, expires_at=now + expires_in)
        tokens = ProviderTokens(access_token=token, refresh_token=secrets.token_urlsafe(16))
        await grants.keep(session, tokens)
        sealed = sealer.seal(claims.encode(session, audience=audience, pieces=1))
        return f"{name}={sealed}"

    try:
        fresh = [await made(expires_in=86_400) for _ in range(SESSIONS)]
        due = [await made(expires_in=50) for _ in range(SESSIONS)]
    finally:
        await database.close()
    return Due(fresh=fresh, due=due)


def _another(session: Session) -> Session:
    session_id = secrets.token_urlsafe(32)
    return replace(session, id=session_id, token_id=token_id(session_id))

"""What a token costs a request: JWT bearers beside the cookie sessions of the same gateway and route.

32 connections present 32 tokens, or 32 sessions, in turn. Both are warm: each was verified once, and
is verified anew within a minute only.
"""

from dataclasses import replace

from tests.bench.load import CONNECTIONS, Contender, in_turn, rounds_of
from tests.bench.stage import Gateway, Plan, Stage
from tests.fakes.bearers import AUDIENCE, access_token

LEAST = 0.9
HOUR = 3600


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return the throughput of bearers over that of cookie sessions."""
    tables = f'bearer = {{ issuer = "{stage.issuer.url}", audience = "{AUDIENCE}" }}'
    async with stage.gateway("bearer", Plan(tables=tables)) as gateway:
        cookies = [await gateway.signed_in() for _ in range(CONNECTIONS)]
        contenders = [replace(gateway.presenting(cookies), name="cookie"), _calling(gateway)]
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds)
    return {
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "processor_us_per_request": measured.processor(),
        "ratio": {"bearer / cookie": measured.ratio("bearer", "cookie")},
        "least": {"bearer / cookie": LEAST},
    }


def _calling(gateway: Gateway) -> Contender:
    """Return *gateway* under a load of programs that call with tokens in turn."""
    issuer = gateway.issuer
    until = int(issuer.clock()) + HOUR
    tokens = [access_token(issuer, sub=f"program-{number}", exp=until) for number in range(CONNECTIONS)]
    script = in_turn(
        gateway.home,
        "bearers",
        host=f"localhost:{gateway.port}",
        field="Authorization",
        values=[f"Bearer {token}" for token in tokens],
    )
    return Contender(
        name="bearer", url=f"http://127.0.0.1:{gateway.port}/", script=script, pids=(gateway.pid,)
    )

"""Programs that call with tokens which only their issuer can read: it is asked, and nothing else counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.bearers import access_token
from tests.fakes.gateway import HOST
from tests.fakes.introspecting import INTROSPECTION_FAULTS, IntrospectingIssuer
from tests.fakes.issuer import ABSENT
from tests.fakes.lasting_app import LastingApp, stream
from tests.fakes.raw_client import RawAnswer, RawConnection, get
from tests.fakes.scene import COOKIE, Scene, scene, seen

API = "https://api.example.com"
OUTAGES = sorted(
    fault for fault in INTROSPECTION_FAULTS if fault.startswith("asked_") and "unsigned" not in fault
    and fault not in ("asked_alg_none", "asked_encrypted", "asked_foreign_key", "asked_hs256")
)  # fmt: skip


def table(introspection: str = "", *, more: str = "", audience: str = API, app: str = "{app}") -> str:
    aud = f'audience = "{audience}", ' if audience else ""
    return f"""
[[routes]]
path = "/api"
upstream = "{app}"
bearer = {{ issuer = "{{issuer}}", {aud}introspection = {{ {introspection} }}{more} }}
"""


class At(Scene):
    """A scene whose issuer can be asked about tokens."""

    issuer: IntrospectingIssuer


@asynccontextmanager
async def asked(folder: Path, tables: str) -> AsyncIterator[At]:
    async with scene(folder, issued_by=IntrospectingIssuer, tables=tables) as scenery:
        yield scenery  # type: ignore[misc]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[At]:
    async with asked(tmp_path, table()) as scenery:
        yield scenery


async def call(at: At, token: str, *more: str) -> RawAnswer:
    lines = [f"Authorization: Bearer {token}", *more]
    return await at.raw(get("/api/x", *lines, host=HOST))


async def test_B062_an_active_token_says_who_calls(at: At) -> None:
    answer = await call(at, at.issuer.opaque(sub="reports", groups=["machines"]))
    assert answer.status == 200
    request = at.app.requests[-1]
    assert seen(request, "X-User-Id") == [f"bearer:{at.issuer.url}#reports"]
    assert seen(request, "X-User-Groups") == ["machines"]
    assert seen(request, "Authorization") == []


async def test_B062_a_linked_subject_is_that_user_and_a_client_without_subject_never(at: At) -> None:
    await at.signed_in("alice")
    assert (await call(at, at.issuer.opaque(sub="alice-at-the-issuer"))).status == 200
    assert seen(at.app.requests[-1], "X-User-Id") == [await at.user_id()]
    machine = at.issuer.opaque(sub=ABSENT, client_id="alice-at-the-issuer")
    assert (await call(at, machine)).status == 200
    assert seen(at.app.requests[-1], "X-User-Id") == [f"bearer:{at.issuer.url}#alice-at-the-issuer"]


async def test_B062_I19_a_token_that_is_not_active_is_401_beside_a_good_cookie(at: At) -> None:
    alice = await at.signed_in("alice")
    cookie = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"
    before = len(at.app.requests)
    answer = await call(at, "nobody-knows-it", cookie)
    assert answer.status == 401
    [challenge] = answer.values("www-authenticate")
    assert b'error="invalid_token"' in challenge
    assert len(at.app.requests) == before


@pytest.mark.parametrize("fault", OUTAGES)
async def test_O22_B060_an_answer_that_is_none_is_503_never_a_pass_and_never_the_cookie(
    at: At, fault: str
) -> None:
    alice = await at.signed_in("alice")
    cookie = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"
    before = len(at.app.requests)
    at.issuer.fault = fault
    answer = await call(at, at.issuer.opaque(), cookie)
    assert answer.status == 503
    assert answer.values("retry-after") == [b"5"]
    assert answer.values("set-cookie") == []
    assert len(at.app.requests) == before
    assert at.issuer.seen["elsewhere"] == 0


async def test_an_answer_counts_for_the_time_it_is_held_and_a_revoked_token_ends_then(tmp_path: Path) -> None:
    async with asked(tmp_path, table('hold = "30s"')) as at:
        raw = at.issuer.opaque()
        for _ in range(3):
            assert (await call(at, raw)).status == 200
        at.issuer.tokens[raw] = None
        at.clock.advance(29)
        assert (await call(at, raw)).status == 200
        assert len(at.issuer.asked) == 1
        at.clock.advance(1)
        assert (await call(at, raw)).status == 401
        assert len(at.issuer.asked) == 2


async def test_a_token_is_never_held_past_its_end(tmp_path: Path) -> None:
    async with asked(tmp_path, table('hold = "1h"')) as at:
        raw = at.issuer.opaque(exp=int(at.clock()) + 40)
        assert (await call(at, raw)).status == 200
        at.clock.advance(40)
        at.issuer.tokens[raw] = None
        assert (await call(at, raw)).status == 401


async def test_a_held_answer_outlives_an_outage_of_the_issuer_and_no_longer(at: At) -> None:
    raw = at.issuer.opaque()
    assert (await call(at, raw)).status == 200
    at.issuer.fault = "asked_500"
    assert (await call(at, raw)).status == 200
    at.clock.advance(60)
    assert (await call(at, raw)).status == 503


async def test_requests_that_come_together_ask_once_and_one_that_hangs_up_spoils_nothing(at: At) -> None:
    raw = at.issuer.opaque()
    at.issuer.gate = asyncio.Event()
    gone = await RawConnection.open(at.gate.port)
    await gone.write(get("/api/x", f"Authorization: Bearer {raw}", host=HOST))
    async with asyncio.timeout(10):
        await at.issuer.arrived.wait()
    calls = [asyncio.create_task(call(at, raw)) for _ in range(8)]
    gone.close()
    at.issuer.gate.set()
    assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 8
    assert len(at.issuer.asked) == 1


async def test_a_flood_of_garbage_is_503_beyond_the_rate_and_held_tokens_still_pass(tmp_path: Path) -> None:
    async with asked(tmp_path, table("calls_per_second = 5")) as at:
        raw = at.issuer.opaque()
        assert (await call(at, raw)).status == 200
        statuses = [(await call(at, f"garbage-{number}")).status for number in range(10)]
        assert statuses == [401] * 4 + [503] * 6
        assert (await call(at, "garbage-0")).status == 401  # remembered
        assert (await call(at, raw)).status == 200
        assert len(at.issuer.asked) == 5
        at.clock.advance(1)
        assert (await call(at, "garbage-9")).status == 401


async def test_T13_a_refresh_token_is_no_access_token(at: At) -> None:
    raw = at.issuer.opaque(token_type=ABSENT, token_use="refresh_token")
    assert (await call(at, raw)).status == 401


async def test_a_missing_scope_is_403(tmp_path: Path) -> None:
    async with asked(tmp_path, table(more=', scopes = ["admin"]')) as at:
        answer = await call(at, at.issuer.opaque())
        assert answer.status == 403
        assert b"insufficient_scope" in answer.values("www-authenticate")[0]


async def test_jwts_go_on_being_verified_by_keys_and_are_shown_to_nobody(at: At) -> None:
    assert (await call(at, access_token(at.issuer))).status == 200
    assert (await call(at, access_token(at.issuer, aud="elsewhere"))).status == 401
    assert at.issuer.asked == []


async def test_with_all_tokens_only_the_issuer_judges_its_jwts(tmp_path: Path) -> None:
    async with asked(tmp_path, table('tokens = "all"', audience="")) as at:
        raw = access_token(at.issuer)
        assert (await call(at, raw)).status == 401
        at.clock.advance(10)
        at.issuer.tokens[raw] = {"sub": "ann", "token_type": "Bearer"}
        assert (await call(at, raw)).status == 200
        assert seen(at.app.requests[-1], "X-User-Id") == [f"bearer:{at.issuer.url}#ann"]
        other = access_token(at.issuer, iss="https://elsewhere.example.com")
        assert (await call(at, other)).status == 401
        assert other not in [form["token"] for form in at.issuer.asked]


async def test_a_personal_token_of_ours_is_sent_to_no_issuer(at: At) -> None:
    assert (await call(at, "vst_0123456789abcdef")).status == 401
    assert at.issuer.asked == []


async def test_where_signed_answers_were_agreed_an_unsigned_yes_is_an_outage(tmp_path: Path) -> None:
    async with asked(tmp_path, table('format = "signed"')) as at:
        assert (await call(at, at.issuer.opaque())).status == 503
        at.issuer.signs = True
        assert (await call(at, at.issuer.opaque())).status == 200
        assert (await call(at, "nobody-knows-it")).status == 401


async def test_a_client_of_its_own_asks(tmp_path: Path) -> None:
    keys = (
        'client_id = "gateway", client_auth = "client_secret_post", client_secret = { env = "ISSUER_SECRET" }'
    )
    async with asked(tmp_path, table(keys)) as at:
        assert (await call(at, at.issuer.opaque())).status == 200
        assert at.issuer.asked[-1]["client_secret"] == at.issuer.client_secret


async def test_O34_neither_token_nor_secret_is_told_and_each_question_is_counted(at: At) -> None:
    raw, bad = at.issuer.opaque(), "a-token-that-nobody-knows"
    await call(at, raw)
    await call(at, bad)
    at.issuer.fault = "asked_500"
    await call(at, "another-token")
    async with await RawConnection.open(at.gate.admin_port) as connection:
        await connection.write(get("/metrics", "Connection: close", host="localhost"))
        told = (await connection.answer()).body.decode()
    for outcome in ("active", "inactive", "outage"):
        series = f'gateway_introspections_total{{issuer="{at.issuer.url}",outcome="{outcome}"}} 1.0'
        assert series in told
    assert 'gateway_bearer_tokens_total{result="inactive"} 1.0' in told
    for secret in (raw, bad, "another-token", at.issuer.client_secret):
        assert secret not in at.gate.log
        assert secret not in told


async def test_B056_a_stream_goes_on_while_the_token_is_active_and_ends_once_it_is_not(
    tmp_path: Path,
) -> None:
    async with LastingApp() as app, asked(tmp_path, table('hold = "30s"', app=app.url)) as at:
        raw = at.issuer.opaque(exp=int(at.clock()) + 3600)
        events = await stream(at.gate.port, "/api/x", f"Authorization: Bearer {raw}")
        at.clock.advance(30)
        async with asyncio.timeout(20):
            while len(at.issuer.asked) < 2:
                await asyncio.sleep(0.05)
        await app.push(b"data: more\n\n")
        async with asyncio.timeout(20):
            await events.reader.readuntil(b"more\n\n\r\n")
        at.issuer.tokens[raw] = None
        at.clock.advance(30)
        await events.rest()
        events.close()
    [cut] = at.gate.events("session.cut")
    assert cut["reason"] == "revoked"


async def test_B056_a_stream_of_each_route_that_takes_the_token_goes_on(tmp_path: Path) -> None:
    async with LastingApp() as app:
        one = table('hold = "30s"', app=app.url)
        groups = ', claims = { groups = "teams" }'
        two = one.replace('path = "/api"', 'path = "/two"')
        three = table('hold = "30s"', app=app.url, more=groups).replace('path = "/api"', 'path = "/three"')
        async with asked(tmp_path, one + two + three) as at:
            raw = at.issuer.opaque(exp=int(at.clock()) + 3600)
            paths = ("/api", "/two", "/three")
            bearer = f"Authorization: Bearer {raw}"
            streams = [await stream(at.gate.port, path, bearer) for path in paths]
            before = len(at.issuer.asked)
            at.clock.advance(30)
            async with asyncio.timeout(20):
                while len(at.issuer.asked) < before + 2:
                    await asyncio.sleep(0.05)
            await app.push(b"data: more\n\n")
            for each in streams:
                async with asyncio.timeout(20):
                    await each.reader.readuntil(b"more\n\n\r\n")
            at.issuer.tokens[raw] = None
            at.clock.advance(30)
            for each in streams:
                await each.rest()
                each.close()


async def test_routes_that_take_the_same_tokens_share_what_is_known_of_them(tmp_path: Path) -> None:
    second = table().replace('path = "/api"', 'path = "/api/x/y"')
    async with asked(tmp_path, table() + second) as at:
        raw = at.issuer.opaque()
        assert (await call(at, raw)).status == 200
        answer = await at.raw(get("/api/x/y", f"Authorization: Bearer {raw}", host=HOST))
        assert (answer.status, len(at.issuer.asked)) == (200, 1)


async def test_routes_that_ask_one_issuer_share_its_bounds(tmp_path: Path) -> None:
    more = table("calls_per_second = 3", more=', scopes = ["read"]')
    second = more.replace('path = "/api"', 'path = "/api/x/y"')
    async with asked(tmp_path, table("calls_per_second = 3") + second) as at:
        raw = at.issuer.opaque()
        assert (await call(at, raw)).status == 200
        answer = await at.raw(get("/api/x/y", f"Authorization: Bearer {raw}", host=HOST))
        assert answer.status == 200
        assert (await call(at, "one")).status == 401
        assert (await call(at, "two")).status == 503

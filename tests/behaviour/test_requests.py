"""BEHAVIOUR group C over sockets: what reaches the app, and what stops a request."""

import hashlib
import json
from collections.abc import Awaitable
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.flows.revocation import Revocations
from gateway.keys.mac import Mac
from gateway.keys.seal import Sealer
from gateway.keys.signing import SigningKey
from gateway.sessions.endings import Endings
from gateway.sessions.stateless import Stateless
from gateway.store.endings import Endings as StoredEndings
from gateway.store.ledger import Ledger
from gateway.store.standing import Lookup
from gateway.store.users import Users
from gateway.store.writer import Transaction, Writer
from gateway.upstream.assertion import Assertions
from gateway.upstream.identity import IdentityLines
from gateway.verify import AssertionInvalid, Verifier
from tests.fakes.browser import Page
from tests.fakes.databases import by_hand
from tests.fakes.gateway import HOST, route
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, Scene, ours_in, scene, seen, told
from tests.fakes.store_calls import watched
from tests.fakes.upstream import ok

FORGED = [
    "X-User-Id",
    "x-user-id",
    "X_User_Id",
    "X.User.Id",
    "X-User_Id",
    "X-USER-ROLES",
    "x_gateway_assertion",
]


def cookie_line(value: str, name: str = COOKIE) -> str:
    return f"Cookie: {name}={value}"


async def test_B045_the_app_learns_who_calls_and_gets_the_body_untouched(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        body = bytes(range(256)) * 64
        page = await alice.request("POST", at.url + "/x?y=%2Fz", headers={"X-Own": "kept"}, body=body)
        assert page.status == 200
        head, _, sent = at.app.requests[-1].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /x?y=%2Fz HTTP/1.1\r\n")
        assert sent == body
        request = at.app.requests[-1]
        assert seen(request, "X-Own") == ["kept"]
        assert seen(request, "X-User-Id") == [await at.user_id()]
        assert told(request)["sub"] == await at.user_id()


@pytest.mark.parametrize(
    ("name", "sent"),
    [("Zoë", "Zo%C3%AB"), ("100 %", "100 %25"), ("%C3%A9", "%25C3%25A9"), ("名", "%E5%90%8D")],
)
async def test_B045_names_beyond_ascii_are_encoded_and_signed_as_they_are(
    tmp_path: Path, name: str, sent: str
) -> None:
    async with scene(tmp_path) as at:
        at.issuer.users["alice"]["name"] = name
        await at.signed_in()
        assert seen(at.app.requests[-1], "X-User-Name") == [sent]
        assert told(at.app.requests[-1])["name"] == name


async def test_B045_a_value_that_no_header_can_carry_stops_the_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        await by_hand(tmp_path, "update users set name = 'a' || char(13, 10) || 'X-User-Roles: admin'")
        at.clock.advance(600)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 500
        assert len(at.app.requests) == 1


@pytest.mark.parametrize("access", ["authenticated", "optional", "public"])
async def test_B046_the_app_sees_our_identity_headers_or_none(tmp_path: Path, access: str) -> None:
    async with scene(tmp_path, route_keys=f'access = "{access}"') as at:
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        before = len(at.app.requests)
        forged = [f"{name}: admin" for name in FORGED for _ in range(2)]
        answer = await at.raw(get("/x", cookie_line(alice.cookies[HOST][COOKIE]), *forged, host=HOST))
        assert answer.status == 200
        request = at.app.requests[before]
        head = request.partition(b"\r\n\r\n")[0].lower()
        assert b"admin" not in head
        names = [
            line.partition(b":")[0].replace(b"_", b"-").replace(b".", b"-") for line in head.split(b"\r\n")
        ]
        assert names.count(b"x-user-id") == (0 if access == "public" else 1)
        assert names.count(b"x-gateway-assertion") == (0 if access == "public" else 1)


async def test_B046_without_a_session_an_optional_route_tells_nobody(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys='access = "optional"') as at:
        answer = await at.raw(get("/x", *[f"{name}: admin" for name in FORGED], host=HOST))
        assert answer.status == 200
        assert b"admin" not in at.app.requests[-1]


async def test_B047_an_assertion_holds_at_its_app_for_a_minute(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        assertion = seen(at.app.requests[-1], "X-Gateway-Assertion")[0]
        jwks = json.loads((await alice.fetch(f"{at.ours}/jwks.json")).text)

        def verifier(audience: str) -> Verifier:
            return Verifier(issuer=at.url, audience=audience, jwks=jwks, clock=at.clock)

        assert verifier(at.app.url).verify(assertion).id == await at.user_id()
        with pytest.raises(AssertionInvalid):
            verifier("http://127.0.0.1:9").verify(assertion)
        at.clock.advance(59)
        verifier(at.app.url).verify(assertion)
        at.clock.advance(1)
        with pytest.raises(AssertionInvalid):
            verifier(at.app.url).verify(assertion)


@pytest.mark.parametrize(("kind", "alg"), [("EC", "ES256"), ("OKP", "EdDSA"), ("RSA", "RS256")])
async def test_B047_a_key_of_the_operator_s_own_signs_assertions(tmp_path: Path, kind: str, alg: str) -> None:
    key = {
        "EC": lambda: ECKey.generate_key("P-256"),
        "OKP": lambda: OKPKey.generate_key("Ed25519"),
        "RSA": lambda: RSAKey.generate_key(2048),
    }[kind]()
    pem = key.as_pem(private=True).decode()
    async with scene(tmp_path, tables=f"[identity]\nassertion_keys = '''{pem}'''\n") as at:
        alice = await at.signed_in()
        assertion = seen(at.app.requests[-1], "X-Gateway-Assertion")[0]
        jwks = json.loads((await alice.fetch(f"{at.ours}/jwks.json")).text)
        assert [each["alg"] for each in jwks["keys"]] == [alg, "ES256"]
        assert jwks["keys"][0]["kid"] == key.thumbprint()
        there = Verifier(issuer=at.url, audience=at.app.url, jwks=jwks, algorithms=[alg], clock=at.clock)
        assert there.verify(assertion).id == await at.user_id()


async def test_B048_our_cookies_stop_here_and_others_pass_as_they_came(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        value = alice.cookies[HOST][COOKIE]
        line = f'Cookie: a="x y";  {COOKIE}={value}; b=;__Host-session-csrf=z; session=q;{COOKIE}2=kept; é=ü'
        answer = await at.raw(get("/x", line, host=HOST))
        assert answer.status == 200
        [kept] = seen(at.app.requests[-1], "Cookie")
        assert value not in kept
        for ours in ("__Host-session=", "__Host-session-csrf", "session=q"):
            assert ours not in kept.replace("__Host-session2=", "")
        for others in ('a="x y"', "b=", f"{COOKIE}2=kept", "é=ü"):
            assert others in kept


@pytest.mark.parametrize("name", [COOKIE, "__Secure-session", "session", "__host-SESSION", f"{COOKIE}.1"])
async def test_B048_an_app_cannot_set_a_cookie_of_ours(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        own = [b"Set-Cookie: own=1; Path=/x", f"Set-Cookie: {name}=evil; Path=/; Secure".encode()]
        at.app.answer_with(ok(b"hello", *own))
        page = await alice.fetch(at.url + "/x")
        assert page.set_cookies == ["own=1; Path=/x"]
    assert len(at.gate.events("upstream.cookie_refused")) == 1


async def test_B049_session_tells_the_user_and_the_absolute_end_or_null(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        nobody = await at.gate.browser().fetch(f"{at.ours}/session")
        assert (nobody.status, nobody.text) == (200, "null")
        alice = await at.signed_in()
        page = await alice.fetch(f"{at.ours}/session")
        assert json.loads(page.text) == {
            "user": {
                "id": await at.user_id(),
                "name": "Alice",
                "email": "alice@example.com",
                "image": None,
                "roles": [],
            },
            "expires": "2027-02-14T08:00:00.000Z",
        }
        assert page.answer.values("cache-control") == [b"private, no-store"]


@pytest.mark.parametrize("access", ["authenticated", "optional"])
async def test_B050_with_the_store_down_only_what_needs_it_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, access: str
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path, route_keys=f'access = "{access}"') as at:
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        before = dict(alice.cookies[HOST])
        calls.down = True
        assert (await alice.fetch(at.url + "/")).status == 200
        at.clock.advance(600)
        passed = len(at.app.requests)
        page = await alice.fetch(at.url + "/")
        assert page.status == 503
        assert page.answer.values("retry-after") != []
        assert page.set_cookies == []
        assert len(at.app.requests) == passed
        assert alice.cookies[HOST] == before
        if access == "optional":
            assert (await at.gate.browser().fetch(at.url + "/")).status == 200


async def test_B052_S02_every_broken_cookie_is_the_same_anonymous_answer(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        good = alice.cookies[HOST][COOKIE]
        middle = len(good) // 2
        flipped = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
        broken = ["", "x", "a.b.c.d.e", good[:-1], good[1:], good + "A", flipped, "0" * 3000, good.upper()]
        broken.append(at.sealed(at.claims(alice), secret="another secret, as long as a secret has to be"))
        answers = set()
        for value in broken:
            answer = await at.raw(get("/x", cookie_line(value), "Accept: */*", host=HOST))
            told = json.loads(answer.body)
            answers.add((answer.status, told["error"], tuple(answer.values("set-cookie"))))
        [(status, error, cleared)] = answers
        assert (status, error) == (401, "login_required")
        assert any(line.startswith(b"__Host-session=;") and b"Max-Age=0" in line for line in cleared)
        assert len(at.app.requests) == 1
    assert "Traceback" not in at.gate.log
    rejected = [event["reason"] for event in at.gate.events("session.rejected")]
    assert set(rejected) == {"invalid"}


async def test_B053_S03_of_two_cookies_the_one_that_opens_is_used_and_two_sessions_are_neither(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        alice, bob = await at.signed_in("alice"), await at.signed_in("bob")
        good, other = alice.cookies[HOST][COOKIE], bob.cookies[HOST][COOKIE]
        for line in (f"{COOKIE}=evil; {COOKIE}={good}", f"{COOKIE}={good}; {COOKIE}=evil"):
            answer = await at.raw(get("/x", f"Cookie: {line}", host=HOST))
            assert answer.status == 200
            assert seen(at.app.requests[-1], "X-User-Email") == ["alice@example.com"]
            assert b"__Host-session=" in b"".join(answer.values("set-cookie"))
        passed = len(at.app.requests)
        answer = await at.raw(get("/x", f"Cookie: {COOKIE}={good}; {COOKIE}={other}", host=HOST))
        assert answer.status == 401
        assert len(at.app.requests) == passed
        answer = await at.raw(get("/x", f"Cookie: {COOKIE}s={other}; {COOKIE}={good}", host=HOST))
        assert answer.status == 200
        assert answer.values("set-cookie") == []


async def test_B054_head_is_get_without_a_body(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.app.answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Own: kept\r\n\r\n")
        page = await alice.request("HEAD", at.url + "/x")
        assert page.status == 200
        assert page.answer.values("content-length") == [b"5"]
        assert at.app.requests[-1].startswith(b"HEAD /x ")
        own = await alice.request("HEAD", f"{at.ours}/session")
        assert (own.status, own.answer.body) == (200, b"")


@pytest.mark.parametrize(("access", "status"), [("authenticated", 401), ("optional", 200), ("public", 200)])
async def test_B054_a_preflight_is_never_a_redirect_and_carries_nobody(
    tmp_path: Path, access: str, status: int
) -> None:
    async with scene(tmp_path, route_keys=f'access = "{access}"') as at:
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        passed = len(at.app.requests)
        fields = ["Origin: https://other.example", "Access-Control-Request-Method: PUT", "Accept: text/html"]
        cookie = cookie_line(alice.cookies[HOST][COOKIE])
        answer = await at.raw(get("/x", cookie, *fields, host=HOST, method="OPTIONS"))
        assert answer.status == status
        assert len(at.app.requests) == passed + (status == 200)
        if status == 200:
            assert seen(at.app.requests[-1], "X-User-Id") == []


async def test_B055_a_body_passes_while_it_still_comes(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.clock.advance(600)
        cookie = cookie_line(alice.cookies[HOST][COOKIE])
        body = hashlib.sha256(b"seed").digest() * 8192
        at.app.fault = "deaf"
        async with await RawConnection.open(at.gate.port) as connection:
            await connection.write(
                get("/up", cookie, f"Content-Length: {2 * len(body)}", host=HOST, method="PUT") + body
            )
            await at.app.request()
            head = await at.app.request()
            assert head.startswith(b"PUT /up ")


@pytest.mark.parametrize(
    "name",
    ["\u2000__Host-session", "\x85__Host-session", "a __Host-session", '"__Host-session"', "__host-session"],
)
async def test_B057_F1_a_look_alike_name_is_not_ours(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        value = alice.cookies[HOST][COOKIE]
        request = get("/x", host=HOST)[:-2] + f"Cookie: {name}={value}\r\n\r\n".encode()
        answer = await at.raw(request)
        assert answer.status == 401
        assert len(at.app.requests) == 1


async def test_B057_F1_a_name_inside_a_value_is_not_ours(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        value = alice.cookies[HOST][COOKIE]
        for line in (f"a=1 {COOKIE}={value}", f'a="1 {COOKIE}={value}"', f"a={COOKIE}={value}"):
            answer = await at.raw(get("/x", f"Cookie: {line}", host=HOST))
            assert answer.status == 401


@pytest.mark.parametrize(
    "path",
    [
        *("/a/../b", "/a/%2e%2e/b", "/a/.%2E/b", "/a/..;/b", "/.%2e/.gateway/session"),
        *("/a\\b", "/a%5cb", "/a%00b", "/a%zz", "/a%", "/a#b", "/a%2fb", "/a//b"),
    ],
)
async def test_B058_a_path_with_two_readings_is_400(tmp_path: Path, path: str) -> None:
    async with scene(tmp_path, route_keys='access = "public"') as at:
        answer = await at.raw(get(path, host=HOST))
        assert answer.status == 400
        assert at.app.requests == []


async def test_B058_what_is_matched_is_what_is_forwarded(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys='access = "public"') as at:
        answer = await at.raw(get("/a%20b/%C3%A9;v=1?x=%2F..%2F&y", host=HOST))
        assert answer.status == 200
        assert at.app.requests[-1].startswith(b"GET /a%20b/%C3%A9;v=1?x=%2F..%2F&y HTTP/1.1\r\n")


async def test_B059_forwarding_fields_of_a_stranger_decide_nothing(tmp_path: Path) -> None:
    networks = 'networks = ["10.0.0.0/8"]\naccess = "public"'
    tables = route("http://127.0.0.1:9", networks).replace('path = "/"', 'path = "/inside"')
    async with scene(tmp_path, tables=tables, route_keys='access = "public"') as at:
        fields = [
            *("X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1", "X-Original-Host: evil.example"),
            *("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "X-Forwarded-Prefix: /inside"),
            *("Forwarded: for=10.0.0.1;host=evil.example", "X-Original-URL: /admin", "X-Rewrite-URL: /admin"),
        ]
        assert (await at.raw(get("/inside", *fields, host=HOST))).status == 403
        assert (await at.raw(get("/x", *fields, host=HOST))).status == 200
        request = at.app.requests[-1]
        assert b"evil.example" not in request
        assert b"10.0.0.1" not in request
        assert b"/admin" not in request
        assert seen(request, "X-Forwarded-For") == ["127.0.0.1"]
        assert seen(request, "X-Forwarded-Proto") == ["https"]


VERBS = [
    (Lookup, "_ask"),
    (Lookup, "standing"),
    (Writer, "write"),
    (Writer, "read"),
    (Transaction, "rows"),
    (Transaction, "row"),
    (Transaction, "change"),
    (Ledger, "account"),
    (Ledger, "user"),
    (Ledger, "user_with_email"),
    (Ledger, "create_user"),
    (Ledger, "record_login"),
    (Users, "accounts_of"),
    (StoredEndings, "spend"),
    (StoredEndings, "_sweep"),
    (Endings, "__contains__"),
    (Sealer, "seal"),
    (Sealer, "open"),
    (Mac, "tag"),
    (Mac, "holds"),
    (SigningKey, "sign"),
    (Assertions, "about"),
    (IdentityLines, "render"),
    (Stateless, "load"),
    (Stateless, "renew"),
    (Stateless, "confirm"),
    (Stateless, "issue"),
    (Stateless, "cookies"),
]


def renewals_of(sid: str, at: Scene, page: Page) -> bool:
    """Say whether every session cookie that *page* sets is cleared or of the session *sid*."""
    values = [line.partition(";")[0].partition("=")[2] for line in ours_in(page)]
    return all(at.opened(value)["sid"] == sid for value in values if value)


class Boom(Exception):
    """Nothing in the gateway foresees this."""


@pytest.mark.parametrize(("owner", "verb"), VERBS, ids=[f"{cls.__module__}.{verb}" for cls, verb in VERBS])
async def test_B060_G3_whatever_raises_nothing_reaches_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, verb: str
) -> None:
    hit = 0

    def boom(*_args: object, **_named: object) -> None:
        nonlocal hit
        hit += 1
        raise Boom

    tables = "".join(
        route("{app}", keys).replace('path = "/"', f'path = "{path}"')
        for path, keys in {
            "/roles": 'roles = ["editor"]',
            "/optional": 'access = "optional"\nroles_from = "database"',
            "/plain": 'access = "optional"',
        }.items()
    )
    tables += '[audit]\nkeep = "off"\n'  # a sweep in the background would use a verb, for no request
    monkeypatch.setattr(Revocations, "start", lambda _self: None)  # nor this one
    async with scene(tmp_path, tables=tables) as at:
        alice = await at.signed_in()
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["editor"])
        form = {"csrfToken": await at.csrf(alice)}
        callbacks = []
        for at.issuer.user in ("alice", "bob"):
            callbacks.append(await at.departed(alice))
        kept = dict(alice.cookies[HOST])
        sid = at.claims(alice)["sid"]
        passed = len(at.app.requests)
        used: list[str] = []

        async def tried(asked: Awaitable[Page]) -> None:
            """Hold that nothing passed where the broken verb was used."""
            nonlocal hit
            hit = 0
            page = await asked
            if hit:
                used.append(page.url)
                assert len(at.app.requests) == passed, page.url
                assert page.status >= 500 or page.status in (302, 400, 401), (page.url, page.status)
                assert renewals_of(sid, at, page)
            del at.app.requests[passed:]
            alice.cookies[HOST] = dict(kept)

        # The node starts with the verb broken, so it has opened no cookie and kept no method before.
        monkeypatch.setattr(owner, verb, boom)
        async with at.node() as second:
            at.visits(alice, second)
            for later in (0, 600):
                at.clock.advance(later)
                for path in ("/", "/roles", "/optional", "/plain"):
                    await tried(alice.fetch(at.url + path))
                for page in ("/signin?return_to=/", "/signout", "/account", "/session"):
                    await tried(alice.fetch(at.ours + page))
            await tried(alice.fetch(f"{at.ours}/callback/issuer?code=x&state=y"))
            for callback in callbacks:
                await tried(alice.fetch(callback))
            await tried(alice.submit(f"{at.ours}/signout", form, follow=False))
            monkeypatch.undo()
        assert used, "the verb was never used"


async def test_B063_an_assertion_is_reused_only_for_the_same_session_and_claims(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice, bob = await at.signed_in("alice"), await at.signed_in("bob")
        for browser in (alice, bob):
            await browser.fetch(at.url + "/x")
        first, second = (told(request) for request in at.app.requests[-2:])
        assert first["jti"] != second["jti"]
        await alice.fetch(at.url + "/x")
        assert told(at.app.requests[-1])["jti"] == first["jti"]
        at.clock.advance(54)
        await alice.fetch(at.url + "/x")
        late = told(at.app.requests[-1])
        assert late["jti"] != first["jti"]
        assert late["exp"] - at.clock() >= 6
        at.clock.advance(600)
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["editor"])
        await alice.fetch(at.url + "/x")
        assert told(at.app.requests[-1])["roles"] == ["editor"]

"""A request rehearsed: decided by the code that decides, sent nowhere."""

from pathlib import Path

import pytest

from gateway.model.identity import User
from gateway.model.route import IdentityHeaders, RequestAlgorithm
from gateway.rehearsal import Rehearsal, Rehearsals, as_of, hidden, session_of
from tests.fakes.configuration import PROVIDER, TOP, loaded

URL = "https://gateway.example.com"
NOW = 1_800_000_000
KEEPING = PROVIDER + 'claims = { department = "department" }\n'
ROUTES = """
[[routes]]
path = "/"
upstream = "http://127.0.0.1:3000"
csrf = "fetch-metadata"
[[routes]]
path = "/public"
upstream = "http://127.0.0.1:3000"
access = "public"
[[routes]]
path = "/it"
upstream = "http://127.0.0.1:3000"
claims = { department = "it" }
groups = ["staff"]
"""
ALICE = User(
    id="u_alice",
    email="alice@example.com",
    email_verified=True,
    name="Alice",
    image=None,
    enabled=True,
    epoch=0,
    roles=("editor",),
    created_at=NOW,
)
ALICES = session_of(ALICE, now=NOW)


@pytest.fixture
def rehearsals(tmp_path: Path) -> Rehearsals:
    text = TOP + KEEPING + ROUTES
    return Rehearsals(loaded(tmp_path, text).settings, clock=lambda: float(NOW))


async def rehearse(
    rehearsals: Rehearsals, path: str, *headers: tuple[str, str], session: object = None, method: str = "GET"
) -> Rehearsal:
    return await rehearsals.rehearse(
        method,
        URL + path,
        headers=headers,
        peer="192.0.2.1",
        session=session,  # type: ignore[arg-type]
    )


async def test_a_passing_request_is_told_with_the_head_that_would_be_sent(rehearsals: Rehearsals) -> None:
    told = await rehearse(rehearsals, "/x?q=1", ("X-User-Id", "forged"), session=ALICES)
    assert (told.status, told.code) == (200, "")
    assert told.head[0] == "GET /x?q=1 HTTP/1.1"
    assert "X-User-Id: u_alice" in told.head
    assert "X-User-Roles: editor" in told.head
    assert "forged" not in "".join(told.head)
    assert told.explanation is not None
    assert told.explanation.route.name == "/"


async def test_a_public_route_is_told_nothing_about_anybody(rehearsals: Rehearsals) -> None:
    told = await rehearse(rehearsals, "/public", session=ALICES)
    assert told.status == 200
    assert "u_alice" not in "".join(told.head)


@pytest.mark.parametrize(
    ("headers", "status"),
    [((("Sec-Fetch-Mode", "navigate"),), 302), ((("Sec-Fetch-Mode", "cors"),), 401), ((), 401)],
)
async def test_nobody_is_sent_to_sign_in_or_refused(
    rehearsals: Rehearsals, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    told = await rehearse(rehearsals, "/x", *headers)
    assert (told.status, told.code, told.head) == (status, "login_required", ())


async def test_groups_and_claims_count_as_an_issuer_would_send_them(rehearsals: Rehearsals) -> None:
    assert (await rehearse(rehearsals, "/it", session=ALICES)).status == 403
    told = as_of(ALICES, groups=["staff"], claims=[("department", "hr"), ("department", "it")])
    assert told.identity.claims == (("department", ("hr", "it")),)
    assert (await rehearse(rehearsals, "/it", session=told)).status == 200


@pytest.mark.parametrize(
    ("path", "code"), [("/a/%2e%2e/b", "bad_request"), ("/a//b", "bad_request"), ("/a%00", "bad_request")]
)
async def test_a_request_that_is_refused_at_the_door_asks_no_route(
    rehearsals: Rehearsals, path: str, code: str
) -> None:
    told = await rehearse(rehearsals, path, session=ALICES)
    assert (told.status, told.code) == (400, code)
    assert told.head == ()
    assert told.why


async def test_another_host_is_misdirected(rehearsals: Rehearsals) -> None:
    told = await rehearsals.rehearse(
        "GET", "https://other.example/", headers=(), peer="192.0.2.1", session=None
    )
    assert (told.status, told.code, told.explanation) == (421, "misdirected_request", None)


def test_a_session_made_up_here_is_of_no_use_anywhere() -> None:
    assert ALICES.ends_at == ALICES.lease_until == NOW
    assert ALICES.id == "rehearsal"


def test_the_assertion_and_the_signature_are_never_shown() -> None:
    lines = ("GET / HTTP/1.1", "X-Gateway-Assertion: eyJx", "X-User-Id: u_alice", "Signature: gateway=:AA=:")
    for name in ("X-Gateway-Assertion", "x-gateway-assertion"):
        told = IdentityHeaders(headers=(), assertion=name, signature=RequestAlgorithm.ED25519)
        assert hidden(lines, told) == (
            "GET / HTTP/1.1",
            "X-Gateway-Assertion: (signed, 60 s)",
            "X-User-Id: u_alice",
            "Signature: (ed25519, 60 s)",
        )
    assert hidden(lines, IdentityHeaders(headers=(), assertion=None)) == lines


async def test_a_signed_request_is_told_as_it_would_be_sent(tmp_path: Path) -> None:
    text = TOP + KEEPING + ROUTES + '[identity]\nsignature = "hmac-sha256"\n'
    signing = Rehearsals(loaded(tmp_path, text).settings, clock=lambda: float(NOW))
    told = await rehearse(signing, "/x?q=1", session=ALICES)
    [line] = [line for line in told.head if line.startswith("Signature-Input: ")]
    assert '"x-user-id"' in line
    assert f";created={NOW};" in line
    assert 'tag="http://127.0.0.1:3000"' in line


async def test_I18_a_forwarded_token_is_told_by_its_kind_and_never_by_its_value(tmp_path: Path) -> None:
    text = TOP + KEEPING + ROUTES.replace('path = "/"', 'path = "/"\nforward_token = "access_token"')
    told = await rehearse(
        Rehearsals(loaded(tmp_path, text).settings, clock=lambda: float(NOW)),
        "/x",
        ("Authorization", "Bearer canary"),
        session=ALICES,
    )
    assert "Authorization: Bearer (the caller's access_token)" in told.head
    assert "canary" not in "".join(told.head)


async def test_B073_an_old_proof_is_led_to_sign_in_or_told(tmp_path: Path) -> None:
    text = TOP + PROVIDER + '[[routes]]\nupstream = "http://127.0.0.1:3000"\nmax_auth_age = "5m"\n'
    demanding = Rehearsals(loaded(tmp_path, text).settings, clock=lambda: float(NOW))
    old = as_of(ALICES, groups=(), claims=(), auth_age=331)
    told = await rehearse(demanding, "/", ("Sec-Fetch-Mode", "navigate"), session=old)
    assert (told.status, told.code) == (302, "insufficient_user_authentication")
    assert (await rehearse(demanding, "/", session=old)).status == 401
    assert (await rehearse(demanding, "/", session=as_of(ALICES, groups=(), claims=()))).status == 200


async def test_B061_what_a_proxy_in_front_would_be_told_is_told(tmp_path: Path) -> None:
    text = f'{TOP}trusted_proxies = ["127.0.0.1/32"]\n{PROVIDER}[[routes]]\nupstream = "off"\n'
    off = Rehearsals(loaded(tmp_path, text).settings, clock=lambda: float(NOW))
    told = await rehearse(off, "/x", ("X-User-Id", "forged"), session=ALICES)
    assert told.status == 200
    assert "X-User-Id: u_alice" in told.head
    assert "x-user-groups: " in told.head
    assert "forged" not in "".join(told.head)
    assert (await rehearse(off, "/x")).status == 401


async def test_B76_S24_what_another_site_sends_is_told_as_it_is_decided(rehearsals: Rehearsals) -> None:
    told = await rehearse(rehearsals, "/", ("Sec-Fetch-Site", "cross-site"), session=ALICES, method="POST")
    assert (told.status, told.code) == (403, "csrf_failed")
    assert told.explanation is not None
    assert (told.explanation.verdict.outcome, told.explanation.verdict.reason) == ("deny", "csrf")
    assert not any(rule.decides for rule in told.explanation.rules)


@pytest.mark.parametrize("path", ["/.gateway/session", "/.gateway", "/.GATEWAY;x/admin/"])
async def test_B76_what_the_gateway_answers_itself_is_told_of_no_route(
    rehearsals: Rehearsals, path: str
) -> None:
    told = await rehearse(rehearsals, path)
    assert (told.ours, told.explanation, told.head) == (True, None, ())


@pytest.mark.parametrize(("takes", "ours"), [("", False), ("personal_tokens = true\n", True)])
async def test_B76_what_is_well_known_of_tokens_is_ours_where_a_route_takes_them(
    tmp_path: Path, takes: str, ours: bool
) -> None:
    text = f'{TOP}{PROVIDER}[[routes]]\nupstream = "http://127.0.0.1:3000"\n{takes}'
    rehearsals = Rehearsals(loaded(tmp_path, text).settings, clock=lambda: float(NOW))
    told = await rehearse(rehearsals, "/.well-known/oauth-protected-resource/x")
    assert told.ours is ours
    assert not (await rehearse(rehearsals, "/.well-known/oauth-protected-resources")).ours

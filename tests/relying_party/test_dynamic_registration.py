from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.errors import IssuerUnavailable
from gateway.relying_party.dynamic_registration import Registered, Wishes, register, withdraw
from gateway.relying_party.http import IssuerHttp
from tests.fakes.issuer import ABSENT
from tests.fakes.registering import RegisteringIssuer

ROOT = "https://wiki.example.com/.gateway"
WISHES = Wishes(
    name="Vestibule",
    redirect_uri=f"{ROOT}/callback/company",
    post_logout_redirect_uri=f"{ROOT}/signout",
    backchannel_logout_uri=f"{ROOT}/backchannel-logout/company",
    initiate_login_uri=f"{ROOT}/initiate/company",
)


@pytest.fixture
async def issuer() -> AsyncIterator[RegisteringIssuer]:
    async with RegisteringIssuer() as issuer:
        yield issuer


async def registered(issuer: RegisteringIssuer, token: str | None = None) -> Registered:
    http = IssuerHttp()
    try:
        return await register(issuer.url, WISHES, http=http, initial_token=token)
    finally:
        await http.close()


async def test_an_issuer_is_told_our_addresses_and_gives_a_client(issuer: RegisteringIssuer) -> None:
    found = await registered(issuer)
    assert (found.client_id, found.client_secret) == ("client 7", "canary-secret")
    assert (found.client_auth, found.expires_at) == ("client_secret_basic", None)
    assert found.management is not None
    assert "canary" not in repr(found)
    [asked] = issuer.registered
    assert asked["redirect_uris"] == [WISHES.redirect_uri]
    assert (asked["response_types"], asked["grant_types"]) == (["code"], ["authorization_code"])
    assert asked["initiate_login_uri"] == WISHES.initiate_login_uri


async def test_where_logins_begin_elsewhere_is_told_of_https_alone(issuer: RegisteringIssuer) -> None:
    http = IssuerHttp()
    local = replace(WISHES, initiate_login_uri="http://localhost:8080/.gateway/initiate/company")
    await register(issuer.url, local, http=http)
    await http.close()
    assert "initiate_login_uri" not in issuer.registered[0]


async def test_the_way_to_authenticate_is_one_that_the_issuer_takes(issuer: RegisteringIssuer) -> None:
    issuer.overlay = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    assert (await registered(issuer)).client_auth == "client_secret_post"
    issuer.overlay = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    with pytest.raises(IssuerUnavailable, match="by hand"):
        await registered(issuer)


async def test_an_initial_access_token_is_presented(issuer: RegisteringIssuer) -> None:
    issuer.initial_token = "canary-initial"
    assert await registered(issuer, "canary-initial")
    with pytest.raises(IssuerUnavailable, match="401: invalid_token") as caught:
        await registered(issuer)
    assert "canary" not in str(caught.value)


async def test_a_secret_that_ends_is_told(issuer: RegisteringIssuer) -> None:
    issuer.registration = {"client_secret_expires_at": 1_800_000_000, "registration_client_uri": ABSENT}
    found = await registered(issuer)
    assert (found.expires_at, found.management) == (1_800_000_000, None)


@pytest.mark.parametrize("never", [0, -1, True, "1800000000", 1.8e9, None, ABSENT, 10**18, 253_402_300_800])
async def test_a_secret_without_an_end_that_a_calendar_has_never_ends(
    issuer: RegisteringIssuer, never: object
) -> None:
    issuer.registration = {"client_secret_expires_at": never}
    assert (await registered(issuer)).expires_at is None


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uris": ["https://evil.example"]},
        {"redirect_uris": [WISHES.redirect_uri, "https://evil.example"]},
        {"redirect_uris": ABSENT},
        {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": ["client_secret_basic"]},
        {"client_id": ABSENT},
        {"client_id": 7},
        {"client_id": "a\nb"},
        {"client_id": " a"},
        {"client_secret": ""},
        {"client_secret": "x" * 2000},
    ],
    ids=str,
)
async def test_O20_what_was_not_asked_for_or_cannot_be_used_is_refused(
    issuer: RegisteringIssuer, changed: dict[str, object]
) -> None:
    issuer.registration = changed
    with pytest.raises(IssuerUnavailable, match="was deleted again"):
        await registered(issuer)
    assert issuer.deleted == ["/register/7"]


async def withdrawn(issuer: RegisteringIssuer, **changed: str) -> None:
    http = IssuerHttp()
    known = {
        "registration_client_uri": f"{issuer.url}/register/7",
        "registration_access_token": "canary-token",
    }
    try:
        await withdraw(issuer.url, {**known, **changed}, http=http)
    finally:
        await http.close()


@pytest.mark.parametrize("status", [200, 202, 302, 401, 404, 405, 500])
async def test_a_registration_is_deleted_where_the_issuer_says_so(
    issuer: RegisteringIssuer, status: int
) -> None:
    await withdrawn(issuer)
    assert issuer.deleted == ["/register/7"]
    issuer.deletion_status = status
    if status == 200:
        await withdrawn(issuer)
        return
    with pytest.raises(IssuerUnavailable, match=f"answered {status}"):
        await withdrawn(issuer)


@pytest.mark.parametrize(
    "changed",
    [
        {"registration_client_uri": "http://192.0.2.1/register/7"},
        {"registration_client_uri": "file:///etc/passwd"},
        {"registration_client_uri": ""},
        {"registration_access_token": ""},
        {"registration_access_token": "canary\r\nX: y"},
        {"registration_access_token": "x" * 9000},
    ],
    ids=str,
)
async def test_O20_nothing_is_sent_with_what_cannot_be_used(
    issuer: RegisteringIssuer, changed: dict[str, str]
) -> None:
    with pytest.raises(IssuerUnavailable, match="nothing usable") as caught:
        await withdrawn(issuer, **changed)
    assert "canary" not in str(caught.value)
    assert issuer.deleted == []


async def test_a_useless_registration_that_stays_is_told(issuer: RegisteringIssuer) -> None:
    issuer.registration = {"client_secret": "", "registration_access_token": ABSENT}
    with pytest.raises(IssuerUnavailable, match=r"client 7 stays.*delete it by hand"):
        await registered(issuer)


@pytest.mark.parametrize(
    "overlay",
    [
        {"registration_endpoint": ABSENT},
        {"registration_endpoint": "http://192.0.2.1/register"},
        {"registration_endpoint": "file:///etc/passwd"},
        {"issuer": "https://other.example"},
    ],
    ids=str,
)
async def test_O20_nobody_registers_where_the_metadata_does_not_hold(
    issuer: RegisteringIssuer, overlay: dict[str, object]
) -> None:
    issuer.overlay = overlay
    with pytest.raises(IssuerUnavailable, match=r"registration_endpoint|names another issuer"):
        await registered(issuer)
    assert issuer.registered == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(201, "<h1>Hello</h1>"), (201, "[]"), (201, '{"a":1,"a":2}'), (500, "{}"), (302, "{}")],
)
async def test_O20_O22_what_is_no_answer_is_an_error_that_tells_of_the_client_that_may_be_there(
    issuer: RegisteringIssuer, status: int, body: str
) -> None:
    issuer.registration_status, issuer.registration_body = status, body
    with pytest.raises(IssuerUnavailable, match=f"{issuer.url} may have made .* {WISHES.redirect_uri}"):
        await registered(issuer)


async def test_O22_of_an_answer_that_is_lost_it_is_said_what_may_be_left_there(
    issuer: RegisteringIssuer,
) -> None:
    issuer.registration_body = "x" * (256 * 1024 + 1)
    with pytest.raises(IssuerUnavailable, match=r"more than .* may have made a client .*Vestibule"):
        await registered(issuer)
    assert len(issuer.registered) == 1


@pytest.mark.parametrize(
    ("status", "body"), [(400, '{"error":"invalid_redirect_uri"}'), (403, "<h1>No</h1>")]
)
async def test_where_the_issuer_says_no_nothing_is_left_there(
    issuer: RegisteringIssuer, status: int, body: str
) -> None:
    issuer.registration_status, issuer.registration_body = status, body
    with pytest.raises(IssuerUnavailable, match=f"answered {status}") as caught:
        await registered(issuer)
    assert "may have made" not in str(caught.value)

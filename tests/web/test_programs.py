"""Endpoints for programs, in the shapes that Auth.js clients read."""

from pathlib import Path

import msgspec
import pytest

from gateway.model.answer import Answer
from tests.fakes.site import FETCH, PREFIX, URL, Site, header, site


def told(answer: Answer) -> object:
    return msgspec.json.decode(answer.body)


async def reread(gate: Site, body: bytes) -> Answer:
    headers = ((b"Content-Type", b"application/json"), *FETCH)
    return await gate.send(gate.inbound(f"{PREFIX}/session", method="POST", headers=headers), body)


async def test_B049_session_is_null_or_the_user_and_the_absolute_end(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        nobody = await gate.get(f"{PREFIX}/session", FETCH)
        assert (nobody.status, nobody.body) == (200, b"null")
        await gate.sign_in()
        answer = await gate.get(f"{PREFIX}/session", FETCH)
        assert header(answer, b"Cache-Control") == "private, no-store"
        assert told(answer) == {
            "user": {
                "id": gate.signed_in,
                "name": "Ann",
                "email": "ann@demo.example",
                "image": None,
                "roles": [],
            },
            "expires": "2027-02-14T08:00:00.000Z",
        }


async def test_a_session_past_its_lease_is_renewed_by_session_and_not_by_peek(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        gate.clock.advance(601)
        before = dict(gate.browser.cookies)
        peeked = await gate.get(f"{PREFIX}/session?peek=1", FETCH)
        assert told(peeked)
        assert header(peeked, b"Set-Cookie") == ""
        assert gate.browser.cookies == before
        assert told(await gate.get(f"{PREFIX}/session", FETCH))
        assert gate.browser.cookies != before


async def test_a_session_that_does_not_hold_is_null_and_cleared(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        gate.browser.plant(gate.names.session, "garbage")
        assert (await gate.get(f"{PREFIX}/session", FETCH)).body == b"null"
        assert gate.browser.names == []


async def test_B152_B072_a_reread_tells_what_the_server_knows_and_takes_nothing_from_the_client(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        await gate.database.users.change_roles(gate.signed_in, grant=["editor"])
        sent = msgspec.json.encode({"csrfToken": gate.token(), "data": {"roles": ["admin"], "name": "Eve"}})
        answer = told(await reread(gate, sent))
        assert isinstance(answer, dict)
        assert answer["user"]["roles"] == ["editor"]
        assert answer["user"]["name"] == "Ann"


@pytest.mark.parametrize("body", [b"{}", b'{"csrfToken":"x"}'])
async def test_B152_a_bad_token_is_400_null(tmp_path: Path, body: bytes) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        answer = await reread(gate, body)
        assert (answer.status, answer.body) == (400, b"null")


async def test_csrf_gives_a_token_that_works_in_this_browser(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        answer = told(await gate.get(f"{PREFIX}/csrf", FETCH))
        assert isinstance(answer, dict)
        assert (await gate.post(f"{PREFIX}/signout", token=answer["csrfToken"])).status == 303
        assert gate.signed_in == ""


async def test_providers_have_the_shape_that_auth_js_reads(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        assert told(await gate.get(f"{PREFIX}/providers", FETCH)) == {
            "demo": {
                "id": "demo",
                "name": "Demo",
                "type": "oidc",
                "signinUrl": f"{URL}{PREFIX}/signin/demo",
                "callbackUrl": f"{URL}{PREFIX}/callback/demo",
            }
        }


async def test_the_published_keys_are_public(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = told(await gate.get(f"{PREFIX}/jwks.json", FETCH))
        assert isinstance(answer, dict)
        assert all("d" not in key and key["kty"] == "EC" for key in answer["keys"])


@pytest.mark.parametrize(
    "code", ["AccessDenied", "LoginLoop", "OAuthAccountNotLinked", "CredentialsSignin", "TooManyAttempts"]
)
async def test_each_client_safe_code_has_a_page(tmp_path: Path, code: str) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/error?error={code}")
        assert answer.status == 200
        assert b"<h1>" in answer.body
        assert b"Something went wrong" not in answer.body


async def test_passwords_are_credentials_to_auth_js(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        providers = told(await gate.get(f"{PREFIX}/providers", FETCH))
        assert isinstance(providers, dict)
        assert providers["local"] == {
            "id": "local",
            "name": "Password",
            "type": "credentials",
            "signinUrl": f"{URL}{PREFIX}/signin/local",
            "callbackUrl": f"{URL}{PREFIX}/callback/local",
        }
        assert providers["demo"]["type"] == "oidc"

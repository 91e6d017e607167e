"""oidcc-client-basic-certification-test-plan and, with answers by form, oidcc-client-formpost-basic-…"""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from tests.fakes.conformance import accepted, refused, refused_before_userinfo
from tests.fakes.issuer import ABSENT, rsa_key
from tests.fakes.posting import posting_scene
from tests.fakes.scene import Scene, scene, seen


@pytest.fixture(params=["query", "form_post"])
async def at(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with posting_scene(tmp_path) if request.param == "form_post" else scene(tmp_path) as at:
        yield at


async def test_oidcc_client_test(at: Scene) -> None:
    asked: list[dict[str, str]] = []
    at.issuer.heard = asked.append
    await accepted(at)
    [request] = asked
    assert request["response_type"] == "code"
    assert "openid" in request["scope"].split()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", request["nonce"])
    assert request["redirect_uri"] == f"{at.ours}/callback/issuer"
    [userinfo] = [headers for name, headers, _ in at.issuer.requests if name == "userinfo"]
    assert userinfo["Authorization"].startswith("Bearer ")


async def test_oidcc_client_test_invalid_iss(at: Scene) -> None:
    at.issuer.fault = "wrong_iss"
    await refused_before_userinfo(at)


async def test_oidcc_client_test_missing_sub(at: Scene) -> None:
    at.issuer.claims = {"sub": ABSENT}
    await refused_before_userinfo(at)


async def test_oidcc_client_test_invalid_aud(at: Scene) -> None:
    at.issuer.fault = "wrong_aud"
    await refused_before_userinfo(at)


async def test_oidcc_client_test_missing_iat(at: Scene) -> None:
    at.issuer.claims = {"iat": ABSENT}
    await refused_before_userinfo(at)


async def test_oidcc_client_test_kid_absent_single_jwks(at: Scene) -> None:
    at.issuer.fault = "no_kid"
    at.issuer.published = [{name: value for name, value in at.issuer.published[0].items() if name != "kid"}]
    await accepted(at)


async def test_oidcc_client_test_kid_absent_multiple_jwks(at: Scene) -> None:
    at.issuer.fault = "no_kid"
    keys = [dict(key.as_dict(private=False)) for key in (rsa_key("another"), at.issuer.key)]
    at.issuer.published = [{name: value for name, value in key.items() if name != "kid"} for key in keys]
    await accepted(at)


async def test_oidcc_client_test_idtoken_sig_rs256(at: Scene) -> None:
    assert at.issuer.metadata()["id_token_signing_alg_values_supported"] == ["RS256"]
    await accepted(at)


async def test_oidcc_client_test_idtoken_sig_none(at: Scene) -> None:
    at.issuer.fault = "alg_none"
    await refused_before_userinfo(at)


async def test_oidcc_client_test_invalid_sig_rs256(at: Scene) -> None:
    at.issuer.fault = "foreign_key"
    await refused_before_userinfo(at)


async def test_oidcc_client_test_userinfo_invalid_sub(at: Scene) -> None:
    at.issuer.fault = "userinfo_other_sub"
    await refused(at)
    assert at.issuer.seen["userinfo"] == 1


async def test_oidcc_client_test_nonce_invalid(at: Scene) -> None:
    at.issuer.fault = "wrong_nonce"
    await refused_before_userinfo(at)


async def test_oidcc_client_test_scope_userinfo_claims(at: Scene) -> None:
    asked: list[dict[str, str]] = []
    at.issuer.heard = asked.append
    at.issuer.users["alice"]["name"] = "Alice of userinfo"
    await accepted(at)
    assert {"profile", "email"} <= set(asked[0]["scope"].split())
    assert seen(at.app.requests[-1], "X-User-Name") == ["Alice of userinfo"]


async def test_oidcc_client_test_client_secret_basic(at: Scene) -> None:
    await accepted(at)
    [(headers, form)] = [(headers, form) for name, headers, form in at.issuer.requests if name == "token"]
    kind, _, value = headers["Authorization"].partition(" ")
    name, _, secret = base64.b64decode(value).decode("ascii").partition(":")
    assert kind == "Basic"
    assert [unquote_plus(name), unquote_plus(secret)] == [at.issuer.client_id, at.issuer.client_secret]
    assert "client_secret" not in form

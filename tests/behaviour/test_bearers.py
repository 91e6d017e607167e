"""Programs that call with access tokens, on the routes that take them; browsers beside them as ever."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.front.lane import Lane
from tests.fakes.bearers import LIFETIME, access_token
from tests.fakes.gateway import HOST
from tests.fakes.issuer import ABSENT, ec_key, rsa_key
from tests.fakes.raw_client import RawAnswer, RawConnection
from tests.fakes.scene import COOKIE, Scene, scene, seen

TABLE = """
[[routes]]
path = "/api"
upstream = "{app}"
bearer = { issuer = "{issuer}", audience = "https://api.example.com", scopes = ["read"] }
"""


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, tables=TABLE) as scenery:
        yield scenery


async def call(at: Scene, token: str | None, *more: str, path: str = "/api/x") -> RawAnswer:
    lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", *more]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return await at.raw("\r\n".join([*lines, "", ""]).encode())


def challenge(answer: RawAnswer) -> str:
    [found] = [each for each in answer.values("www-authenticate") if each.startswith(b"Bearer")]
    return found.decode()


async def test_B062_a_client_is_told_as_itself_and_never_as_a_user(at: Scene) -> None:
    answer = await call(at, access_token(at.issuer, sub="reports", groups=["machines"]))
    assert answer.status == 200
    request = at.app.requests[-1]
    assert seen(request, "X-User-Id") == [f"bearer:{at.issuer.url}#reports"]
    assert seen(request, "X-User-Groups") == ["machines"]
    assert seen(request, "Authorization") == []
    assert answer.values("set-cookie") == []


async def test_B062_a_linked_subject_is_that_user_with_the_roles_of_the_database(at: Scene) -> None:
    await at.signed_in("alice")
    async with at.store() as store:
        await store.users.change_roles(await at.user_id(), grant=["editor"])
    token = access_token(at.issuer, sub="alice-at-the-issuer", email="mallory@example.com")
    assert (await call(at, token)).status == 200
    request = at.app.requests[-1]
    assert seen(request, "X-User-Id") == [await at.user_id()]
    assert seen(request, "X-User-Email") == ["alice@example.com"]
    assert seen(request, "X-User-Roles") == ["editor"]


async def test_B062_I19_a_bad_token_is_401_beside_a_good_cookie(at: Scene) -> None:
    alice = await at.signed_in("alice")
    cookie = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"
    assert (await call(at, None, cookie)).status == 200
    before = len(at.app.requests)
    for bad in ("not.a.token", access_token(at.issuer, key=rsa_key("other"))):
        answer = await call(at, bad, cookie)
        assert answer.status == 401
        assert 'error="invalid_token"' in challenge(answer)
        assert answer.values("set-cookie") == []
    assert len(at.app.requests) == before


async def test_B062_I19_a_good_token_decides_beside_another_persons_cookie(at: Scene) -> None:
    alice = await at.signed_in("alice")
    cookie = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"
    assert (await call(at, access_token(at.issuer), cookie)).status == 200
    assert seen(at.app.requests[-1], "X-User-Id") == [f"bearer:{at.issuer.url}#reports"]


async def test_B062_other_schemes_are_refused_where_bearers_are_taken_and_pass_elsewhere(at: Scene) -> None:
    alice = await at.signed_in("alice")
    cookie = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"
    before = len(at.app.requests)
    answer = await call(at, None, cookie, "Authorization: Basic YTpi")
    assert answer.status == 401
    assert len(at.app.requests) == before
    assert (await call(at, None, cookie, "Authorization: Basic YTpi", path="/x")).status == 200
    assert seen(at.app.requests[-1], "Authorization") == ["Basic YTpi"]


@pytest.mark.parametrize(
    "lines", [("Authorization: Bearer a", "Authorization: Bearer b"), ("Authorization: Bearer ",)]
)
async def test_credentials_twice_or_empty_are_400(at: Scene, lines: tuple[str, ...]) -> None:
    answer = await call(at, None, *lines)
    assert answer.status == 400


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"aud": "https://elsewhere.example.com"}, {}),
        ({"aud": ABSENT}, {}),
        ({"iss": "https://elsewhere.example.com"}, {}),
        ({"exp": 1_000_000_000}, {}),
        ({"exp": ABSENT}, {}),
        ({"nbf": 9_000_000_000}, {}),
        ({"sub": ""}, {}),
        ({"nonce": "n"}, {}),
        ({"at_hash": "h"}, {}),
        ({"events": {}}, {}),
        ({"cnf": {"jkt": "k"}}, {}),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": "logout+jwt"}),
        ({}, {"crit": ["exp"]}),
        ({}, {"alg": "none"}),
    ],
)
async def test_T13_each_check_is_held(at: Scene, changes: dict[str, Any], header: dict[str, Any]) -> None:
    algorithm = header.pop("alg", None)
    raw = access_token(at.issuer, header=header, **changes)
    if algorithm:
        raw = "eyJhbGciOiJub25lIn0." + raw.split(".")[1] + "."
    before = len(at.app.requests)
    answer = await call(at, raw)
    assert (answer.status, len(at.app.requests)) == (401, before)
    assert "invalid_token" in challenge(answer)


async def test_a_token_without_typ_holds(at: Scene) -> None:
    assert (await call(at, access_token(at.issuer, header={"typ": ABSENT}))).status == 200


async def test_a_missing_scope_is_403_and_told(at: Scene) -> None:
    answer = await call(at, access_token(at.issuer, scope="write"))
    assert answer.status == 403
    assert 'error="insufficient_scope", scope="read"' in challenge(answer)


async def test_nobody_is_told_where_tokens_come_from(at: Scene) -> None:
    answer = await call(at, None)
    assert answer.status == 401
    told = challenge(answer)
    assert "error" not in told
    assert f'resource_metadata="https://{HOST}/.well-known/oauth-protected-resource/api"' in told
    page = await call(at, None, path="/.well-known/oauth-protected-resource/api")
    assert json.loads(page.body) == {
        "resource": f"https://{HOST}/api",
        "bearer_methods_supported": ["header"],
        "authorization_servers": [at.issuer.url],
        "scopes_supported": ["read"],
    }
    assert (await call(at, None, path="/.well-known/oauth-protected-resource/api/x")).status == 404
    assert (await call(at, None, path="/.well-known/oauth-protected-resource")).status == 404


async def test_what_a_challenge_names_is_there_also_for_a_path_that_is_escaped(tmp_path: Path) -> None:
    table = '[[routes]]\npath = "/büro"\nupstream = "{app}"\npersonal_tokens = true\n'
    async with scene(tmp_path, tables=table) as at:
        told = challenge(await call(at, None, path="/b%C3%BCro/x"))
        path = told.partition(f'resource_metadata="https://{HOST}')[2].rstrip('"')
        page = await call(at, None, path=path)
        assert json.loads(page.body) == {
            "resource": f"https://{HOST}/b%C3%BCro",
            "bearer_methods_supported": ["header"],
        }
        other = await call(at, None, path=path.replace("known", "%6bnown"))
        assert (other.status, at.app.requests) == (400, [])


async def test_B061_B062_a_proxy_that_asks_about_a_token_is_told_as_its_client_would_be(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, tables=TABLE, top='trusted_proxies = ["127.0.0.1/32"]\n') as at:
        said = {"Proto": "https", "Host": HOST, "Uri": "/api/x?y=1", "Method": "GET", "For": "192.0.2.9"}
        about = [f"X-Forwarded-{name}: {value}" for name, value in said.items()]
        path = "/.gateway/auth"
        nobody = await call(at, None, *about, path=path)
        metadata = f'resource_metadata="https://{HOST}/.well-known/oauth-protected-resource/api"'
        assert (nobody.status, metadata in challenge(nobody)) == (401, True)
        bad = await call(at, access_token(at.issuer, aud="elsewhere"), *about, path=path)
        assert (bad.status, 'error="invalid_token"' in challenge(bad)) == (401, True)
        short = await call(at, access_token(at.issuer, scope="write"), *about, path=path)
        assert (short.status, 'error="insufficient_scope"' in challenge(short)) == (403, True)
        good = await call(at, access_token(at.issuer), *about, path=path)
        assert (good.status, good.values("x-user-id")) == (200, [f"bearer:{at.issuer.url}#reports".encode()])
        assert good.values("authorization") == [b""]
        assert at.app.requests == []


async def test_an_issuer_that_is_down_is_503_for_cold_tokens_and_nothing_for_warm_ones(at: Scene) -> None:
    warm = access_token(at.issuer)
    assert (await call(at, warm)).status == 200
    at.issuer.fault = "jwks_down"
    cold = access_token(at.issuer, sub="other", header={"kid": "rotated"}, key=rsa_key("rotated"))
    answer = await call(at, cold)
    assert answer.status == 503
    assert answer.values("retry-after") == [b"5"]
    assert (await call(at, warm)).status == 200


async def test_a_flood_of_unknown_keys_makes_one_fetch_a_minute(at: Scene) -> None:
    assert (await call(at, access_token(at.issuer))).status == 200
    before = at.issuer.seen["jwks"]
    for number in range(20):
        raw = access_token(at.issuer, header={"kid": f"unknown-{number}"})
        assert (await call(at, raw)).status == 401
    assert at.issuer.seen["jwks"] - before == 1


async def test_a_warm_token_is_taken_by_the_fast_lane_and_never_past_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bool] = []
    original = {name: getattr(Lane, name) for name in ("take", "repeat")}

    def noted(name: str) -> Any:
        def noting(self: Lane, *given: object) -> bool:
            taken.append(original[name](self, *given))
            return taken[-1]

        return noting

    for name in original:
        monkeypatch.setattr(Lane, name, noted(name))
    async with scene(tmp_path, tables=TABLE, fast_lane=True) as at:
        token = access_token(at.issuer)
        request = f"GET /api HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        async with await RawConnection.open(at.gate.port) as client:
            for later, lane, status in ((0, False, 200), (0, True, 200), (LIFETIME + 60, False, 401)):
                at.clock.advance(later)
                await client.write(request)
                answer = await client.answer()
                assert (answer.status, taken[-1]) == (status, lane)


async def test_a_disabled_user_is_refused_within_a_minute_and_at_once_where_roles_are_read(
    tmp_path: Path,
) -> None:
    rule = "roles = ['editor']"
    async with scene(tmp_path, tables=TABLE + rule + "\n") as at:
        await at.signed_in("alice")
        user_id = await at.user_id()
        async with at.store() as store:
            await store.users.change_roles(user_id, grant=["editor"])
        token = access_token(at.issuer, sub="alice-at-the-issuer")
        assert (await call(at, token)).status == 200
        async with at.store() as store:
            await store.users.change_roles(user_id, revoke=["editor"])
        assert (await call(at, token)).status == 403
        async with at.store() as store:
            await store.users.set_enabled(user_id, enabled=False)
        assert (await call(at, token)).status == 401


async def test_only_users_or_only_clients_call_where_the_route_says_so(tmp_path: Path) -> None:
    users = TABLE.replace("scopes =", 'callers = "users", scopes =')
    async with scene(tmp_path, tables=users) as at:
        assert (await call(at, access_token(at.issuer))).status == 403
    [line] = [line for line in at.gate.events("request") if line["route"] == "/api"]
    assert (line["decision"], line["reason"]) == ("deny", "bearer.stranger")
    (tmp_path / "two").mkdir()
    async with scene(
        tmp_path / "two", tables=TABLE.replace("scopes =", 'callers = "clients", scopes =')
    ) as at:
        await at.signed_in("alice")
        assert (await call(at, access_token(at.issuer, sub="alice-at-the-issuer"))).status == 200
        assert seen(at.app.requests[-1], "X-User-Id") == [f"bearer:{at.issuer.url}#alice-at-the-issuer"]


async def test_the_token_goes_on_only_where_the_route_says_so(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE + "forward_bearer = true\n") as at:
        token = access_token(at.issuer)
        assert (await call(at, token)).status == 200
        assert seen(at.app.requests[-1], "Authorization") == [f"Bearer {token}"]


async def test_beside_forward_token_a_caller_by_token_brings_none_and_leaves_none(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE + 'forward_token = "access_token"\n') as at:
        assert (await call(at, access_token(at.issuer))).status == 200
        assert seen(at.app.requests[-1], "Authorization") == []
        alice = await at.signed_in("alice", "/api/x")
        assert (await alice.fetch(at.url + "/api/x")).status == 200
        assert seen(at.app.requests[-1], "Authorization")[0].startswith("Bearer ")


async def test_a_caller_by_token_steps_up_by_another_token(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE + 'acr_values = ["mfa"]\n') as at:
        answer = await call(at, access_token(at.issuer, acr="pwd"))
        assert answer.status == 401
        assert 'error="insufficient_user_authentication", acr_values="mfa"' in challenge(answer)
        assert (await call(at, access_token(at.issuer, acr="mfa"))).status == 200


async def test_O34_a_refused_token_is_audited_by_the_check_that_failed_and_never_by_itself(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        raw = access_token(at.issuer, aud="elsewhere")
        assert (await call(at, raw)).status == 401
    [told] = at.gate.events("bearer.refused")
    assert (told["reason"], told["route"]) == ("audience", "/api")
    [line] = [line for line in at.gate.events("request") if line["route"] == "/api"]
    assert (line["status"], line["decision"], line["reason"]) == (401, "deny", "bearer.audience")
    assert raw.rpartition(".")[2] not in at.gate.log
    assert "elsewhere" not in str(told)


async def test_a_key_of_another_type_is_refused(at: Scene) -> None:
    raw = access_token(at.issuer, header={"alg": "ES256"}, key=ec_key("rsa-1"))
    assert (await call(at, raw)).status == 401

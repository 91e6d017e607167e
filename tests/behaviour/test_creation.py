"""BEHAVIOUR group B over sockets: what a login leaves in the browser, in the store and in the log."""

from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.settings.loader import load
from tests.fakes.databases import by_hand, raw
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.scene import (
    COOKIE,
    MONTH,
    DomainBrowser,
    attributes,
    ours_in,
    scene,
)


def rows(folder: Path) -> dict[str, int]:
    """Return how many rows each table of the database has, but for the audit trail's."""
    connection = raw(folder)
    try:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type='table'")]
        return {
            name: connection.execute(f"select count(*) from {name}").fetchone()[0]
            for name in names
            if not name.startswith(("sqlite_", "alembic", "audit"))
        }
    finally:
        connection.close()


def refused(folder: Path, line: str, key: str) -> None:
    """Hold that a configuration with *line* in it does not start, because of *key*."""
    name = line.partition(" ")[0]
    given = {"public_url": '"https://app.example.com"', "secret": f'"{SECRET}"'}
    kept = [f"{other} = {value}" for other, value in given.items() if other != name]
    tables = '[[routes]]\npath = "/"\nupstream = "http://127.0.0.1:9"\naccess = "public"\n'
    path = folder / "gateway.toml"
    path.write_text("\n".join([*kept, line, tables]))
    with pytest.raises(SettingsInvalid, match=key):
        load(path, environ={})


async def test_B033_a_login_sets_one_sealed_cookie_and_writes_no_session(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        page = await browser.navigate(await at.departed(browser), follow=False)
        assert len(ours_in(page)) == 1
        header, wrapped, *rest = browser.cookies[HOST][COOKIE].split(".")
        assert (wrapped, len(rest), header[:2]) == ("", 3, "ey")
        assert rows(tmp_path) == {
            "users": 1,
            "accounts": 1,
            "user_roles": 0,
            "passwords": 0,
            "sessions": 0,
            "denied_sessions": 0,
            "provider_grants": 0,
            "refreshed_grants": 0,
            "locks": 0,
            "personal_tokens": 0,
            "spent_logins": 1,
            "cut_offs": 0,
            "sign_ins": 1,  # the event for people to see: deleting it ends nothing
        }
        await by_hand(tmp_path, "DELETE FROM sign_ins")
        at.clock.advance(601)
        assert (await browser.fetch(at.url + "/")).status == 200


async def test_B034_the_token_has_these_claims_and_none_is_readable(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = await at.signed_in()
        claims = at.claims(browser)
        named = {"sub", "email", "name", "iat", "exp", "jti", "sid", "auth_time", "sexp", "sep", "aud", "ver"}
        assert named | {"idp"} <= claims.keys()
        assert claims["exp"] - claims["iat"] == 600
        assert claims["sexp"] - claims["auth_time"] == MONTH
        assert claims["auth_time"] == int(at.clock())
        assert claims["idp"]["iss"] == at.issuer.url
        value = browser.cookies[HOST][COOKIE]
        for secret in ("alice", "example.com", claims["sub"], claims["sid"], claims["jti"]):
            assert secret not in value
    assert claims["sid"] not in at.gate.log
    assert value not in at.gate.log


async def test_B035_the_cookie_lives_until_the_absolute_end_also_after_renewals(tmp_path: Path) -> None:
    async with scene(tmp_path, tables="[session]\nidle_timeout = '2h'") as at:
        browser = at.gate.browser()
        page = await browser.navigate(await at.departed(browser), follow=False)
        assert attributes(ours_in(page)[0])["max-age"] == str(MONTH)
        at.clock.advance(700)
        page = await browser.fetch(at.url + "/")
        assert attributes(ours_in(page)[0])["max-age"] == str(MONTH - 700)


async def test_B039_S25_on_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        page = await browser.navigate(await at.departed(browser), follow=False)
        [line] = ours_in(page)
        found = attributes(line)
        assert found.keys() == {"path", "max-age", "secure", "httponly", "samesite"}
        assert (found["path"], found["samesite"]) == ("/", "lax")


async def test_B039_S25_with_a_domain_the_name_says_secure(tmp_path: Path) -> None:
    async with scene(tmp_path, tables='[session.cookie]\ndomain = "example.com"') as at:
        browser = DomainBrowser(dict(at.gate.places))
        page = await browser.navigate(await at.departed(browser), follow=False)
        [line] = ours_in(page, "__Secure-session")
        found = attributes(line)
        assert found["domain"] == "example.com"
        assert {"secure", "httponly"} <= found.keys()
        for other in page.set_cookies:
            assert other == line or "domain" not in attributes(other) or attributes(other)["max-age"] == "0"


async def test_B039_S25_on_loopback_plain_http_has_the_bare_name(tmp_path: Path) -> None:
    async with scene(tmp_path, http=True) as at:
        browser = at.gate.browser()
        page = await browser.navigate(await at.departed(browser), follow=False)
        [line] = ours_in(page, "session")
        assert attributes(line).keys() == {"path", "max-age", "httponly", "samesite"}
        assert (await browser.navigate(page.location)).status == 200


def test_B039_plain_http_beyond_loopback_does_not_start(tmp_path: Path) -> None:
    refused(tmp_path, 'public_url = "http://app.example.com"', "public_url")


@pytest.mark.parametrize("planted", ["garbage", "a valid session of somebody else"])
async def test_B040_S01_a_planted_cookie_never_becomes_the_session(tmp_path: Path, planted: str) -> None:
    async with scene(tmp_path) as at:
        mallory = await at.signed_in("bob")
        value = "x.y.z" if planted == "garbage" else mallory.cookies[HOST][COOKIE]
        victim = at.gate.browser()
        victim.cookies[HOST] = {COOKIE: value}
        at.issuer.user = "alice"
        await victim.navigate(f"{at.ours}/signin?return_to=/")
        claims = at.claims(victim)
        assert claims["email"] == "alice@example.com"
        assert claims["sid"] != at.claims(mallory)["sid"]
        # The planted session ended: it cannot be used to see what the victim does.
        expected = 200 if planted == "garbage" else 401
        assert (await mallory.fetch(at.url + "/")).status == expected


async def test_B040_a_failed_login_leaves_the_old_session_alone(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = await at.signed_in()
        before = browser.cookies[HOST][COOKIE]
        at.issuer.fault = "wrong_nonce"
        page = await browser.navigate(f"{at.ours}/signin?return_to=/")
        assert page.status == 400
        assert browser.cookies[HOST][COOKIE] == before
        assert (await browser.fetch(at.url + "/")).status == 200


async def test_B041_sessions_are_stateless_by_default_and_the_start_says_so(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.signed_in()
    [started] = at.gate.events("gateway.started")
    assert started["strategy"] == "stateless"


@pytest.mark.parametrize(
    "secret", ['""', '"too short"', f'["{SECRET}", "too short"]', '{ env = "NOT_SET" }', "[]"]
)
def test_B042_without_a_good_secret_there_is_no_start(tmp_path: Path, secret: str) -> None:
    refused(tmp_path, f"secret = {secret}", "secret")


async def test_B043_remember_false_dies_with_the_browser_also_after_renewals(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        form = {"csrfToken": await at.csrf(browser), "remember": "false", "return_to": "/x"}
        away = await browser.submit(f"{at.ours}/signin/issuer", form, follow=False)
        page = await browser.navigate(at.issuer.consent(away.location), follow=False)
        assert "max-age" not in attributes(ours_in(page)[0])
        at.clock.advance(600)
        page = await browser.fetch(at.url + "/x")
        assert page.status == 200
        assert "max-age" not in attributes(ours_in(page)[0])
        claims = at.claims(browser)
        assert claims["sexp"] - claims["auth_time"] == MONTH
        at.clock.now = claims["sexp"]
        assert (await browser.fetch(at.url + "/x")).status == 401


async def test_B044_G4_a_cookie_of_another_gateway_or_name_does_not_open(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with scene(tmp_path / "a") as at:
        browser = await at.signed_in()
        value = browser.cookies[HOST][COOKIE]
        renamed = at.gate.browser()
        renamed.cookies[HOST] = {"__Host-session-csrf": value, "__Secure-session": value, "session": value}
        assert (await renamed.fetch(at.url + "/")).status == 401
        other_name = '[session.cookie]\nname = "other"'
        async with at.node(tables=other_name) as second:
            moved = second.browser()
            moved.cookies[HOST] = {"__Host-other": value}
            assert (await moved.fetch(at.url + "/")).status == 401
        async with scene(tmp_path / "b", http=True) as elsewhere:
            moved = elsewhere.gate.browser()
            moved.cookies["localhost"] = {"session": value}
            assert (await moved.fetch(elsewhere.url + "/")).status == 401
            assert elsewhere.app.requests == []

"""`gateway explain` tells what the proxy does, held against a running gateway for the same requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.explain import command, document, text
from gateway.rehearsal import Rehearsal
from tests.fakes.bearers import access_token
from tests.fakes.gateway import RunningGateway, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer, RawConnection, get
from tests.fakes.upstream import RecordingUpstream

TABLES = """
[[routes]]
path = "/public"
upstream = "{app}"
access = "public"
[[routes]]
path = "/optional"
upstream = "{app}"
access = "optional"
[[routes]]
path = "/editors"
upstream = "{app}"
roles = ["editor"]
[[routes]]
path = "/staff"
upstream = "{app}"
groups = ["staff"]
strip_prefix = true
methods = ["GET", "PUT"]
identity = {{ assertion = "off", headers = {{ "Remote-User" = "email" }} }}
[[routes]]
path = "/nobody"
upstream = "{app}"
deny = {{ email_domains = ["example.com"] }}
[[routes]]
path = "/elsewhere"
upstream = "{app}"
networks = ["192.0.2.0/24"]
[[routes]]
path = "/payroll"
upstream = "{app}"
max_auth_age = "5m"
acr_values = ["mfa"]
[[routes]]
path = "/api"
upstream = "{app}"
bearer = {{ issuer = "{issuer}", audience = "https://api.example.com" }}
"""
UNEQUAL = ("x-request-id:", "traceparent:", "x-gateway-assertion:")
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Accept: text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    gateway: RunningGateway
    app: RecordingUpstream
    environ: dict[str, str]
    cookie: str
    issuer: HostileIssuer

    @property
    def config(self) -> Path:
        return self.gateway.folder / f"gateway-{self.gateway.port}.toml"

    async def explain(self, *arguments: str) -> Result:
        given = ["--config", str(self.config), *arguments]
        return await asyncio.to_thread(CliRunner(env=self.environ).invoke, command, given)

    async def told(
        self, method: str, path: str, headers: Sequence[str], *, signed_in: bool
    ) -> dict[str, object]:
        who = ["--user", "alice@example.com", "--group", "staff"] if signed_in else []
        extra = [part for header in headers for part in ("--header", header)]
        result = await self.explain(method, self.gateway.url + path, "--json", *who, *extra)
        document: dict[str, object] = json.loads(result.output)
        assert result.exit_code == (0 if document["status"] == 200 else 1)
        return document

    async def done(self, method: str, path: str, headers: Sequence[str], *, signed_in: bool) -> RawAnswer:
        cookies = [f"Cookie: __Host-session={self.cookie}"] if signed_in else []
        data = get(path, *headers, *cookies, host=self.gateway.host, method=method)
        async with await RawConnection.open(self.gateway.port) as connection:
            await connection.write(data)
            return await connection.answer(head_only=method == "HEAD")


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    async with HostileIssuer() as issuer, RecordingUpstream() as app:
        tables = TABLES.format(app=app.url, issuer=issuer.url)
        async with running_gateway(folder, upstream=app.url, issuer=issuer, tables=tables) as gateway:
            browser = gateway.browser()
            await browser.navigate(f"{gateway.url}/")
            cookie = browser.cookie(gateway.url, "__Host-session")
            assert cookie is not None
            app.requests.clear()
            environ = {"ISSUER_SECRET": issuer.client_secret}
            yield House(gateway=gateway, app=app, environ=environ, cookie=cookie, issuer=issuer)


def comparable(lines: Sequence[str]) -> list[str]:
    """Return *lines* with those that differ between any two requests cut to their name."""
    return [line.partition(":")[0] if line.lower().startswith(UNEQUAL) else line for line in lines]


CASES = [
    ("GET", "/public/a?q=1", ()),
    ("GET", "/optional", ("X-Kept: 1", "X-User-Id: forged", "x_user_email: forged", "Remote.User: forged")),
    ("GET", "/", ()),
    ("GET", "/", NAVIGATION),
    ("POST", "/x", ("Content-Length: 0", "Accept: application/json")),
    ("HEAD", "/staff/page", ()),
    ("GET", "/staff/page", ("Connection: X-Hop", "X-Hop: 1", "Cookie: theme=dark")),
    ("GET", "/staff", ("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "Via: 1.0 cache")),
    ("DELETE", "/staff/page", ()),
    ("GET", "/editors", NAVIGATION),
    ("TRACE", "/", ()),
    ("GET", "/editors/../public", ()),
    ("GET", "/public/../editors", ()),
    ("GET", "/public//x", ()),
    ("GET", "/public/%2e%2e/editors", ()),
    ("GET", "/public/%2Fx", ()),
    ("GET", "/nobody", NAVIGATION),
    ("GET", "/elsewhere", ()),
    ("OPTIONS", "/", ("Origin: https://other.example", "Access-Control-Request-Method: PUT")),
    ("GET", "/", ("Via: 1.1 vestibule, 1.1 vestibule, 1.1 vestibule",)),
]


async def test_B76_what_is_explained_is_what_is_done(tmp_path: Path) -> None:
    outcomes: set[object] = set()
    async with house(tmp_path) as place:
        for signed_in in (True, False):
            for method, path, headers in CASES:
                case = f"{method} {path} {headers} {signed_in=}"
                told = await place.told(method, path, headers, signed_in=signed_in)
                before = len(place.app.requests)
                answer = await place.done(method, path, headers, signed_in=signed_in)
                assert told["status"] == answer.status, case
                outcomes.add(told["error"])
                if told["status"] != 200:
                    assert len(place.app.requests) == before, case
                    assert told.get("head", []) == [], case
                    if answer.status != 302 and method != "HEAD":
                        assert str(told["error"]).encode() in answer.body, case
                    continue
                sent = place.app.requests[-1].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
                assert comparable(told["head"]) == comparable(sent), case  # type: ignore[arg-type]
    assert {None, "login_required", "access_denied", "bad_request", "method_not_allowed"} <= outcomes


async def test_B76_each_rule_is_told_with_its_result(tmp_path: Path) -> None:
    async with house(tmp_path) as place:
        told = await place.told("GET", "/editors", (), signed_in=True)
        assert told["route"] == "/editors"
        assert told["beaten"] == ["/"]
        rules = told["rules"]
        assert isinstance(rules, list)
        (roles,) = [rule for rule in rules if rule["rule"] == "roles"]
        assert roles == {"rule": "roles", "wanted": ["editor"], "result": "miss", "decides": True}
        assert (told["outcome"], told["status"]) == ("deny", 403)


async def test_people_read_it_in_lines_and_never_a_usable_assertion(tmp_path: Path) -> None:
    async with house(tmp_path) as place:
        result = await place.explain("GET", f"{place.gateway.url}/wiki", "--user", "alice@example.com")
        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert lines[0].startswith("route     / -> ")
        assert "outcome   pass" in result.output
        assert "  X-User-Email: alice@example.com" in lines
        assert "  X-Gateway-Assertion: (signed, 60 s)" in lines
        assert "eyJ" not in result.output

        refused = await place.explain("GET", f"{place.gateway.url}/editors", "--user", "alice@example.com")
        assert refused.exit_code == 1
        assert "roles editor: miss <- decides" in refused.output
        assert "answer    403 access_denied" in refused.output

        bad = await place.explain("GET", f"{place.gateway.url}/a/%2e%2e/b")
        assert (bad.exit_code, bad.output.strip()) == (1, "400 bad_request: dot segment; no route is asked")


async def test_nobody_of_that_name_and_no_header_are_told(tmp_path: Path) -> None:
    async with house(tmp_path) as place:
        nobody = await place.explain("GET", place.gateway.url, "--user", "eve@example.com")
        assert nobody.exit_code == 1
        assert "there is no user 'eve@example.com'" in nobody.output
        for option, value in (("--header", "nonsense"), ("--header", ": x"), ("--claim", "department")):
            wrong = await place.explain(
                "GET", place.gateway.url, "--user", "alice@example.com", option, value
            )
            assert wrong.exit_code == 2, wrong.output
            assert f"{value!r} is not NAME" in wrong.output


async def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    async with house(tmp_path) as place:
        config = tmp_path / "other" / "gateway.toml"
        config.parent.mkdir()
        config.write_text(place.config.read_text())
        result = await place.explain("GET", place.gateway.url, "--config", str(config), "--user", "alice")
        assert result.exit_code == 1
        assert "run `gateway db upgrade`" in result.output
        assert not (config.parent / "gateway.db").exists()


@pytest.mark.parametrize("url", ["nonsense", "https://", "https://app.example.com:99999/", "https://a b/"])
async def test_a_url_that_is_none_is_refused_without_a_traceback(tmp_path: Path, url: str) -> None:
    async with house(tmp_path) as place:
        result = await place.explain("GET", url)
        assert result.exit_code in (1, 2)
        assert isinstance(result.exception, SystemExit)


def test_text_says_what_is_ours_and_why_a_request_is_refused_at_the_door() -> None:
    ours = Rehearsal(status=200, ours=True)
    assert "answers this itself" in text(ours)
    assert (document(ours)["status"], document(ours)["ours"]) == (None, True)
    refused = Rehearsal(status=400, code="bad_request", why="a dot segment")
    assert text(refused) == "400 bad_request: a dot segment; no route is asked"
    assert document(refused)["detail"] == "a dot segment"


@pytest.mark.parametrize(
    "url", ["/wiki", "app.example.com/wiki", "localhost:8080/wiki", "ftp://app.example.com/"]
)
def test_a_url_is_written_whole(url: str) -> None:
    result = CliRunner().invoke(command, ["GET", url, "--config", "nowhere.toml"])
    assert result.exit_code == 2
    assert "write it whole" in result.output


async def test_B76_B073_how_they_proved_who_they_are_is_the_operator_s_to_say(tmp_path: Path) -> None:
    async with house(tmp_path) as place:
        there = ("GET", f"{place.gateway.url}/payroll", "--user", "alice@example.com")
        proved = await place.explain(*there, "--acr", "mfa", "--auth-age", "4m")
        assert proved.exit_code == 0
        old = await place.explain(*there, "--acr", "mfa", "--auth-age", "331")
        assert "rule      max_auth_age 300s: miss <- decides" in old.output
        assert "outcome   step_up (max_auth_age)" in old.output
        weak = await place.explain(*there)
        assert "rule      acr_values mfa: miss <- decides" in weak.output
        assert "answer    401 insufficient_user_authentication" in weak.output
        wrong = await place.explain(*there, "--auth-age", "soon")
        assert wrong.exit_code == 2
        assert "'soon' is not a duration" in wrong.output


async def test_a_token_is_judged_as_the_gateway_judges_it(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        for audience, status, outcome in (("https://api.example.com", 200, "pass"), ("x", 401, "deny")):
            header = f"Authorization: Bearer {access_token(here.issuer, aud=audience)}"
            told = await here.told("GET", "/api/x", [header], signed_in=True)
            done = await here.done("GET", "/api/x", [header], signed_in=True)
            assert (told["status"], told["outcome"], done.status) == (status, outcome, status)
        assert told["reason"] == "bearer.audience"

"""Traefik and Envoy with the files that we ship, by the request shapes and the rules that they document.

Traefik asks by GET, says the request in X-Forwarded-*, deletes each of `authResponseHeaders` and whatever
its regex matches from the client's request, then sets what the answer has. Envoy asks with the method, path
and host of the request, carries `allowed_headers` alone, and overwrites what `allowed_upstream_headers` of
the answer name; what the answer leaves out stays as the client sent it.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.front_proxy import DEPLOY
from tests.fakes.gateway import HOST, RunningGateway, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer, get, send_raw

TABLES = """
[[routes]]
upstream = "off"
[[routes]]
path = "/maybe"
upstream = "off"
access = "optional"
"""
TRAEFIK = (DEPLOY / "traefik/forward-auth.yml").read_text()
ENVOY = (DEPLOY / "envoy/forward-auth.yaml").read_text()
Fields = dict[str, str]
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
FORGED = {
    "X-User-Id": "admin",
    "X-User-Name": "admin",
    "X-User-Roles": "admin",
    "X-Gateway-Assertion": "forged",
    "X-Forwarded-Uri": "/maybe",
    "X-Forwarded-Method": "GET",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The answer to a question, and what the app then gets where the request passed."""

    answer: RawAnswer
    sent: Fields | None


def listed(text: str, key: str) -> list[str]:
    """The items of a list of words."""
    found = re.search(rf"^( *){key}:\n((?:\1 +- .*\n)+)", text, re.MULTILINE)
    assert found, key
    return [line.strip().removeprefix("- ") for line in found[2].splitlines()]


def patterns(key: str) -> list[str]:
    """Envoy's patterns, as regular expressions for lower-case names."""
    found = re.search(rf"{key}:\n *patterns:\n((?: *- .*\n)+)", ENVOY)
    assert found, key
    pairs = re.findall(r"\{ (exact|prefix): ([a-z-]+), ignore_case: true \}", found[1])
    assert len(pairs) == len(found[1].splitlines())
    return [re.escape(name) + (".*" if kind == "prefix" else "") for kind, name in pairs]


def answered(answer: RawAnswer) -> Fields:
    lines = (line.decode("latin-1").partition(":") for line in answer.head.split(b"\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


async def ask(port: int, target: str, method: str, host: str, fields: Fields) -> RawAnswer:
    lines = [f"{name}: {value}" for name, value in fields.items()]
    return (await send_raw(port, get(target, *lines, host=host, method=method)))[0]


async def traefik(port: int, method: str, target: str, fields: Fields) -> Passed:
    said = {
        "X-Forwarded-Method": method,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": HOST,
        "X-Forwarded-Uri": target,
        "X-Forwarded-For": "198.51.100.7",
    }
    answer = await ask(port, "/.gateway/auth", "GET", f"127.0.0.1:{port}", {**fields, **said})
    if answer.status // 100 != 2:
        return Passed(answer=answer, sent=None)
    found = re.search(r"authResponseHeadersRegex: (.+)", TRAEFIK)
    assert found
    stripped = re.compile(found[1])
    named = [name.lower() for name in listed(TRAEFIK, "authResponseHeaders")]
    told = answered(answer)
    kept = {
        name: value
        for name, value in fields.items()
        if name.lower() not in named and not stripped.search(name)
    }
    copied = {name: told[name] for name in told if name in named or stripped.search(name)}
    return Passed(answer=answer, sent={**kept, **copied})


async def envoy(port: int, method: str, target: str, fields: Fields) -> Passed:
    allowed = patterns("allowed_headers")
    known = {**fields, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    carried = {
        name: value
        for name, value in known.items()
        if any(re.fullmatch(each, name.lower()) for each in allowed)
    }
    # Its own address may come last.
    carried["X-Forwarded-For"] += ", 127.0.0.1"
    answer = await ask(port, f"/.gateway/auth{target}", method, HOST, {**carried, "Content-Length": "0"})
    if answer.status != 200:
        return Passed(answer=answer, sent=None)
    assert not [name for name in fields if "_" in name], "rejected at the door"
    copied = {
        name: value
        for name, value in answered(answer).items()
        if any(re.fullmatch(each, name) for each in patterns("allowed_upstream_headers"))
    }
    kept = {name: value for name, value in fields.items() if name.lower() not in copied}
    return Passed(answer=answer, sent={**kept, **copied})


Proxy = Callable[[int, str, str, Fields], Awaitable[Passed]]
EITHER = pytest.mark.parametrize("proxy", [traefik, envoy])


@asynccontextmanager
async def signed_in(folder: Path) -> AsyncIterator[tuple[RunningGateway, FakeClock, str]]:
    clock = FakeClock()
    top = 'trusted_proxies = ["127.0.0.1/32"]\n'
    async with (
        HostileIssuer(clock=clock) as issuer,
        running_gateway(folder, issuer=issuer, top=top, tables=TABLES, clock=clock) as gateway,
    ):
        browser = gateway.browser()
        # There is no app behind the gateway itself: it says so once somebody is signed in.
        assert (await browser.navigate(f"{gateway.url}/.gateway/signin?return_to=/")).status == 404
        yield gateway, clock, f"__Host-session={browser.cookie(gateway.url, '__Host-session')}"


@EITHER
async def test_B061_the_app_gets_who_it_is_and_nothing_that_was_forged(tmp_path: Path, proxy: Proxy) -> None:
    async with signed_in(tmp_path) as (gateway, _, cookie):
        client = {**FORGED, "Cookie": f"theme=dark; {cookie}", "X-Own": "1"}
        passed = await proxy(gateway.port, "POST", "/page?x=1", client)
        assert passed.sent is not None
        sent = {name.lower(): value for name, value in passed.sent.items()}
        assert len(sent) == len(passed.sent)
        assert (sent["x-user-email"], sent["cookie"], sent["x-own"]) == (
            "alice@example.com",
            "theme=dark",
            "1",
        )
        assert "admin" not in sent.values()
        assert sent["x-gateway-assertion"].count(".") == 2


@EITHER
async def test_I05_a_stranger_who_passes_is_nobody(tmp_path: Path, proxy: Proxy) -> None:
    async with signed_in(tmp_path) as (gateway, _, _cookie):
        passed = await proxy(gateway.port, "GET", "/maybe", FORGED)
        assert passed.sent is not None
        told = {
            value for name, value in passed.sent.items() if name.lower().startswith(("x-user", "x-gateway"))
        }
        assert told == {""}


async def test_I02_traefik_strips_the_names_that_fold(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (gateway, _, _cookie):
        folded = {"X_User_Id": "admin", "x.user.roles": "admin", "X_Gateway_Assertion": "forged"}
        passed = await traefik(gateway.port, "GET", "/maybe", folded)
        assert passed.sent is not None
        assert not set(passed.sent) & set(folded)


@EITHER
async def test_a_stranger_is_led_to_sign_in_and_a_program_told(tmp_path: Path, proxy: Proxy) -> None:
    async with signed_in(tmp_path) as (gateway, _, _cookie):
        led = await proxy(gateway.port, "GET", "/page?x=1", NAVIGATION)
        assert (led.answer.status, led.sent) == (302, None)
        where = f"https://{HOST}/.gateway/signin?return_to=/page%3Fx%3D1"
        assert led.answer.values("location") == [where.encode()]
        told = await proxy(gateway.port, "POST", "/page", {"Accept": "*/*"})
        assert (told.answer.status, told.sent) == (401, None)


@EITHER
async def test_B061_a_renewed_session_comes_with_the_200(tmp_path: Path, proxy: Proxy) -> None:
    async with signed_in(tmp_path) as (gateway, clock, cookie):
        clock.advance(601)
        passed = await proxy(gateway.port, "GET", "/", {"Cookie": cookie})
        (renewed,) = passed.answer.values("set-cookie")
        name = renewed.partition(b"=")[0].decode()
        assert name in listed(TRAEFIK, "addAuthCookiesToResponse")
        assert re.fullmatch(patterns("allowed_client_headers_on_success")[0], "set-cookie")


@EITHER
@pytest.mark.parametrize("target", ["/../maybe", "/%2e%2e/maybe", "/a//b", "/a%2fb"])
async def test_P01_a_path_that_could_be_read_in_two_ways_is_400(
    tmp_path: Path, proxy: Proxy, target: str
) -> None:
    async with signed_in(tmp_path) as (gateway, _, cookie):
        passed = await proxy(gateway.port, "GET", target, {"Cookie": cookie})
        assert (passed.answer.status, passed.sent) == (400, None)


def test_no_browser_may_ask_and_no_silence_passes() -> None:
    assert "!PathPrefix(`/.gateway/auth`)" in TRAEFIK
    assert "trustForwardHeader: false" in TRAEFIK
    first = ENVOY.index("prefix: /.gateway/auth }")
    assert first < ENVOY.index("prefix: /.gateway/ }") < ENVOY.index("prefix: / }")
    for line in (
        "failure_mode_allow: false",
        "headers_with_underscores_action: REJECT_REQUEST",
        "use_remote_address: true",
        "normalize_path: false",
    ):
        assert line in ENVOY

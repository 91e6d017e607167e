"""`gateway demo` as a person runs it: three parts, one login, no account anywhere."""

import html
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from click.testing import CliRunner

from gateway.cli.demo import command
from tests.fakes.demo import SHIPPED, Demo

NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    running.until("Ctrl-C")
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGTERM)


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers=NAVIGATION) as session:
        yield session


async def sign_in(browser: aiohttp.ClientSession, demo: Demo, person: str) -> str:
    """Press the button of *person* and return the page on which the browser ends."""
    async with browser.get(demo.url + "/?from=start") as asked:
        assert asked.url.port == demo.ports[9400]
        page = await asked.text()
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    form = {html.unescape(name): html.unescape(value) for name, value in hidden}
    issuer = f"http://localhost:{demo.ports[9400]}/authorize"
    async with browser.post(issuer, data={**form, "person": person}) as answer:
        assert str(answer.url) == demo.url + "/?from=start"
        return await answer.text()


async def test_the_app_greets_whoever_signed_in_and_verifies_who_it_is(
    demo: Demo, browser: aiohttp.ClientSession
) -> None:
    page = await sign_in(browser, demo, "alice")
    assert "Hello, Alice Example!" in page
    assert "The assertion verifies" in page
    async with browser.get(demo.url + "/public") as public:
        assert "It sent no identity." in await public.text()


async def test_B67_alice_becomes_admin_by_the_command_that_is_printed(
    demo: Demo, browser: aiohttp.ClientSession
) -> None:
    await sign_in(browser, demo, "alice")
    async with browser.get(demo.url + "/admin") as refused:
        assert refused.status == 403
    printed = next(line for line in demo.said if "--grant" in line)
    granted = subprocess.run(
        printed.strip(), shell=True, cwd=demo.directory, capture_output=True, text=True, check=False
    )
    assert granted.returncode == 0, granted.stderr
    async with browser.get(demo.url + "/admin") as admitted:
        assert "The admin page" in await admitted.text()
    console = next(word for line in demo.said if "the console" in line for word in line.split())
    async with browser.get(console) as opened:
        assert (opened.status, "alice@example.com" in await opened.text()) == (200, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_all_of_it(demo: Demo, number: signal.Signals) -> None:
    assert demo.stop(number) == 0
    assert "Stopped." in demo.said[-1]
    again = Demo(demo.directory)
    again.until("Ctrl-C")
    assert again.stop(number) == 0
    assert not any("Made" in line for line in again.said)


def test_C05_the_key_is_made_for_its_owner_alone_and_told_to_nobody(demo: Demo) -> None:
    assert (demo.directory / "var" / "secret.key").stat().st_mode & 0o777 == 0o600
    demo.stop(signal.SIGTERM)
    key = (demo.directory / "var" / "secret.key").read_text().strip()
    assert key not in "".join(demo.said)


def test_without_a_configuration_it_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 1
    assert "does not exist: run the demo where gateway.toml is" in result.output


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    first = Demo(tmp_path)
    first.until("Ctrl-C")
    result = subprocess.run(
        [sys.executable, "-m", "gateway", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SHIPPED.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    first.stop(signal.SIGTERM)
    assert result.returncode == 1
    assert "(the demo issuer) is taken" in result.stderr
    assert urlsplit(first.url).port is not None
    assert f"127.0.0.1:{first.ports[8081]} (its admin port) is taken" in result.stderr

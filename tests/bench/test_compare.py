"""Each contender starts as it is configured and hands out what the upstream says, or is left out in words."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from tests.bench import compare
from tests.bench.gateways import as_shipped
from tests.bench.load import Contender, answer
from tests.bench.programs import Failed, installed
from tests.bench.stage import Stage, stage

PROGRAMS = {
    "caddy": "caddy",
    "openidc cookie": "apache2",
    "openidc shared memory": "apache2",
    "gateway postgres": "postgres",
    "gateway redis": "redis-server",
}
SIGN_IN = ("openidc cookie", "openidc shared memory", "gateway", "gateway behind nginx")


@pytest.fixture
async def at(needs: Callable[[str], str]) -> AsyncIterator[Stage]:
    needs("nginx")
    async with stage(python=sys.executable) as found:
        yield found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", compare.CONTENDERS)
async def test_a_contender_answers_as_the_upstream_does(
    name: str, at: Stage, needs: Callable[[str], str]
) -> None:
    if name in PROGRAMS:
        needs(PROGRAMS[name])
    async with AsyncExitStack() as stack:
        found, missing = await compare.opened(stack, at, [name])
        assert not missing
        assert [each.name for each in found] == [name]
        if name in SIGN_IN:
            stranger = replace(found[0], headers=found[0].headers[1:])
            status, _ = await asyncio.to_thread(answer, stranger)
            assert status in (302, 401)


async def test_who_cannot_run_is_left_out_with_the_reason(
    at: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @asynccontextmanager
    async def absent(_: Stage) -> AsyncIterator[Contender]:
        installed("a-proxy-that-nobody-has")
        yield Contender(name="absent", url="")

    monkeypatch.setattr(compare, "CONTENDERS", {**compare.CONTENDERS, "absent": absent})
    async with AsyncExitStack() as stack:
        found, missing = await compare.opened(stack, at, ["absent", "direct"])
    assert [each.name for each in found] == ["direct"]
    assert missing == {"absent": "a-proxy-that-nobody-has is not installed"}
    assert "absent is left out: a-proxy-that-nobody-has is not installed" in capsys.readouterr().out


async def test_who_answers_something_else_is_not_measured(at: Stage) -> None:
    refused = Contender(name="refused", url=f"{at.issuer.url}/token")
    with pytest.raises(Failed, match="refused answers 405"):
        await compare.check(refused)


def test_the_file_behind_nginx_is_the_one_that_we_ship_without_tls() -> None:
    text = as_shipped(port=1, gateway=2, app=3)
    assert "ssl" not in text
    assert "listen 127.0.0.1:1;" in text
    assert text.count("listen ") == 1
    assert "server 127.0.0.1:2;" in text
    assert "server 127.0.0.1:3;" in text
    assert "auth_request /.gateway/auth;" in text

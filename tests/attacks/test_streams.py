"""Row U14: event streams pass as they come, last as long as they like, and go when their client goes."""

import asyncio
from pathlib import Path

from tests.fakes.gateway import running_gateway
from tests.fakes.lasting_app import LastingApp, stream

PUBLIC = 'access = "public"\n'
IMPATIENT = '[upstreams.app]\nurls = ["{url}"]\ntimeouts = {{ first_byte = "2s", idle = "2s" }}\n'


async def test_U14_an_event_passes_before_the_next_one_is_there(tmp_path: Path) -> None:
    async with (
        LastingApp() as app,
        running_gateway(tmp_path, upstream=app.url, route_keys=PUBLIC) as gate,
        await stream(gate.port) as events,
    ):
        for number in range(20):
            event = b"data: %d\n\n" % number
            await app.push(event)
            async with asyncio.timeout(10):
                await events.reader.readuntil(event)


async def test_U14_no_time_bounds_the_whole_and_silence_is_bounded_by_the_upstream_s_own(
    tmp_path: Path,
) -> None:
    async with LastingApp() as app:
        tables = IMPATIENT.format(url=app.url)
        async with (
            running_gateway(tmp_path, upstream="app", route_keys=PUBLIC, tables=tables) as gate,
            await stream(gate.port) as events,
        ):
            for _ in range(5):
                await asyncio.sleep(0.5)
                await app.push(b"data: more\n\n")
                async with asyncio.timeout(10):
                    await events.reader.readuntil(b"data: more\n\n")
            await events.rest()
            await app.gone()


async def test_U14_a_client_that_goes_takes_the_app_s_side_along(tmp_path: Path) -> None:
    async with LastingApp() as app, running_gateway(tmp_path, upstream=app.url, route_keys=PUBLIC) as gate:
        events = await stream(gate.port)
        events.writer.transport.abort()
        await app.gone()
        assert app.open == 0

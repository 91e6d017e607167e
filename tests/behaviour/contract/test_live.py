"""BEHAVIOUR 56 over every way to keep sessions: what lasts is closed within a second of its session's end.

Nothing here is timed: a connection that stays open fails by the patience of who waits for its end.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fakes.browser import Browser
from tests.fakes.gateway import HOST, RunningGateway
from tests.fakes.issuer_logout import logout_token
from tests.fakes.keepings import ALL, Keeping
from tests.fakes.lasting_app import HANDSHAKE, LastingApp, echoed, stream, tunnel
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, Scene

pytestmark = pytest.mark.parametrize("kept", ALL, indirect=True)

LIVE = """
[[routes]]
path = "/live"
upstream = "{app}"
websocket = true
%s
"""
FOR_ADMINS = 'roles = ["admin"]'


@dataclass(slots=True, kw_only=True)
class Stage:
    """Two nodes in front of an app whose answers last."""

    kept: Keeping
    at: Scene
    app: LastingApp
    second: RunningGateway

    def cookie(self, browser: Browser) -> str:
        return f"{COOKIE}={browser.cookies[HOST][COOKIE]}"

    async def opened(self, browser: Browser) -> list[RawConnection]:
        """Open, with the session of *browser*, a stream and a tunnel on each of the two nodes."""
        ports = (self.at.gate.port, self.second.port)
        cookie = self.cookie(browser)
        found = [
            await opening(port, "/live", cookie=cookie) for port in ports for opening in (stream, tunnel)
        ]
        for each in found[1::2]:
            assert await echoed(each, b"hello") == b"hello"
        return found

    def due(self) -> None:
        """Let as much time pass as the ending may take where no other node is told."""
        if not self.kept.stateful:
            self.at.clock.advance(600)


@asynccontextmanager
async def stage(kept: Keeping, *keys: str, route: str = "", **more: Any) -> AsyncIterator[Stage]:
    async with LastingApp() as app:
        live = LIVE.replace("{app}", app.url) % route
        async with kept.scene(*keys, more=live, **more) as at, at.node() as second:
            yield Stage(kept=kept, at=at, app=app, second=second)


async def all_closed(connections: list[RawConnection]) -> None:
    for each in connections:
        await each.rest()
        each.close()


async def signs_out(at: Scene, browser: Browser) -> None:
    await at.signed_out(browser)


async def signs_out_everywhere(at: Scene, _: Browser) -> None:
    await ends_more(at, scope="all")


async def signs_the_others_out(at: Scene, _: Browser) -> None:
    await ends_more(at, scope="others")


async def ends_more(at: Scene, *, scope: str) -> None:
    """Sign out more than this session; a database that is too busy ends nothing and says so, 503."""
    async with asyncio.timeout(30):
        while (page := await at.signed_out(await at.signed_in(), scope=scope)).status == 503:
            await asyncio.sleep(0.1)
    assert page.status == 303


async def is_signed_out_by_the_issuer(at: Scene, _: Browser) -> None:
    page = await at.gate.browser().request(
        "POST",
        f"{at.ours}/backchannel-logout/issuer",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"logout_token": logout_token(at.issuer, sub="alice-at-the-issuer")}).encode(),
        follow=False,
    )
    assert page.status == 200


async def is_ended_at_the_command_line(at: Scene, _: Browser) -> None:
    async with at.store() as store:
        await store.endings.end_sessions_of(await at.user_id())


async def is_disabled(at: Scene, _: Browser) -> None:
    async with at.store() as store:
        await store.users.set_enabled(await at.user_id(), enabled=False)


async def is_deleted(at: Scene, _: Browser) -> None:
    async with at.store() as store:
        await store.users.delete(await at.user_id())


async def reaches_the_absolute_end(at: Scene, _: Browser) -> None:
    at.clock.advance(30 * 24 * 3600)


WAYS = [
    signs_out,
    signs_out_everywhere,
    signs_the_others_out,
    is_signed_out_by_the_issuer,
    is_ended_at_the_command_line,
    is_disabled,
    is_deleted,
    reaches_the_absolute_end,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_B056_U16_what_lasts_is_closed_with_its_session(kept: Keeping, way: Any) -> None:
    async with stage(kept) as here:
        alice, bob = await here.at.signed_in("alice"), await here.at.signed_in("bob")
        hers = await here.opened(alice)
        his = [] if way is reaches_the_absolute_end else await here.opened(bob)
        await way(here.at, alice)
        here.due()
        await all_closed(hers)
        for each in his[1::2]:
            assert await echoed(each, b"still here") == b"still here"
        for each in his:
            each.close()
    cut = here.at.gate.events("session.cut")
    assert len(cut) == 2
    assert all(line["reason"] and line["route"] == "/live" for line in cut)


async def test_B056_an_idle_session_takes_its_streams_along(kept: Keeping) -> None:
    async with stage(kept, 'idle_timeout = "15m"') as here:
        hers = await here.opened(await here.at.signed_in())
        here.at.clock.advance(600 + 901)
        await all_closed(hers)
    # What the other node found idle is gone when this one asks.
    assert {line["reason"] for line in here.at.gate.events("session.cut")} <= {"idle", "unknown"}


async def test_B056_use_elsewhere_keeps_a_stream_from_idling(kept: Keeping) -> None:
    async with stage(kept, 'idle_timeout = "15m"') as here:
        alice = await here.at.signed_in()
        [socket] = [await tunnel(here.at.gate.port, "/live", cookie=here.cookie(alice))]
        for _ in range(4):
            here.at.clock.advance(601)
            assert (await alice.fetch(here.at.url + "/x")).status == 200
            await asyncio.sleep(0.5)  # long enough to be looked at
        assert await echoed(socket, b"hello") == b"hello"
        socket.close()


async def test_B056_B067_a_lost_role_closes_what_the_route_let_in_for_it(kept: Keeping) -> None:
    async with stage(kept, route=FOR_ADMINS) as here:
        alice = await here.at.signed_in()
        async with here.at.store() as store:
            await store.users.change_roles(await here.at.user_id(), grant=["admin"], revoke=[])
        hers = await here.opened(alice)
        async with here.at.store() as store:
            await store.users.change_roles(await here.at.user_id(), grant=[], revoke=["admin"])
        await all_closed(hers)
        assert (await alice.fetch(here.at.url + "/x")).status == 200
    assert {line["reason"] for line in here.at.gate.events("session.cut")} == {"roles"}


async def test_B056_what_an_optional_route_told_of_somebody_ends_with_them(kept: Keeping) -> None:
    async with stage(kept, route='access = "optional"') as here:
        alice = await here.at.signed_in()
        hers = await here.opened(alice)
        nobody = await tunnel(here.at.gate.port, "/live")
        await here.at.signed_out(alice)
        here.due()
        await all_closed(hers)
        assert await echoed(nobody, b"hello") == b"hello"
        nobody.close()


async def test_B081_a_websocket_opens_where_the_lease_is_over_and_the_101_carries_the_cookie(
    kept: Keeping,
) -> None:
    async with stage(kept) as here:
        alice = await here.at.signed_in()
        here.at.clock.advance(601)
        request = get("/live", *HANDSHAKE, f"Cookie: {here.cookie(alice)}", host=HOST)
        async with await RawConnection.open(here.at.gate.port) as socket:
            await socket.write(request)
            answer = await socket.answer(head_only=True)
            assert answer.status == 101
            assert await echoed(socket, b"hello") == b"hello"
        left = answer.values("set-cookie")
        assert [line.partition(b"=")[0].decode() for line in left] == ([] if kept.stateful else [COOKIE])

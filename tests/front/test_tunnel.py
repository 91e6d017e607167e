"""Bytes carried both ways, never read: each direction ends by itself, and a broken one ends both."""

import asyncio
from typing import Any, cast

import pytest

from gateway.errors import UpstreamBroken, UpstreamTimeout
from gateway.front.ends import End
from gateway.front.frames import GOING_AWAY, PING, POLICY, TOO_BIG, closing
from gateway.front.limits import Limits
from gateway.front.tunnel import Tunnel
from gateway.model.route import WebSocketTerms
from tests.fakes.side import Side
from tests.front.test_frames import frame

LONG = 60.0


class Joined:
    """A tunnel and what lies at its ends; `over` is set once it is, and `error` what broke."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        client: Side | None = None,
        app: Side | None = None,
        early: bytes = b"",
        said: bytes = b"",
        ended: bool = False,
        **terms: Any,
    ) -> None:
        self.client, self.app = client or Side(), app or Side()
        self.over = asyncio.Event()
        self.error: BaseException | None = None
        self.forgotten: list[End] = []
        chosen = WebSocketTerms(**{"idle": LONG, **terms})
        self.tunnel = Tunnel(terms=chosen, limits=limits or Limits(linger_time=0.01), over=self._over)
        self.near, self.far = self.tunnel.near, self.tunnel.far
        self.near.begin(self.client, owner=self, patience=0.05, full=False)
        self.far.begin(self.app, owner=self, patience=0.05, full=False, ended=ended)
        self.tunnel.begin(early, said)

    def _over(self, error: BaseException | None) -> None:
        assert not self.over.is_set()
        self.error = error
        self.over.set()

    def forget(self, end: End) -> None:
        self.forgotten.append(end)

    async def ended(self) -> "Joined":
        """Return once it is over, and so are both of its connections."""
        async with asyncio.timeout(20):
            await self.over.wait()
            while len(self.forgotten) < 2:
                await asyncio.sleep(0.001)
        assert set(self.forgotten) == {self.near, self.far}
        return self


async def test_what_came_before_it_goes_first() -> None:
    at = Joined(early=b"from client", said=b"from app")
    at.near.data_received(b", more")
    assert (at.app.whole_of_it, at.client.whole_of_it) == (b"from client, more", b"from app")
    assert at.tunnel.sent == 8


@pytest.mark.parametrize("first", ["client", "app"])
async def test_one_end_may_end_and_go_on_receiving(first: str) -> None:
    at = Joined()
    ending, other = (at.near, at.far) if first == "client" else (at.far, at.near)
    assert ending.eof_received()
    other.data_received(b"more")
    assert not at.over.is_set()
    assert not other.eof_received()
    await at.ended()
    told, heard = (at.app, at.client) if first == "client" else (at.client, at.app)
    assert (told.taken, heard.taken) == ([b""], [b"more"])
    assert (at.client.how, at.app.how, at.error) == ("closed", "closed", None)


async def test_an_app_that_ended_before_it_began_has_said_all() -> None:
    at = Joined(said=b"no", ended=True)
    assert at.client.taken == [b"no", b""]
    assert not at.near.eof_received()
    await at.ended()


@pytest.mark.parametrize("whole", ["client", "app"])
@pytest.mark.parametrize("first", ["client", "app"])
async def test_where_one_cannot_be_told_half_an_end_it_is_told_a_whole_one(whole: str, first: str) -> None:
    at = Joined(client=Side(whole=whole == "client"), app=Side(whole=whole == "app"))
    assert not (at.near if first == "client" else at.far).eof_received()
    await at.ended()
    assert (at.client.how, at.app.how, at.error) == ("closed", "closed", None)


async def test_what_breaks_one_end_cuts_the_other() -> None:
    at = Joined()
    at.far.data_received(b"begun")
    at.far.connection_lost(ConnectionResetError("reset"))
    async with asyncio.timeout(20):
        await at.over.wait()
    assert isinstance(at.error, UpstreamBroken)
    assert (at.client.taken, at.client.how) == ([b"begun"], "cut")


async def test_a_client_that_is_gone_is_nobodys_fault() -> None:
    at = Joined()
    at.client.abort()
    await at.ended()
    assert isinstance(at.error, ConnectionError)
    assert at.app.how == "cut"


@pytest.mark.parametrize("slow", ["client", "app"])
async def test_an_end_that_takes_nothing_holds_the_other_back(slow: str) -> None:
    at = Joined()
    stuck, held = (at.near, at.app) if slow == "client" else (at.far, at.client)
    stuck.pause_writing()
    assert not held.reading
    stuck.resume_writing()
    assert held.reading
    assert at.client.reading
    assert at.app.reading


async def test_one_that_was_full_when_it_began_holds_the_other_back_at_once() -> None:
    at = Joined()
    at.near.begin(at.client, owner=at, patience=LONG, full=True)
    at.tunnel.begin(b"", b"")
    assert (at.client.reading, at.app.reading) == (True, False)


@pytest.mark.parametrize(("slow", "fault"), [("client", ConnectionAbortedError), ("app", UpstreamTimeout)])
async def test_an_end_that_takes_nothing_for_too_long_is_given_up(slow: str, fault: type[Exception]) -> None:
    at = Joined()
    stuck = at.near if slow == "client" else at.far
    cast(Side, stuck.transport).backlog = 100
    stuck.pause_writing()
    await at.ended()
    assert isinstance(at.error, fault)
    assert (at.client.how, at.app.how) == ("cut", "cut")


async def test_U18_a_tunnel_in_which_nothing_moves_is_over() -> None:
    at = await Joined(idle=0.05).ended()
    assert (at.error, at.client.how, at.app.how) == (None, "closed", "closed")


async def test_U18_what_moves_in_either_direction_keeps_it_open() -> None:
    at = Joined(idle=0.3)
    for number in range(8):
        await asyncio.sleep(0.06)
        (at.near if number % 2 else at.far).data_received(b"x")
    assert not at.over.is_set()
    await at.ended()


async def test_U18_without_an_end_for_idling_only_its_two_ends_end_it() -> None:
    at = Joined(idle=None)
    await asyncio.sleep(0.05)
    assert not at.over.is_set()
    at.near.eof_received()
    at.far.eof_received()
    await at.ended()


async def test_nothing_waits_in_it() -> None:
    before = asyncio.all_tasks()
    at = Joined(idle=LONG, ping=LONG)
    at.near.data_received(frame(0x1, 10, masked=True)[:5])
    assert asyncio.all_tasks() == before
    at.client.abort()
    await at.ended()


async def test_C01_dismissed_between_two_frames_of_the_app_the_client_is_told_why() -> None:
    at = Joined(said=b"\x81\x05hello")
    at.near.wind_down()
    at.near.data_received(b"too late")
    at.far.data_received(b"too late")
    assert at.client.how == ""  # a close with unread bytes is a reset, and might take the word with it
    at.near.wind_down()
    await at.ended()
    assert at.client.taken == [b"\x81\x05hello", closing(GOING_AWAY), b""]
    assert (at.client.how, at.app.how, at.app.taken) == ("closed", "cut", [])


@pytest.mark.parametrize("said", [b"\x81\x05hel", b"\x88\x00", b"\x81"])
async def test_C01_dismissed_where_no_word_of_ours_fits_it_is_cut(said: bytes) -> None:
    at = Joined(said=said)
    at.tunnel.dismiss(POLICY)
    await at.ended()
    assert (at.client.taken, at.client.how) == ([said], "cut")


async def test_dismissed_before_it_began_it_carries_nothing() -> None:
    at = Joined()
    at.tunnel.dismiss(POLICY)
    at.tunnel.begin(b"early", b"said")
    await at.ended()
    assert (at.client.taken, at.app.taken) == ([closing(POLICY), b""], [])


async def test_U17_a_client_that_sends_too_much_is_told_and_nothing_of_it_goes_on() -> None:
    at = Joined(message=10)
    at.near.data_received(frame(0x1, 10, masked=True) + frame(0x1, 11, masked=True))
    assert at.client.reading
    at.near.data_received(b"what was on its way")
    await at.ended()
    assert (at.tunnel.refusal, at.error) == ("websocket.message_too_large", None)
    assert at.client.taken == [closing(TOO_BIG), b""]
    assert at.app.taken == []
    assert at.client.how == "closed"


async def test_U17_one_that_was_turned_away_and_goes_on_is_heard_no_longer() -> None:
    at = Joined(message=10, limits=Limits(linger_time=LONG, linger_bytes=1000))
    at.near.data_received(frame(0x1, 11, masked=True))
    at.near.data_received(b"x" * 1000)
    assert not at.client.how
    at.near.data_received(b"x")
    await at.ended()


async def test_U17_in_the_middle_of_the_apps_frame_it_is_cut() -> None:
    at = Joined(message=10, said=b"\x81\x05hel")
    at.near.data_received(frame(0x1, 11, masked=True))
    await at.ended()
    assert (at.client.taken, at.client.how) == ([b"\x81\x05hel"], "cut")


async def test_U17_a_frame_that_does_not_come_is_over() -> None:
    at = Joined(limits=Limits(linger_time=0.01, body_idle=0.05))
    at.near.data_received(frame(0x1, 10, masked=True)[:5])
    await at.ended()
    assert at.tunnel.refusal == "websocket.slow_frame"
    assert at.client.taken == [closing(POLICY), b""]


async def test_U17_a_flood_goes_on_in_its_time_and_whole() -> None:
    at = Joined(frames=40)
    flood = frame(0x9, 0, masked=True) * 50
    at.near.data_received(flood)
    assert not at.client.reading
    at.near.data_received(flood[:6])
    at.far.pause_writing()
    at.far.resume_writing()
    assert not at.client.reading
    assert at.near.eof_received()
    async with asyncio.timeout(20):
        while b"" not in at.app.taken:
            await asyncio.sleep(0.01)
    assert at.app.whole_of_it == flood + flood[:6]
    at.far.eof_received()
    await at.ended()


async def test_U17_a_flood_that_was_held_back_is_gone_with_its_client() -> None:
    at = Joined(frames=10)
    at.near.data_received(frame(0x9, 0, masked=True) * 11)
    at.client.abort()
    await at.ended()
    passed = len(at.app.whole_of_it)
    await asyncio.sleep(0.15)
    assert len(at.app.whole_of_it) == passed


async def test_U18_a_silent_client_is_pinged_between_two_frames_of_the_app() -> None:
    at = Joined(ping=0.02)
    async with asyncio.timeout(20):
        while len(at.client.taken) < 2:
            await asyncio.sleep(0.005)
        assert set(at.client.taken) == {PING}
        at.far.data_received(b"\x81\x05hel")
        begun = len(at.client.taken)
        await asyncio.sleep(0.1)
        assert len(at.client.taken) == begun
        at.far.data_received(b"lo")
        while at.client.taken[-1:] != [PING]:
            await asyncio.sleep(0.005)
    at.client.abort()
    await at.ended()


async def test_U18_a_client_that_answers_no_ping_is_given_up() -> None:
    at = await Joined(ping=0.02, idle=0.3).ended()
    assert set(at.client.taken) == {PING}

"""An upgraded request is watched over and told at its end, and keeps nothing that it does not need."""

import asyncio

import pytest

from gateway.errors import StoreUnavailable, UpstreamBroken
from gateway.flows.live import Stay
from gateway.front.frames import POLICY, TRY_AGAIN, closing
from gateway.front.limits import Limits
from gateway.front.upgrade import Upgrade, stay_of
from gateway.passage import Passage
from tests.fakes.dressing import inbound
from tests.fakes.routes import route
from tests.fakes.sessions import Node
from tests.fakes.side import Side


class Watch:
    """Knows who is there; ends everybody at once where it is `full`."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.stays: list[Stay] = []

    def enter(self, stay: Stay) -> None:
        self.stays.append(stay)
        if self.full:
            stay.end("too_many")

    def leave(self, stay: Stay) -> None:
        if stay in self.stays:
            self.stays.remove(stay)


class Owner:
    def forget(self, end: object) -> None: ...


def passage(*, known: bool = True) -> Passage:
    on = Passage(request_id="r-1", peer="192.0.2.1", started=0.0, leave=(b"session=x",))
    on.route = route("/live")
    on.inbound = inbound((b"Cookie", b"session=x"), target=b"/live?x=1")
    if known:
        on.session = Node().sign_in()
    return on


class Begun:
    def __init__(self, on: Passage, watch: Watch) -> None:
        self.told: list[tuple[Passage, BaseException | None]] = []
        self.client, self.app = Side(), Side()
        self.upgrade = Upgrade(
            on, watch=watch, limits=Limits(), ended=lambda passage, error: self.told.append((passage, error))
        )
        tunnel = self.upgrade.tunnel
        tunnel.near.begin(self.client, owner=Owner(), patience=1.0, full=False)
        tunnel.far.begin(self.app, owner=Owner(), patience=1.0, full=False)
        self.upgrade.begin(b"", b"")


async def test_it_is_told_once_with_what_it_sent() -> None:
    on, watch = passage(), Watch()
    at = Begun(on, watch)
    assert [stay.session for stay in watch.stays] == [on.session]
    at.upgrade.tunnel.far.data_received(b"hello")
    at.upgrade.tunnel.far.connection_lost(ConnectionResetError())
    await asyncio.sleep(0)
    [(told, error)] = at.told
    assert (told, on.sent, on.code) == (on, 5, "upstream_broken")
    assert isinstance(error, UpstreamBroken)
    assert watch.stays == []


async def test_of_its_request_only_the_outline_is_kept() -> None:
    on = passage()
    at = Begun(on, Watch())
    assert on.inbound is not None
    assert (on.inbound.headers, on.inbound.cookies, on.leave) == ((), (), ())
    assert (on.inbound.method, on.inbound.target) == ("GET", b"/live?x=1")
    at.upgrade.tunnel.dismiss(POLICY)


@pytest.mark.parametrize(("why", "code"), [("revoked", POLICY), (StoreUnavailable.code, TRY_AGAIN)])
async def test_B056_what_ends_it_is_said_to_the_client_and_in_its_line(why: str, code: int) -> None:
    on, watch = passage(), Watch()
    at = Begun(on, watch)
    watch.stays[0].end(why)
    assert at.client.taken == [closing(code), b""]
    assert at.told == [(on, None)]
    assert (on.reason, watch.stays) == (why, [])


async def test_one_that_may_not_stay_is_over_before_anything_passes() -> None:
    on = passage()
    at = Begun(on, Watch(full=True))
    assert at.client.taken == [closing(POLICY), b""]
    assert (at.told, on.reason) == ([(on, None)], "too_many")


async def test_where_nobody_was_asked_who_nobody_is_watched_over() -> None:
    watch = Watch()
    at = Begun(passage(known=False), watch)
    assert watch.stays == []
    assert stay_of(passage(known=False), lambda _: None) is None
    at.upgrade.tunnel.dismiss(POLICY)
    assert len(at.told) == 1

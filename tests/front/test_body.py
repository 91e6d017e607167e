"""A request's body: asked for when it is wanted, bounded in bytes, time and pace."""

import asyncio

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web_protocol import RequestPayloadError

from gateway.errors import ContentTooLarge, RequestRejected, RequestTimedOut
from gateway.front.body import RequestBody
from gateway.front.limits import Limits


class Wired(BaseProtocol):
    """A protocol whose connection stands."""

    @property
    def connected(self) -> bool:
        return True


def payload(*pieces: bytes, whole: bool = True) -> StreamReader:
    loop = asyncio.get_running_loop()
    stream = StreamReader(Wired(loop), 2**16, loop=loop)
    for piece in pieces:
        stream.feed_data(piece)
    if whole:
        stream.feed_eof()
    return stream


async def test_a_body_is_read_as_it_comes() -> None:
    stream = payload(b"a", whole=False)
    body = RequestBody(stream, limits=Limits())
    assert body.unread
    chunks = body.chunks(most=None)
    assert await anext(chunks) == b"a"
    stream.feed_data(b"bc")
    assert await anext(chunks) == b"bc"
    stream.feed_eof()
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    assert not body.unread


@pytest.mark.parametrize("most", [3, 4, None])
async def test_a_body_within_its_bound_is_whole(most: int | None) -> None:
    body = RequestBody(payload(b"ab", b"c"), limits=Limits())
    assert b"".join([chunk async for chunk in body.chunks(most=most)]) == b"abc"


async def test_U02_in_its_first_moments_a_body_may_creep() -> None:
    stream = payload(whole=False)
    body = RequestBody(stream, limits=Limits(body_grace=60.0, body_rate=10**9))
    asyncio.get_running_loop().call_later(0.01, stream.feed_data, b"a")
    assert await anext(body.chunks(most=None)) == b"a"


async def test_the_first_byte_too_many_is_refused() -> None:
    with pytest.raises(ContentTooLarge):
        await RequestBody(payload(b"ab", b"c"), limits=Limits()).read(2)


async def test_the_client_is_told_to_go_on_once_and_when_the_body_is_wanted() -> None:
    said: list[str] = []
    body = RequestBody(payload(b"ab"), limits=Limits())
    body.ask_with(lambda: said.append("continue"))
    assert said == []
    assert await body.read(10) == b"ab"
    assert await body.read(10) == b""
    assert said == ["continue"]


async def test_a_body_that_stands_still_is_given_up() -> None:
    body = RequestBody(payload(b"ab", whole=False), limits=Limits(body_idle=0.01))
    with pytest.raises(RequestTimedOut):
        await body.read(10)


async def test_a_body_that_creeps_is_given_up_and_the_upstreams_time_does_not_count() -> None:
    limits = Limits(body_grace=0.05, body_rate=100)
    stream = payload(whole=False)
    body = RequestBody(stream, limits=limits)
    chunks = body.chunks(most=None)
    stream.feed_data(b"a")
    assert await anext(chunks) == b"a"
    await asyncio.sleep(0.1)  # the reader is busy: nobody waits for the client
    stream.feed_data(b"b")
    assert await anext(chunks) == b"b"
    asyncio.get_running_loop().call_later(0.1, stream.feed_data, b"c")
    with pytest.raises(RequestTimedOut):
        await anext(chunks)


async def test_a_slow_last_byte_is_not_too_slow() -> None:
    stream = payload(whole=False)
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, stream.feed_data, b"a")
    loop.call_later(0.05, stream.feed_eof)
    assert await RequestBody(stream, limits=Limits(body_grace=0.01, body_rate=10**6)).read(10) == b"a"


async def test_broken_framing_is_a_refusal() -> None:
    stream = payload(b"ab", whole=False)
    stream.set_exception(RequestPayloadError("broken"))
    with pytest.raises(RequestRejected):
        await RequestBody(stream, limits=Limits()).read(10)


async def test_a_body_that_has_come_is_at_hand_and_one_that_still_comes_is_not() -> None:
    stream = payload(b"ab", whole=False)
    body = RequestBody(stream, limits=Limits())
    assert body.at_hand(most=None) is None
    stream.feed_data(b"c")
    stream.feed_eof()
    assert body.at_hand(most=3) == b"abc"
    assert not body.unread


async def test_nobody_is_told_to_go_on_with_a_body_that_is_at_hand() -> None:
    body = RequestBody(payload(b"ab"), limits=Limits())
    body.ask_with(lambda: pytest.fail("it was not waiting"))
    assert body.at_hand(most=None) == b"ab"


async def test_a_body_at_hand_has_the_same_bound() -> None:
    with pytest.raises(ContentTooLarge):
        RequestBody(payload(b"ab", b"c"), limits=Limits()).at_hand(most=2)


async def test_a_broken_body_is_never_at_hand() -> None:
    stream = payload(b"ab")
    stream.set_exception(RequestPayloadError("broken framing"))
    body = RequestBody(stream, limits=Limits())
    assert body.at_hand(most=None) is None
    with pytest.raises(RequestRejected):
        await body.read(9)

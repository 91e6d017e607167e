"""The walk: what is matched is what is admitted, dressed and sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from gateway.admission import Admission
from gateway.errors import (
    ContentTooLarge,
    LoginRequired,
    RequestRejected,
    StoreUnavailable,
)
from gateway.flows.resume import NOBODY, Resumed
from gateway.model.inbound import Inbound
from gateway.model.proof import Demand
from gateway.model.route import Access, Rate, Route
from gateway.passage import Passage
from gateway.pipeline import Course, Pipeline
from gateway.routing.table import Table
from gateway.upstream.outbound import Outbound
from tests.fakes.dressing import dresser, inbound, session, told_route
from tests.fakes.known import Known

PUBLIC = told_route("/open", access=Access.PUBLIC)
OPTIONAL = told_route("/maybe", access=Access.OPTIONAL)
PEOPLE = told_route("/")
NOW = 1_800_000_000.0
SMALL = told_route("/small", access=Access.PUBLIC, max_body=5)


@dataclass
class Sent:
    """An upstream that keeps what it was sent."""

    outbound: list[Outbound] = field(default_factory=list)
    bodies: list[bytes | None] = field(default_factory=list)

    @asynccontextmanager
    async def send(
        self, outbound: Outbound, body: AsyncIterator[bytes] | bytes | None, *, again: bool = False
    ) -> AsyncIterator[object]:
        self.outbound.append(outbound)
        self.bodies.append(
            body if body is None or isinstance(body, bytes) else b"".join([chunk async for chunk in body])
        )
        yield object()


class Body:
    """A body that is still to come; with *here* all of it has."""

    def __init__(self, content: bytes = b"", *, here: bool = False) -> None:
        self.content = content
        self.here = here
        self.most: list[int | None] = []

    def at_hand(self, *, most: int | None) -> bytes | None:
        if self.here:
            self.most.append(most)
        return self.content if self.here else None

    async def chunks(self, *, most: int | None) -> AsyncIterator[bytes]:
        self.most.append(most)
        yield self.content


class Reply:
    def __init__(self) -> None:
        self.relayed = 0

    async def relay(self, answer: object, passage: Passage) -> None:
        self.relayed += 1


def walk(known: Known, *routes: Route) -> tuple[Pipeline, Sent]:
    routes = routes or (PUBLIC, OPTIONAL, PEOPLE, SMALL)
    table, sent = Table(routes), Sent()
    names = {route.upstream.name for route in routes if route.upstream is not None}
    pipeline = Pipeline(
        admission=Admission(table=table, resume=known, clock=lambda: NOW),  # type: ignore[arg-type]
        dresser=dresser(*table.ordered),
        pools={name: sent for name in names},  # type: ignore[misc]
        monotonic=lambda: 1.0,
    )
    return pipeline, sent


def at(path: str, **facts: object) -> Inbound:
    return inbound(target=path.encode(), path=path, query=None, **facts)


async def proxied(known: Known, to: Inbound, *routes: Route, body: bytes = b"") -> tuple[Sent, Passage]:
    pipeline, sent = walk(known, *routes)
    passage = Passage(request_id="r", peer="p", started=0.0, inbound=to)
    await pipeline.proxy(passage, Body(body), Reply())
    return sent, passage


SOMEBODY = Resumed(session=session(), leave=(b"session=x",))


async def test_a_known_caller_is_sent_on_with_their_name() -> None:
    sent, passage = await proxied(Known(SOMEBODY), at("/page"))
    assert b"X-User-Id: u-1\r\n" in sent.outbound[0].head
    assert (passage.decision, passage.leave) == ("pass", (b"session=x",))
    assert passage.route is not None
    assert passage.upstream_seconds == 0


async def test_nobody_is_asked_to_sign_in_and_nothing_is_sent() -> None:
    pipeline, sent = walk(Known(Resumed(leave=(b"session=",), rejected="revoked")))
    passage = Passage(request_id="r", peer="p", started=0.0, inbound=at("/page"))
    with pytest.raises(LoginRequired):
        await pipeline.proxy(passage, Body(), Reply())
    assert sent.outbound == []
    assert (passage.decision, passage.reason, passage.leave) == ("login", "revoked", (b"session=",))


async def test_a_public_route_asks_nobody_and_tells_nobody() -> None:
    known = Known(SOMEBODY)
    sent, passage = await proxied(known, at("/open"))
    assert known.asked == []
    assert b"X-User" not in sent.outbound[0].head
    assert passage.session is None


async def test_G3_an_outage_is_an_outage_and_nothing_is_sent() -> None:
    pipeline, sent = walk(Known(None, down=True))
    passage = Passage(request_id="r", peer="p", started=0.0, inbound=at("/page"))
    with pytest.raises(StoreUnavailable):
        await pipeline.proxy(passage, Body(), Reply())
    assert sent.outbound == []
    assert passage.leave == ()


async def test_a_request_that_was_not_received_goes_nowhere() -> None:
    pipeline, _ = walk(Known())
    with pytest.raises(RequestRejected):
        await pipeline.proxy(Passage(request_id="r", peer="p", started=0.0), Body(), Reply())


@pytest.mark.parametrize(("length", "passes"), [(5, True), (6, False)])
async def test_a_declared_body_is_measured_before_it_is_sent(length: int, passes: bool) -> None:
    to = at("/small", method="POST", length=length)
    if passes:
        sent, _ = await proxied(Known(), to, body=b"hello")
        assert sent.bodies == [b"hello"]
        return
    with pytest.raises(ContentTooLarge):
        await proxied(Known(), to)


async def test_a_body_that_has_come_is_sent_whole_within_the_same_bound() -> None:
    pipeline, sent = walk(Known(), SMALL)
    body = Body(b"hello", here=True)
    passage = Passage(request_id="r", peer="p", started=0.0, inbound=at("/small", method="POST", length=5))
    await pipeline.proxy(passage, body, Reply())
    assert (sent.bodies, body.most) == ([b"hello"], [5])


async def test_a_request_without_a_body_sends_none() -> None:
    assert (await proxied(Known(SOMEBODY), at("/page", length=0)))[0].bodies == [None]


def decided(pipeline: Pipeline, to: Inbound) -> Course | None:
    passage = Passage(request_id="r-1", peer="p", started=0.0, inbound=to)
    assert pipeline.at_once(passage, to)
    return pipeline.course(passage)


@pytest.mark.parametrize("path", ["/", "/open", "/maybe"])
def test_a_request_on_a_course_is_sent_as_one_that_was_decided(path: str) -> None:
    known = Known(at_hand=Resumed(session=session()))
    pipeline, _ = walk(known)
    to = at(path)
    course = decided(pipeline, to)
    assert course is not None
    again = Passage(request_id="r-2", peer="p", started=0.0, inbound=course.inbound)
    outbound = pipeline.again(course, again)
    alone = Passage(request_id="r-2", peer="p", started=0.0, inbound=replace(to, request_id="r-2"))
    left = pipeline.at_once(alone, alone.inbound)  # type: ignore[arg-type]
    assert left is not None
    assert (outbound, course.pool) == left
    for told in ("route", "session", "decision", "reason"):
        assert getattr(again, told) == getattr(alone, told)


@pytest.mark.parametrize("now", [None, NOBODY, Resumed(session=session())], ids=["cold", "nobody", "another"])
def test_a_course_ends_with_the_very_session_that_it_began_with(now: Resumed | None) -> None:
    known = Known(at_hand=Resumed(session=session()))
    pipeline, _ = walk(known)
    course = decided(pipeline, at("/"))
    assert course is not None
    known.at_hand = now
    passage = Passage(request_id="r-2", peer="p", started=0.0, inbound=course.inbound)
    assert pipeline.again(course, passage) is None
    assert (passage.session, passage.decision) == (None, "")


@pytest.mark.parametrize(
    "route",
    [
        told_route("/", demand=Demand(max_age=60)),
        told_route("/", rate=Rate(requests=1, per=1.0)),
    ],
    ids=["time", "count"],
)
def test_what_is_asked_of_each_request_has_no_course(route: Route) -> None:
    pipeline, _ = walk(Known(at_hand=Resumed(session=session())), route)
    to = at("/")
    passage = Passage(request_id="r", peer="p", started=0.0, inbound=to, route=route, session=session())
    assert pipeline.course(passage) is None


def test_U10_a_body_above_the_limit_never_leaves_at_once() -> None:
    pipeline, _ = walk(Known())
    to = at("/small", length=6)
    with pytest.raises(ContentTooLarge):
        pipeline.at_once(Passage(request_id="r", peer="p", started=0.0, inbound=to), to)


def test_a_course_covers_the_same_fields_and_target_alone() -> None:
    pipeline, _ = walk(Known(at_hand=NOBODY))
    to = at("/open")
    course = decided(pipeline, to)
    assert course is not None
    assert course.covers(replace(to, request_id="r-9"))
    assert not course.covers(replace(to, target=b"/open?x"))
    assert not course.covers(at("/open"))

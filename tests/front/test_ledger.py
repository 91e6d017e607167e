"""A request is told once, whatever ended it, and nothing that is secret is told."""

import asyncio
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from gateway.errors import AccessDenied, GatewayError, UpstreamBroken
from gateway.front.ledger import RequestLedger
from gateway.model.event import AuditEvent
from gateway.observe.request_line import RequestLine, short_hash
from gateway.passage import Passage
from tests.fakes.dressing import inbound, session
from tests.fakes.routes import route


@dataclass
class Told:
    """What was said."""

    lines: list[RequestLine] = field(default_factory=list)
    audited: list[AuditEvent] = field(default_factory=list)
    trail: list[AuditEvent] = field(default_factory=list)
    events: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    mute: str = ""

    def takes(self, level: str) -> bool:
        return level != self.mute

    def request(self, line: RequestLine) -> None:
        self.lines.append(line)

    def audit(self, event: AuditEvent) -> None:
        self.audited.append(event)

    def event(self, level: str, name: str, facts: dict[str, object]) -> None:
        self.events.append((level, name, facts))


@dataclass
class Counted:
    """What was counted."""

    in_flight: int = 0
    websockets: int = 0
    requests: list[dict[str, object]] = field(default_factory=list)

    def websocket_opened(self) -> None:
        self.websockets += 1

    def websocket_closed(self) -> None:
        self.websockets -= 1

    def request(self, **labels: object) -> None:
        self.requests.append(labels)


def books() -> tuple[RequestLedger, Told, Counted]:
    told, counted = Told(), Counted()
    trail = told.trail.append
    return (
        RequestLedger(log=told, counts=counted, trail=trail, monotonic=lambda: 12.5, own="ours"),
        told,
        counted,
    )  # type: ignore[arg-type]


def passage(**facts: object) -> Passage:
    on = Passage(request_id="r-1", peer="192.0.2.9", started=12.0)
    for name, value in facts.items():
        setattr(on, name, value)
    return on


def test_a_request_that_went_well_is_one_line() -> None:
    ledger, told, counted = books()
    on = passage(
        inbound=inbound(), route=route("/wiki"), session=session(), status=200, sent=5, decision="pass",
        upstream_seconds=0.25,
    )  # fmt: skip
    ledger.began()
    assert counted.in_flight == 1
    ledger.ended(on, None)
    assert counted.in_flight == 0
    line = told.lines[0]
    assert (line.method, line.host, line.status, line.size) == ("GET", "wiki.example.com", 200, 5)
    assert (line.route, line.user_id, line.duration, line.upstream) == ("/wiki", "u-1", 0.5, 0.25)
    assert line.sid_hash == short_hash("sid-1")
    assert told.events == []
    assert counted.requests[0]["route"] == "/wiki"
    assert counted.requests[0]["decision"] == "pass"


def test_no_line_is_made_that_nobody_writes() -> None:
    ledger, told, counted = books()
    told.mute = "info"
    ledger.ended(passage(status=200), None)
    ledger.ended(passage(status=500), None)
    assert [line.status for line in told.lines] == [500]
    assert len(counted.requests) == 2


def test_a_request_that_was_never_understood_is_told_by_its_peer() -> None:
    ledger, told, counted = books()
    ledger.ended(passage(status=400, code="bad_request"), AccessDenied("secret"))
    line = told.lines[0]
    assert (line.method, line.client_ip, line.reason, line.route) == ("-", "192.0.2.9", "bad_request", "")
    assert told.events == []
    assert counted.requests[0]["decision"] == ""


def test_a_page_of_ours_has_a_route_of_its_own() -> None:
    ledger, told, _ = books()
    ledger.ended(passage(status=200, ours=True), None)
    assert told.lines[0].route == "ours"


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), asyncio.CancelledError()])
@pytest.mark.parametrize(("status", "told_as"), [(0, 499), (200, 200)])
def test_a_client_that_left_is_no_fault(error: BaseException, status: int, told_as: int) -> None:
    ledger, told, _ = books()
    ledger.ended(passage(status=status), error)
    assert told.lines[0].status == told_as
    assert told.events == []


def test_a_fault_is_told_by_class_and_by_what_caused_it() -> None:
    ledger, told, _ = books()
    fault = GatewayError("x" * 300)
    fault.__cause__ = ValueError("a secret")
    ledger.ended(passage(status=500), fault)
    ledger.ended(passage(status=200), UpstreamBroken("cut"))
    ledger.ended(passage(), ValueError("a secret"))
    first, second, third = (facts for _, _, facts in told.events)
    assert first == {"request_id": "r-1", "error": "GatewayError", "detail": "x" * 256, "cause": "ValueError"}
    assert (second["error"], second["detail"]) == ("UpstreamBroken", "cut")
    assert third == {"request_id": "r-1", "error": "ValueError"}
    assert told.lines[2].status == 500


async def test_an_audit_event_is_told_with_the_request_that_it_belongs_to() -> None:
    ledger, told, _ = books()
    event = AuditEvent(name="login")

    async def one(request_id: str) -> None:
        ledger.concerns(replace(passage(inbound=inbound(), route=route("/wiki")), request_id=request_id))
        await asyncio.sleep(0)
        await asyncio.create_task(_say())

    async def _say() -> None:
        ledger.audit(event)

    await asyncio.gather(one("a"), one("b"))
    ledger.audit(event)
    said = [(each.request_id, each.route, each.client_ip) for each in told.audited]
    assert said == [("a", "/wiki", "192.0.2.7"), ("b", "/wiki", "192.0.2.7"), ("", "", "")]


def test_B144_what_is_audited_goes_to_the_log_and_to_the_trail_alike() -> None:
    ledger, told, _ = books()
    ledger.concerns(passage(inbound=inbound(), route=route("/wiki")))
    ledger.audit(AuditEvent(name="session.renewed", user_id="u-1"))
    assert told.trail == told.audited
    assert (told.trail[0].route, told.trail[0].request_id) == ("/wiki", "r-1")


def test_an_upgraded_request_is_answered_and_counts_as_a_websocket_until_its_end() -> None:
    ledger, told, counted = books()
    on = passage(route=route("/live"), inbound=inbound())
    ledger.began()
    ledger.upgraded(on)
    assert (counted.in_flight, counted.websockets, told.lines) == (0, 1, [])
    ledger.ended(on, None)
    assert (counted.in_flight, counted.websockets, told.lines[0].status) == (0, 0, 101)

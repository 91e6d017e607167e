"""The log as its readers see it."""

import io
import json
import logging
from typing import Any, Literal

import pytest

from gateway.model.event import AuditEvent
from gateway.observe.log import Log, configure
from gateway.observe.request_line import LONGEST_LINE, RequestLine

CANARY = "c4n4ry-5ecret"


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class Bench:
    """A log on a buffer, under a clock that the test turns."""

    def __init__(
        self, form: Literal["auto", "json", "console"] = "json", level: str = "info", out: Any = None
    ) -> None:
        self.out = io.BytesIO() if out is None else out
        self.now = 1_893_456_000.25
        self.log: Log = configure(form=form, level=level, stream=self.out, clock=lambda: self.now)

    def text(self) -> str:
        self.log.close()
        written: bytes = self.out.getvalue()
        assert all(len(line) <= LONGEST_LINE for line in written.splitlines())
        return written.decode()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


def request(**changed: Any) -> RequestLine:
    facts: dict[str, Any] = {
        "request_id": "r1",
        "method": "GET",
        "host": "h",
        "target": f"/x?code={CANARY}".encode(),
        "status": 200,
        "client_ip": "192.0.2.1",
        "duration": 0.001,
        "route": "app",
    }
    return RequestLine(**{**facts, **changed})


def test_a_request_is_one_json_line() -> None:
    bench = Bench()
    bench.log.request(request())
    (line,) = bench.lines()
    assert line["ts"] == "2030-01-01T00:00:00.250Z"
    assert (line["level"], line["event"], line["path"]) == ("info", "request", "/x")


def test_B144_an_audit_event_is_told_with_what_it_knows() -> None:
    bench = Bench()
    bench.log.audit(
        AuditEvent(name="session.rejected", outcome="refused", reason="epoch", user_id="u1", session_id="s")
    )
    assert bench.lines() == [
        {
            "ts": "2030-01-01T00:00:00.250Z",
            "level": "warning",
            "event": "session.rejected",
            "outcome": "refused",
            "reason": "epoch",
            "user_id": "u1",
            "session_id": "s",
        }
    ]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("level", ["debug", "info"])
def test_O34_B144_no_secret_leaves_in_any_form_at_any_level(
    form: Literal["json", "console"], level: str
) -> None:
    bench = Bench(form, level)
    bench.log.request(request())
    bench.log.audit(AuditEvent(name="x", detail=f"Cookie: __Host-session={CANARY}"))
    bench.log.event("debug", "x", {"client_secret": CANARY, "url": f"https://op/?code={CANARY}"})
    bench.log.event(
        "error", "x", {"exc": ValueError(CANARY), "many": [f"Bearer {CANARY}"], "text": f"state={CANARY}"}
    )
    logging.getLogger("aiohttp.server").error("bad packet %r", CANARY)
    text = bench.text()
    assert CANARY not in text
    assert "bad packet %r" in text


def test_U27_a_storm_of_bad_requests_is_summed_up() -> None:
    bench = Bench()
    for n in range(100_000):
        bench.now = 1_893_456_000 + n / 50_000
        bench.log.request(request(status=400, route="", target=b"/" + b"\x00" * 5000))
    text = bench.text()
    assert len(text) < 1_000_000
    lines = [json.loads(line) for line in text.splitlines()]
    assert sum(line["event"] == "request" for line in lines) == 100
    assert [line["lines"] for line in lines if line["event"] == "log.suppressed"] == [49_950, 49_950]


def test_U27_a_storm_hides_neither_traffic_nor_logins() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.log.request(request(status=400, route=""))
        bench.log.event("error", "x", {})
    bench.log.request(request())
    bench.log.audit(AuditEvent(name="auth.login.success"))
    bench.log.audit(AuditEvent(name="auth.login.failure", outcome="failure"))
    events = [line["event"] for line in bench.lines()]
    assert {"auth.login.success", "auth.login.failure"} <= set(events)
    assert events.count("log.suppressed") == 2


def test_U28_control_characters_cannot_forge_a_line() -> None:
    bench = Bench()
    bench.log.event("info", 'x\n{"event":"forged"}', {"note": "a\r\n\x1b[31mb", 'na"me': "v"})
    (line,) = bench.lines()
    assert line["note"] == r"a\r\n\x1b[31mb"


def test_U28_control_characters_cannot_forge_a_line_on_a_terminal() -> None:
    bench = Bench("console")
    bench.log.request(request(target=b"/\x1b[2J\n", method="G\nET", host="h\x1b"))
    bench.log.event("info", "x\ny", {"note": "a\r\n\x1b[2Jb", "short": "\x1b[2J"})
    text = bench.text()
    assert text.count("\n") == 2
    assert "\x1b[2J" not in text


def test_a_fact_never_replaces_the_head_of_a_line() -> None:
    bench = Bench()
    bench.log.event("info", "started", {"ts": "then", "level": "error", "event": "other", "note": "n"})
    (line,) = bench.lines()
    assert (line["event"], line["level"], line["note"]) == ("started", "info", "n")


def test_a_line_that_is_too_long_keeps_its_head() -> None:
    bench = Bench()
    bench.log.event("info", "big", {f"f{n}": "x" * 256 for n in range(40)})
    (line,) = bench.lines()
    assert line["event"] == "big"
    assert "f0" in line["cut"]


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_a_floor(level: str, count: int) -> None:
    bench = Bench(level=level)
    for named in ("debug", "info", "warning", "error"):
        bench.log.event(named, "x", {})
    assert len(bench.lines()) == count
    quiet = Bench(level=level)
    quiet.log.request(request())
    assert len(quiet.lines()) == int(level in ("debug", "info"))


def test_auto_is_columns_on_a_terminal_and_json_elsewhere() -> None:
    on_terminal, elsewhere = Bench("auto", out=Terminal()), Bench("auto")
    for bench in (on_terminal, elsewhere):
        bench.log.request(request(upstream=0.002))
    assert "200 GET h/x" in on_terminal.text()
    assert elsewhere.lines()[0]["status"] == 200


def test_B145_a_broken_output_is_counted_and_never_raises() -> None:
    bench = Bench()
    bench.out.close()
    bench.log.request(request())
    bench.log.close()
    assert bench.log.dropped == 1


def test_B147_two_logs_do_not_share_a_form() -> None:
    one, other = Bench("json"), Bench("console")
    one.log.event("info", "x", {})
    other.log.event("info", "x", {})
    assert one.lines()[0]["event"] == "x"
    assert not other.text().startswith("{")

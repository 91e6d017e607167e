"""The line of a request: its fields, its bounds, and nothing of its query."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.redact import LONGEST
from gateway.observe.request_line import (
    LONGEST_LINE,
    RequestLine,
    Stamp,
    encoded,
    path_of,
    printable,
    record,
    short_hash,
)

PLAIN = {
    "request_id": "r1",
    "method": "GET",
    "host": "localhost:8080",
    "target": b"/app/x?code=c4n4ry",
    "status": 200,
    "client_ip": "192.0.2.1",
    "duration": 0.0123456,
    "size": 330,
    "upstream": 0.01,
    "trace_id": "0" * 31 + "1",
    "span_id": "0" * 15 + "1",
    "route": "app",
    "decision": "pass",
    "reason": "allowed",
    "user_id": "u1",
    "sid_hash": short_hash("sid"),
}


def written(**changed: object) -> dict[str, object]:
    line = encoded(record(RequestLine(**{**PLAIN, **changed}), ts="T", level="info"))
    assert line.endswith(b"\n")
    assert len(line) <= LONGEST_LINE
    fields: dict[str, object] = json.loads(line)
    return fields


def test_every_field_has_its_name_and_unit() -> None:
    assert written() == {
        "ts": "T",
        "level": "info",
        "event": "request",
        "request_id": "r1",
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "1",
        "client_ip": "192.0.2.1",
        "method": "GET",
        "host": "localhost:8080",
        "path": "/app/x",
        "status": 200,
        "bytes": 330,
        "duration_ms": 12.346,
        "upstream_ms": 10.0,
        "route": "app",
        "decision": "pass",
        "reason": "allowed",
        "user_id": "u1",
        "sid_hash": short_hash("sid"),
    }


def test_what_does_not_apply_is_left_out() -> None:
    assert {"upstream_ms", "user_id", "sid_hash"}.isdisjoint(written(upstream=None, user_id="", sid_hash=""))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a?x=1?y", "/a"),
        (b"/a%20b", "/a%20b"),
        (b"/\xc3\xa9", "/%C3%A9"),
        (b"/\x1b[31m\r\n\x7f", "/%1B[31m%0D%0A%7F"),
        (b'/"\\', '/"\\'),
        (b"", ""),
        (b"/" * 300, "/" * 256),
    ],
)
def test_U28_the_path_is_raw_ascii_without_query(target: bytes, path: str) -> None:
    assert path_of(target) == path
    assert written(target=target)["path"] == path


@given(st.binary(max_size=2000), st.text(st.characters(codec=None), max_size=600))
def test_U27_U28_what_the_client_chose_is_bounded_and_printable(target: bytes, text: str) -> None:
    fields = written(target=target, method=text, host=text)
    for name in ("path", "method", "host"):
        value = str(fields.get(name, ""))
        assert len(value) <= LONGEST
        assert value.isascii()
        assert value == "" or value.isprintable()


def test_U27_the_longest_line_is_within_its_bound() -> None:
    rude = '"' * 2000
    written(
        target=rude.encode(),
        method=rude,
        host=rude,
        request_id=rude,
        client_ip=rude,
        route=rude,
        user_id=rude,
    )


@pytest.mark.parametrize(
    ("status", "route", "level"),
    [
        (200, "app", "info"),
        (404, "app", "info"),
        (404, "", "warning"),
        (400, "", "warning"),
        (502, "app", "error"),
    ],
)
def test_the_level_tells_trouble_from_traffic(status: int, route: str, level: str) -> None:
    assert RequestLine(**{**PLAIN, "status": status, "route": route}).level == level


def test_S15_a_session_is_told_by_eight_digits_of_a_hash() -> None:
    assert len(short_hash("sid")) == 8
    assert short_hash("sid") != short_hash("other")


def test_text_that_is_plain_stays_the_same_object() -> None:
    text = "localhost:8080"
    assert printable(text) is text


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    stamp = Stamp()
    assert [stamp(t) for t in (0.0, 0.5, 1893456000.999, 0.0)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.500Z",
        "2030-01-01T00:00:00.999Z",
        "1970-01-01T00:00:00.000Z",
    ]

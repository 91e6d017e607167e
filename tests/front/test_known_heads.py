from typing import Any

import pytest

from gateway.front.connection import Previous
from gateway.front.known_heads import KnownHeads
from tests.fakes.dressing import inbound

REST = b" HTTP/1.1\r\nHost: app\r\nCookie: session=a\r\n\r\n"


def previous(rest: bytes = REST, **facts: Any) -> Previous:
    return Previous(reader=None, message=None, inbound=inbound(**facts), rest=rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [b"/", b"/a?b=c", b"/%20", b""])
def test_a_head_is_known_again_but_for_its_target(target: bytes) -> None:
    heads = KnownHeads()
    heads.note(known := previous(peer="192.0.2.1"))
    assert heads.recall(b"GET " + target + REST, peer="192.0.2.1") is known


@pytest.mark.parametrize(
    ("data", "peer"),
    [
        (b"GET /" + REST, "192.0.2.2"),
        (b"GET /" + REST.replace(b"=a", b"=b"), "192.0.2.1"),
        (b"GET /" + REST[:-2], "192.0.2.1"),
        (b"GET /" + REST + b"GET /" + REST, "192.0.2.1"),
        (b"GET /" + REST + b"x", "192.0.2.1"),
        (b"GET /" + REST.replace(b"1.1", b"1.0"), "192.0.2.1"),
        (REST, "192.0.2.1"),
        (b"", "192.0.2.1"),
    ],
)
def test_anything_else_is_new(data: bytes, peer: str) -> None:
    heads = KnownHeads()
    heads.note(previous(peer="192.0.2.1"))
    assert heads.recall(data, peer=peer) is None


def test_what_is_kept_is_bounded_and_nothing_without_bytes_is() -> None:
    heads = KnownHeads(most=3)
    heads.note(previous(b""))
    for number in range(10):
        heads.note(previous(REST + b"%d" % number))
    kept = [heads.recall(b"GET /" + REST + b"%d" % number, peer="192.0.2.7") for number in range(10)]
    assert 0 < sum(each is not None for each in kept) <= 3

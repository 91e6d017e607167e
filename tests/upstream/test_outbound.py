"""What goes to an upstream: whether a body follows, and what is sent where it goes out again."""

import pytest

from gateway.upstream.outbound import Outbound


@pytest.mark.parametrize(
    ("length", "chunked", "follows"),
    [(None, False, False), (0, False, False), (1, False, True), (None, True, True)],
)
def test_a_body_follows_where_there_is_one(length: int | None, *, chunked: bool, follows: bool) -> None:
    assert Outbound(method="GET", head=b"", length=length, chunked=chunked).has_body is follows


def test_what_serves_but_once_is_made_anew_and_all_else_goes_out_as_it_was() -> None:
    second = Outbound(method="GET", head=b"second")
    assert Outbound(method="GET", head=b"first", anew=lambda: second).repeated() is second
    assert second.repeated() is second

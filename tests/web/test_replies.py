"""Headers that every answer of ours carries."""

import pytest

from gateway.errors import TargetRefused
from gateway.web.replies import Replies
from tests.fakes.site import header

REPLIES = Replies(secure=True)


@pytest.mark.parametrize(
    "answer",
    [
        REPLIES.document({"a": 1}),
        REPLIES.next_url("https://gw.example.com/"),
        REPLIES.redirect("/x"),
        REPLIES.page("<p>", policy=b"default-src 'none'"),
    ],
)
def test_S22_nothing_of_ours_is_kept_sniffed_or_named_in_a_referer(answer: object) -> None:
    assert header(answer, b"Cache-Control") == "private, no-store"
    assert header(answer, b"X-Content-Type-Options") == "nosniff"
    assert header(answer, b"Referrer-Policy") == "no-referrer"
    assert header(answer, b"Strict-Transport-Security") == "max-age=31536000"


def test_on_plain_http_there_is_no_hsts() -> None:
    assert header(Replies(secure=False).document(None), b"Strict-Transport-Security") == ""


def test_public_keys_may_be_kept_for_a_moment() -> None:
    assert header(REPLIES.public_document({}, seconds=60), b"Cache-Control") == "public, max-age=60"


@pytest.mark.parametrize("location", ["/a\r\nSet-Cookie: x", "/a b", "/\xe9", "/\x00", "/\x7f"])
def test_R10_a_location_that_is_no_url_is_never_written(location: str) -> None:
    with pytest.raises(TargetRefused):
        REPLIES.redirect(location)


def test_a_redirect_carries_its_cookies_one_a_line() -> None:
    answer = REPLIES.redirect("/x", cookies=(b"a=1", b"b=2"))
    assert [value for name, value in answer.headers if name == b"Set-Cookie"] == [b"a=1", b"b=2"]
    assert answer.status == 303

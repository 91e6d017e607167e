"""Requests as servers tell of them: raw, or so plain that the raw form follows, or refused."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.verify.received import Received, from_environ, from_scope
from gateway.verify.strict import Invalid

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "scheme": "http",
    "path": "/a b",
    "raw_path": b"/a%20b",
    "query_string": b"x=%41",
    "headers": [(b"host", b"App.example:80"), (b"x-a", b"1"), (b"x-a", b"2")],
}
ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "POST",
    "wsgi.url_scheme": "http",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/a b",
    "QUERY_STRING": "x=%41",
    "HTTP_HOST": "App.example:80",
    "HTTP_X_A": "1,2",
    "CONTENT_TYPE": "text/plain",
    "CONTENT_LENGTH": "",
}


def test_a_scope_is_read_raw() -> None:
    found = from_scope(SCOPE)
    assert (found.method, found.path, found.query) == ("POST", "/a%20b", "x=%41")
    assert found.values("x-a") == ["1", "2"]
    assert found.authority == "app.example"


def test_an_environ_is_read_raw_where_the_server_tells_it() -> None:
    found = from_environ({**ENVIRON, "REQUEST_URI": "/%61%20b?x=%41"})
    assert (found.path, found.query) == ("/%61%20b", "x=%41")
    assert from_environ({**ENVIRON, "RAW_URI": "/%61%20b?x=%41"}).path == "/%61%20b"
    assert found.values("content-type") == ["text/plain"]
    assert found.values("x-a") == ["1,2"]


def test_where_nothing_raw_is_told_the_plain_spelling_counts() -> None:
    assert from_environ(ENVIRON).path == "/a%20b"
    assert from_scope({**SCOPE, "raw_path": None}).path == "/a%20b"
    every = "/azAZ09-._~!$&'()*+,;=:@"  # what RFC 3986 3.3 lets stand in a path as it is
    assert from_scope({**SCOPE, "path": every, "raw_path": None}).path == every
    assert from_environ({**ENVIRON, "PATH_INFO": every}).path == every


def test_a_script_name_is_part_of_what_came() -> None:
    assert from_environ({**ENVIRON, "SCRIPT_NAME": "/app", "PATH_INFO": "/x"}).path == "/app/x"


@pytest.mark.parametrize(
    "told",
    [{"REQUEST_URI": "/other?x=%41"}, {"REQUEST_URI": "/a%20b?x=A"}, {"REQUEST_URI": "http://h/a%20b?x=%41"}],
)
def test_I13_an_environ_that_contradicts_itself_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        from_environ({**ENVIRON, **told})


@pytest.mark.parametrize("told", [{"raw_path": b"/other"}, {"raw_path": b"/\xff"}, {"query_string": b"\xff"}])
def test_I13_a_scope_that_contradicts_itself_is_refused(told: dict[str, bytes]) -> None:
    with pytest.raises(Invalid):
        from_scope({**SCOPE, **told})


@pytest.mark.parametrize(
    ("scheme", "host", "authority"),
    [
        ("http", "a:80", "a"),
        ("https", "a:443", "a"),
        ("ws", "a:80", "a"),
        ("wss", "A:443", "a"),
        ("http", "a:443", "a:443"),
        ("http", "[::1]:80", "[::1]"),
    ],
)
def test_the_authority_is_normal(scheme: str, host: str, authority: str) -> None:
    request = Received(method="GET", scheme=scheme, path="/", query="", fields=(("Host", host),))
    assert request.authority == authority


@pytest.mark.parametrize("fields", [(), (("Host", "a"), ("host", "a")), (("H_ost", "a"),)])
def test_I14_exactly_one_host(fields: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(Invalid):
        _ = Received(method="GET", scheme="http", path="/", query="", fields=fields).authority


def test_I14_one_value_in_the_spelling_that_everybody_reads() -> None:
    def request(*fields: tuple[str, str]) -> Received:
        return Received(method="GET", scheme="http", path="/", query="", fields=fields)

    assert request(("X-User-Id", "u")).one("x-user-id") == "u"
    for fields in (
        (),
        (("x-user-id", "a"), ("X_User_Id", "b")),
        (("x_user_id", "a"),),
        (("X.User.Id", "a"),),
    ):
        with pytest.raises(Invalid):
            request(*fields).one("x-user-id")


@given(st.text(max_size=20).filter(lambda text: text.isprintable()))
def test_every_path_that_a_server_decodes_has_a_plain_spelling(text: str) -> None:
    path = from_scope({**SCOPE, "path": "/" + text, "raw_path": None}).path
    assert path.isascii()
    assert unquote(path) == "/" + text

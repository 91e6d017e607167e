"""What is sent to us: a form or a JSON object, of bounded size, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MediaTypeRefused, RequestRejected
from gateway.model.inbound import Inbound
from gateway.passage import Passage
from gateway.web.query import Fields
from gateway.web.visit import LARGEST_BODY, Visit


def visit(body: bytes, *kinds: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Visit:
    asked: list[int] = []

    async def read(most: int) -> bytes:
        asked.append(most)
        if most != LARGEST_BODY:
            raise LookupError(most)
        return body

    inbound = Inbound(
        method="POST",
        target=b"/",
        path="/",
        query=None,
        host="gw.example.com",
        scheme="https",
        headers=(*((b"Content-Type", kind) for kind in kinds), *headers),
        peer="192.0.2.1",
        client_ip="192.0.2.1",
        request_id="r",
        length=len(body),
    )
    passage = Passage(request_id="r", peer="192.0.2.1", started=0.0)
    return Visit(inbound=inbound, passage=passage, read_body=read, query=Fields())


@pytest.mark.parametrize(
    "kind",
    [
        b"application/x-www-form-urlencoded",
        b"Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        b'application/x-www-form-urlencoded;charset="utf-8"',
    ],
)
async def test_a_form_is_read(kind: bytes) -> None:
    assert (await visit(b"a=1&b=%20", kind).fields()).pairs == (("a", "1"), ("b", " "))


async def test_B072_of_json_only_strings_count() -> None:
    sent = b'{"csrfToken":"t","data":{"role":"admin"},"n":1,"x":null}'
    assert (await visit(sent, b"application/json").fields()).pairs == (("csrfToken", "t"),)


async def test_B106_what_is_sent_without_a_body_has_no_fields_and_so_no_csrf_token() -> None:
    assert (await visit(b"").fields()).pairs == ()


@pytest.mark.parametrize(
    "kinds",
    [
        (),
        (b"text/plain",),
        (b"multipart/form-data; boundary=x",),
        (b"application/json; charset=utf-16",),
        (b"application/json", b"text/plain"),
        (b"application/jsonx",),
    ],
)
async def test_another_media_type_is_refused_unread(kinds: tuple[bytes, ...]) -> None:
    with pytest.raises(MediaTypeRefused):
        await visit(b"csrfToken=x", *kinds).fields()


@given(st.one_of(st.binary(max_size=40), st.just(b"[" * 5000), st.just(b'{"a":' * 5000)))
async def test_json_that_is_no_object_is_refused(raw: bytes) -> None:
    try:
        await visit(raw, b"application/json").fields()
    except RequestRejected:
        return
    assert raw.strip().startswith(b"{")


async def test_L150_a_script_asks_for_the_url() -> None:
    assert visit(b"", headers=((b"X-Auth-Return-Redirect", b"1"),)).wants_url(Fields())
    assert visit(b"").wants_url(Fields((("json", "true"),)))
    assert not visit(b"").wants_url(Fields())

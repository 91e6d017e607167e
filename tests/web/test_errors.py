"""Errors become answers: pages for people, JSON for programs, the text for neither."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from gateway import errors
from tests.fakes.site import FETCH, NAVIGATION, PREFIX, URL, Site, header, site

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, errors.GatewayError)
    and kind not in (errors.SessionRejected, errors.SettingsInvalid)
]


def answered(gate: Site, error: errors.GatewayError, target: str = "/x", **changes: object) -> object:
    inbound = replace(gate.inbound(target), **changes)
    return gate.errors.answer(error, inbound=inbound, request_id="req-7")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_error_has_a_page_and_a_document_and_tells_no_secret(
    tmp_path: Path, kind: type[errors.GatewayError]
) -> None:
    async with site(tmp_path) as gate:
        error = kind("a-secret in the text")
        page = gate.errors.answer(error, inbound=gate.inbound("/x", method="POST"), request_id="req-7")
        inbound = gate.inbound("/x", headers=FETCH)
        document = gate.errors.answer(error, inbound=inbound, request_id="req-7")
        assert page.status == document.status == kind.status
        assert b"<html" in page.body
        told = msgspec.json.decode(document.body)
        assert (told["error"], told["request_id"]) == (kind.code, "req-7")
        for answer in (page, document):
            assert b"req-7" in answer.body
            assert b"a-secret" not in answer.body
            assert header(answer, b"Cache-Control") == "private, no-store"


async def test_a_request_that_was_never_understood_gets_json(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = gate.errors.answer(errors.HeadTooLarge(), inbound=None, request_id="req-7")
        assert msgspec.json.decode(answer.body) == {"error": "header_too_large", "request_id": "req-7"}
        anonymous = gate.errors.answer(errors.LoginRequired(), inbound=None, request_id="req-7")
        assert anonymous.status == 401


async def test_an_outage_says_when_to_come_back_and_clears_no_cookie(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = answered(gate, errors.StoreUnavailable())
        assert answer.status == 503
        assert header(answer, b"Retry-After") == "5"
        assert header(answer, b"Set-Cookie") == ""


async def test_a_refused_method_names_those_that_do(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = answered(gate, errors.MethodRefused("PUT", allow=("GET", "HEAD")))
        assert header(answer, b"Allow") == "GET, HEAD"
        assert header(answered(gate, errors.MethodRefused("PUT")), b"Allow") == ""


async def test_the_way_in_is_on_the_host_where_logins_live(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        here = answered(gate, errors.LoginRequired(), "/x?y=1&z=%26")
        assert header(here, b"Location") == f"{PREFIX}/signin?return_to=/x%3Fy%3D1%26z%3D%2526"
        there = answered(gate, errors.LoginRequired(), host="wiki.example.com")
        assert header(there, b"Location") == f"{URL}{PREFIX}/signin?return_to=https%3A//wiki.example.com/x"


@pytest.mark.parametrize("target", ["/a//b", "/" + "a" * 3000, "/x?y=%0a"])
async def test_a_way_back_that_would_be_refused_is_left_out(tmp_path: Path, target: str) -> None:
    async with site(tmp_path) as gate:
        assert header(answered(gate, errors.LoginRequired(), target), b"Location") == f"{PREFIX}/signin"


async def test_O15_a_script_that_accepts_html_is_still_a_script(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        script = gate.inbound("/x", headers=((b"Sec-Fetch-Mode", b"cors"), (b"Accept", b"text/html")))
        answer = gate.errors.answer(errors.LoginRequired(), inbound=script, request_id="r")
        assert answer.status == 401
        assert header(answer, b"Content-Type") == "application/json"


async def test_O15_a_head_navigation_is_redirected_as_get_is(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        head = gate.inbound("/x", method="HEAD", headers=NAVIGATION)
        assert gate.errors.answer(errors.LoginRequired(), inbound=head, request_id="r").status == 302


async def test_extra_cookies_leave_with_the_answer(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        inbound = gate.inbound("/x")
        for error in (errors.LoginRequired(), errors.AccessDenied()):
            answer = gate.errors.answer(
                error, inbound=inbound, request_id="r", extra_cookies=(b"a=; Max-Age=0",)
            )
            assert header(answer, b"Set-Cookie") == "a=; Max-Age=0"


async def test_a_page_about_an_unknown_code_repeats_nothing_of_it(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/error?error=%3Cscript%3E")
        assert answer.status == 200
        assert b"script" not in answer.body
        assert b"Something went wrong" in answer.body

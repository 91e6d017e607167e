"""Errors become answers: pages for people, JSON for programs, the text for neither."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway import errors
from gateway.web.errors import explaining
from tests.fakes.site import FETCH, NAVIGATION, PREFIX, URL, Site, asked, header, site

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, errors.GatewayError)
    and kind not in (errors.SessionRejected, errors.SettingsInvalid, errors.RefreshUnverified)
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


async def test_a_request_that_was_never_understood_gets_json_unless_a_person_sees_it(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = gate.errors.answer(errors.HeadTooLarge(), inbound=None, request_id="req-7")
        assert msgspec.json.decode(answer.body) == {"error": "header_too_large", "request_id": "req-7"}
        page = gate.errors.answer(errors.HeadTooLarge(), inbound=None, request_id="req-7", person=True)
        assert b"Delete the cookies of this site" in page.body
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


OLD = errors.StepUpRequired("max_auth_age", route="/a b", max_age=900, acr_values=("urn:mfa", "hardware"))


async def test_B073_a_navigation_is_led_to_prove_it_for_that_route(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = answered(gate, OLD, "/a%20b/x?y=1")
        assert answer.status == 302
        assert asked(header(answer, b"Location")) == {"return_to": "/a%20b/x?y=1", "route": "/a b"}
        elsewhere = answered(gate, OLD, "/x", host="wiki.example.com")
        assert header(elsewhere, b"Location").startswith(
            f"{URL}{PREFIX}/signin?return_to=https%3A//wiki.example.com/x"
        )


async def test_B073_a_program_is_told_what_is_demanded(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        inbound = gate.inbound("/x", headers=FETCH)
        answer = gate.errors.answer(OLD, inbound=inbound, request_id="req-7")
        assert answer.status == 401
        assert header(answer, b"WWW-Authenticate") == (
            'Vestibule realm="sign-in", error="insufficient_user_authentication", '
            'error_description="Prove once more who you are, as recently and as strongly as this asks", '
            'max_age="900", acr_values="urn:mfa hardware"'
        )
        assert msgspec.json.decode(answer.body) == {
            "error": "insufficient_user_authentication",
            "request_id": "req-7",
            "login_url": f"{URL}{PREFIX}/signin?route=/a%20b",
            "max_age": 900,
            "acr_values": "urn:mfa hardware",
        }


async def test_B030_B073_a_form_that_was_sent_gets_a_page_that_leads_there_in_a_new_tab(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as gate:
        page = gate.errors.answer(OLD, inbound=gate.inbound("/x", method="POST"), request_id="req-7")
        assert page.status == 401
        assert f'href="{PREFIX}/signin?return_to=/x&amp;route=/a%20b" target="_blank"'.encode() in page.body


async def test_a_stranger_is_led_to_sign_in_as_the_route_demands(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = answered(gate, errors.LoginRequired("anonymous", route="/admin"), "/admin/x")
        assert asked(header(answer, b"Location")) == {"return_to": "/admin/x", "route": "/admin"}


@given(
    max_age=st.none() | st.integers(1, 10**8),
    values=st.lists(st.from_regex(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}", fullmatch=True), max_size=10),
)
def test_B073_whatever_may_be_configured_makes_a_challenge_that_reads_back(
    max_age: int | None, values: list[str]
) -> None:
    error = errors.StepUpRequired("x", route="/", max_age=max_age, acr_values=values)
    [(name, challenge)] = explaining(error)
    scheme, _, rest = challenge.decode("ascii").partition(" ")
    read = dict(re.findall(r'([a-z_]+)="([^"\\]*)"(?:, |$)', rest))
    assert (name, scheme) == (b"WWW-Authenticate", "Vestibule")
    assert read.get("max_age") == (None if max_age is None else str(max_age))
    assert read.get("acr_values", "").split() == values
    assert ", ".join(f'{key}="{value}"' for key, value in read.items()) == rest

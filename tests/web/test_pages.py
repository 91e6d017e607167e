"""Pages: closed policies, escaped words, no script, no file that is not in the page."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from gateway.web.pages import Pages
from gateway.web.replies import Replies
from gateway.web.words import Way, Words
from tests.fakes.site import PREFIX, header, site

PAGES = Pages(
    replies=Replies(secure=True),
    prefix=PREFIX,
    issuers=["https://issuer.example/realms/x", "http://localhost:9400/x"],
)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def error_page(title: str = "T", said: str = "r") -> object:
    words = Words(title=title, text="Text.", way=Way.HOME, label="Go", causes=(title,))
    facts = {"words": words, "href": "/", "new_tab": False, "code": "c"}
    html = PAGES.prepared("error.html", facts, but="request_id").saying(said)
    return PAGES.message(html, status=400, headers=())


def test_S28_S29_pages_are_not_framed_and_load_nothing() -> None:
    policy = header(error_page(), b"Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'none'; frame-ancestors 'none'; base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert header(error_page(), b"X-Frame-Options") == "DENY"
    assert header(error_page(), b"Cross-Origin-Opener-Policy") == "same-origin"


def test_the_style_in_the_page_is_the_one_that_the_policy_names() -> None:
    answer = error_page()
    style = re.search(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    assert f"'sha256-{digest}'" in header(answer, b"Content-Security-Policy")


def test_S29_hostile_words_are_escaped() -> None:
    body = error_page(HOSTILE).body.decode()
    assert "<script" not in body
    assert "<img" not in body
    assert "&lt;script&gt;" in body


def test_S29_what_is_said_later_is_escaped_too() -> None:
    body = error_page(said=HOSTILE).body.decode()
    assert "<script>" not in body
    assert "&lt;script&gt;" in body
    assert "said-later" not in body


async def test_S29_a_hostile_name_and_provider_are_escaped_on_every_form(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        login = gate.issuers["demo"].login
        object.__setattr__(login, "name", HOSTILE)
        await gate.sign_in("demo")
        for path in ("signin", "account", "signout"):
            body = (await gate.get(f"{PREFIX}/{path}")).body.decode()
            assert "<script" not in body
            assert "<img" not in body
            assert "&lt;script&gt;" in body


async def test_a_page_with_a_form_lets_its_origin_be_seen_and_leads_to_issuers_only_where_it_departs(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        page = await gate.get(f"{PREFIX}/signin")
        assert header(page, b"Referrer-Policy") == "same-origin"
        policy = header(page, b"Content-Security-Policy")
        assert "form-action 'self' https:;" in policy
        out = await gate.get(f"{PREFIX}/signout")
        assert "form-action 'self';" in header(out, b"Content-Security-Policy")


def test_of_an_issuer_on_loopback_only_the_origin_is_in_a_policy() -> None:
    page = PAGES.form(
        "signout.html",
        {"signed_in": True, "return_to": None, "csrf": "t", "name": "", "issuer": "", "others": False},
        cookies=(),
        departs=True,
    )
    assert "form-action 'self' https: http://localhost:9400;" in header(page, b"Content-Security-Policy")


@pytest.mark.parametrize("path", ["signin", "signout", "account", "error?error=LoginLoop"])
async def test_pages_are_accessible_and_run_no_script(tmp_path: Path, path: str) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        body = (await gate.get(f"{PREFIX}/{path}")).body.decode()
        assert '<html lang="en">' in body
        assert 'name="viewport" content="width=device-width, initial-scale=1"' in body
        assert body.count("<h1>") == 1
        assert "<main>" in body
        assert "<script" not in body
        assert " style=" not in body
        assert "src=" not in body
        assert not re.search(r"<title>\s*</title>", body)


def test_B122_the_framed_page_is_empty_and_only_its_issuer_may_show_it() -> None:
    answer = PAGES.framed(issuer="https://issuer.example/realms/x", cookies=[b"a=b"])
    policy = header(answer, b"Content-Security-Policy")
    assert policy == (
        "default-src 'none'; form-action 'none'; frame-ancestors https://issuer.example; base-uri 'none'"
    )
    assert header(answer, b"X-Frame-Options") == ""
    assert header(answer, b"Set-Cookie") == "a=b"
    assert b"<body" not in answer.body
    assert b"<script" not in answer.body

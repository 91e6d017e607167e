"""Logins live on the host of `public_url`; pages asked for on another host of ours lead there."""

from pathlib import Path

import pytest

from tests.fakes.site import PREFIX, URL, Site, asked, header, site

WIKI = "wiki.example.com"


async def on_the_wiki(gate: Site, target: str) -> str:
    answer = await gate.send(gate.inbound(target, host=WIKI))
    assert answer.status == 302
    assert header(answer, b"Set-Cookie") == ""
    return header(answer, b"Location")


@pytest.mark.parametrize(
    ("query", "return_to"),
    [
        ("", "https://wiki.example.com/"),
        ("?return_to=%2Fx%3Fy%3D1", "https://wiki.example.com/x?y=1"),
        ("?callbackUrl=https%3A%2F%2Fwiki.example.com%2Fx", "https://wiki.example.com/x"),
        ("?return_to=https%3A%2F%2Fgw.example.com%2Fx", "/x"),
    ],
)
@pytest.mark.parametrize("page", ["/signin", "/signin/demo"])
async def test_a_start_elsewhere_leads_home_with_the_way_back(
    tmp_path: Path, page: str, query: str, return_to: str
) -> None:
    async with site(tmp_path) as gate:
        location = await on_the_wiki(gate, PREFIX + page + query)
        assert location.startswith(f"{URL}{PREFIX}{page}?")
        assert asked(location) == {"return_to": return_to}
        assert gate.issuers["demo"].begun == []


async def test_of_what_else_was_asked_only_what_counts_at_home_goes_along(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        location = await on_the_wiki(
            gate, f"{PREFIX}/signin?login_hint=ann&remember=false&route=/x&state=s&scope=all"
        )
        kept = {"login_hint": "ann", "remember": "false", "route": "/x"}
        assert asked(location) == {**kept, "return_to": f"https://{WIKI}/"}


async def test_a_bad_target_is_refused_where_it_was_given(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.send(gate.inbound(f"{PREFIX}/signin?return_to=//evil", host=WIKI))
        assert answer.status == 400


@pytest.mark.parametrize("page", ["/callback/demo?code=c&state=s%3D", "/account"])
async def test_other_pages_keep_their_address(tmp_path: Path, page: str) -> None:
    async with site(tmp_path) as gate:
        assert await on_the_wiki(gate, PREFIX + page) == URL + PREFIX + page


async def test_a_host_that_no_route_names_is_as_good_as_home(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.send(gate.inbound(f"{PREFIX}/signin", host="10.0.0.7:8080"))
        assert header(answer, b"Location").startswith("https://demo.example/authorize?")

"""What issuers call answers exactly as the specifications say."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.model.answer import Answer
from gateway.relying_party.logout_token import LogoutNotice
from tests.fakes.site import NAVIGATION, PREFIX, Site, header, site

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


async def posted(gate: Site, body: bytes, kind: bytes = FORM[0][1]) -> Answer:
    inbound = gate.inbound(
        f"{PREFIX}/backchannel-logout/demo", method="POST", headers=((b"Content-Type", kind),)
    )
    return await gate.send(inbound, body)


async def signed_in(gate: Site) -> None:
    gate.issuers["demo"].login = replace(gate.issuers["demo"].login, issuer_sid="op-1")
    await gate.sign_in()


async def test_B116_a_verified_token_is_200_once_and_kept_by_no_cache(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        url = gate.issuers["demo"].url
        gate.issuers["demo"].notices["t"] = LogoutNotice(issuer=url, id="n", sid="x", subject=None)
        first, again = [await posted(gate, b"logout_token=t") for _ in range(2)]
        assert (first.status, again.status) == (200, 400)
        assert "no-store" in header(first, b"Cache-Control")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"logout_token=forged", FORM[0][1]),
        (b"", FORM[0][1]),
        (b"logout_token=t&logout_token=t", FORM[0][1]),
        (b"logout_token=%zz", FORM[0][1]),
        (b"logout_token=t", b"text/plain"),
    ],
)
async def test_B116_S17_everything_else_is_400_in_json(tmp_path: Path, body: bytes, kind: bytes) -> None:
    async with site(tmp_path) as gate:
        url = gate.issuers["demo"].url
        gate.issuers["demo"].notices["t"] = LogoutNotice(issuer=url, id="n", sid="x", subject=None)
        answer = await posted(gate, body, kind)
        assert answer.status == 400
        assert b'"error":"invalid_request"' in answer.body
        assert header(answer, b"Content-Type") == "application/json"
        assert "no-store" in header(answer, b"Cache-Control")


async def test_B23_get_never_logs_out_by_the_back_channel(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        assert (await gate.get(f"{PREFIX}/backchannel-logout/demo?logout_token=t")).status == 405
        assert (await gate.get(f"{PREFIX}/frontchannel-logout/other?iss=a&sid=b")).status == 404


async def test_B122_S18_the_issuer_alone_may_frame_the_page_which_looks_the_same(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await signed_in(gate)
        target = f"{PREFIX}/frontchannel-logout/demo?" + urlencode(
            {"iss": "https://demo.example", "sid": "op-1"}
        )
        ended, nothing = [await gate.get(target, NAVIGATION) for _ in range(2)]
        assert gate.signed_in == ""
        assert (ended.status, ended.body) == (nothing.status, nothing.body)
        policy = header(ended, b"Content-Security-Policy")
        assert "frame-ancestors https://demo.example;" in policy
        assert header(ended, b"X-Frame-Options") == ""
        assert "no-store" in header(ended, b"Cache-Control")


@pytest.mark.parametrize(
    "query", ["", "?iss=https://demo.example", "?sid=op-1", "?iss=a&iss=a&sid=op-1", "?iss=&sid="]
)
async def test_B122_both_issuer_and_sid_are_needed(tmp_path: Path, query: str) -> None:
    async with site(tmp_path) as gate:
        await signed_in(gate)
        assert (await gate.get(f"{PREFIX}/frontchannel-logout/demo{query}")).status == 400
        assert gate.signed_in

"""`/account/tokens`: made, shown once, listed, revoked; only by whose they are."""

import re
from pathlib import Path

import pytest

from tests.fakes.scene import PREFIX, Scene, scene

TABLE = """
[[routes]]
path = "/api"
upstream = "{app}"
personal_tokens = true
"""
HERE = f"{PREFIX}/account/tokens"
GOOD = {"name": "nightly", "route": "/api", "days": "90"}


async def sent(at: Scene, browser: object, path: str, **fields: str) -> object:
    form = {"csrfToken": await at.csrf(browser), **fields}  # type: ignore[arg-type]
    return await browser.submit(at.url + path, form, follow=False)  # type: ignore[attr-defined]


async def test_a_token_is_made_shown_once_used_and_revoked(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        alice = await at.signed_in("alice")
        assert HERE in (await alice.fetch(f"{at.ours}/account")).text
        made = await sent(at, alice, HERE, **GOOD)
        [raw] = re.findall(r"vst_[0-9A-Za-z]{49}", made.text)  # type: ignore[attr-defined]
        assert b"no-store" in made.answer.values("cache-control")[0]  # type: ignore[attr-defined]
        page = (await alice.fetch(at.url + HERE)).text
        assert "nightly" in page
        assert raw not in page
        lines = ("GET /api HTTP/1.1", f"Host: {at.gate.host}", f"Authorization: Bearer {raw}", "", "")
        request = "\r\n".join(lines).encode()
        assert (await at.raw(request)).status == 200
        [public_id] = re.findall(rf"{HERE}/([0-9a-f]{{16}})", page)
        forged = await alice.submit(f"{at.url}{HERE}/{public_id}", {}, follow=False)
        assert (forged.status, (await at.raw(request)).status) == (403, 200)
        bob = await at.signed_in("bob")
        assert (await sent(at, bob, f"{HERE}/{public_id}")).status == 404  # type: ignore[attr-defined]
        assert (await sent(at, alice, f"{HERE}/{public_id}")).status == 303  # type: ignore[attr-defined]
        assert (await at.raw(request)).status == 401
    assert raw not in at.gate.log
    assert [line["outcome"] for line in at.gate.events("token.made")] == ["success"]


@pytest.mark.parametrize(
    "fields",
    [{"name": " "}, {"name": "n" * 101}, {"route": "/"}, {"route": ""}, {"days": "9999"}, {"days": ""}],
)
async def test_a_form_that_the_page_does_not_have_is_400(tmp_path: Path, fields: dict[str, str]) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        alice = await at.signed_in("alice")
        assert (await sent(at, alice, HERE, **{**GOOD, **fields})).status == 400  # type: ignore[attr-defined]


async def test_an_old_login_is_asked_for_again_and_a_form_from_elsewhere_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        alice = await at.signed_in("alice")
        forged = await alice.submit(at.url + HERE, GOOD, follow=False)
        assert forged.status == 403
        at.clock.advance(400)
        answer = await sent(at, alice, HERE, **GOOD)
        assert (answer.status, "/signin" in answer.location) == (303, True)  # type: ignore[attr-defined]


async def test_without_a_route_that_takes_any_there_is_no_page(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in("alice")
        assert HERE not in (await alice.fetch(f"{at.ours}/account")).text
        assert (await alice.fetch(at.url + HERE)).status == 404

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


async def test_a_form_from_elsewhere_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        alice = await at.signed_in("alice")
        forged = await alice.submit(at.url + HERE, GOOD, follow=False)
        assert forged.status == 403


async def test_with_an_old_login_a_token_is_made_after_another_one_that_asks_who_they_are(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        alice = await at.signed_in("alice")
        assert "sign in once more" not in (await alice.fetch(at.url + HERE)).text
        at.clock.advance(400)
        page = await alice.fetch(at.url + HERE)
        assert (page.status, "sign in once more" in page.text) == (200, True)
        assert b"form-action 'self' https:" in page.answer.values("content-security-policy")[0]
        answer = await sent(at, alice, HERE, **GOOD)
        location = answer.location  # type: ignore[attr-defined]
        assert location.startswith(at.issuer.url)
        assert "prompt=login" in location
        back = await alice.navigate(at.issuer.consent(location))
        assert (back.url, "sign in once more" in back.text) == (at.url + HERE, False)


async def test_an_issuer_that_remembers_people_leads_nobody_round_in_circles(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        at.issuer.claims = {"auth_time": int(at.clock()) - 3600}
        alice = await at.signed_in("alice")
        page = await alice.navigate(at.url + HERE, follow=False)
        assert (page.status, "sign in once more" in page.text) == (200, True)


async def test_a_login_for_a_token_lasts_no_longer_than_the_one_before(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        alice = at.gate.browser()
        start = await alice.navigate(f"{at.ours}/signin?return_to=/&remember=false", follow=False)
        await alice.navigate(at.issuer.consent(start.location))
        at.clock.advance(400)
        answer = await sent(at, alice, HERE, **GOOD)
        back = await alice.navigate(at.issuer.consent(answer.location), follow=False)  # type: ignore[attr-defined]
        [line] = [each for each in back.set_cookies if each.startswith("__Host-session=")]
        assert "max-age" not in line.lower()


async def test_whoever_has_as_many_as_may_be_is_told_so_and_what_has_ended_is_called_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.personal_tokens.MOST", 1)
    async with scene(tmp_path, tables=TABLE) as at:
        alice = await at.signed_in("alice")
        made = await sent(at, alice, HERE, **{**GOOD, "days": "30"})
        assert "Expires" in made.text  # type: ignore[attr-defined]
        full = await sent(at, alice, HERE, **GOOD)
        told = full.text  # type: ignore[attr-defined]
        assert ("too many tokens" in told, "vst_" in told) == (True, False)
        at.clock.advance(30 * 86400)
        alice = await at.signed_in("alice")
        page = (await alice.fetch(at.url + HERE)).text
        assert ("Expired" in page, "Expires" in page) == (True, False)


async def test_without_a_route_that_takes_any_there_is_no_page(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in("alice")
        assert HERE not in (await alice.fetch(f"{at.ours}/account")).text
        assert (await alice.fetch(at.url + HERE)).status == 404

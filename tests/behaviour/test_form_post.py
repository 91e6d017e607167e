"""Answers that the issuer's page posts: statement 32, row O16, and that nothing else of a login changes."""

from pathlib import Path
from urllib.parse import urlencode

from gateway.errors import LoginFailed
from gateway.model.answer import Answer
from tests.fakes.site import NAVIGATION, PREFIX, URL, Site, header, site

ACROSS = (
    (b"Content-Type", b"application/x-www-form-urlencoded"),
    (b"Origin", b"https://demo.example"),
    (b"Sec-Fetch-Site", b"cross-site"),
)


async def posted(gate: Site, *, begun: int = -1, **changed: str) -> Answer:
    """Do what the issuer's page does: post its answer, with which no `Lax` cookie comes along."""
    pairs = {"code": "a-code", "state": gate.issuers["demo"].begun[begun].state, **changed}
    kept = gate.browser.cookies
    gate.browser.cookies = {
        key: value for key, value in kept.items() if gate.browser.attributes[key[0]].get("SameSite") == "None"
    }
    inbound = gate.inbound(f"{PREFIX}/callback/demo", method="POST", headers=(*ACROSS, *NAVIGATION))
    gate.browser.cookies = kept
    return await gate.send(inbound, urlencode(pairs).encode())


async def led_on(gate: Site, answer: Answer) -> Answer:
    assert answer.status == 303
    location = header(answer, b"Location")
    assert location.startswith(f"{URL}{PREFIX}/callback/demo?posted=")
    return await gate.get(location.removeprefix(URL))


async def test_B032_O16_the_transactions_cookie_and_no_other_is_for_forms_of_other_sites(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/x")
        transaction = gate.browser.attributes[gate.transactions[0]]
        assert (transaction["SameSite"], "Secure" in transaction) == ("None", True)
        back = await led_on(gate, await posted(gate))
        assert (back.status, header(back, b"Location")) == (303, "/x")
        assert gate.signed_in
        others = {name: each["SameSite"] for name, each in gate.browser.attributes.items()}
        assert set(others.values()) == {"Lax"}, "and the transaction is gone"


async def test_O12_the_code_is_in_no_address(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin")
        assert "a-code" not in header(await posted(gate), b"Location")


async def test_O16_other_issuers_keep_a_lax_cookie(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        assert gate.browser.attributes[gate.transactions[0]]["SameSite"] == "Lax"
        assert (await posted(gate)).status == 405


async def test_B040_the_session_that_the_form_did_not_bring_ends_all_the_same(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin")
        await led_on(gate, await posted(gate))
        first = gate.browser.headers()
        assert gate.sessions.load(first).session is not None
        await gate.get(f"{PREFIX}/signin/demo?return_to=/")
        await led_on(gate, await posted(gate))
        assert gate.sessions.load(first).session is None


async def test_O01_a_code_that_no_login_of_this_browser_waits_for_goes_nowhere(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin")
        theirs = await posted(gate, state="s" * 43)
        back = await led_on(gate, theirs)
        # As every callback without its transaction: begun again, and nobody was signed in.
        assert header(back, b"Location").startswith("https://demo.example/authorize")
        assert gate.issuers["demo"].redeemed == []
        assert not gate.signed_in
        longer = await posted(gate, state="s" * 43, code="c" * 2000)
        assert len(header(longer, b"Location")) == len(header(theirs, b"Location")), (
            "only the state goes along"
        )


async def test_B026_a_form_that_is_sent_again_leads_a_signed_in_browser_on(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/x")
        await led_on(gate, await posted(gate))
        again = await led_on(gate, await posted(gate))
        assert (again.status, header(again, b"Location")) == (303, "/")
        assert len(gate.issuers["demo"].redeemed) == 1


async def test_B027_a_code_in_the_address_is_refused_where_a_form_was_asked_for(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin")
        assert (await gate.come_back()).status == 400
        assert gate.issuers["demo"].redeemed == []


async def test_B027_O07_a_repeated_or_missing_parameter_of_a_form_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin")
        assert (await posted(gate, state="")).status == 400
        assert (await posted(gate, error="access_denied")).status == 400
        assert [event.name for event in gate.events] == ["auth.login.failure"] * 2


async def test_what_the_login_was_for_survives_the_form(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=%2Fdeep%3Fa%3D1")
        back = await led_on(gate, await posted(gate))
        assert header(back, b"Location") == "/deep?a=1"


async def test_O03_a_posted_answer_that_fails_leaves_no_transaction(tmp_path: Path) -> None:
    async with site(tmp_path, posts=True) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.issuers["demo"].fault = LoginFailed("wrong nonce")
        assert (await led_on(gate, await posted(gate))).status == 400
        assert gate.transactions == []

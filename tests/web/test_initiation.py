"""Logins that third parties begin: from our issuers alone, to our own pages alone, in a window of its own."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TargetRefused
from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from tests.fakes.site import FETCH, HOST, NAVIGATION, PREFIX, URL, Site, header, site

DEMO = "https://demo.example"
FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"), (b"Origin", b"https://portal.example"))


async def led(gate: Site, provider: str = "demo", **asked: str) -> Answer:
    return await gate.get(f"{PREFIX}/initiate/{provider}?{urlencode(asked)}")


async def test_O17_a_link_of_our_issuer_s_begins_a_login_that_ends_on_our_page(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        on = await led(gate, iss=DEMO, target_link_uri=f"{URL}/wiki?x=1", login_hint="ann@demo.example")
        assert on.status == 303
        assert header(on, b"Location").startswith(f"{DEMO}/authorize?")
        assert gate.issuers["demo"].hints == [{"login_hint": "ann@demo.example"}]
        assert header(await gate.come_back(), b"Location") == "/wiki?x=1"
        assert gate.signed_in


async def test_a_form_does_the_same_and_needs_no_token(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        place = ((b"Sec-Fetch-Site", b"cross-site"), (b"Sec-Fetch-Dest", b"document"))
        headers = (*FORM, *place, *NAVIGATION)
        inbound = gate.inbound(f"{PREFIX}/initiate/demo", method="POST", headers=headers)
        on = await gate.send(inbound, urlencode({"iss": DEMO, "target_link_uri": "/wiki"}).encode())
        assert (on.status, gate.issuers["demo"].begun[0].return_to) == (303, "/wiki")


async def test_without_a_target_it_ends_at_the_start_page(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await led(gate, iss=DEMO)
        assert (gate.issuers["demo"].begun[0].return_to, gate.issuers["demo"].hints) == ("/", [{}])


@pytest.mark.parametrize(
    "iss",
    [
        "",
        "https://demo.example/",
        "https://DEMO.example",
        "http://demo.example",
        "https://corp.example",
        "demo",
    ],
)
async def test_O06_the_issuer_is_compared_to_the_letter(tmp_path: Path, iss: str) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        answer = await led(gate, iss=iss)
        assert (answer.status, b"This link is not for this site" in answer.body) == (400, True)
        assert (await led(gate)).status == 400
        assert gate.issuers["demo"].begun == gate.issuers["corp"].begun == []
        assert gate.transactions == []


@pytest.mark.parametrize("name", ["iss", "target_link_uri", "login_hint"])
async def test_O07_nothing_is_said_twice(tmp_path: Path, name: str) -> None:
    async with site(tmp_path) as gate:
        twice = urlencode([("iss", DEMO), (name, DEMO), (name, "/")])
        assert (await gate.get(f"{PREFIX}/initiate/demo?{twice}")).status == 400
        assert gate.issuers["demo"].begun == []


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.example/", "//evil.example", "/\\evil", "javascript:alert(1)", ""),
        *(f"{URL}@evil.example/", f"{URL}{PREFIX}/signout", f"{PREFIX}/initiate/demo?iss={DEMO}"),
        "http://gw.example.com/",
    ],
)
async def test_R01_to_R11_no_third_party_leads_anybody_away(tmp_path: Path, target: str) -> None:
    async with site(tmp_path) as gate:
        assert (await led(gate, iss=DEMO, target_link_uri=target)).status == 400
        assert gate.issuers["demo"].begun == []


@given(target=st.text(max_size=60) | st.text("/\\.@:%#?ehtps", max_size=40).map(lambda tail: URL + tail))
def test_whatever_is_taken_as_a_target_is_a_target_like_any_other(target: str) -> None:
    targets = ReturnTargets(public_url=URL, hosts=frozenset({"wiki.example.com"}), prefix=PREFIX)
    try:
        taken = targets.check(target, host=HOST)
    except TargetRefused:
        return
    assert taken.startswith("/") or taken.startswith("https://wiki.example.com/")


async def test_O18_nothing_else_goes_along(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await led(
            gate,
            iss=DEMO,
            prompt="none",
            acr_values="weak",
            scope="all",
            redirect_uri="https://evil",
            route="/",
        )
        assert gate.issuers["demo"].hints == [{}]
        assert gate.issuers["demo"].demands == [None]


@pytest.mark.parametrize("place", [b"iframe", b"image", b"empty", b"script"])
async def test_O17_what_ends_in_a_frame_begins_nothing(tmp_path: Path, place: bytes) -> None:
    async with site(tmp_path) as gate:
        headers = (*NAVIGATION, (b"Sec-Fetch-Dest", place))
        answer = await gate.get(f"{PREFIX}/initiate/demo?{urlencode({'iss': DEMO})}", headers)
        assert answer.status == 400
        assert (await gate.get(f"{PREFIX}/initiate/demo?{urlencode({'iss': DEMO})}", FETCH)).status == 400
        assert gate.transactions == []


async def test_O01_nobody_else_s_answer_ends_the_login_that_a_third_party_began(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await led(gate, iss=DEMO)
        answer = await gate.come_back(state="s" * 43, code="of the attacker")
        assert not gate.signed_in
        assert gate.issuers["demo"].redeemed == []
        assert answer.status != 200


async def test_a_session_that_is_there_stays_until_the_login_succeeds(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        user = gate.signed_in
        await led(gate, iss=DEMO)
        assert gate.signed_in == user


async def test_only_issuers_are_initiated_at_and_only_by_name(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        for name in ("local", "nobody"):
            assert (await led(gate, name, iss=URL)).status == 404
        assert (await gate.get(f"{PREFIX}/initiate?iss={DEMO}")).status == 404
        inbound = gate.inbound(f"{PREFIX}/initiate/demo", method="PUT")
        assert (await gate.send(inbound)).status == 405


async def test_on_another_host_of_ours_a_link_is_led_home_first(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        asked = f"{PREFIX}/initiate/demo?{urlencode({'iss': DEMO})}"
        answer = await gate.send(gate.inbound(asked, host="wiki.example.com"))
        assert (answer.status, header(answer, b"Location")) == (302, URL + asked)


async def test_on_another_host_of_ours_a_form_goes_on_at_home(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        sent = {"iss": DEMO, "target_link_uri": "/wiki?x=1&y=ü", "login_hint": "ann", "scope": "all"}
        inbound = gate.inbound(
            f"{PREFIX}/initiate/demo?z=1", method="POST", headers=FORM, host="wiki.example.com"
        )
        answer = await gate.send(inbound, urlencode(sent).encode())
        location = header(answer, b"Location")
        assert (answer.status, gate.issuers["demo"].begun, gate.transactions) == (303, [], [])
        del sent["scope"]
        assert location == f"{URL}{PREFIX}/initiate/demo?{urlencode(sent)}"
        on = await gate.get(location.removeprefix(URL).replace("%C3%BC", "u"))
        assert (on.status, gate.issuers["demo"].begun[0].return_to) == (303, "/wiki?x=1&y=u")

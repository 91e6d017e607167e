"""The login flow where tests/behaviour/test_login.py does not reach: randomness, outages, order."""

from pathlib import Path

import pytest

from gateway.errors import IssuerUnavailable, LoginExpired, NoSuchPage, SessionTooLarge, StoreUnavailable
from gateway.flows.transactions import LIFE
from gateway.model.login import PendingLogin
from gateway.model.proof import Demand
from tests.fakes.site import FETCH, PREFIX, header, site


async def test_an_unknown_provider_is_no_page(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        with pytest.raises(NoSuchPage):
            await gate.logins.start("nobody", inbound=gate.inbound("/"), return_to="/")
        with pytest.raises(NoSuchPage):
            await gate.logins.finish("nobody", (), inbound=gate.inbound("/"))


async def test_T24_every_login_has_its_own_state_nonce_and_verifier(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        for _ in range(5):
            await gate.logins.start("demo", inbound=gate.inbound("/"), return_to="/")
        begun = gate.issuers["demo"].begun
        assert len({text for login in begun for text in (login.state, login.nonce, login.verifier)}) == 15


async def test_O22_a_transaction_is_spent_before_the_token_request_even_if_that_fails(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.issuers["demo"].fault = IssuerUnavailable("hangs")
        assert (await gate.come_back()).status == 503
        gate.issuers["demo"].fault = None
        pairs = (("code", "c"), ("state", gate.issuers["demo"].begun[0].state))
        with pytest.raises(LoginExpired):
            await gate.logins.finish("demo", pairs, inbound=gate.inbound("/", headers=FETCH))
        assert len(gate.issuers["demo"].redeemed) == 1


async def test_B006_a_used_transaction_is_remembered_for_as_long_as_any_node_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        remembered: list[int] = []

        async def spend(_key: bytes, until: int) -> bool:
            remembered.append(until)
            return True

        monkeypatch.setattr(gate.database, "spend", spend)
        await gate.get(f"{PREFIX}/signin")
        await gate.come_back()
        # The clock of another node may be a minute behind.
        assert remembered == [gate.issuers["demo"].begun[0].started_at + LIFE + 60]


async def test_B026_a_callback_that_comes_back_used_leads_whoever_is_signed_in_on(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in(return_to="/x?y=1")
        begun = len(gate.issuers["demo"].begun)
        again = await gate.come_back()
        assert (again.status, header(again, b"Location")) == (303, "/")
        assert len(gate.issuers["demo"].begun) == begun


async def test_an_outage_before_the_spend_keeps_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:

        async def down(_key: bytes, _until: int) -> bool:
            raise StoreUnavailable("locked")

        await gate.get(f"{PREFIX}/signin")
        with monkeypatch.context() as patched:
            patched.setattr(gate.database, "spend", down)
            assert (await gate.come_back()).status == 503
        assert len(gate.transactions) == 1
        assert (await gate.come_back()).status == 303
        assert gate.signed_in


async def test_a_session_that_does_not_fit_leaves_the_old_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        user = gate.signed_in

        def too_large(*_: object) -> tuple[bytes, ...]:
            raise SessionTooLarge("groups")

        with monkeypatch.context() as patched:
            patched.setattr(gate.sessions, "cookies", too_large)
            answer = await gate.sign_in("corp")
        assert answer.status == 500
        assert b"too large" in answer.body
        assert gate.signed_in == user


async def test_the_restart_is_marked_in_the_state_and_in_the_transaction(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.browser.cookies.clear()
        await gate.come_back()
        again: PendingLogin = gate.issuers["demo"].begun[-1]
        assert again.restarted
        assert again.state.endswith(".again")


async def test_B073_a_login_that_restarts_asks_for_what_its_route_demands(tmp_path: Path) -> None:
    demand = Demand(max_age=300)
    async with site(tmp_path, demands={"/payroll": demand}) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/payroll&route=/payroll")
        gate.clock.advance(LIFE + 1)
        await gate.come_back()
        assert gate.issuers["demo"].begun[-1].restarted
        assert gate.issuers["demo"].demands == [demand, demand]


async def test_B043_a_login_that_restarts_lasts_no_longer_than_was_asked_for(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/x&remember=false")
        gate.clock.advance(LIFE + 1)
        await gate.come_back()
        begun = gate.issuers["demo"].begun
        assert [(each.persistent, each.return_to) for each in begun] == [(False, "/x")] * 2


async def test_an_error_from_the_issuer_without_a_transaction_does_not_restart(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/callback/demo?error=access_denied&state=unknown")
        assert answer.status == 400
        assert gate.issuers["demo"].begun == []


async def test_the_session_ends_on_the_original_url_of_another_host_of_ours(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        back = await gate.sign_in(return_to="https://wiki.example.com/x")
        assert header(back, b"Location") == "https://wiki.example.com/x"

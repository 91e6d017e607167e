"""The record of sign-ins says where somebody came from, and keeps ID tokens for their session alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.flows.sign_ins import LONGEST_BROWSER, LONGEST_HINT, SignInBook
from gateway.model.session import Session, session_key
from gateway.sessions.strategy import public_id
from tests.fakes.databases import file_in, raw
from tests.fakes.site import NAVIGATION, PREFIX, Site, site


def session_in(gate: Site) -> Session:
    session = gate.sessions.load(gate.browser.headers()).session
    if session is None:
        raise LookupError("no session")
    return session


async def signed_in(gate: Site, id_token: str | None = None) -> Session:
    gate.issuers["demo"].login = replace(gate.issuers["demo"].login, id_token=id_token)
    await gate.sign_in()
    return session_in(gate)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([b"Probe/1 (X)"], "Probe/1 (X)"),
        ([b"x" * 1000], "x" * LONGEST_BROWSER),
        ([b"\xff\xfe"], ""),
        ([b"one", b"two"], ""),
        ([], ""),
    ],
)
async def test_B113_address_and_browser_are_kept_bounded_and_plain(
    tmp_path: Path, told: list[bytes], kept: str
) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin/demo?return_to=/")
        agents = tuple((b"User-Agent", value) for value in told)
        await gate.get(gate.way_back(), headers=(*NAVIGATION, *agents))
        (shown,) = await gate.database.sign_ins.listed()
        assert (shown.address, shown.browser) == ("192.0.2.1", kept)


async def test_B115_the_hint_comes_back_for_its_session(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        session = await signed_in(gate, "head.canary.sign")
        assert await gate.book.hint(session) == "head.canary.sign"
        assert await gate.book.hint(replace(session, id="another")) is None
    assert b"canary" not in file_in(tmp_path).read_bytes()


@pytest.mark.parametrize("id_token", [None, "t" * (LONGEST_HINT + 1)])
async def test_B115_what_no_url_carries_is_not_kept(tmp_path: Path, id_token: str | None) -> None:
    async with site(tmp_path) as gate:
        assert await gate.book.hint(await signed_in(gate, id_token)) is None


async def test_S13_a_token_moved_to_another_row_does_not_open(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        first = await signed_in(gate, "first")
        gate.browser.cookies.clear()
        second = await signed_in(gate, "second")
        connection = raw(tmp_path)
        connection.execute("UPDATE sign_ins SET id_token = (SELECT min(id_token) FROM sign_ins)")
        connection.close()
        assert sorted([await gate.book.hint(first) or "", await gate.book.hint(second) or ""])[0] == ""
        assert (await gate.book.hint(first), await gate.book.hint(second)) in (
            ("first", None),
            (None, "second"),
        )


async def test_B115_an_outage_or_garbage_costs_the_hint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        session = await signed_in(gate, "token")
        connection = raw(tmp_path)
        connection.execute("UPDATE sign_ins SET id_token = 'garbage'")
        connection.close()
        assert await gate.book.hint(session) is None

        async def down(_session_id: str) -> str | None:
            raise StoreUnavailable("down")

        monkeypatch.setattr(gate.database.sign_ins, "id_token_of", down)
        assert await gate.book.hint(session) is None


async def test_B118_what_the_limit_ended_is_told(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        session = await signed_in(gate)
        sealer = gate.ring.sealer("at-rest")
        book = SignInBook(gate.database.sign_ins, sealer=sealer, most=1, audit=gate.events.append)
        newer = replace(session, id="newer", authenticated_at=session.authenticated_at + 1)
        login, inbound = gate.issuers["demo"].login, gate.inbound("/")
        assert await book.begin(newer, login, inbound, replaced=None) == (session_key(session.id),)
        told = gate.events[-1]
        assert (told.name, told.reason, told.session_id) == ("session.ended", "limit", public_id(session.id))
        assert (told.user_id, told.detail) == (session.identity.user_id, f"for {public_id('newer')}")


async def test_B118_a_session_that_the_login_replaces_is_none_of_the_limit(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        session = await signed_in(gate)
        sealer = gate.ring.sealer("at-rest")
        book = SignInBook(gate.database.sign_ins, sealer=sealer, most=2, audit=gate.events.append)
        login, inbound = gate.issuers["demo"].login, gate.inbound("/")
        second, third = (
            replace(session, id=name, authenticated_at=session.authenticated_at + 1)
            for name in ("second", "third")
        )
        assert await book.begin(second, login, inbound, replaced=None) == ()
        assert await book.begin(third, login, inbound, replaced=second) == ()

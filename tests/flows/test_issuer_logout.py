"""Issuers end what is theirs, once, and in a frame only what the browser presents."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import LogoutRefused, NoSuchPage, StoreUnavailable
from gateway.model.session import Session
from gateway.relying_party.logout_token import LogoutNotice
from tests.fakes.site import Site, site


async def signed_in(gate: Site, provider: str = "demo") -> Session:
    issuer = gate.issuers[provider]
    issuer.login = replace(issuer.login, issuer_sid="op-1")
    await gate.sign_in(provider)
    session = gate.sessions.load(gate.browser.headers()).session
    if session is None:
        raise LookupError("no session")
    return session


def notice(gate: Site, *, name: str = "n-1", sid: str | None = "op-1", subject: str | None = None) -> str:
    issuer = gate.issuers["demo"]
    issuer.notices[name] = LogoutNotice(issuer=issuer.url, id=name, sid=sid, subject=subject)
    return name


async def test_B116_S17_a_notice_ends_the_session_at_its_next_renewal_and_counts_once(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        session = await signed_in(gate)
        raw = notice(gate)
        await gate.issuer_logout.announced("demo", raw)
        standing = await gate.database.standing(session)
        assert standing is not None
        assert standing.denied
        told = gate.events[-1]
        assert (told.name, told.outcome, told.detail) == ("logout.backchannel", "success", "1 ended")
        with pytest.raises(LogoutRefused):
            await gate.issuer_logout.announced("demo", raw)
        assert gate.events[-1].outcome == "refused"


async def test_B116_what_does_not_verify_ends_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        session = await signed_in(gate)
        with pytest.raises(LogoutRefused):
            await gate.issuer_logout.announced("demo", "forged")
        with pytest.raises(NoSuchPage):
            await gate.issuer_logout.announced("other", notice(gate))
        standing = await gate.database.standing(session)
        assert standing is not None
        assert not standing.denied


@pytest.mark.parametrize(
    ("provider", "issuer", "sid"),
    [
        ("demo", "https://demo.example", "op-2"),
        ("demo", "https://corp.example", "op-1"),
        ("demo", "https://demo.example/", "op-1"),
        ("corp", "https://demo.example", "op-1"),
        ("corp", "https://corp.example", "op-1"),
    ],
)
async def test_B122_S18_another_sid_issuer_or_provider_ends_nothing(
    tmp_path: Path, provider: str, issuer: str, sid: str
) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await signed_in(gate)
        left = await gate.issuer_logout.framed(provider, issuer=issuer, sid=sid, inbound=gate.inbound("/"))
        assert left.cookies == ()
        assert gate.signed_in


async def test_B122_S18_the_presented_session_ends_and_no_other(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        other = await signed_in(gate)
        gate.browser.cookies.clear()
        await signed_in(gate)
        left = await gate.issuer_logout.framed(
            "demo", issuer="https://demo.example", sid="op-1", inbound=gate.inbound("/")
        )
        gate.browser.take(left.cookies)
        assert gate.signed_in == ""
        standing = await gate.database.standing(other)
        assert standing is not None
        assert not standing.denied


async def test_S18_without_our_cookie_the_frame_ends_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        session = await signed_in(gate)
        gate.browser.cookies.clear()
        await gate.issuer_logout.framed(
            "demo", issuer="https://demo.example", sid="op-1", inbound=gate.inbound("/")
        )
        standing = await gate.database.standing(session)
        assert standing is not None
        assert not standing.denied


async def test_B122_an_end_that_must_be_recorded_and_is_not_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        await signed_in(gate)

        async def down(_session: Session) -> None:
            raise StoreUnavailable("locked")

        monkeypatch.setattr(gate.sessions, "end", down)
        left = await gate.issuer_logout.framed(
            "demo", issuer="https://demo.example", sid="op-1", inbound=gate.inbound("/")
        )
        assert not left.complete
        assert left.cookies


async def test_B144_a_notice_that_met_an_outage_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        await signed_in(gate)

        async def down(*_: object, **__: object) -> int:
            raise StoreUnavailable("down")

        monkeypatch.setattr(gate.issuer_logout._endings, "end_by_issuer", down)
        with pytest.raises(StoreUnavailable):
            await gate.issuer_logout.announced("demo", notice(gate))
        told = gate.events[-1]
        assert (told.name, told.outcome, told.provider) == ("logout.backchannel", "failure", "demo")
        assert told.reason == StoreUnavailable.code


async def test_B122_B144_a_frame_that_met_an_outage_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        await signed_in(gate)

        async def down(_session: Session) -> Session:
            raise StoreUnavailable("down")

        monkeypatch.setattr(gate.sessions, "identified", down)
        left = await gate.issuer_logout.framed(
            "demo", issuer="https://demo.example", sid="op-1", inbound=gate.inbound("/")
        )
        assert (left.complete, left.cookies) == (False, ())
        assert (gate.events[-1].name, gate.events[-1].outcome) == ("logout.frontchannel", "failure")


async def test_S17_what_one_issuer_called_a_notice_uses_up_no_other_issuer_s(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        for name in ("demo", "corp"):
            issuer = gate.issuers[name]
            issuer.notices["n-1"] = LogoutNotice(issuer=issuer.url, id="n-1", sid="op-1", subject=None)
            await gate.issuer_logout.announced(name, "n-1")
        assert [event.outcome for event in gate.events] == ["success", "success"]

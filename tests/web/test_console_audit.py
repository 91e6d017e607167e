"""The audit trail is read a page at a time, and says who did what to whom."""

import re
from html import unescape
from pathlib import Path

import pytest

from gateway.model.event import AuditEvent
from gateway.observe.trail import fit
from gateway.web import console_audit
from tests.fakes.administrators import ADMIN, HOSTILE, added, administered, page
from tests.fakes.site import Site


async def told(gate: Site, *events: AuditEvent) -> None:
    await gate.database.audit.append([(int(gate.clock()), fit(event)) for event in events])


def names(text: str) -> list[str]:
    return re.findall(r"<li><span><code>([a-z_.]+)</code>", text)


async def test_an_entry_says_who_did_what_to_whom_with_both_named(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob = await added(gate)
        event = AuditEvent(
            name="admin.users.disable",
            outcome="refused",
            reason="own_access_kept",
            actor=gate.signed_in,
            user_id=bob.id,
            session_id="0123456789abcdef",
            provider="demo",
            client_ip="192.0.2.7",
            request_id="req-9",
            detail="granted admin",
        )
        await told(gate, event)
        text = await page(gate, "audit")
        for part in (
            f'About <a href="{ADMIN}/users/{bob.id}"><bdi>Bob</bdi></a>',
            f'by <a href="{ADMIN}/users/{gate.signed_in}"><bdi>Ann</bdi></a>',
            "own_access_kept",
            '<span class="tag bad">refused</span>',
            "granted admin",
            "<code>192.0.2.7</code>",
            "<code>req-9</code>",
            "<code>0123456789abcdef</code>",
        ):
            assert part in text


async def test_who_acted_at_the_command_line_and_who_is_gone_are_named_as_they_were(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        await told(gate, AuditEvent(name="admin.users.delete", actor="root", user_id="u_gone"))
        text = await page(gate, "audit")
        assert "About <bdi>u_gone</bdi>, by <bdi>root</bdi>" in text
        assert names(await page(gate, "audit?user=u_gone")) == ["admin.users.delete"]


async def test_entries_are_found_by_user_and_by_event(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob = await added(gate)
        await told(
            gate,
            AuditEvent(name="auth.login.success", user_id=bob.id),
            AuditEvent(name="auth.login.failure", outcome="failure"),
            AuditEvent(name="session.ended", user_id=bob.id),
        )
        assert names(await page(gate, "audit")) == [
            "session.ended",
            "auth.login.failure",
            "auth.login.success",
        ]
        by_mail = await page(gate, "audit?user=BOB%40example.com")
        assert names(by_mail) == names(await page(gate, f"audit?user={bob.id}"))
        assert names(by_mail) == ["session.ended", "auth.login.success"]
        assert names(await page(gate, "audit?event=auth")) == ["auth.login.failure", "auth.login.success"]
        assert names(await page(gate, "audit?event=AUTH.login.Failure")) == ["auth.login.failure"]
        assert names(await page(gate, f"audit?event=auth&user={bob.id}")) == ["auth.login.success"]
        for nothing in ("event=aut", "event=%25", "user=nobody%40example.com", "user=%25"):
            assert "No entry fits" in await page(gate, f"audit?{nothing}")


async def test_entries_come_by_pages_each_once_and_the_filter_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_audit, "PAGE", 2)
    async with administered(tmp_path) as gate:
        await told(gate, *(AuditEvent(name=f"a.{letter}") for letter in "bcdef"), AuditEvent(name="x"))
        seen, path = [], "audit?event=a"
        while path:
            text = await page(gate, path)
            seen += names(text)
            await told(gate, AuditEvent(name="a.new"))
            found = re.search(r'href="[^"]*/admin/(audit\?[^"]*before=[0-9]+)"', text)
            path = unescape(found[1]) if found else ""
        assert seen == ["a.f", "a.e", "a.d", "a.c", "a.b"], "what comes meanwhile moves nothing"
        assert f'href="{ADMIN}/audit?event=a"' in text


async def test_what_is_asked_wrongly_is_400(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        for query in ("before=0", "before=-1", "before=x", "before=" + "9" * 19, "user=%00", "event=a%0ab"):
            assert (await gate.get(f"{ADMIN}/audit?{query}")).status == 400


async def test_S29_what_entries_hold_is_words(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        raw = AuditEvent(
            name="a", user_id=HOSTILE, actor=HOSTILE, detail=HOSTILE, reason=HOSTILE, provider=HOSTILE
        )
        await gate.database.audit.append([(int(gate.clock()), raw)])
        body = (await gate.get(f"{ADMIN}/audit?user=%22%3E%3Cscript%3E&event=%3Cimg")).body.decode()
        assert "<script" not in body
        body = (await gate.get(f"{ADMIN}/audit")).body.decode()
        for forbidden in ("<script", "<img", "\u202e"):
            assert forbidden not in body
        assert "&lt;script&gt;" in body
        assert len(body) < 40_000

"""Users in the console: found, shown whole, and changed by a form each."""

import re
from html import unescape
from pathlib import Path

import pytest

from gateway.model.role import EarnedRole, rule_of
from gateway.web import console_users
from tests.fakes.administrators import (
    ADMIN,
    HOSTILE,
    added,
    administered,
    page,
    press,
    promoted,
    signed_in_elsewhere,
)
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.site import FETCH, PREFIX, Site, header, site


def names(text: str) -> list[str]:
    return re.findall(r'/admin/users/u_[a-z0-9]+"><bdi>([^<]*)</bdi>', text)


async def followed(gate: Site, path: str, fields: dict[str, str] | None = None) -> str:
    """Press a button and return the page that it leads to."""
    answer = await press(gate, path, fields)
    assert answer.status == 303, answer.body
    return unescape((await gate.get(header(answer, b"Location"))).body.decode())


async def test_users_are_listed_with_roles_and_state_the_newest_first(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        gate.clock.advance(1)
        bob = await added(gate, roles=["editor", "author"])
        await gate.database.users.set_enabled(bob.id, enabled=False)
        text = await page(gate)
        assert names(text) == ["Bob", "Ann"]
        assert "bob@example.com" in text
        assert "author, editor" in text
        assert text.count('<span class="tag">disabled</span>') == 1


async def test_users_come_by_pages_and_a_search_keeps_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_users, "PAGE", 2)
    async with administered(tmp_path) as gate:
        for number in range(5):
            gate.clock.advance(1)
            await added(gate, f"p{number}@example.com", name=f"P {number} & co")
        seen, path = [], "?q=%26+CO"
        while path:
            text = await page(gate, path)
            seen += names(text)
            assert 'value="& CO"' in text
            found = re.search(r'href="[^"]*/admin/(\?[^"]*after=[^"]*)"', text)
            path = found[1] if found else ""
        assert seen == [f"P {number} & co" for number in (4, 3, 2, 1, 0)]
        assert "Older ones" not in text
        assert f'href="{ADMIN}/"' in text, "there is a way back to all of them"


async def test_who_is_not_found_is_said(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        assert "No user has this" in await page(gate, "?q=nobody-at-all")
        assert "There are no more users" in await page(gate, "?after=1-a")


async def test_what_is_asked_wrongly_is_400(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        for query in ("after=x", "after=1-%27", "q=%00", "q=" + "x" * 201, "q=a&q=b", "q=%ff"):
            assert (await gate.get(f"{ADMIN}/?{query}")).status == 400


async def test_a_user_is_shown_with_accounts_roles_and_sessions(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob, _ = await signed_in_elsewhere(gate)
        await gate.database.users.change_roles(bob, grant=["editor"])
        text = await page(gate, f"users/{bob}")
        assert "<h1><bdi>Person bob-1</bdi></h1>" in text
        assert f"<code>{bob}</code>" in text
        assert "Known there as <code>bob-1</code>" in text
        assert "Granted by an administrator" in text
        (session,) = await gate.database.sign_ins.listed(bob)
        assert f'action="{ADMIN}/sessions/{session.public_id}"' in text
        assert "192.0.2.1" in text
        assert "Disable this user" in text


async def test_a_role_that_a_provider_grants_says_by_which_rule_and_has_no_button(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        async with gate.database.users.ledger() as ledger:
            login = gate.issuers["demo"].login
            object.__setattr__(login, "roles", earned_by_groups())
            account = await ledger.account("demo", login.issuer, login.subject)
            assert account is not None
            await ledger.record_login(account, login)
        text = await page(gate, f"users/{gate.signed_in}")
        assert "Granted by Demo, where <code>groups = admins</code>" in text
        assert "Revoke the role editor" not in text


def earned_by_groups() -> tuple[object, ...]:
    return (EarnedRole(role="editor", rule=rule_of("groups", "admins")),)


async def test_S20_a_user_is_disabled_and_their_sessions_are_over(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob, theirs = await signed_in_elsewhere(gate)
        text = await followed(gate, f"users/disable/{bob}")
        assert "This user is disabled and signed out." in text
        assert "This user is signed in nowhere." in text
        assert "Enable this user" in text
        ann, gate.browser = gate.browser, theirs
        assert (await gate.get(f"{PREFIX}/account", FETCH)).status == 401
        gate.browser = ann
        assert "This user can sign in again." in await followed(gate, f"users/enable/{bob}")
        found = await gate.database.users.find(bob)
        assert found is not None
        assert found.enabled


async def test_a_role_is_granted_and_revoked(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob = await added(gate)
        text = await followed(gate, f"users/grant/{bob.id}", {"role": " team/wiki:editor "})
        assert "The role is granted." in text
        assert 'name="role" value="team/wiki:editor"' in text
        assert "The role is revoked." in await followed(
            gate, f"users/revoke/{bob.id}", {"role": "team/wiki:editor"}
        )
        assert [(event.name, event.detail) for event in gate.events if event.actor] == [
            ("admin.users.roles", "granted team/wiki:editor"),
            ("admin.users.roles", "revoked team/wiki:editor"),
        ]


async def test_what_is_no_role_is_not_granted(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob = await added(gate)
        for role in ("", " ", "a b", "a,b", "x" * 256, "a\nb", "\u202eadmin"):
            assert (await press(gate, f"users/grant/{bob.id}", {"role": role})).status == 400
        assert (await gate.database.users.find(bob.id)) == bob


async def test_S20_every_session_of_a_user_ends(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob, theirs = await signed_in_elsewhere(gate)
        assert "signed out everywhere" in await followed(gate, f"users/end/{bob}")
        gate.browser = theirs
        assert (await gate.get(f"{PREFIX}/account", FETCH)).status == 401


async def test_C12_one_s_own_page_says_why_some_buttons_are_not_there(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        mine = gate.signed_in
        text = await page(gate, f"users/{mine}")
        assert "You cannot disable yourself" in text
        assert f"{ADMIN}/users/disable/" not in text
        assert f"{ADMIN}/users/revoke/" not in text
        for path, fields in ((f"users/disable/{mine}", {}), (f"users/revoke/{mine}", {"role": "admin"})):
            answer = await press(gate, path, fields)
            assert answer.status == 409
            assert b"You cannot shut yourself out" in answer.body
            assert f'href="{ADMIN}/"'.encode() in answer.body
        assert (await gate.get(f"{ADMIN}/")).status == 200


async def test_nobody_of_that_id_is_404(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        for name in ("u_nobody", "bob@example.com", "U_X", "a" * 65, "..", "'"):
            assert (await gate.get(f"{ADMIN}/users/{name}")).status == 404
            assert (await press(gate, f"users/disable/{name}")).status == 404


async def test_one_s_own_sessions_may_all_end_and_the_next_page_is_the_sign_in(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        here = f"users/{gate.signed_in}"
        assert "End all sessions, this one too" in await page(gate, here)
        answer = await press(gate, f"users/end/{gate.signed_in}")
        assert (await gate.get(header(answer, b"Location"))).status == 302
        assert gate.signed_in == ""


async def test_S29_hostile_names_are_words_on_every_page_and_do_not_fill_it(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob = await added(gate, '"<b>&\'"@example.com', name=HOSTILE)
        for path in ("", f"users/{bob.id}"):
            body = (await gate.get(f"{ADMIN}/{path}")).body.decode()
            assert "<script" not in body
            assert "<img" not in body
            assert "<b>" not in body
            assert "\u202e" not in body
            assert "&lt;script&gt;" in body
            assert len(body) < 40_000


async def test_S29_what_is_looked_for_is_said_as_it_was_typed_and_nothing_else(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        body = (await gate.get(f"{ADMIN}/?q=%22%3E%3Cscript%3E")).body.decode()
        assert "<script" not in body
        assert "&#34;&gt;&lt;script&gt;" in body
        forged = (await gate.get(f"{ADMIN}/users/{gate.signed_in}?done=%3Cb%3E")).body.decode()
        assert "<b>" not in forged
        assert 'role="status"' not in forged


async def test_who_signs_in_by_password_is_shown_so(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await promoted(gate)
        user = await gate.database.users.add("eve@example.com", password_hash=await hash_of(RIGHT))
        assert user is not None
        assert "<li><span>Password</span></li>" in await page(gate, f"users/{user.id}")


async def test_many_sessions_of_one_user_are_counted_not_all_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_users, "PAGE", 1)
    async with administered(tmp_path) as gate:
        bob, _ = await signed_in_elsewhere(gate)
        await signed_in_elsewhere(gate)
        assert "And 1 more." in await page(gate, f"users/{bob}")


async def test_the_account_page_leads_administrators_there_and_nobody_else(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert f"{ADMIN}/" not in (await gate.get(f"{PREFIX}/account")).body.decode()
        await promoted(gate)
        assert f'href="{ADMIN}/"' in (await gate.get(f"{PREFIX}/account")).body.decode()

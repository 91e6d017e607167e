"""Somebody who looks after others, at a site of tests: signed in, with the role, and with its forms."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path

from gateway.model.answer import Answer
from gateway.model.identity import User
from tests.fakes.console import CONSOLE_CSRF
from tests.fakes.jar import Jar
from tests.fakes.site import NAVIGATION, PREFIX, Site, site

ADMIN = f"{PREFIX}/admin"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202egnp.exe" + "x" * 10_000


async def promoted(gate: Site) -> str:
    """Sign Ann in, make her an administrator, and return her id."""
    await gate.sign_in("demo")
    await gate.database.users.change_roles(gate.signed_in, grant=["admin"])
    return gate.signed_in


@asynccontextmanager
async def administered(directory: Path, *, by_password: bool = False) -> AsyncIterator[Site]:
    """Open a site at which Ann, an administrator, is signed in."""
    async with site(directory, providers=("demo", "corp"), by_password=by_password) as gate:
        await promoted(gate)
        yield gate


async def added(
    gate: Site, email: str = "bob@example.com", *, roles: Sequence[str] = (), name: str = "Bob"
) -> User:
    user = await gate.database.users.add(email, name=name, roles=roles)
    if user is None:
        raise LookupError(f"{email} is there already")
    return user


async def signed_in_elsewhere(gate: Site, subject: str = "bob-1") -> tuple[str, Jar]:
    """Sign somebody in by corp in a browser of their own; return their id and that browser."""
    mine, gate.browser = gate.browser, Jar()
    login = gate.issuers["corp"].login
    object.__setattr__(login, "subject", subject)
    object.__setattr__(login, "email", f"{subject}@corp.example")
    object.__setattr__(login, "name", f"Person {subject}")
    await gate.sign_in("corp")
    user_id, theirs = gate.signed_in, gate.browser
    gate.browser = mine
    return user_id, theirs


async def press(
    gate: Site,
    path: str,
    fields: Mapping[str, str] | None = None,
    *,
    token: str | None = None,
    headers: Sequence[tuple[bytes, bytes]] = NAVIGATION,
) -> Answer:
    """Send a form of the console, with a valid token of its own unless another is given."""
    token = gate.token(CONSOLE_CSRF) if token is None else token
    return await gate.post(f"{ADMIN}/{path}", fields, headers, token=token)


async def page(gate: Site, path: str = "") -> str:
    """Return what a page of the console says, without its markup's escapes."""
    answer = await gate.get(f"{ADMIN}/{path}")
    if answer.status != 200:
        raise AssertionError(f"{answer.status} at {path}: {answer.body.decode()}")
    return unescape(answer.body.decode())

"""The audit trail in the console: a page at a time, the newest first, of everybody or of one user."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.model.answer import Answer
from gateway.model.event import AuditEntry
from gateway.model.identity import User
from gateway.web.console_door import Pass
from gateway.web.console_people import called
from gateway.web.console_query import address, number_in, words_in
from gateway.web.moments import second_told
from gateway.web.pages import Pages
from gateway.web.shown import shown
from gateway.web.visit import Visit

PAGE = 50
"""Entries on one page."""

_KINDS = ("admin", "account", "audit", "auth.login", "claims", "logout", "session", "token", "tokens", "user")
"""Beginnings of names that are worth looking for."""


class Trail(Protocol):
    async def entries(
        self,
        *,
        user_id: str = "",
        event: str = "",
        since: int = 0,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[AuditEntry]:
        """Return the newest entries that fit, the oldest of them first. Raises StoreUnavailable."""
        ...


class Finder(Protocol):
    async def find(self, name: str) -> User | None:
        """Return the user whose id or e-mail is *name*. Raises StoreUnavailable."""
        ...


class Users(Protocol):
    async def named(self, ids: Sequence[str]) -> Mapping[str, User]:
        """Return users by their ids. Raises StoreUnavailable."""
        ...


class ConsoleAudit:
    """`/admin/audit`. What entries hold was scrubbed when they were written."""

    def __init__(self, *, trail: Trail, finder: Finder, users: Users, pages: Pages, prefix: str) -> None:
        self._trail = trail
        self._finder = finder
        self._users = users
        self._pages = pages
        self._here = f"{prefix}/admin/audit"

    async def show_all(self, visit: Visit, _: Pass) -> Answer:
        """GET /admin/audit: entries older than `before`, about `user`, of `event` or of all below it."""
        user, event = words_in(visit.query, "user"), words_in(visit.query, "event").lower()
        before = number_in(visit.query, "before")
        found = await self._entries(user, event, before)
        listed = found[:PAGE]
        people = await self._users.named(sorted({name for each in listed for name in _ids(each) if name}))
        asked = {"user": user, "event": event}
        facts = {
            "here": "audit",
            "entries": [_row(each, people) for each in listed],
            "user": user,
            "event": event,
            "kinds": _KINDS,
            "paged": before is not None,
            "first": address(self._here, asked),
            "more": address(self._here, {**asked, "before": str(listed[-1].id)}) if len(found) > PAGE else "",
        }
        return self._pages.form("console_audit.html", facts, cookies=())

    async def _entries(self, user: str, event: str, before: int | None) -> Sequence[AuditEntry]:
        """Return one more than a page holds, the newest first; an id may be that of somebody who is gone."""
        person = await self._finder.find(user) if user else None
        user_id = person.id if person else user
        found = await self._trail.entries(user_id=user_id, event=event, before=before, limit=PAGE + 1)
        return found[::-1]


def _ids(entry: AuditEntry) -> tuple[str, str]:
    return entry.event.user_id, entry.event.actor


def _row(entry: AuditEntry, people: Mapping[str, User]) -> dict[str, object]:
    event = entry.event
    facts = {
        "session": event.session_id,
        "provider": event.provider,
        "route": event.route,
        "from": event.client_ip,
        "request": event.request_id,
    }
    return {
        "at": second_told(entry.ts),
        "event": shown(event.name),
        "outcome": shown(event.outcome),
        "well": event.outcome == "success",
        "reason": shown(event.reason),
        "detail": shown(event.detail, longest=256),
        "whom": _person(event.user_id, people),
        "actor": _person(event.actor, people),
        "facts": [(name, shown(value)) for name, value in facts.items() if value],
    }


def _person(name: str, people: Mapping[str, User]) -> dict[str, str]:
    """Return whom *name* means: `id` is there where the console has a page about them."""
    user = people.get(name)
    return {"id": user.id, "called": called(user)} if user else {"id": "", "called": shown(name)}

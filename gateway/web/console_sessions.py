"""Live sessions in the console, of everybody, and the end of one."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.errors import NoSuchPage
from gateway.flows.administration import Administration
from gateway.model.answer import Answer
from gateway.model.cursor import Cursor
from gateway.model.event import Clock
from gateway.model.identity import User
from gateway.model.session import SignIn
from gateway.sessions.strategy import public_id
from gateway.web.console_door import ConsoleDoor, Pass
from gateway.web.console_people import People
from gateway.web.console_query import address, cursor_in, is_user_id, written
from gateway.web.pages import Pages
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.visit import Visit

PAGE = 50
"""Sessions on one page."""

_PUBLIC_ID = re.compile(r"[0-9a-f]{16}")


class SignIns(Protocol):
    async def page(
        self, *, after: Cursor | None = None, limit: int, begun_after: int = 0
    ) -> Sequence[SignIn]:
        """Return sessions that hold, the newest first. Raises StoreUnavailable."""
        ...


class Users(Protocol):
    async def named(self, ids: Sequence[str]) -> Mapping[str, User]:
        """Return users by their ids. Raises StoreUnavailable."""
        ...


class ConsoleSessions:
    """`/admin/sessions`. *max_age* is the longest life of a session, in seconds."""

    def __init__(
        self,
        *,
        door: ConsoleDoor,
        sign_ins: SignIns,
        users: Users,
        administration: Administration,
        people: People,
        pages: Pages,
        replies: Replies,
        clock: Clock,
        max_age: int,
        prefix: str,
    ) -> None:
        self._door = door
        self._sign_ins = sign_ins
        self._users = users
        self._administration = administration
        self._people = people
        self._pages = pages
        self._replies = replies
        self._clock = clock
        self._max_age = max_age
        self._here = f"{prefix}/admin/sessions"
        self._users_of = f"{prefix}/admin/users"

    async def show_all(self, visit: Visit, admin: Pass) -> Answer:
        """GET /admin/sessions: a page of sessions that hold, the newest first."""
        after = cursor_in(visit.query)
        begun_after = int(self._clock()) - self._max_age
        found = await self._sign_ins.page(after=after, limit=PAGE + 1, begun_after=begun_after)
        listed = found[:PAGE]
        owners = await self._users.named([each.user_id for each in listed])
        current = public_id(admin.session.id)
        more = ""
        if len(found) > PAGE:
            last = Cursor(moment=listed[-1].started_at, id=listed[-1].public_id)
            more = address(self._here, {"after": written(last)})
        token = self._door.token(visit)
        facts = {
            "here": "sessions",
            "sessions": [
                self._people.session(each, current=current, whose=owners.get(each.user_id)) for each in listed
            ],
            "paged": after is not None,
            "first": self._here,
            "more": more,
            "done": visit.query.one("done") == "ended",
            "stale": admin.stale,
            "csrf": token.text,
        }
        return self._pages.form("console_sessions.html", facts, cookies=token.cookies, departs=True)

    def page_of(self, _: Visit, fields: Fields) -> str:
        """Return where the form was: on the page of its `user`, or where sessions are listed."""
        user_id = fields.one("user") or ""
        return f"{self._users_of}/{user_id}" if is_user_id(user_id) else self._here

    async def end(self, visit: Visit, admin: Pass) -> Answer:
        """POST /admin/sessions/{public id}: end it; `user` names whose page the form was on."""
        if not _PUBLIC_ID.fullmatch(visit.tail):
            raise NoSuchPage("no id of a session")
        await self._administration.end_session(admin.session, visit.tail)
        return self._replies.redirect(address(self.page_of(visit, admin.fields), {"done": "ended"}))

"""Users in the console: found, looked at, disabled and enabled, given roles, and signed out."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gateway.errors import NoSuchPage, RequestRejected
from gateway.flows.administration import Administration
from gateway.model.answer import Answer
from gateway.model.cursor import Cursor
from gateway.model.event import Clock
from gateway.model.identity import Account, User
from gateway.model.role import HeldRole, is_role
from gateway.model.session import Session, SignIn
from gateway.sessions.strategy import public_id
from gateway.web.console_door import ConsoleDoor, Pass
from gateway.web.console_people import People
from gateway.web.console_query import address, cursor_in, is_user_id, words_in, written
from gateway.web.pages import Pages
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.visit import Visit

PAGE = 50
"""Users on one page, and sessions on that of one user."""

_DONE = {
    "disabled": "This user is disabled and signed out.",
    "enabled": "This user can sign in again.",
    "granted": "The role is granted.",
    "revoked": "The role is revoked.",
    "ended": "The session is ended.",
    "signed-out": "This user is signed out everywhere.",
}


class UserPages(Protocol):
    """Every verb raises StoreUnavailable."""

    async def page(self, *, search: str = "", after: Cursor | None = None, limit: int) -> Sequence[User]: ...

    async def roles_of(self, user_id: str) -> Sequence[HeldRole]: ...


class Users(Protocol):
    """Every verb raises StoreUnavailable."""

    async def find(self, name: str) -> User | None: ...

    async def accounts_of(self, user_id: str) -> Sequence[Account]: ...

    async def has_password(self, user_id: str) -> bool: ...


class SignIns(Protocol):
    async def listed(self, user_id: str | None = None, *, begun_after: int = 0) -> Sequence[SignIn]: ...


class ConsoleUsers:
    """`/admin/`, `/admin/users/{id}` and what is done to a user. *max_age* is the longest life of a session,
    in seconds."""

    def __init__(
        self,
        *,
        door: ConsoleDoor,
        users: Users,
        user_pages: UserPages,
        sign_ins: SignIns,
        administration: Administration,
        people: People,
        pages: Pages,
        replies: Replies,
        clock: Clock,
        max_age: int,
        prefix: str,
    ) -> None:
        self._door = door
        self._users = users
        self._user_pages = user_pages
        self._sign_ins = sign_ins
        self._administration = administration
        self._people = people
        self._pages = pages
        self._replies = replies
        self._clock = clock
        self._max_age = max_age
        self._all = f"{prefix}/admin/"
        self._each = f"{prefix}/admin/users"

    async def show_all(self, visit: Visit, _: Pass) -> Answer:
        """GET /admin/: a page of users, the newest first, or of those that `q` finds."""
        search, after = words_in(visit.query, "q"), cursor_in(visit.query)
        found = await self._user_pages.page(search=search, after=after, limit=PAGE + 1)
        listed = found[:PAGE]
        more = ""
        if len(found) > PAGE:
            last = Cursor(moment=listed[-1].created_at, id=listed[-1].id)
            more = address(self._all, {"q": search, "after": written(last)})
        facts = {
            "here": "users",
            "users": [self._people.user(each) for each in listed],
            "search": search,
            "paged": after is not None,
            "first": address(self._all, {"q": search}),
            "more": more,
        }
        return self._pages.form("console_users.html", facts, cookies=())

    async def show(self, visit: Visit, admin: Pass) -> Answer:
        """GET /admin/users/{id}: one user, and what can be done."""
        user = await self._found(visit)
        session = admin.session
        begun_after = int(self._clock()) - self._max_age
        sessions = await self._sign_ins.listed(user.id, begun_after=begun_after)
        current = public_id(session.id)
        token = self._door.token(visit)
        facts = {
            "here": "users",
            "user": self._people.user(user),
            "own": user.id == session.identity.user_id,
            "accounts": [self._people.account(each) for each in await self._users.accounts_of(user.id)],
            "password": await self._users.has_password(user.id),
            "roles": [self._people.role(each) for each in await self._user_pages.roles_of(user.id)],
            "sessions": [self._people.session(each, current=current) for each in sessions[:PAGE]],
            "unshown": max(0, len(sessions) - PAGE),
            "done": _DONE.get(visit.query.one("done") or "", ""),
            "stale": admin.stale,
            "csrf": token.text,
        }
        return self._pages.form("console_user.html", facts, cookies=token.cookies, departs=True)

    def page_of(self, visit: Visit, _: Fields) -> str:
        """Return where the page of the user is whom *visit* names. Raises NoSuchPage."""
        return f"{self._each}/{_user_id(visit)}"

    async def disable(self, visit: Visit, admin: Pass) -> Answer:
        """POST /admin/users/disable/{id}. Raises OwnAccessKept."""
        return await self._do(visit, admin, self._administration.disable, "disabled")

    async def enable(self, visit: Visit, admin: Pass) -> Answer:
        """POST /admin/users/enable/{id}."""
        return await self._do(visit, admin, self._administration.enable, "enabled")

    async def sign_out(self, visit: Visit, admin: Pass) -> Answer:
        """POST /admin/users/end/{id}: every session of the user ends."""
        return await self._do(visit, admin, self._administration.end_sessions_of, "signed-out")

    async def grant(self, visit: Visit, admin: Pass) -> Answer:
        """POST /admin/users/grant/{id}: the `role` is given by hand."""
        role = _role_in(admin)
        return await self._do(
            visit, admin, lambda by, user_id: self._administration.grant(by, user_id, role), "granted"
        )

    async def revoke(self, visit: Visit, admin: Pass) -> Answer:
        """POST /admin/users/revoke/{id}: the `role` that was given by hand is taken. Raises OwnAccessKept."""
        role = _role_in(admin)
        return await self._do(
            visit, admin, lambda by, user_id: self._administration.revoke(by, user_id, role), "revoked"
        )

    async def _do(
        self, visit: Visit, admin: Pass, act: Callable[[Session, str], Awaitable[None]], done: str
    ) -> Answer:
        await act(admin.session, _user_id(visit))
        return self._replies.redirect(address(self.page_of(visit, admin.fields), {"done": done}))

    async def _found(self, visit: Visit) -> User:
        user = await self._users.find(_user_id(visit))
        if user is None:
            raise NoSuchPage("no such user")
        return user


def _user_id(visit: Visit) -> str:
    if not is_user_id(visit.tail):
        raise NoSuchPage("no id of a user")
    return visit.tail


def _role_in(admin: Pass) -> str:
    role = (admin.fields.one("role") or "").strip()
    if not is_role(role):
        raise RequestRejected("this is no role")
    return role

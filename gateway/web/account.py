"""The signed-in user's own page: who they are, how they sign in, and where they are signed in."""

import re
from collections.abc import Sequence
from typing import Protocol

from gateway.errors import LoginRequired, NoSuchPage, SignOutIncomplete
from gateway.flows.link import FRESH
from gateway.flows.login import LoginProvider, Logins
from gateway.flows.logout import Logout
from gateway.flows.password import PasswordProvider
from gateway.flows.resume import Resume
from gateway.flows.unlink import Unlinked, Unlinking, handle_of, key_of
from gateway.model.answer import Answer
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.identity import Account
from gateway.model.login import LinkIntent
from gateway.model.session import Session, SignIn
from gateway.sessions.strategy import Strategy, public_id
from gateway.web.again import SignInAgain
from gateway.web.browsers import described
from gateway.web.csrf import Csrf
from gateway.web.moments import moment_told
from gateway.web.pages import Pages
from gateway.web.person import display_name
from gateway.web.query import Fields
from gateway.web.replies import FORGET, Replies
from gateway.web.visit import Visit


class Accounts(Protocol):
    async def accounts_of(self, user_id: str) -> Sequence[Account]:
        """Return the issuers' accounts by which the user can sign in. Raises StoreUnavailable."""
        ...

    async def has_password(self, user_id: str) -> bool:
        """Say whether they can sign in with a password too. Raises StoreUnavailable."""
        ...


class SignIns(Protocol):
    async def listed(self, user_id: str | None = None, *, begun_after: int = 0) -> Sequence[SignIn]:
        """Return the sessions that hold, the newest first. Raises StoreUnavailable."""
        ...


class Endings(Protocol):
    async def end(self, public_id: str, *, user_id: str | None = None) -> bool:
        """End a session of the user; False where they have none of that name. Raises StoreUnavailable."""
        ...


_PUBLIC_ID = re.compile(r"[0-9a-f]{16}")


class AccountPage:
    """`/account` and what its buttons do. *max_age* is the longest life of a session, in seconds."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        sign_ins: SignIns,
        endings: Endings,
        logout: Logout,
        max_age: int,
        audit: Audit,
        logins: Logins,
        again: SignInAgain,
        unlinking: Unlinking,
        strategy: Strategy,
        passwords: PasswordProvider | None,
        tokens: bool,
        resume: Resume,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        clock: Clock,
        prefix: str,
    ) -> None:
        self._accounts = accounts
        self._sign_ins = sign_ins
        self._endings = endings
        self._logout = logout
        self._max_age = max_age
        self._audit = audit
        self._logins = logins
        self._again = again
        self._unlinking = unlinking
        self._strategy = strategy
        self._passwords = passwords
        self._tokens = tokens
        self._resume = resume
        self._csrf = csrf
        self._pages = pages
        self._replies = replies
        self._clock = clock
        self._here = f"{prefix}/account"
        self._signed_out = f"{prefix}/signout"

    async def show(self, visit: Visit) -> Answer:
        """GET /account. Raises LoginRequired where nobody is signed in."""
        resumed = await self._resume.resume(visit.inbound, asks_for_roles=True)
        session = visit.passage.session = resumed.session
        visit.passage.leave = resumed.leave
        visit.passage.reason = resumed.rejected
        if session is None:
            raise LoginRequired("account page")
        linked = await self._accounts.accounts_of(session.identity.user_id)
        sign_ins = await self._sign_ins.listed(
            session.identity.user_id, begun_after=int(self._clock()) - self._max_age
        )
        token = self._csrf.issue(visit.inbound.headers)
        accounts = [*await self._password_row(session), *(self._row(each, session) for each in linked)]
        facts = {
            "user": session.identity,
            "title": display_name(session.identity),
            "accounts": accounts,
            "removable": any("handle" in row and not row["current"] for row in accounts),
            "sessions": [self._session_row(sign_in, session) for sign_in in sign_ins],
            "linkable": self._linkable(linked),
            "stale": self._is_stale(session),
            "csrf": token.text,
            "tokens": self._tokens,
            "changed": visit.query.one("changed") == "password",
        }
        return self._pages.form("account.html", facts, cookies=token.cookies, departs=True)

    async def link(self, visit: Visit) -> Answer:
        """POST /account/link/{provider}: add a way to sign in, after a new login if this one is old."""
        session, _ = await self._asked_by(visit)
        if self._is_stale(session):
            return await self._again.lead(visit, session, back=self._here)
        intent = LinkIntent(user_id=session.identity.user_id, session_id=session.id)
        departure = await self._logins.start(
            visit.tail,
            inbound=visit.inbound,
            return_to=self._here,
            persistent=session.persistent,
            link=intent,
        )
        return self._replies.redirect(departure.location, cookies=departure.cookies)

    async def unlink(self, visit: Visit) -> Answer:
        """POST /account/unlink: give up the `account` named, after a new login if this one is old.

        All other sessions of the user end; this one goes on. Raises AccountKept.
        """
        session, fields = await self._asked_by(visit)
        if self._is_stale(session):
            return await self._again.lead(visit, session, back=self._here)
        user_id = session.identity.user_id
        handle = fields.one("account") or ""
        unlinked = await self._unlinking.unlink(user_id, handle, in_use=_key_in_use(session), but=session.id)
        if unlinked is None:
            return self._replies.redirect(self._here)
        self._tell(session, unlinked)
        reissued = await self._strategy.reissue(session, unlinked.user)
        cookies = self._strategy.cookies(reissued, visit.inbound.headers)
        return self._replies.redirect(self._here, cookies=cookies)

    async def _asked_by(self, visit: Visit) -> tuple[Session, Fields]:
        """Return who sent the form, and the form; raise FormRefused or LoginRequired."""
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        session = await self._resume.live(visit.inbound)
        if session is None:
            raise LoginRequired("account page")
        return session, fields

    def _tell(self, session: Session, unlinked: Unlinked) -> None:
        self._audit(
            AuditEvent(
                name="account.unlinked",
                user_id=unlinked.user.id,
                session_id=public_id(session.id),
                provider=unlinked.account.provider,
            )
        )

    async def end(self, visit: Visit) -> Answer:
        """POST /account/sessions/{public id}: end one session of the signed-in user."""
        session, _ = await self._asked_by(visit)
        if visit.tail == public_id(session.id):
            return await self._end_this(visit)
        mine = session.identity.user_id
        if not _PUBLIC_ID.fullmatch(visit.tail) or not await self._endings.end(visit.tail, user_id=mine):
            raise NoSuchPage("no such session")
        self._strategy.distrust()
        self._audit(
            AuditEvent(
                name="session.ended",
                reason="by user",
                user_id=mine,
                session_id=visit.tail,
                detail=f"from {public_id(session.id)}",
            )
        )
        return self._replies.redirect(self._here)

    async def _end_this(self, visit: Visit) -> Answer:
        left = await self._logout.leave(visit.inbound)
        if not left.complete:
            visit.passage.leave = left.cookies
            raise SignOutIncomplete("the end of the session is not recorded")
        return self._replies.redirect(self._signed_out, cookies=left.cookies, headers=FORGET)

    def _session_row(self, sign_in: SignIn, session: Session) -> dict[str, object]:
        names = self._names()
        return {
            "id": sign_in.public_id,
            "browser": described(sign_in.browser),
            "address": sign_in.address,
            "provider": names.get(sign_in.provider, sign_in.provider),
            "started": moment_told(sign_in.started_at),
            "seen": moment_told(sign_in.last_seen_at),
            "current": sign_in.public_id == public_id(session.id),
        }

    def _names(self) -> dict[str, str]:
        """Return what each provider, that of passwords too, is called."""
        names = {provider.id: provider.name for provider in self._logins.providers}
        if self._passwords is not None:
            names[self._passwords.id] = self._passwords.name
        return names

    def _is_stale(self, session: Session) -> bool:
        return self._clock() - session.last_proof_at > FRESH

    async def _password_row(self, session: Session) -> list[dict[str, object]]:
        mine = self._passwords
        if mine is None or not await self._accounts.has_password(session.identity.user_id):
            return []
        return [
            {
                "name": mine.name,
                "email": session.identity.email,
                "current": mine.id == session.provider,
                "changeable": True,
            }
        ]

    def _row(self, account: Account, session: Session) -> dict[str, object]:
        names = self._names()
        return {
            "name": names.get(account.provider, account.provider),
            "email": account.email,
            "current": key_of(account) == _key_in_use(session),
            "handle": handle_of(account),
            "changeable": False,
        }

    def _linkable(self, linked: Sequence[Account]) -> list[LoginProvider]:
        taken = {account.provider for account in linked}
        return [provider for provider in self._logins.providers if provider.id not in taken]


def _key_in_use(session: Session) -> tuple[str, str, str]:
    return session.provider, session.issuer, session.subject

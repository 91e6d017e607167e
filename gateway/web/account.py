"""The signed-in user's own page: who they are, how they sign in, and how to add or give up a way."""

from collections.abc import Sequence
from typing import Protocol

from gateway.errors import LoginRequired
from gateway.flows.link import FRESH
from gateway.flows.login import LoginProvider, Logins
from gateway.flows.resume import Resume
from gateway.flows.unlink import Unlinked, Unlinking, handle_of, key_of
from gateway.model.answer import Answer
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.identity import Account
from gateway.model.login import LinkIntent
from gateway.model.session import Session
from gateway.sessions.strategy import Strategy, public_id
from gateway.web.csrf import Csrf
from gateway.web.pages import Pages
from gateway.web.person import display_name
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.visit import Visit


class Accounts(Protocol):
    async def accounts_of(self, user_id: str) -> Sequence[Account]:
        """Return the ways in which the user can sign in. Raises StoreUnavailable."""
        ...


class AccountPage:
    """`/account` and what its buttons do."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        logins: Logins,
        unlinking: Unlinking,
        strategy: Strategy,
        audit: Audit,
        resume: Resume,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        clock: Clock,
        prefix: str,
    ) -> None:
        self._accounts = accounts
        self._logins = logins
        self._unlinking = unlinking
        self._strategy = strategy
        self._audit = audit
        self._resume = resume
        self._csrf = csrf
        self._pages = pages
        self._replies = replies
        self._clock = clock
        self._here = f"{prefix}/account"

    async def show(self, visit: Visit) -> Answer:
        """GET /account. Raises LoginRequired where nobody is signed in."""
        resumed = await self._resume.resume(visit.inbound, asks_for_roles=True)
        session = visit.passage.session = resumed.session
        visit.passage.leave = resumed.leave
        visit.passage.reason = resumed.rejected
        if session is None:
            raise LoginRequired("account page")
        linked = await self._accounts.accounts_of(session.identity.user_id)
        token = self._csrf.issue(visit.inbound.headers)
        facts = {
            "user": session.identity,
            "title": display_name(session.identity),
            "accounts": [self._row(account, session) for account in linked],
            "linkable": self._linkable(linked),
            "stale": self._is_stale(session),
            "csrf": token.text,
        }
        return self._pages.form("account.html", facts, cookies=token.cookies, departs=True)

    async def link(self, visit: Visit) -> Answer:
        """POST /account/link/{provider}: add a way to sign in, after a new login if this one is old."""
        session, _ = await self._asked_by(visit)
        if self._is_stale(session):
            return await self._sign_in_again(visit, session)
        intent = LinkIntent(user_id=session.identity.user_id, session_id=session.id)
        departure = await self._logins.start(
            visit.tail, inbound=visit.inbound, return_to=self._here, link=intent
        )
        return self._replies.redirect(departure.location, cookies=departure.cookies)

    async def unlink(self, visit: Visit) -> Answer:
        """POST /account/unlink: give up the `account` named, after a new login if this one is old.

        All other sessions of the user end; this one goes on. Raises AccountKept.
        """
        session, fields = await self._asked_by(visit)
        if self._is_stale(session):
            return await self._sign_in_again(visit, session)
        user_id = session.identity.user_id
        handle = fields.one("account") or ""
        unlinked = await self._unlinking.unlink(user_id, handle, in_use=_key_in_use(session))
        if unlinked is None:
            return self._replies.redirect(self._here)
        self._tell(session, unlinked)
        reissued = self._strategy.reissue(session, unlinked.user)
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

    async def _sign_in_again(self, visit: Visit, session: Session) -> Answer:
        departure = await self._logins.start(
            session.provider, inbound=visit.inbound, return_to=self._here, hints={"prompt": "login"}
        )
        return self._replies.redirect(departure.location, cookies=departure.cookies)

    def _tell(self, session: Session, unlinked: Unlinked) -> None:
        self._audit(
            AuditEvent(
                name="account.unlinked",
                user_id=unlinked.user.id,
                session_id=public_id(session.id),
                provider=unlinked.account.provider,
            )
        )

    def _is_stale(self, session: Session) -> bool:
        return self._clock() - session.authenticated_at > FRESH

    def _row(self, account: Account, session: Session) -> dict[str, object]:
        names = {provider.id: provider.name for provider in self._logins.providers}
        return {
            "name": names.get(account.provider, account.provider),
            "email": account.email,
            "current": key_of(account) == _key_in_use(session),
            "handle": handle_of(account),
        }

    def _linkable(self, linked: Sequence[Account]) -> list[LoginProvider]:
        taken = {account.provider for account in linked}
        return [provider for provider in self._logins.providers if provider.id not in taken]


def _key_in_use(session: Session) -> tuple[str, str, str]:
    return session.provider, session.issuer, session.subject

"""Where somebody makes and revokes the tokens with which their programs call."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from gateway.errors import LoginRequired, NoSuchPage, RequestRejected
from gateway.flows.link import FRESH
from gateway.flows.personal import Minted
from gateway.flows.resume import Resume
from gateway.model.answer import Answer
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.personal import EVERYWHERE, PersonalToken
from gateway.model.session import Session
from gateway.sessions.strategy import public_id
from gateway.web.again import SignInAgain
from gateway.web.csrf import Csrf
from gateway.web.pages import Pages
from gateway.web.replies import Replies
from gateway.web.visit import Visit

LIVES = {"30": "30 days", "90": "90 days", "365": "a year"}
_DAY = 86400
_LONGEST_NAME = 100


class Tokens(Protocol):
    async def listed(self, user_id: str) -> Sequence[PersonalToken]: ...
    async def revoke(self, public_id: str, *, user_id: str) -> PersonalToken | None: ...


class Maker(Protocol):
    async def make(self, user_id: str, *, name: str, routes: Sequence[str], life: int) -> Minted | None: ...


class TokensPage:
    """`/account/tokens`. *routes* are the names of those that take personal tokens; without any, no page."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        maker: Maker,
        routes: Sequence[str],
        resume: Resume,
        again: SignInAgain,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        audit: Audit,
        clock: Clock,
        prefix: str,
    ) -> None:
        self._tokens = tokens
        self._maker = maker
        self._routes = tuple(routes)
        self._resume = resume
        self._again = again
        self._csrf = csrf
        self._pages = pages
        self._replies = replies
        self._audit = audit
        self._clock = clock
        self._here = f"{prefix}/account/tokens"

    async def show(self, visit: Visit) -> Answer:
        """GET /account/tokens. Raises LoginRequired, NoSuchPage where no route takes any."""
        resumed = await self._resume.resume(visit.inbound, asks_for_roles=True)
        visit.passage.session = resumed.session
        visit.passage.leave = resumed.leave
        visit.passage.reason = resumed.rejected
        session = self._owner(resumed.session)
        return await self._page(visit, session)

    async def make(self, visit: Visit) -> Answer:
        """POST /account/tokens: make one, after a new login if this one is old, and show it this once."""
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        session = self._owner(await self._resume.live(visit.inbound))
        if self._is_stale(session):
            return await self._again.lead(visit, session, back=self._here)
        name, route = (fields.one("name") or "").strip(), fields.one("route")
        days = fields.one("days") or ""
        if days not in LIVES or route not in (*self._routes, EVERYWHERE) or not _is_name(name):
            raise RequestRejected("a form that this page does not have")
        life = int(days) * _DAY
        minted = await self._maker.make(session.identity.user_id, name=name, routes=[route], life=life)
        if minted is None:
            return await self._page(visit, session, full=True)
        self._tell(session, "token.made", minted.token)
        return await self._page(visit, session, shown=minted.shown)

    async def revoke(self, visit: Visit) -> Answer:
        """POST /account/tokens/{id}: revoke one of the user's own."""
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        session = self._owner(await self._resume.live(visit.inbound))
        revoked = await self._tokens.revoke(visit.tail, user_id=session.identity.user_id)
        if revoked is None:
            raise NoSuchPage("no such token")
        self._tell(session, "token.revoked", revoked)
        return self._replies.redirect(self._here)

    def _owner(self, session: Session | None) -> Session:
        if session is None:
            raise LoginRequired("account page")
        if not self._routes:
            raise NoSuchPage("no route takes personal tokens")
        return session

    def _is_stale(self, session: Session) -> bool:
        return self._clock() - session.last_proof_at > FRESH

    def _tell(self, session: Session, name: str, token: PersonalToken) -> None:
        self._audit(
            AuditEvent(
                name=name,
                user_id=token.user_id,
                session_id=public_id(session.id),
                detail=token.public_id,
            )
        )

    async def _page(self, visit: Visit, session: Session, *, shown: str = "", full: bool = False) -> Answer:
        token = self._csrf.issue(visit.inbound.headers)
        facts = {
            "csrf": token.text,
            "shown": shown,
            "full": full,
            "stale": self._is_stale(session),
            "routes": self._routes,
            "everywhere": EVERYWHERE,
            "lives": LIVES,
            "tokens": [self._row(each) for each in await self._tokens.listed(session.identity.user_id)],
        }
        return self._pages.form("tokens.html", facts, cookies=token.cookies, departs=True)

    def _row(self, token: PersonalToken) -> dict[str, object]:
        return {
            "id": token.public_id,
            "name": token.name,
            "routes": "everywhere" if EVERYWHERE in token.routes else ", ".join(token.routes),
            "expired": self._clock() >= token.expires_at,
            "expires": _day(token.expires_at),
            "used": "" if token.used_at is None else _day(token.used_at),
        }


def _is_name(name: str) -> bool:
    return bool(name) and len(name) <= _LONGEST_NAME and name.isprintable()


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%-d %b %Y")

"""Endpoints that programs read, in the shapes that Auth.js clients know."""

from collections.abc import Callable
from datetime import UTC, datetime

from gateway.errors import FormRefused
from gateway.flows.login import LoginProvider
from gateway.flows.password import PasswordProvider
from gateway.flows.resume import Resume, Resumed
from gateway.model.answer import Answer
from gateway.model.session import Session
from gateway.web.csrf import Csrf
from gateway.web.errors import ErrorPages
from gateway.web.replies import Replies, set_cookies
from gateway.web.visit import Visit

_JWKS_KEPT = 60


class Programs:
    """`/session`, `/csrf`, `/providers`, `/jwks.json`, `/error`. *root* is `public_url` + prefix."""

    def __init__(
        self,
        *,
        resume: Resume,
        csrf: Csrf,
        replies: Replies,
        errors: ErrorPages,
        providers: tuple[LoginProvider, ...],
        passwords: PasswordProvider | None,
        jwks: Callable[[], dict[str, object]],
        root: str,
    ) -> None:
        self._resume = resume
        self._csrf = csrf
        self._replies = replies
        self._errors = errors
        self._providers = [(provider.id, provider.name, provider.kind) for provider in providers]
        if passwords is not None:
            self._providers.append((passwords.id, passwords.name, "credentials"))
        self._jwks = jwks
        self._root = root

    async def session(self, visit: Visit) -> Answer:
        """GET /session: who is signed in, or null. With `peek=1` nothing is renewed."""
        if visit.query.one("peek") == "1":
            return self._told(await self._resume.live(visit.inbound))
        resumed = await self._resume.resume(visit.inbound, asks_for_roles=False)
        return self._told(_noted(visit, resumed))

    async def reread(self, visit: Visit) -> Answer:
        """POST /session: the session as the server knows it now; what was sent changes no claim."""
        try:
            self._csrf.check_origin(visit.inbound)
            fields = await visit.fields()
            self._csrf.check(visit.inbound, fields.one("csrfToken"))
        except FormRefused:
            return self._replies.document(None, status=400)
        resumed = await self._resume.resume(visit.inbound, asks_for_roles=True)
        return self._told(_noted(visit, resumed))

    async def csrf(self, visit: Visit) -> Answer:
        """GET /csrf: a token for forms and scripts of this browser."""
        token = self._csrf.issue(visit.inbound.headers)
        return self._replies.document({"csrfToken": token.text}, headers=set_cookies(token.cookies))

    async def providers(self, _visit: Visit) -> Answer:
        """GET /providers: how one can sign in here."""
        return self._replies.document({each[0]: self._told_provider(*each) for each in self._providers})

    async def jwks(self, _visit: Visit) -> Answer:
        """GET /jwks.json: the public keys of assertions."""
        return self._replies.public_document(self._jwks(), seconds=_JWKS_KEPT)

    async def error(self, visit: Visit) -> Answer:
        """GET /error: what a code means, for people."""
        code = visit.query.one("error") or ""
        return self._errors.explain(code, request_id=visit.inbound.request_id)

    def _told(self, session: Session | None) -> Answer:
        return self._replies.document(_shown(session) if session else None)

    def _told_provider(self, provider_id: str, name: str, kind: str) -> dict[str, str]:
        return {
            "id": provider_id,
            "name": name,
            "type": kind,
            "signinUrl": f"{self._root}/signin/{provider_id}",
            "callbackUrl": f"{self._root}/callback/{provider_id}",
        }


def _noted(visit: Visit, resumed: Resumed) -> Session | None:
    visit.passage.session = resumed.session
    visit.passage.leave = resumed.leave
    visit.passage.reason = resumed.rejected
    return resumed.session


def _shown(session: Session) -> dict[str, object]:
    who = session.identity
    user = {"id": who.user_id, "name": who.name, "email": who.email, "image": who.image, "roles": who.roles}
    return {"user": user, "expires": _iso(session.ends_at)}


def _iso(moment: int) -> str:
    """Return a time as JavaScript's `Date.toISOString` writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

"""Whose login is this: the table of BEHAVIOUR 3, decided on facts of one write transaction.

Laws: (provider, issuer, subject) alone names an account. An e-mail links only where the operator
trusts the provider's word and both sides are verified (nOAuth), and never to a user who has a
password. A session links only if it asked to, from our own page, and was begun minutes ago: that
somebody is signed in proves no intent.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.errors import AccountNotLinked, FreshLoginRequired, LoginFailed, ProofByAnother, UserRefused
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.identity import Account, User, VerifiedLogin
from gateway.model.login import LinkIntent
from gateway.model.session import Session
from gateway.sessions.strategy import public_id

FRESH = 300  # seconds after a person proved who they are within which they may link another account


class Ledger(Protocol):
    """Users and accounts inside one write transaction; every verb raises StoreUnavailable."""

    async def account(self, provider: str, issuer: str, subject: str) -> Account | None: ...

    async def user(self, user_id: str) -> User | None: ...

    async def user_with_email(self, email: str) -> User | None: ...

    async def has_password(self, user_id: str) -> bool: ...

    async def create_user(self, login: VerifiedLogin) -> User: ...

    async def link(self, user_id: str, login: VerifiedLogin) -> User: ...

    async def record_login(self, account: Account, login: VerifiedLogin) -> User: ...


class Books(Protocol):
    def ledger(self) -> AbstractAsyncContextManager[Ledger]:
        """Open one write transaction: kept at the body's end, undone if the body raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Who signed in, and what that took."""

    user: User
    created: bool = False
    linked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the table asks for.

    `known` is the user of the login's `account`, `owner` the user to whom its e-mail belongs and
    `by_password` whether that one has a password, `linker` the live user whose session asked for
    this link; `fresh` says that this session's login is recent, `email_trusted` that the provider
    vouches for e-mails and did so here. `only` is the id of the one user whose login will do, empty
    where anybody's will.
    """

    account: Account | None = None
    known: User | None = None
    owner: User | None = None
    by_password: bool = False
    linker: User | None = None
    fresh: bool = False
    email_trusted: bool = False
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    user: User
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    error: type[LoginFailed]
    why: str


Decision = SignIn | Create | Link | Refuse

_DISABLED = Refuse(error=UserRefused, why="the user is disabled")
_TOO_OLD = Refuse(error=FreshLoginRequired, why="the login is too old to link another account")
_ELSEWHERE = Refuse(error=AccountNotLinked, why="the account signs in another user")
_SOMEBODY_ELSE = Refuse(error=ProofByAnother, why="a step-up came back as somebody else")
_EMAIL_TAKEN = Refuse(error=AccountNotLinked, why="the e-mail belongs to a user who signs in another way")


def decide(facts: Facts) -> Decision:
    """Return the row of the table that *facts* meet."""
    if facts.only and (facts.known is None or facts.known.id != facts.only):
        return _SOMEBODY_ELSE
    if facts.known is not None and not facts.known.enabled:
        return _DISABLED
    if facts.linker is not None:
        return _by_intent(facts, facts.linker)
    if facts.account is not None:
        return SignIn(account=facts.account)
    if facts.owner is None:
        return Create()
    return _by_email(facts, facts.owner)


def _by_intent(facts: Facts, linker: User) -> Decision:
    if not facts.fresh:
        return _TOO_OLD
    if facts.account is None:
        return Link(user=linker, by="intent")
    if facts.account.user_id == linker.id:
        return SignIn(account=facts.account)
    return _ELSEWHERE


def _by_email(facts: Facts, owner: User) -> Decision:
    if facts.by_password or not (facts.email_trusted and owner.email_verified):
        return _EMAIL_TAKEN
    return Link(user=owner, by="email") if owner.enabled else _DISABLED


class Linking:
    """Settles whose login it is. `trust_email` holds the ids of the providers that have it on."""

    def __init__(self, books: Books, *, trust_email: frozenset[str], audit: Audit, clock: Clock) -> None:
        self._books = books
        self._trust_email = trust_email
        self._audit = audit
        self._clock = clock

    async def settle(
        self, login: VerifiedLogin, *, live: Session | None, intent: LinkIntent | None, only: str = ""
    ) -> Settled:
        """Return the user whom *login* signs in, everything it changes written in one transaction.

        *live* is the presented session if it passed its lookup at this moment; *only* is the id of the
        user who alone may sign in by it. Raises AccountNotLinked, UserRefused, FreshLoginRequired and
        ProofByAnother, with nothing written, and StoreUnavailable. Two first logins of one identity
        settle on one user, on whatever nodes.
        """
        async with self._books.ledger() as ledger:
            decision = decide(replace(await self._facts(ledger, login, live, intent), only=only))
            settled = await _act(ledger, decision, login)
        self._tell(decision, settled, login, live)
        return settled

    async def _facts(
        self, ledger: Ledger, login: VerifiedLogin, live: Session | None, intent: LinkIntent | None
    ) -> Facts:
        account = await ledger.account(login.provider, login.issuer, login.subject)
        linker = await _linker(ledger, live, intent)
        owner = await ledger.user_with_email(login.email) if login.email else None
        return Facts(
            account=account,
            known=await ledger.user(account.user_id) if account else None,
            owner=owner,
            by_password=owner is not None and await ledger.has_password(owner.id),
            linker=linker,
            fresh=live is not None and self._clock() - live.last_proof_at <= FRESH,
            email_trusted=login.email_verified and login.provider in self._trust_email,
        )

    def _tell(self, decision: Decision, settled: Settled, login: VerifiedLogin, live: Session | None) -> None:
        """Tell what changed; that somebody signed in or was refused is told by the login itself."""
        if isinstance(decision, SignIn | Refuse):
            return
        self._audit(
            AuditEvent(
                name="account.linked" if isinstance(decision, Link) else "user.created",
                reason=decision.by if isinstance(decision, Link) else "",
                user_id=settled.user.id,
                session_id=public_id(live.id) if live else "",
                provider=login.provider,
            )
        )


async def _linker(ledger: Ledger, live: Session | None, intent: LinkIntent | None) -> User | None:
    """Return the user who asked for this link: by this very session, and still in force."""
    if live is None or intent is None:
        return None
    if (live.id, live.identity.user_id) != (intent.session_id, intent.user_id):
        return None
    user = await ledger.user(intent.user_id)
    holds = user is not None and user.enabled and user.epoch == live.epoch
    return user if holds else None


async def _act(ledger: Ledger, decision: Decision, login: VerifiedLogin) -> Settled:
    match decision:
        case SignIn(account=account):
            return Settled(user=await ledger.record_login(account, login))
        case Create():
            return Settled(user=await ledger.create_user(login), created=True)
        case Link(user=user):
            return Settled(user=await ledger.link(user.id, login), linked=True)
        case Refuse(error=error, why=why):
            raise error(why)

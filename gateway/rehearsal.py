"""A request rehearsed: what would become of it, told by the code that would decide it.

Nothing is sent and nobody is asked: the caller says who is signed in. Only a token is judged as it would
be: by its issuer's keys, and by the database.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gateway.admission import Admission, Bearers, NoBearers, told_of
from gateway.assembly.routes import build_routes, hosts_served
from gateway.assembly.sessions import cookie_names
from gateway.errors import (
    GatewayError,
    LoginRequired,
    NoRoute,
    RequestRejected,
    StepUpRequired,
)
from gateway.flows.bearer_session import is_bearers
from gateway.flows.resume import Resume, Resumed
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import RawRequest, Receiver
from gateway.front.limits import Limits
from gateway.keys.keyring import KeyRing
from gateway.model.event import Clock
from gateway.model.grant import Token
from gateway.model.identity import Identity, User
from gateway.model.inbound import Inbound
from gateway.model.proof import UNPROVEN
from gateway.model.route import IdentityHeaders, Route
from gateway.model.session import Session
from gateway.observe.trace import NewTraces
from gateway.passage import Passage
from gateway.request_keys import request_keys, signing_keys
from gateway.routing.explain import Explanation, explain
from gateway.routing.policy import Outcome, Verdict
from gateway.routing.table import Table
from gateway.settings.addresses import url
from gateway.settings.schema import Settings
from gateway.upstream.assertion import Assertions
from gateway.upstream.headers import Dresser, reserved_by
from gateway.upstream.signature import Signatures
from gateway.web.own_paths import OwnPaths
from gateway.web.resources import is_well_known


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """`status` is 200 where the request would be sent, then `head` is what the upstream would get,
    or, where there is none, what the proxy in front would be told.

    `code` is the error's stable word where it would not be, `why` what the log would say; `explanation`
    is None where no route governs, or the request is refused before routes are asked. `ours` says that the
    gateway answers by a page or endpoint of its own, whatever that says.
    """

    status: int
    code: str = ""
    why: str = ""
    ours: bool = False
    explanation: Explanation | None = None
    head: tuple[str, ...] = ()


class _Presented(Resume):
    """Stands where cookies are read: the session is the one that the operator named."""

    def __init__(self, session: Session | None) -> None:
        self._session = session

    def at_once(self, inbound: Inbound, *, asks_for_roles: bool) -> Resumed | None:
        return Resumed(session=self._session)


class Rehearsals:
    """Rehearses requests for one configuration."""

    def __init__(self, settings: Settings, *, clock: Clock, bearers: Bearers | None = None) -> None:
        self._clock = clock
        self._bearers = bearers or NoBearers()
        self._table = Table(build_routes(settings))
        self._own = OwnPaths(settings.prefix)
        self._takes_bearers = any(route.bearer is not None for route in self._table.ordered)
        self._receiver = Receiver(
            scheme=url(settings.public_url).scheme,
            serves=hosts_served(settings, self._table),
            proxies=TrustedProxies(settings.trusted_proxies),
            limits=Limits(),
            next_id=lambda: "rehearsal",
        )
        ring = KeyRing(settings.secret, scope=settings.public_url)
        self._dresser = Dresser(
            reserved=reserved_by(self._table.ordered),
            cookies=cookie_names(settings),
            assertions=Assertions(signing_keys(settings, ring), issuer=settings.public_url, clock=clock),
            signatures=Signatures(request_keys(settings, ring), clock=clock),
            new_trace=NewTraces(secrets.token_bytes),
        )

    async def rehearse(
        self,
        method: str,
        address: str,
        *,
        headers: Sequence[tuple[str, str]],
        peer: str,
        session: Session | None,
    ) -> Rehearsal:
        """Return what would become of *method* on the URL *address*."""
        try:
            inbound = self._receiver.receive(_raw(method, address, headers, peer), "rehearsal")
        except RequestRejected as error:
            return Rehearsal(status=error.status, code=error.code, why=str(error))
        if self._is_ours(inbound.path):
            return Rehearsal(status=200, ours=True)
        return await self._walk(inbound, session)

    def _is_ours(self, path: str) -> bool:
        return self._own.cover(path) or (self._takes_bearers and is_well_known(path))

    async def _walk(self, inbound: Inbound, session: Session | None) -> Rehearsal:
        admission = Admission(
            table=self._table, resume=_Presented(session), clock=self._clock, bearers=self._bearers
        )
        passage = Passage(request_id=inbound.request_id, peer=inbound.peer, started=0.0)
        try:
            route = await admission.authorize(passage, inbound)
            head = self._head(inbound, route, told_of(route, passage))
        except GatewayError as error:
            leads = isinstance(error, LoginRequired | StepUpRequired) and inbound.navigation
            status = 302 if leads else error.status
            explanation = _settled(self._explained(inbound, passage.session), passage)
            return Rehearsal(status=status, code=error.code, why=str(error), explanation=explanation)
        return Rehearsal(status=200, explanation=self._explained(inbound, passage.session), head=head)

    def _head(self, inbound: Inbound, route: Route, session: Session | None) -> tuple[str, ...]:
        """Return what would be sent, or told to the proxy in front that sends it."""
        token = _stand_in(route) if session and not is_bearers(session) else None
        if route.upstream is not None:
            return _lines(self._dresser.dress(inbound, route, session, token).head)
        fields = self._dresser.tell(inbound, route, session, token)
        return tuple(f"{name.decode()}: {value.decode()}" for name, value in fields)

    def _explained(self, inbound: Inbound, session: Session | None) -> Explanation | None:
        try:
            return explain(
                self._table,
                method=inbound.method,
                host=inbound.host,
                path=inbound.path,
                identity=session.identity if session else None,
                client_ip=inbound.client_ip,
                proof=session.proof(now=self._clock()) if session else UNPROVEN,
            )
        except NoRoute:
            return None


def _settled(explanation: Explanation | None, passage: Passage) -> Explanation | None:
    """Return *explanation* with what settled the request before any rule: its token, its origin."""
    if explanation is None or not passage.decision:
        return explanation
    verdict = Verdict(outcome=Outcome(passage.decision), reason=passage.reason)
    if verdict == explanation.verdict:
        return explanation
    rules = tuple(replace(rule, decides=False) for rule in explanation.rules)
    return replace(explanation, rules=rules, verdict=verdict)


def _raw(method: str, address: str, headers: Sequence[tuple[str, str]], peer: str) -> RawRequest:
    parts = urlsplit(address)
    target = address.partition("://")[2].partition("/")[1:]
    given = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    return RawRequest(
        method=method,
        target="".join(target) or "/",
        version=(1, 1),
        headers=((b"Host", parts.netloc.encode("latin-1", "replace")), *given),
        peer=peer,
    )


def _stand_in(route: Route) -> Token | None:
    """Return what is shown in place of a forwarded token, which a rehearsal neither has nor tells."""
    if route.forwarding is None:
        return None
    return Token(value=f"(the caller's {route.forwarding.token})", received_at=0)


def _lines(head: bytes) -> tuple[str, ...]:
    return tuple(line.decode("latin-1") for line in head.split(b"\r\n") if line)


def hidden(lines: Sequence[str], identity: IdentityHeaders) -> tuple[str, ...]:
    """Return *lines* without what would let their reader in for a minute: the assertion, the signature."""
    told = {} if identity.assertion is None else {identity.assertion.lower(): "signed, 60 s"}
    if identity.signature is not None:
        told["signature"] = f"{identity.signature}, 60 s"
    return tuple(_hidden(line, told) for line in lines)


def _hidden(line: str, told: Mapping[str, str]) -> str:
    name, mark, _ = line.partition(":")
    instead = told.get(name.lower()) if mark else None
    return line if instead is None else f"{name}: ({instead})"


def as_of(
    session: Session,
    *,
    groups: Sequence[str],
    claims: Sequence[tuple[str, str]],
    acr: str | None = None,
    auth_age: int = 0,
) -> Session:
    """Return *session* as an issuer might make it: *acr* and, *auth_age* seconds ago, is how its person
    proved who they are."""
    named: dict[str, list[str]] = {}
    for name, value in claims:
        named.setdefault(name, []).append(value)
    identity = replace(
        session.identity,
        groups=tuple(groups),
        claims=tuple((name, tuple(values)) for name, values in named.items()),
    )
    return replace(session, identity=identity, acr=acr, proved_at=session.authenticated_at - auth_age)


def session_of(user: User, *, now: int) -> Session:
    """Return a session as if *user* had signed in at *now*, known to nobody and of use nowhere."""
    return Session(
        id="rehearsal",
        token_id="rehearsal",  # noqa: S106 - a name, not a secret
        identity=Identity(
            user_id=user.id,
            email=user.email,
            email_verified=user.email_verified,
            name=user.name,
            image=user.image,
            roles=user.roles,
        ),
        issued_at=now,
        lease_until=now,
        authenticated_at=now,
        ends_at=now,
        epoch=user.epoch,
        provider="rehearsal",
        issuer="rehearsal",
        subject=user.id,
        proved_at=now,
    )

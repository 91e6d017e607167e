"""Whether the caller may pass, needs more proof of who they are, or may not. Rules are a table of
predicates: `admit` stops at the first that decides, `gateway explain` tells them all.

The law: refusals come before permissions, and both before a demand for proof, which nobody is asked
for in vain; an anonymous caller is never refused by a rule that only identity can decide; no decision
depends on a header.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from gateway.model.identity import Identity
from gateway.model.proof import UNPROVEN, Proof
from gateway.model.route import Access, Route, Rules

Hits = tuple[tuple[str, bool], ...]
"""The keys that a set of rules asks for, each with whether the caller matches it."""


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - an outcome, not a password
    LOGIN = "login"
    STEP_UP = "step_up"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a request. `reason` is the rule that decided, one of a bounded set of words."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule and what it says: `hit` is None where nobody is signed in to ask it about.

    `verdict` is None where the rule decides nothing.
    """

    rule: str
    hit: bool | None
    verdict: Verdict | None = None


PASSED = Verdict(outcome=Outcome.PASS, reason="allowed")
_PUBLIC = Finding(rule="public", hit=True, verdict=Verdict(outcome=Outcome.PASS, reason="public"))
_UNKNOWN = Finding(rule="signed_in", hit=False, verdict=Verdict(outcome=Outcome.LOGIN, reason="anonymous"))
_GUEST = Finding(rule="signed_in", hit=False, verdict=Verdict(outcome=Outcome.PASS, reason="anonymous"))
_KNOWN = Finding(rule="signed_in", hit=True)
_NOBODY = Identity(user_id="")


def admit(
    route: Route, identity: Identity | None, *, method: str, client_ip: str, proof: Proof = UNPROVEN
) -> Verdict:
    """Return what the rules of *route*, as the table compiled it, say about this caller.

    *proof* is how they proved who they are, and matters where the route demands something of that.
    """
    if identity is not None and route.plain and route.access is not Access.PUBLIC:
        return PASSED
    for finding in weigh(route, identity, method=method, client_ip=client_ip, proof=proof):
        if finding.verdict is not None:
            return finding.verdict
    return PASSED


def weigh(
    route: Route, identity: Identity | None, *, method: str, client_ip: str, proof: Proof = UNPROVEN
) -> Iterator[Finding]:
    """Yield each rule that *route* has, in the order in which it is asked; the first verdict stands."""
    if route.methods is not None:
        yield _must(("methods", covers_method(route.methods, method)))
    yield from _refusals(route.deny, identity, client_ip)
    for hit in _networks(route.allow, client_ip, unreadable=False):
        yield _must(hit)
    if route.access is Access.PUBLIC:
        yield _PUBLIC
        return
    if identity is None:
        yield _GUEST if route.access is Access.OPTIONAL else _UNKNOWN
        yield from _unasked("", route.allow)
        yield from (replace(finding, hit=None, verdict=None) for finding in _demanded(route, UNPROVEN))
        return
    yield _KNOWN
    for predicate in PERSONAL:
        for hit in predicate(route.allow, identity):
            yield _must(hit)
    yield from _demanded(route, proof)


def _demanded(route: Route, proof: Proof) -> Iterator[Finding]:
    """Yield what the route asks of *proof*: what falls short can be mended by signing in once more."""
    if route.demand is None:
        return
    for rule, holds in route.demand.weighed(proof):
        verdict = None if holds else Verdict(outcome=Outcome.STEP_UP, reason=rule)
        yield Finding(rule=rule, hit=holds, verdict=verdict)


def _refusals(deny: Rules, identity: Identity | None, client_ip: str) -> Iterator[Finding]:
    """Any one key that matches refuses: of two readings of a list of refusals, the stricter."""
    for hit in _networks(deny, client_ip, unreadable=True):
        yield _must_not(hit)
    if identity is None:
        yield from _unasked("deny.", deny)
        return
    if not identity.email_verified and (deny.emails or deny.email_domains):
        identity = replace(identity, email_verified=True)  # an address need not be proved to be refused
    for predicate in PERSONAL:
        for hit in predicate(deny, identity):
            yield _must_not(hit)


def _must(hit: tuple[str, bool]) -> Finding:
    rule, holds = hit
    return Finding(
        rule=rule, hit=holds, verdict=None if holds else Verdict(outcome=Outcome.DENY, reason=rule)
    )


def _must_not(hit: tuple[str, bool]) -> Finding:
    rule, holds = f"deny.{hit[0]}", hit[1]
    return Finding(
        rule=rule, hit=holds, verdict=Verdict(outcome=Outcome.DENY, reason=rule) if holds else None
    )


def _unasked(prefix: str, rules: Rules) -> Iterator[Finding]:
    for predicate in PERSONAL:
        for rule, _ in predicate(rules, _NOBODY):
            yield Finding(rule=prefix + rule, hit=None)


def covers_method(methods: frozenset[str], method: str) -> bool:
    """Say whether *method* is among *methods*.

    HEAD is GET without a body (RFC 9110 9.3.2); no other method opens another.
    """
    return method in methods or (method == "HEAD" and "GET" in methods)


def _networks(rules: Rules, client_ip: str, *, unreadable: bool) -> Hits:
    """*unreadable* is what an address that cannot be read counts as: it never helps its caller."""
    if not rules.networks:
        return ()
    address = _address(client_ip)
    if address is None:
        return (("networks", unreadable),)
    return (("networks", any(address in network for network in rules.networks)),)


def _users(rules: Rules, identity: Identity) -> Hits:
    return (("users", identity.user_id in rules.users),) if rules.users else ()


def _emails(rules: Rules, identity: Identity) -> Hits:
    if not rules.emails:
        return ()
    return (("emails", _vouched(identity) in rules.emails),)


def _email_domains(rules: Rules, identity: Identity) -> Hits:
    if not rules.email_domains:
        return ()
    return (("email_domains", domain_of(_vouched(identity)) in rules.email_domains),)


def _vouched(identity: Identity) -> str | None:
    """Return the e-mail that somebody vouches for: an unverified one is whatever its holder typed."""
    if identity.email is None or not identity.email_verified:
        return None
    return folded(identity.email)


def _groups(rules: Rules, identity: Identity) -> Hits:
    return (("groups", not rules.groups.isdisjoint(identity.groups)),) if rules.groups else ()


def _roles(rules: Rules, identity: Identity) -> Hits:
    return (("roles", not rules.roles.isdisjoint(identity.roles)),) if rules.roles else ()


def _claims(rules: Rules, identity: Identity) -> Hits:
    if not rules.claims:
        return ()
    held = dict(identity.claims)
    return tuple(
        (f"claims.{name}", not wanted.isdisjoint(held.get(name, ()))) for name, wanted in rules.claims
    )


PERSONAL: tuple[Callable[[Rules, Identity], Hits], ...] = (
    _users,
    _emails,
    _email_domains,
    _groups,
    _roles,
    _claims,
)
"""The keys that only identity can decide, in the order in which they are asked."""


def folded(email: str) -> str:
    """Return *email* as it is compared: ASCII lower-cased, anything else exactly as it is.

    Unicode case mapping would make a Kelvin sign a `k`, and so one person another.
    """
    return email.lower() if email.isascii() else email


def domain_of(email: str | None) -> str | None:
    """Return the whole domain of *email*, folded; None where there is not exactly one `@` before one."""
    if email is None or email.count("@") != 1:
        return None
    return folded(email).partition("@")[2] or None


_NO_RULES = Rules()


def prepared(route: Route) -> Route:
    """Return *route* with its e-mail rules in the form in which they are compared, and `plain` set."""
    plain = route.methods is None and route.demand is None and route.allow == route.deny == _NO_RULES
    return replace(route, allow=_folded_rules(route.allow), deny=_folded_rules(route.deny), plain=plain)


def _folded_rules(rules: Rules) -> Rules:
    if not rules.emails and not rules.email_domains:
        return rules
    return replace(
        rules,
        emails=frozenset(map(folded, rules.emails)),
        email_domains=frozenset(map(folded, rules.email_domains)),
    )


@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address; an IPv4 address that came over an IPv6 socket is the IPv4 address it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address

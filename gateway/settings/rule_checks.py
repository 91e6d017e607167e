"""What a rule or a header asks for somebody can have: a refusal by what nobody has refuses nobody."""

from collections.abc import Iterator, Mapping

from gateway.model.email import email_key
from gateway.settings.notation import KeyPath, nearest
from gateway.settings.providers import CLAIM, STANDARD_CLAIMS
from gateway.settings.refusal import Finding
from gateway.settings.routes import RouteSettings, RuleSettings
from gateway.settings.schema import Settings

_KEYS = {"id": "users", "email": "emails", "groups": "groups"}


def rule_faults(settings: Settings) -> Iterator[Finding]:
    """Yield what asks for claims or groups that nobody who passes can have.

    A claim that is named is kept under its own name, unless it is meant to be one that is named otherwise.
    """
    everywhere = frozenset[str]().union(*(_kept(settings, route) for route in settings.routes))
    told = any(_is_told(settings, route) for route in settings.routes)
    for index, route in enumerate(settings.routes):
        path = ("routes", index)
        if route.access != "public":
            for at, rules in ((path, route), ((*path, "deny"), route.deny)):
                yield from _unkept(at, rules, settings, route)
                yield from _without_groups(at, rules, told=_is_told(settings, route))
                yield from _unlike_any(at, rules)
        if route.identity is not None:
            there = (*path, "identity", "headers")
            yield from _unsent(there, route.identity.headers, everywhere, told=told)
    yield from _unsent(("identity", "headers"), settings.identity.headers, everywhere, told=told)
    for name, upstream in settings.upstreams.items():
        if upstream.identity is not None:
            place = ("upstreams", name, "identity", "headers")
            yield from _unsent(place, upstream.identity.headers, everywhere, told=told)


def _kept(settings: Settings, route: RouteSettings) -> frozenset[str]:
    """Return the claims that are kept for callers of *route* by a name of ours."""
    named = [each.claims for each in settings.providers]
    named += [bearer.claims for bearer in route.bearer]
    return frozenset[str]().union(*named) - STANDARD_CLAIMS.keys()


def _is_told(settings: Settings, route: RouteSettings) -> bool:
    """Say whether an issuer tells of callers of *route*; where nobody signs in, that is the fault."""
    if not settings.providers:
        return True
    return bool(route.bearer) or any(provider.type != "password" for provider in settings.providers)


def _unkept(
    path: KeyPath, rules: RuleSettings, settings: Settings, route: RouteSettings
) -> Iterator[Finding]:
    kept, told = _kept(settings, route), _is_told(settings, route)
    for name in rules.claims:
        place = (*path, "claims", name)
        if name not in STANDARD_CLAIMS:
            yield from _never_had(place, name, kept, told=told)
            continue
        key = _KEYS.get(name)
        yield Finding(
            path=place,
            message="is a field of an identity, and no claim that is kept beside them",
            suggestion=f"ask by the key {key}" if key else "no rule asks about it",
        )


def _without_groups(path: KeyPath, rules: RuleSettings, *, told: bool) -> Iterator[Finding]:
    if rules.groups and not told:
        yield Finding(
            path=(*path, "groups"),
            message="are named by issuers, and there is none, so nobody is ever in one",
            suggestion="ask for roles, which are granted here",
            because=(("providers",), (*path[:2], "bearer")),
        )


def _unlike_any(path: KeyPath, rules: RuleSettings) -> Iterator[Finding]:
    """Yield values that are like nobody's: what is compared is compared letter by letter."""
    for key in ("roles", "groups", "emails", "users"):
        for index, value in enumerate(getattr(rules, key)):
            if "*" in value:
                yield Finding(
                    path=(*path, key, index),
                    message="is compared letter by letter, and * stands for nothing else",
                    suggestion='write email_domains = ["example.com"]'
                    if key == "emails"
                    else "write each out",
                )
            elif key == "users" and email_key(value) is not None:
                yield Finding(
                    path=(*path, key, index),
                    message="is an e-mail address, and users are told by X-User-Id",
                    suggestion="write emails, or the id that `gateway users list` shows",
                )


def _unsent(
    path: KeyPath, headers: Mapping[str, str] | None, kept: frozenset[str], *, told: bool
) -> Iterator[Finding]:
    for header, field in (headers or {}).items():
        name = field.removeprefix(CLAIM)
        if name != field:
            yield from _never_had((*path, header), name, kept, told=told)


def _never_had(path: KeyPath, name: str, kept: frozenset[str], *, told: bool) -> Iterator[Finding]:
    """Yield a claim that nobody has, or whose name is nearly that of another."""
    if name in kept:
        return
    close = nearest(name, sorted(kept))
    if not told:
        message, suggestion = "is named by issuers, and there is none, so nobody ever has it", ""
    elif close:
        message = "is kept by no provider under that name"
        suggestion = f'did you mean {close}? Else write claims = {{ {name} = "{name}" }} in [[providers]]'
    else:
        return
    yield Finding(path=path, message=message, suggestion=suggestion, because=(("providers",),))

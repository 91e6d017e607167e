"""What a rule or a header asks for somebody can have: a refusal by what nobody has refuses nobody."""

from collections.abc import Iterator, Mapping

from gateway.model.email import email_key
from gateway.settings.notation import KeyPath, nearest
from gateway.settings.providers import STANDARD_CLAIMS
from gateway.settings.refusal import Finding
from gateway.settings.routes import RouteSettings, RuleSettings
from gateway.settings.schema import Settings

_CLAIM = "claims."
_KEYS = {"id": "users", "email": "emails", "groups": "groups"}


def rule_faults(settings: Settings) -> Iterator[Finding]:
    """Yield what asks for claims or groups that nobody who passes can have."""
    everywhere = frozenset[str]().union(*(_kept(settings, route) for route in settings.routes))
    for index, route in enumerate(settings.routes):
        path = ("routes", index)
        if route.access != "public":
            kept = _kept(settings, route)
            for at, rules in ((path, route), ((*path, "deny"), route.deny)):
                yield from _unkept(at, rules, kept)
                yield from _without_groups(at, rules, settings, route)
                yield from _unlike_any(at, rules)
        if route.identity is not None:
            yield from _unsent((*path, "identity", "headers"), route.identity.headers, everywhere)
    yield from _unsent(("identity", "headers"), settings.identity.headers, everywhere)
    for name, upstream in settings.upstreams.items():
        if upstream.identity is not None:
            place = ("upstreams", name, "identity", "headers")
            yield from _unsent(place, upstream.identity.headers, everywhere)


def _kept(settings: Settings, route: RouteSettings) -> frozenset[str]:
    """Return the claims that callers of *route* may have, beside the fields of an identity."""
    named = [each.claims for each in settings.providers]
    named += [bearer.claims for bearer in route.bearer]
    return frozenset[str]().union(*named) - STANDARD_CLAIMS.keys()


def _unkept(path: KeyPath, rules: RuleSettings, kept: frozenset[str]) -> Iterator[Finding]:
    for name in rules.claims:
        if name in STANDARD_CLAIMS:
            key = _KEYS.get(name)
            yield Finding(
                path=(*path, "claims", name),
                message="is a field of an identity, and no claim that is kept beside them",
                suggestion=f"ask by the key {key}" if key else "no rule asks about it",
            )
        elif name not in kept:
            yield Finding(
                path=(*path, "claims", name),
                message="is kept by no provider, so nobody ever has it",
                suggestion=_to_keep(name, kept),
                because=(("providers",), (*path[:2], "bearer")),
            )


def _without_groups(
    path: KeyPath, rules: RuleSettings, settings: Settings, route: RouteSettings
) -> Iterator[Finding]:
    issuers = any(provider.type != "password" for provider in settings.providers)
    if rules.groups and settings.providers and not issuers and not route.bearer:
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


def _unsent(path: KeyPath, headers: Mapping[str, str] | None, kept: frozenset[str]) -> Iterator[Finding]:
    for header, field in (headers or {}).items():
        name = field.removeprefix(_CLAIM)
        if name != field and name not in kept:
            yield Finding(
                path=(*path, header),
                message="asks for a claim that no provider keeps, so it would never be sent",
                suggestion=_to_keep(name, kept),
                because=(("providers",),),
            )


def _to_keep(name: str, kept: frozenset[str]) -> str:
    close = nearest(name, sorted(kept))
    return f"did you mean {close}?" if close else f'write claims = {{ {name} = "{name}" }} in [[providers]]'

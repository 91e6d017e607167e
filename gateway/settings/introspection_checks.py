"""Contradictions in how issuers are asked about tokens, and as whom."""

from collections.abc import Iterator

from gateway.settings.bearers import BearerSettings
from gateway.settings.client_checks import certificate_faults, opening_faults, secret_faults, signing_faults
from gateway.settings.introspection import CREDENTIALS, IntrospectionSettings
from gateway.settings.notation import KeyPath
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings


def introspections(settings: Settings) -> Iterator[Finding]:
    """Yield what would ask the wrong issuer, as nobody, or with an answer that nobody holds to anything."""
    known: dict[tuple[str, str], tuple[KeyPath, dict[str, object]]] = {}
    for index, route in enumerate(settings.routes):
        asked: list[int] = []
        for number, bearer in enumerate(route.bearer):
            path = ("routes", index, "bearer", number)
            yield from _audience(path, bearer)
            if bearer.introspection is None:
                continue
            asked.append(number)
            yield from _client(path, bearer, bearer.introspection, settings)
            yield from _same(path, bearer, bearer.introspection, known)
        yield from _one(("routes", index, "bearer"), asked)


def _audience(path: KeyPath, bearer: BearerSettings) -> Iterator[Finding]:
    if bearer.audience or (bearer.introspection is not None and bearer.introspection.tokens == "all"):
        return
    yield Finding(
        path=(*path, "audience"),
        message="is required: a JWT is good for whomever it names, and nothing else keeps others' out",
        suggestion="name this resource as the issuer does; it may be left out only where the issuer is asked "
        'about every token, with introspection = { tokens = "all" }',
        because=((*path, "introspection"),),
    )


def _one(path: KeyPath, asked: list[int]) -> Iterator[Finding]:
    for number in asked[1:]:
        yield Finding(
            path=(*path, number, "introspection"),
            message=f"cannot stand beside that of bearer[{asked[0]}]: nothing in an opaque token says whose "
            "it is, and the wrong issuer must not see it",
            suggestion="give each of the two issuers a route",
            because=((*path, asked[0], "introspection"),),
        )


def _client(
    path: KeyPath, bearer: BearerSettings, asked: IntrospectionSettings, settings: Settings
) -> Iterator[Finding]:
    place = (*path, "introspection")
    if asked.client_id is not None:
        yield from _secret(place, asked)
        yield from signing_faults(place, asked)
        yield from certificate_faults(place, asked)
        yield from secret_faults(place, asked)
        yield from opening_faults(
            place,
            asked,
            wanted=asked.format == "encrypted",
            by='format = "encrypted"',
            because=((*place, "format"),),
        )
        return
    for name in CREDENTIALS:
        if name in asked.model_fields_set:
            yield Finding(
                path=(*place, name),
                message="belongs to a client_id, and there is none",
                suggestion="write client_id too, or leave both out to be who we are at the provider",
                because=((*place, "client_id"),),
            )
    same = next((each for each in settings.providers if each.issuer == bearer.issuer), None)
    if same is None or same.client_auth == "none":
        why = "no provider has this issuer" if same is None else "our registration there proves nothing"
        yield Finding(
            path=(*place, "client_id"),
            message=f"is needed: {why}, and whoever asks has to say who they are (RFC 7662 2.1)",
            suggestion='for example client_id = "gateway", client_secret = { env = "NAME" }',
            because=(("providers",), (*path, "issuer")),
        )
    elif asked.format == "encrypted" and not any(key.use == "enc" for key in same.keys):
        yield Finding(
            path=(*place, "format"),
            message=f'has nothing to open answers with: the provider "{same.id}" has no key with use = "enc"',
            suggestion="write client_id and keys here, or have the issuer encrypt to the provider's keys too",
            because=(("providers",), (*path, "issuer")),
        )


def _secret(place: KeyPath, asked: IntrospectionSettings) -> Iterator[Finding]:
    by_secret = asked.client_auth.startswith("client_secret_")
    because = ((*place, "client_auth"),)
    if by_secret and asked.client_secret is None:
        yield Finding(
            path=(*place, "client_secret"),
            message=f'is needed for client_auth = "{asked.client_auth}"',
            suggestion='write client_secret = { env = "NAME" }',
            because=because,
        )
    if not by_secret and asked.client_secret is not None:
        yield Finding(
            path=(*place, "client_secret"),
            message=f'is never used with client_auth = "{asked.client_auth}"',
            suggestion="leave one of the two out",
            because=because,
        )


def _same(
    path: KeyPath,
    bearer: BearerSettings,
    asked: IntrospectionSettings,
    known: dict[tuple[str, str], tuple[KeyPath, dict[str, object]]],
) -> Iterator[Finding]:
    """One client of an issuer proves who it is in one way."""
    if asked.client_id is None:
        return
    proof = {name: getattr(asked, name) for name in CREDENTIALS}
    first, former = known.setdefault((bearer.issuer, asked.client_id), (path, proof))
    if former != proof:
        yield Finding(
            path=(*path, "introspection", "client_id"),
            message=f"proves who it is in another way at routes[{first[1]}]",
            suggestion="write the same in both places",
            because=((*first, "introspection"),),
        )

"""Who calls, as an assertion or a signed request proves it, and the ways in which it can fail to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.verify.strict import Invalid


class VerificationFailed(Exception):
    """Nothing was proved; `status` and `code` are what a client may be told."""

    status = 403
    code = "assertion_invalid"


class AssertionInvalid(VerificationFailed):
    """The assertion is not one of the gateway's for this app, here and now."""


class AssertionMissing(VerificationFailed):
    """No assertion came: the request did not pass the gateway, or as nobody."""

    status = 401
    code = "assertion_required"


class SignatureInvalid(VerificationFailed):
    """The signature is not the gateway's over this request, for this app, now."""

    code = "signature_invalid"


class SignatureMissing(VerificationFailed):
    """No signature came: the request did not pass the gateway."""

    status = 401
    code = "signature_required"


class CallerMissing(VerificationFailed):
    """The request passed the gateway, as nobody's."""

    status = 401
    code = "caller_required"


class MemoryFull(VerificationFailed):
    """More signed requests are remembered than there is room for: neither a pass nor a refusal."""

    status = 503
    code = "memory_full"


class KeysUnavailable(VerificationFailed):
    """The gateway's keys cannot be read: an outage, neither a pass nor a refusal."""

    status = 503
    code = "keys_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is calling. `id` is stable for life, the same for all of a person's accounts.

    `session` tells sessions apart and gives none away; `authenticated_at` is Unix seconds, `acr` and
    `amr` say how they proved who they are, as far as their provider said; all four come with an
    assertion alone. `claims` are all claims of the assertion, or the headers of a signed request by
    their fields, as they were signed.
    """

    id: str
    email: str | None = None
    name: str | None = None
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    session: str | None = None
    provider: str | None = None
    authenticated_at: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    claims: Mapping[str, object] = field(default_factory=dict, hash=False)

    @classmethod
    def told_by(cls, claims: Mapping[str, object]) -> "Caller":
        """Return the caller whom verified *claims* name; raise `Invalid` for a value of a wrong type."""
        return cls(
            id=_text(claims, "sub") or "",
            email=_text(claims, "email"),
            name=_text(claims, "name"),
            roles=_texts(claims, "roles"),
            groups=_texts(claims, "groups"),
            session=_text(claims, "sid"),
            provider=_text(claims, "idp"),
            authenticated_at=_seconds(claims, "auth_time"),
            acr=_text(claims, "acr"),
            amr=_texts(claims, "amr"),
            claims=MappingProxyType(dict(claims)),
        )


def _text(claims: Mapping[str, object], name: str) -> str | None:
    value = claims.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Invalid(f"{name} is not a string")


def _texts(claims: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = claims.get(name, [])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise Invalid(f"{name} is not a list of strings")


def _seconds(claims: Mapping[str, object], name: str) -> int | None:
    value = claims.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Invalid(f"{name} is not a whole number")

"""From verified claims to a `VerifiedLogin`: what we take over, and what ends a login.

Law: an identity value is taken as it is or the login is refused, never mended (rule F3): no lone
surrogate, no control character, nothing over its bound. Messages name the claim, never its value.
"""

import re
from collections.abc import Callable
from unicodedata import normalize

from gateway.errors import LoginFailed
from gateway.model.claim_path import find
from gateway.model.email import email_key
from gateway.model.identity import VerifiedLogin
from gateway.model.role import EarnedRole
from gateway.relying_party.registration import Registration, RoleGrant

LONGEST_VALUE = 2048
MOST_VALUES = 1024

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_WEB = re.compile(r"https?://[!-~]+", re.IGNORECASE)

# What only the signed token may say: userinfo is not bound to this login (OIDC Core 2, 5.3.2).
SIGNED_ONLY = frozenset(
    {
        "iss",
        "sub",
        "aud",
        "azp",
        "exp",
        "iat",
        "nbf",
        "nonce",
        "auth_time",
        "acr",
        "amr",
        "sid",
        "at_hash",
        "c_hash",
    }
)

# What says who somebody is: the signed token's word counts where it has one.
IDENTIFYING = frozenset(
    {"email", "email_verified", "phone_number", "phone_number_verified", "preferred_username"}
    | {"upn", "unique_name", "oid", "tid", "hd"}
)

Claims = dict[str, object]


def merged(id_token: Claims, userinfo: Claims) -> Claims:
    """Return one set of claims: userinfo's over the ID token's, but for what says who somebody is.

    That is `SIGNED_ONLY`, which userinfo never tells, and `IDENTIFYING`, which it tells only where the
    token does not. `email_verified` stays with the e-mail it was said about: userinfo's counts for the
    token's e-mail only where both name the same one. `_claim_sources` stay with their `_claim_names`.
    """
    settled = SIGNED_ONLY | (IDENTIFYING & id_token.keys())
    if "email" in id_token and userinfo.get("email") != id_token["email"]:
        settled |= {"email_verified"}
    kept = dict(id_token)
    if "_claim_names" in userinfo:
        kept.pop("_claim_sources", None)
    else:
        settled |= {"_claim_sources"}
    if "email" not in id_token and "email" in userinfo:
        kept.pop("email_verified", None)
        settled -= {"email_verified"}
    return {**kept, **{name: value for name, value in userinfo.items() if name not in settled}}


def verified_login(
    claims: Claims, *, registration: Registration, scope: str, access_expires_at: int | None
) -> VerifiedLogin:
    """Return the login that *claims* prove. Raises LoginFailed on a value that cannot be carried."""
    names = registration.claims
    email = _email(claims, names.email)
    return VerifiedLogin(
        provider=registration.id,
        issuer=registration.issuer,
        subject=_text(claims, "sub") or "",
        email=email,
        # It speaks about the claim `email` and about no other that is used as one (nOAuth).
        email_verified=registration.email_counts
        and email is not None
        and names.email == "email"
        and claims.get("email_verified") is True,
        name=_text(claims, names.name),
        image=_image(claims, names.image),
        groups=_values(claims, names.groups, wanted=registration.keeps_group),
        roles=_granted(claims, registration.roles),
        claims=tuple((name, values) for name, claim in names.keep if (values := _values(claims, claim))),
        issuer_sid=_text(claims, "sid"),
        acr=_text(claims, "acr"),
        amr=_values(claims, "amr"),
        authenticated_at=_seconds(claims.get("auth_time")),
        scope=scope,
        access_expires_at=access_expires_at,
    )


def _text(claims: Claims, path: str) -> str | None:
    value = find(claims, path)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise LoginFailed(f"the claim {path} is not text")
    return fit(value, path)


def _email(claims: Claims, path: str) -> str | None:
    """Return the e-mail of a login, one that reads alike before and after NFKC, or None without."""
    email = _text(claims, path)
    if email is not None and (normalize("NFKC", email) != email or email_key(email) is None):
        raise LoginFailed(f"the claim {path} is not a plain e-mail address")
    return email


def _image(claims: Claims, path: str) -> str | None:
    """Return the address of a picture; others, such as `data:`, are an ornament to do without."""
    value = find(claims, path)
    if not isinstance(value, str):
        return None
    if _UNFIT.search(value):
        raise LoginFailed(f"the claim {path} has a character that no header can carry")
    return value if len(value) <= LONGEST_VALUE and _WEB.fullmatch(value) else None


def _values(claims: Claims, path: str, *, wanted: Callable[[str], bool] = lambda _: True) -> tuple[str, ...]:
    """Return the *wanted* values of a claim as strings: a list's members, or the one that is no list."""
    value = find(claims, path)
    if value is None or value == "":
        return ()
    listed = value if isinstance(value, list) else [value]
    kept = [text for text in (_scalar(one, path) for one in listed) if wanted(text)]
    if len(kept) > MOST_VALUES:
        raise LoginFailed(f"the claim {path} has more than {MOST_VALUES} values")
    return tuple(kept)


def _granted(claims: Claims, grants: tuple[RoleGrant, ...]) -> tuple[EarnedRole, ...]:
    """Return the roles that *claims* earn, each by every rule; a value of another kind earns none."""
    return tuple(sorted(grant.earned for grant in grants if _holds(find(claims, grant.claim), grant.value)))


def _holds(found: object, wanted: str) -> bool:
    listed = found if isinstance(found, list) else [found]
    return any(_as_text(one) == wanted for one in listed)


def _as_text(value: object) -> str | None:
    """Return a value as it is written in a header, None for what is neither text nor a whole number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None


def _scalar(value: object, path: str) -> str:
    text = _as_text(value)
    if text is None:
        raise LoginFailed(f"the claim {path} has a value that is neither text nor a whole number")
    return fit(text, path)


def fit(value: str, path: str) -> str:
    """Return *value* of the claim *path*, which a header can carry. Raises LoginFailed."""
    if len(value) > LONGEST_VALUE:
        raise LoginFailed(f"the claim {path} is longer than {LONGEST_VALUE} characters")
    if _UNFIT.search(value):
        raise LoginFailed(f"the claim {path} has a character that no header can carry")
    return value


def _seconds(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None

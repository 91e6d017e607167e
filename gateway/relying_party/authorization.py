"""The authorization request, and what comes back through the browser (RFC 6749 4.1, RFC 9207).

Law: state, nonce and PKCE S256 go with every login; what a browser adds reaches the issuer only by
the allow-list; a response that could be read in two ways ends before any token request.
"""

import re
import secrets
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest

from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

from gateway.errors import IssuerUnavailable, LoginCancelled, LoginFailed, ProofTooWeak
from gateway.model.login import PendingLogin
from gateway.model.proof import Demand
from gateway.relying_party.discovery import IssuerMetadata
from gateway.relying_party.registration import Registration

# What a client of ours may ask of the issuer, and how it must be written (OIDC Core 3.1.2.1).
HINTS = {
    "login_hint": re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}"),
    "prompt": re.compile(r"none|(?:login|consent|select_account)(?: (?:login|consent|select_account)){0,2}"),
    "ui_locales": re.compile(r"[A-Za-z0-9-]{1,35}(?: [A-Za-z0-9-]{1,35}){0,9}"),
    "acr_values": re.compile(r"[\x21-\x7e]{1,256}(?: [\x21-\x7e]{1,256}){0,9}"),
    "max_age": re.compile(r"[0-9]{1,9}"),
}
# Parameters of a response that count, and the most characters each may have.
_READ = {"code": 4096, "state": 512, "iss": 2048, "error": 128, "error_description": 1024}
_ONCE = frozenset({"code", "state", "iss", "error"})
_PRINTABLE = re.compile(r"[\x20-\x7e]+")
# The second and third are what Apple and others say for it.
_CANCELLED = frozenset({"access_denied", "user_cancelled_authorize", "user_cancelled_login"})
_OUTAGES = frozenset({"server_error", "temporarily_unavailable"})
# What was asked by acr_values is more than the person can do there
# (OpenID Connect Core Error Code unmet_authentication_requirements 1.0).
_UNMET = "unmet_authentication_requirements"
_WORD = re.compile(r"[a-z_]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackResponse:
    """What the browser brought to the callback: each parameter once, bounded, printable ASCII.

    `name` is what somebody wants to be called, where the issuer tells that beside its answer: bounded, and
    signed by nobody.
    """

    code: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    iss: str | None = None
    error: str | None = None
    error_description: str | None = None
    name: str | None = field(default=None, repr=False)


def random_value() -> str:
    """Return 256 random bits in base64url, for a `state`, `nonce` or `code_verifier`."""
    return secrets.token_urlsafe(32)


def request_parameters(
    registration: Registration,
    pending: PendingLogin,
    hints: Mapping[str, str],
    *,
    demand: Demand | None = None,
) -> list[tuple[str, str]]:
    """Return what the issuer is asked for, parameter by parameter.

    Of *hints* only those on the list and well written go along, and never over what the operator
    configured for every login; what the route *demand*s of this one comes on top of that.
    """
    asked = {name: value for name, value in hints.items() if name in HINTS and HINTS[name].fullmatch(value)}
    settled = {**asked, **dict(registration.authorization_params)}
    mode = registration.response_mode
    return [
        ("response_type", "code"),
        ("client_id", registration.client_id),
        ("redirect_uri", pending.redirect_uri),
        ("scope", " ".join(registration.scopes)),
        ("state", pending.state),
        ("nonce", pending.nonce),
        ("code_challenge", create_s256_code_challenge(pending.verifier)),
        ("code_challenge_method", "S256"),
        *([] if mode == "query" else [("response_mode", mode)]),
        *(("resource", each) for each in registration.resources),
        *{**settled, **_demanded(settled, demand, pending)}.items(),
    ]


def _demanded(settled: Mapping[str, str], demand: Demand | None, pending: PendingLogin) -> dict[str, str]:
    """Return the parameters that ask for *demand* (RFC 9470 4), no weaker than what is *settled*."""
    asked: dict[str, str] = {}
    if demand is not None and demand.max_age is not None:
        asked["max_age"] = str(min(demand.max_age, int(settled.get("max_age", demand.max_age))))
    if demand is not None and demand.acr_values:
        asked["acr_values"] = " ".join(demand.acr_values)
    if pending.step_up is not None and pending.step_up.insisted:
        asked["prompt"] = "login"
    return asked


def read_response(pairs: Sequence[tuple[str, str]]) -> CallbackResponse:
    """Return the authorization response in *pairs* (decoded names and values, in order).

    Raises LoginFailed where `code`, `state`, `iss` or `error` comes twice or is not plain text, or
    `code` comes with `error`; other parameters are ignored.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in _READ:
            continue
        if name in _ONCE and name in found:
            raise LoginFailed(f"the response has {name} twice")
        if name in _ONCE and not _is_plain(name, value):
            raise LoginFailed(f"the response's {name} is empty, too long or not plain text")
        if _is_plain(name, value):
            found[name] = value
    if "code" in found and "error" in found:
        raise LoginFailed("the response has both a code and an error")
    return CallbackResponse(**found)


def accept_response(
    response: CallbackResponse,
    *,
    pending: PendingLogin,
    metadata: IssuerMetadata,
    issuers: Container[str] = (),
) -> str:
    """Return the code of a *response* that answers *pending* and comes from its issuer, or one of *issuers*.

    Raises LoginCancelled where somebody said no, IssuerUnavailable where the issuer is out of
    order, else LoginFailed.
    """
    if response.state is None or not compare_digest(response.state.encode(), pending.state.encode()):
        raise LoginFailed("the response's state is not that of this login")
    _check_issuer(response, metadata, issuers)
    if response.error is not None:
        raise _refusal(response.error)
    if response.code is None:
        raise LoginFailed("the response has no code")
    return response.code


def _check_issuer(response: CallbackResponse, metadata: IssuerMetadata, issuers: Container[str]) -> None:
    """Refuse a mix-up of issuers (RFC 9207 2.4): `iss` must be right, and there if promised."""
    if response.iss is None and metadata.promises_iss:
        raise LoginFailed("the response lacks the iss that its issuer promises")
    if response.iss is not None and response.iss != metadata.issuer and response.iss not in issuers:
        raise LoginFailed("the response comes from another issuer")


def _refusal(error: str) -> LoginFailed | IssuerUnavailable:
    if error in _CANCELLED:
        return LoginCancelled(f"the issuer says {error}")
    if error == _UNMET:
        return ProofTooWeak(f"the issuer says {error}")
    if error in _OUTAGES:
        return IssuerUnavailable(f"the issuer says {error}")
    return LoginFailed(f"the issuer says {plain_word(error)}")


def plain_word(error: object) -> str:
    """Return an error code of an issuer's as far as it is one, fit for the log."""
    return error if isinstance(error, str) and _WORD.fullmatch(error) else "an error that is no word"


def _is_plain(name: str, value: str) -> bool:
    return len(value) <= _READ[name] and _PRINTABLE.fullmatch(value) is not None

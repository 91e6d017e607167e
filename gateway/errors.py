"""Every way a request, a login or a start can end other than well.

    GatewayError
    ├── RequestRejected            400  the bytes could be read in two ways, or are too much
    │   ├── TargetTooLong          414
    │   ├── HeadTooLarge           431
    │   ├── ContentTooLarge        413
    │   ├── MethodRefused          405
    │   ├── MediaTypeRefused       415  a form in a format that we do not read
    │   ├── ExpectationRefused     417
    │   ├── CodingUnsupported      501
    │   ├── VersionUnsupported     505
    │   ├── RequestTimedOut        408
    │   └── Misdirected            421  a host that is not ours
    ├── NoRoute                    404
    ├── NoSuchPage                 404  under our own prefix
    ├── LoopDetected               508  the request already passed this gateway
    ├── Challenged                  -   the caller has to prove something first
    │   ├── LoginRequired          401  nobody is signed in and the route wants somebody
    │   ├── StepUpRequired         401  somebody is, and has to prove once more who they are
    │   └── BearerRefused          401  a token that does not hold; `reason` says why
    │       ├── BearerMalformed    400  credentials that are none, or twice
    │       └── ScopeMissing       403  a token that holds, for something else
    ├── AccessDenied               403  somebody is, and may not pass
    ├── ProxyUntrusted             403  whoever asks about another's request is no proxy of ours
    ├── FormRefused                403  a form without a valid CSRF token, or from another origin
    ├── PasswordRefused            400  a new password that is not taken; `fault` says why
    ├── AccountKept                409  the last way to sign in, or the one in use, is not given up
    ├── OwnAccessKept              409  administrators do not shut themselves out
    ├── TargetRefused              400  a return target that could leave the gateway
    ├── LoginFailed                400  the issuer's answer, or the browser's, did not hold
    │   ├── LoginCancelled         403  the person or the issuer said no
    │   ├── LoginExpired           400  the transaction is gone, used or too old
    │   ├── AccountNotLinked       403  the e-mail belongs to somebody who signs in another way
    │   ├── UserRefused            403  the user is disabled
    │   ├── FreshLoginRequired     403  linking wants a login made within the last minutes
    │   ├── StepUpFailed           403  the new proof is no better than the old one
    │   │   ├── ProofTooOld             the provider remembered the person instead of asking them
    │   │   ├── ProofTooWeak            it asked them in another way than the route demands
    │   │   └── ProofByAnother          somebody else came back
    │   ├── InitiationRefused      400  a third party began a login that is not ours to begin
    │   ├── LoginLoop              400  the browser does not keep the session
    │   ├── CredentialsRefused     401  this name and this password do not belong together
    │   ├── TooManyAttempts        429  too many wrong passwords; `retry_after` says when to come back
    │   └── SessionTooLarge        500  the claims do not fit the cookie
    ├── LogoutRefused              400  a logout token, or an issuer's word about one, that does not hold
    ├── TooManyRequests            429  more than the route lets one caller ask
    ├── Unavailable                503  an outage: never a logout, never a pass
    │   ├── StoreUnavailable
    │   ├── IssuerUnavailable
    │   │   ├── IssuerBusy              it is asked too much already
    │   │   └── RefreshUnverified       what came cannot be used or verified
    │   ├── UpstreamBusy                too many requests wait for an upstream already
    │   └── SignOutIncomplete           the browser is signed out, the store does not know yet
    ├── UpstreamUnreachable        502  no connection, or none that spoke
    │   └── UpstreamBroken         502  an answer that could be read in two ways
    ├── UpstreamTimeout            504
    ├── IdentityUnrepresentable    500  an identity value that no header can carry unaltered
    ├── SessionRejected            -    a presented session does not hold; `reason` says why
    ├── GrantRefused               -    the issuer takes a refresh token no more
    │   └── GrantForeign           -    what it gave for one is about somebody else, or does not verify
    ├── TokenRefused               -    the issuer gives no such token, the grant lives on
    ├── SealBroken                 -    a sealed value does not open
    ├── KeyFileRefused             -    a file of keys that cannot be made or rotated
    ├── SchemaMismatch             -    the database is older, newer or not ours
    ├── StoreUntrusted             -    a store whose certificate, or ours, does not hold
    └── SettingsInvalid            -    the configuration, with every fault at once
        └── SettingsUnreadable     -    no configuration to look at: no file, or no TOML

`code` is the stable word on the wire, `status` the HTTP status. The text of an error is for the
log alone: pages and JSON carry the code and the request id, never the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class GatewayError(Exception):
    """The root: what is raised here on purpose."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500


class RequestRejected(GatewayError):
    code = "bad_request"
    status = 400


class TargetTooLong(RequestRejected):
    code = "uri_too_long"
    status = 414


class HeadTooLarge(RequestRejected):
    code = "header_too_large"
    status = 431


class ContentTooLarge(RequestRejected):
    code = "content_too_large"
    status = 413


class MethodRefused(RequestRejected):
    """*allow* are the methods that would have done, where they are known."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, text: str = "", *, allow: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.allow = tuple(allow)


class MediaTypeRefused(RequestRejected):
    code = "unsupported_media_type"
    status = 415


class ExpectationRefused(RequestRejected):
    code = "expectation_failed"
    status = 417


class CodingUnsupported(RequestRejected):
    code = "coding_not_supported"
    status = 501


class VersionUnsupported(RequestRejected):
    code = "version_not_supported"
    status = 505


class RequestTimedOut(RequestRejected):
    code = "request_timeout"
    status = 408


class Misdirected(RequestRejected):
    """Its text is the host that was asked for."""

    code = "misdirected_request"
    status = 421


class NoRoute(GatewayError):
    code = "not_found"
    status = 404


class NoSuchPage(GatewayError):
    code = "not_found"
    status = 404


class LoopDetected(GatewayError):
    code = "loop_detected"
    status = 508


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A route that takes bearers, as a challenge names it (RFC 9728 5.1): its path and its scopes."""

    path: str
    scopes: tuple[str, ...]


class Challenged(GatewayError):
    """The caller has to prove something first; `resource` is set where a bearer's token may do it."""

    resource: Resource | None = None


class BearerRefused(Challenged):
    """*reason* is one of a few stable words; the text, for the log, names the check that failed."""

    code = "invalid_token"
    status = 401

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class BearerMalformed(BearerRefused):
    code = "invalid_request"
    status = 400


class ScopeMissing(BearerRefused):
    code = "insufficient_scope"
    status = 403


class LoginRequired(Challenged):
    """*route* names the route that asks, where it also asks how they sign in; else it is empty."""

    code = "login_required"
    status = 401

    def __init__(self, text: str = "", *, route: str = "") -> None:
        super().__init__(text)
        self.route = route


class StepUpRequired(Challenged):
    """What the route of that name demands: RFC 9470 3 has the words. *max_age* is in seconds."""

    code = "insufficient_user_authentication"
    status = 401

    def __init__(
        self,
        text: str = "",
        *,
        route: str = "",
        max_age: int | None = None,
        acr_values: Sequence[str] = (),
    ) -> None:
        super().__init__(text)
        self.route = route
        self.max_age = max_age
        self.acr_values = tuple(acr_values)


class AccessDenied(GatewayError):
    code = "access_denied"
    status = 403


class ProxyUntrusted(GatewayError):
    code = "proxy_not_trusted"
    status = 403


class FormRefused(GatewayError):
    code = "csrf_failed"
    status = 403


class PasswordRefused(GatewayError):
    """*fault* ends "the password ..." and may be shown to whoever typed it."""

    code = "password_refused"
    status = 400

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class AccountKept(GatewayError):
    code = "account_kept"
    status = 409


class OwnAccessKept(GatewayError):
    code = "own_access_kept"
    status = 409


class TargetRefused(GatewayError):
    code = "bad_return_target"
    status = 400


class LoginFailed(GatewayError):
    code = "OAuthCallbackError"
    status = 400


class LoginCancelled(LoginFailed):
    code = "AccessDenied"
    status = 403


class LoginExpired(LoginFailed):
    code = "LoginExpired"
    status = 400


class AccountNotLinked(LoginFailed):
    code = "OAuthAccountNotLinked"
    status = 403


class UserRefused(LoginFailed):
    code = "AccessDenied"
    status = 403


class FreshLoginRequired(LoginFailed):
    code = "FreshLoginRequired"
    status = 403


class StepUpFailed(LoginFailed):
    status = 403


class ProofTooOld(StepUpFailed):
    code = "ProofTooOld"


class ProofTooWeak(StepUpFailed):
    code = "ProofTooWeak"


class ProofByAnother(StepUpFailed):
    code = "ProofByAnother"


class InitiationRefused(LoginFailed):
    code = "InitiationRefused"
    status = 400


class LoginLoop(LoginFailed):
    code = "LoginLoop"
    status = 400


class CredentialsRefused(LoginFailed):
    """Never says which half was wrong, nor whether there is such a user."""

    code = "CredentialsSignin"
    status = 401


class TooManyAttempts(LoginFailed):
    """*retry_after* is in whole seconds."""

    code = "TooManyAttempts"
    status = 429

    def __init__(self, text: str = "", *, retry_after: int = 60) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class SessionTooLarge(LoginFailed):
    code = "SessionTooLarge"
    status = 500


class LogoutRefused(GatewayError):
    code = "invalid_request"
    status = 400


class TooManyRequests(GatewayError):
    """More than the route lets one caller ask.

    *retry_after* is in whole seconds, *policy* the quota and its window (`q=100;w=60`).
    """

    code = "too_many_requests"
    status = 429

    def __init__(self, text: str = "", *, retry_after: int = 1, policy: str = "") -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.policy = policy


class Unavailable(GatewayError):
    code = "unavailable"
    status = 503


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class IssuerUnavailable(Unavailable):
    code = "issuer_unavailable"


class IssuerBusy(IssuerUnavailable):
    """Too many calls to it are under way or were made a moment ago, so this one was not."""


class RefreshUnverified(IssuerUnavailable):
    """A refresh token was spent for tokens that nobody can use, or verify yet: *refresh_token* came in its
    place."""

    def __init__(self, message: str, *, refresh_token: str) -> None:
        super().__init__(message)
        self.refresh_token = refresh_token


class UpstreamBusy(Unavailable):
    code = "upstream_busy"


class SignOutIncomplete(Unavailable):
    code = "signout_incomplete"


class UpstreamUnreachable(GatewayError):
    code = "upstream_unreachable"
    status = 502


class UpstreamBroken(UpstreamUnreachable):
    code = "upstream_broken"


class UpstreamTimeout(GatewayError):
    code = "upstream_timeout"
    status = 504


class IdentityUnrepresentable(GatewayError):
    code = "identity_unrepresentable"


class SessionRejected(GatewayError):
    """A presented session that does not hold. *reason* is one of the words of `REASONS`."""

    code = "session_rejected"
    status = 401
    REASONS: ClassVar[frozenset[str]] = frozenset(
        {
            "invalid",
            "unknown",
            "ambiguous",
            "absolute",
            "idle",
            "revoked",
            "user_missing",
            "user_disabled",
            "epoch",
        }
    )

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class GrantRefused(GatewayError):
    """Only a new login brings tokens again."""

    code = "grant_refused"


class GrantForeign(GrantRefused):
    code = "grant_foreign"


class TokenRefused(GatewayError):
    code = "token_refused"


class SealBroken(GatewayError):
    code = "seal_broken"


class KeyFileRefused(GatewayError):
    """The text says what to do about it."""

    code = "key_file_refused"


class SchemaMismatch(GatewayError):
    code = "schema_mismatch"


class StoreUntrusted(GatewayError):
    """The text says whose certificate it is and what is wrong with it."""

    code = "store_untrusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with the configuration, told so that its author can mend it."""

    message: str
    key: str = ""
    file: str = ""
    line: int = 0
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        head = ": ".join(part for part in (place, self.key, self.message) if part)
        return f"{head} ({self.suggestion})" if self.suggestion else head


class SettingsInvalid(GatewayError):
    """The configuration cannot be used; `faults` lists every reason at once."""

    code = "settings_invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class SettingsUnreadable(SettingsInvalid):
    """There is no configuration to look at: the file is missing, closed to us, or no TOML."""

    code = "settings_unreadable"

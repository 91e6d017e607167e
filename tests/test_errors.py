"""Codes and statuses are on the wire: they never change by accident, and the drawn tree is the tree."""

import re
from collections.abc import Iterator

import pytest

from gateway import errors
from gateway.errors import Fault, GatewayError, MethodRefused, SessionRejected, SettingsInvalid

WIRE = {
    "GatewayError": ("internal_error", 500),
    "RequestRejected": ("bad_request", 400),
    "TargetTooLong": ("uri_too_long", 414),
    "HeadTooLarge": ("header_too_large", 431),
    "ContentTooLarge": ("content_too_large", 413),
    "MethodRefused": ("method_not_allowed", 405),
    "MediaTypeRefused": ("unsupported_media_type", 415),
    "ExpectationRefused": ("expectation_failed", 417),
    "CodingUnsupported": ("coding_not_supported", 501),
    "VersionUnsupported": ("version_not_supported", 505),
    "RequestTimedOut": ("request_timeout", 408),
    "Misdirected": ("misdirected_request", 421),
    "NoRoute": ("not_found", 404),
    "NoSuchPage": ("not_found", 404),
    "LoopDetected": ("loop_detected", 508),
    "LoginRequired": ("login_required", 401),
    "StepUpRequired": ("insufficient_user_authentication", 401),
    "AccessDenied": ("access_denied", 403),
    "ProxyUntrusted": ("proxy_not_trusted", 403),
    "PasswordRefused": ("password_refused", 400),
    "AccountKept": ("account_kept", 409),
    "OwnAccessKept": ("own_access_kept", 409),
    "FormRefused": ("csrf_failed", 403),
    "TargetRefused": ("bad_return_target", 400),
    "LoginFailed": ("OAuthCallbackError", 400),
    "LoginCancelled": ("AccessDenied", 403),
    "LoginExpired": ("LoginExpired", 400),
    "AccountNotLinked": ("OAuthAccountNotLinked", 403),
    "UserRefused": ("AccessDenied", 403),
    "FreshLoginRequired": ("FreshLoginRequired", 403),
    "StepUpFailed": ("OAuthCallbackError", 403),
    "ProofTooOld": ("ProofTooOld", 403),
    "ProofTooWeak": ("ProofTooWeak", 403),
    "ProofByAnother": ("ProofByAnother", 403),
    "InitiationRefused": ("InitiationRefused", 400),
    "LoginLoop": ("LoginLoop", 400),
    "CredentialsRefused": ("CredentialsSignin", 401),
    "TooManyAttempts": ("TooManyAttempts", 429),
    "TooManyRequests": ("too_many_requests", 429),
    "SessionTooLarge": ("SessionTooLarge", 500),
    "LogoutRefused": ("invalid_request", 400),
    "Unavailable": ("unavailable", 503),
    "StoreUnavailable": ("store_unavailable", 503),
    "IssuerUnavailable": ("issuer_unavailable", 503),
    "IssuerBusy": ("issuer_unavailable", 503),
    "RefreshUnverified": ("issuer_unavailable", 503),
    "UpstreamBusy": ("upstream_busy", 503),
    "SignOutIncomplete": ("signout_incomplete", 503),
    "UpstreamUnreachable": ("upstream_unreachable", 502),
    "UpstreamBroken": ("upstream_broken", 502),
    "UpstreamTimeout": ("upstream_timeout", 504),
    "IdentityUnrepresentable": ("identity_unrepresentable", 500),
    "SessionRejected": ("session_rejected", 401),
    "GrantRefused": ("grant_refused", 500),
    "GrantForeign": ("grant_foreign", 500),
    "Challenged": ("internal_error", 500),
    "BearerRefused": ("invalid_token", 401),
    "BearerMalformed": ("invalid_request", 400),
    "ScopeMissing": ("insufficient_scope", 403),
    "TokenRefused": ("token_refused", 500),
    "StoreUntrusted": ("store_untrusted", 500),
    "SealBroken": ("seal_broken", 500),
    "KeyFileRefused": ("key_file_refused", 500),
    "SchemaMismatch": ("schema_mismatch", 500),
    "SettingsInvalid": ("settings_invalid", 500),
    "SettingsUnreadable": ("settings_unreadable", 500),
}


def tree(root: type[GatewayError] = GatewayError, depth: int = 0) -> Iterator[tuple[type[GatewayError], int]]:
    yield root, depth
    for each in root.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from tree(each, depth + 1)


def drawn() -> dict[str, tuple[int, str]]:
    """The tree of the docstring: name -> depth and the status that it says."""
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│├└─ ]*)([A-Z]\w+) *(\d{3}|-)?", line):
            found[match[2]] = (len(match[1]) // 4, match[3] or "")
    return found


def test_every_code_and_status_is_the_published_one() -> None:
    assert {each.__name__: (each.code, each.status) for each, _ in tree()} == WIRE


def test_the_drawn_tree_is_the_tree() -> None:
    picture = drawn()
    assert {each.__name__: depth for each, depth in tree()} == {
        name: depth for name, (depth, _) in picture.items()
    }
    for each, _ in tree():
        said = picture[each.__name__][1]
        assert said in ("", "-", str(each.status)), each


@pytest.mark.parametrize("code", sorted({code for code, _ in WIRE.values()}))
def test_a_code_is_one_plain_word(code: str) -> None:
    assert re.fullmatch(r"[A-Za-z_]+", code)


def test_a_refused_method_may_name_those_that_would_do() -> None:
    assert MethodRefused("PUT").allow == ()
    assert MethodRefused("PUT", allow=["GET", "HEAD"]).allow == ("GET", "HEAD")


def test_a_rejected_session_says_why_in_a_known_word() -> None:
    rejected = SessionRejected("revoked")
    assert rejected.reason in SessionRejected.REASONS
    assert str(rejected) == "revoked"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(message="is missing"), "is missing"),
        (Fault(message="is unknown", key="a.b"), "a.b: is unknown"),
        (
            Fault(message="is unknown", key="a.b", file="g.toml", line=3, suggestion="a.c?"),
            "g.toml:3: a.b: is unknown (a.c?)",
        ),
        (Fault(message="cannot be read", file="g.toml"), "g.toml: cannot be read"),
    ],
)
def test_a_fault_is_one_line_that_says_where(fault: Fault, text: str) -> None:
    assert str(fault) == text


def test_a_configuration_is_refused_with_every_fault() -> None:
    faults = [Fault(message="one"), Fault(message="two")]
    refused = SettingsInvalid(faults)
    assert refused.faults == tuple(faults)
    assert str(refused) == "one\ntwo"

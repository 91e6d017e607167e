"""The URL of a logout at the issuer says what the specification asks for, and keeps what was there."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from gateway.relying_party.discovery import IssuerMetadata
from gateway.relying_party.end_session import LogoutDeparture, end_session_url
from gateway.relying_party.registration import Registration

METADATA = IssuerMetadata(
    issuer="https://issuer.example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint="https://issuer.example/token",
    jwks_uri="https://issuer.example/jwks",
    end_session_endpoint="https://issuer.example/logout?tenant=a%20b",
)
REGISTRATION = Registration(
    id="corp", name="Corp", issuer="https://issuer.example", client_id="gate way", client_secret="s"
)
DEPARTURE = LogoutDeparture(return_uri="https://gw.example/.gateway/signout", state="s-1", hint="a.b.c")


def test_B115_everything_that_the_issuer_needs_goes_along() -> None:
    url = end_session_url(METADATA, REGISTRATION, DEPARTURE) or ""
    assert url.startswith("https://issuer.example/logout?")
    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["a b"],
        "client_id": ["gate way"],
        "post_logout_redirect_uri": ["https://gw.example/.gateway/signout"],
        "state": ["s-1"],
        "id_token_hint": ["a.b.c"],
    }


def test_B115_without_a_kept_token_there_is_no_hint() -> None:
    url = end_session_url(METADATA, REGISTRATION, replace(DEPARTURE, hint=None)) or ""
    assert "id_token_hint" not in url


def test_an_issuer_without_such_a_place_has_none() -> None:
    assert end_session_url(replace(METADATA, end_session_endpoint=None), REGISTRATION, DEPARTURE) is None


def test_a_hint_is_not_shown() -> None:
    assert "a.b.c" not in repr(DEPARTURE)

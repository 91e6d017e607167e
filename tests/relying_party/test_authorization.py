from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError, IssuerUnavailable, LoginCancelled, LoginFailed, ProofTooWeak
from gateway.model.login import StepUp
from gateway.model.proof import Demand
from gateway.relying_party.authorization import (
    CallbackResponse,
    accept_response,
    plain_word,
    read_response,
    request_parameters,
)
from gateway.relying_party.discovery import IssuerMetadata
from tests.fakes.issuer import b64
from tests.fakes.login import pending_at, registration

ISSUER = "https://issuer.example"
PENDING = pending_at(ISSUER)


def metadata(**changes: Any) -> IssuerMetadata:
    settled: dict[str, Any] = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize?tenant=a%20b",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/jwks",
    }
    return IssuerMetadata(**{**settled, **changes})


def asked(hints: dict[str, str], **changes: Any) -> list[tuple[str, str]]:
    return request_parameters(registration(**changes), PENDING, hints)


def test_B3_the_request_has_code_flow_state_nonce_and_pkce() -> None:
    assert sorted(asked({})) == sorted(
        [
            ("response_type", "code"),
            ("client_id", "gateway"),
            ("redirect_uri", PENDING.redirect_uri),
            ("scope", "openid email profile"),
            ("state", PENDING.state),
            ("nonce", PENDING.nonce),
            ("code_challenge", b64(sha256(PENDING.verifier.encode()).digest())),
            ("code_challenge_method", "S256"),
        ]
    )


@pytest.mark.parametrize(
    "name",
    [
        "redirect_uri",
        "client_id",
        "response_type",
        "scope",
        "state",
        "nonce",
        "request",
        "uri",
        "x",
        "code_challenge_method",
    ],
)
def test_B4_what_is_not_on_the_list_never_reaches_the_issuer(name: str) -> None:
    assert asked({name: "evil"}) == asked({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("login_hint", "alice@example.com"),
        ("prompt", "none"),
        ("prompt", "login consent"),
        ("ui_locales", "de-CH de en"),
        ("acr_values", "urn:mace:silver phr"),
        ("max_age", "300"),
    ],
)
def test_B4_what_is_on_the_list_does(name: str, value: str) -> None:
    assert set(asked({name: value})) - set(asked({})) == {(name, value)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("login_hint", ""),
        ("login_hint", "x" * 257),
        ("login_hint", "a\nb"),
        ("login_hint", "a\ud800"),
        ("prompt", "evil"),
        ("prompt", "none login"),
        ("ui_locales", "<de>"),
        ("acr_values", "a  b"),
        ("max_age", "-1"),
        ("max_age", "\u0661"),
    ],
)
def test_B4_what_is_on_the_list_but_ill_written_does_not(name: str, value: str) -> None:
    assert asked({name: value}) == asked({})


def test_B4_what_the_operator_configured_goes_over_a_hint() -> None:
    params = asked({"prompt": "none"}, authorization_params=(("prompt", "login"), ("audience", "api")))
    assert [value for name, value in params if name == "prompt"] == ["login"]
    assert ("audience", "api") in params


def test_a_response_is_read() -> None:
    response = read_response(
        [("code", "c"), ("state", "s"), ("iss", ISSUER), ("session_state", "x"), ("session_state", "y")]
    )
    assert response == CallbackResponse(code="c", state="s", iss=ISSUER)
    assert "'c'" not in repr(response)


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
def test_B27_a_repeated_parameter_is_refused(name: str) -> None:
    with pytest.raises(LoginFailed, match="twice"):
        read_response([(name, "same"), (name, "same")])


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
@pytest.mark.parametrize("value", ["", "a\x00", "a\r\nb", "\u00e9", "\ud800", "x" * 4097])
def test_a_parameter_that_is_not_plain_text_is_refused(name: str, value: str) -> None:
    with pytest.raises(LoginFailed):
        read_response([(name, value)])


def test_a_code_with_an_error_is_refused() -> None:
    with pytest.raises(LoginFailed, match="both"):
        read_response([("code", "c"), ("error", "access_denied")])


names = st.sampled_from(["code", "state", "iss", "error", "error_description", "x"]) | st.text(max_size=5)


@given(st.lists(st.tuples(names, st.text(max_size=20)), max_size=6))
def test_any_response_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        response = read_response(pairs)
    except LoginFailed:
        return
    for name in ("code", "state", "iss", "error"):
        assert [value for key, value in pairs if key == name] == [
            value for value in [getattr(response, name)] if value is not None
        ]


def accepted(promises_iss: bool = False, **changes: Any) -> str:
    response = CallbackResponse(**{"code": "c", "state": PENDING.state, **changes})
    return accept_response(response, pending=PENDING, metadata=metadata(promises_iss=promises_iss))


def test_a_response_to_this_login_gives_its_code() -> None:
    assert accepted() == "c"
    assert accepted(iss=ISSUER) == "c"
    assert accepted(promises_iss=True, iss=ISSUER) == "c"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"state": None}, LoginFailed),
        ({"state": "x"}, LoginFailed),
        ({"state": "\u00e9"}, LoginFailed),
        ({"iss": "https://other.example"}, LoginFailed),
        ({"iss": ISSUER + "/"}, LoginFailed),
        ({"promises_iss": True}, LoginFailed),
        ({"code": None}, LoginFailed),
        ({"code": None, "error": "invalid_scope"}, LoginFailed),
        ({"code": None, "error": "access_denied"}, LoginCancelled),
        ({"code": None, "error": "temporarily_unavailable"}, IssuerUnavailable),
        ({"code": None, "error": "access_denied", "state": "x"}, LoginFailed),
    ],
)
def test_any_other_response_does_not(changes: dict[str, Any], error: type[GatewayError]) -> None:
    with pytest.raises(error) as caught:
        accepted(**changes)
    assert type(caught.value) is error


@pytest.mark.parametrize("error", ["<script>", "a b", "", None, 7, "x" * 65])
def test_an_error_that_is_no_word_is_not_quoted(error: object) -> None:
    assert plain_word(error) == "an error that is no word"
    assert plain_word("invalid_grant") == "invalid_grant"


def demanded(demand: Demand, *, insisted: bool = False, **changes: Any) -> dict[str, str]:
    step_up = StepUp(user_id="u", route="/", insisted=insisted)
    return dict(
        request_parameters(
            registration(**changes), replace(PENDING, step_up=step_up), {"prompt": "none"}, demand=demand
        )
    )


def test_B073_what_a_route_demands_is_asked_of_the_issuer() -> None:
    sent = demanded(Demand(max_age=900, acr_values=("mfa", "hardware")))
    assert (sent["max_age"], sent["acr_values"]) == ("900", "mfa hardware")
    assert demanded(Demand()).keys().isdisjoint({"max_age", "acr_values"})


@pytest.mark.parametrize(("configured", "sent"), [("60", "60"), ("3600", "900")])
def test_B073_of_two_ages_the_younger_is_asked(configured: str, sent: str) -> None:
    params = (("max_age", configured), ("acr_values", "usual"))
    asked_for = demanded(Demand(max_age=900, acr_values=("mfa",)), authorization_params=params)
    assert (asked_for["max_age"], asked_for["acr_values"]) == (sent, "mfa")


def test_O19_an_issuer_that_did_not_ask_is_told_to() -> None:
    params = (("prompt", "consent"),)
    assert demanded(Demand(max_age=1), authorization_params=params)["prompt"] == "consent"
    assert demanded(Demand(max_age=1), insisted=True, authorization_params=params)["prompt"] == "login"


@pytest.mark.parametrize("error", ["access_denied", "user_cancelled_authorize", "user_cancelled_login"])
def test_whoever_says_no_is_told_that_they_did(error: str) -> None:
    response = CallbackResponse(state=PENDING.state, error=error, iss=ISSUER)
    with pytest.raises(LoginCancelled):
        accept_response(response, pending=PENDING, metadata=metadata())


def test_B073_an_issuer_that_cannot_meet_it_may_say_so() -> None:
    response = CallbackResponse(state=PENDING.state, error="unmet_authentication_requirements", iss=ISSUER)
    with pytest.raises(ProofTooWeak):
        accept_response(response, pending=PENDING, metadata=metadata())

from typing import Any

import pytest

from gateway.errors import SettingsInvalid
from gateway.relying_party.client_keys import ClientKey
from gateway.relying_party.registration import ClaimNames, RoleGrant
from tests.fakes.client_keys import pem
from tests.fakes.login import registration


def test_a_registration_hides_its_secret() -> None:
    assert "a secret of" not in repr(registration())


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"issuer": "http://issuer.example"}, "issuer"),
        ({"issuer": "https://issuer.example?tenant=1"}, "issuer"),
        ({"client_secret": None}, "client_secret"),
        ({"client_secret": "", "client_auth": "client_secret_post"}, "client_secret"),
        ({"scopes": ("email",)}, "scopes"),
        ({"authorization_params": (("state", "x"),)}, "authorization_params"),
        ({"authorization_params": (("request_uri", "https://evil.example"),)}, "authorization_params"),
        ({"authorization_params": (("code_challenge_method", "plain"),)}, "authorization_params"),
        ({"authorization_params": (("max_age", "1h"),)}, "authorization_params"),
        ({"algorithms": ()}, "id_token_algorithms"),
        ({"algorithms": ("none",)}, "id_token_algorithms"),
        ({"algorithms": ("RS256", "HS256")}, "id_token_algorithms"),
        ({"algorithms": ("HS256",), "client_secret": "short"}, "client_secret"),
        ({"client_auth": "signed_client_secret", "team": "A1B2C3D4E5"}, "keys"),
        ({"client_auth": "signed_client_secret", "keys": (ClientKey(pem=pem()),)}, "keys"),
        (
            {"client_auth": "signed_client_secret", "team": "A", "keys": (ClientKey(pem=pem("RSA2048")),)},
            "keys",
        ),
    ],
)
def test_a_contradiction_stops_the_start(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        registration(**changes)
    assert [fault.key for fault in caught.value.faults] == [f"providers.demo.{key}"]


def test_every_contradiction_is_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        registration(scopes=(), algorithms=(), client_secret=None)
    assert len(caught.value.faults) == 3


def test_a_public_client_needs_no_secret() -> None:
    assert registration(client_auth="none", client_secret=None).client_secret is None


def test_hmac_alone_makes_a_registration_symmetric() -> None:
    assert registration(algorithms=("HS256",)).symmetric
    assert not registration().symmetric


def test_max_age_is_what_the_operator_asks_for() -> None:
    assert registration(authorization_params=(("max_age", "300"),)).max_age == 300
    assert registration().max_age is None


def test_what_is_read_of_an_issuer_s_claims_is_known_by_name() -> None:
    names = ClaimNames(groups="realm.roles", keep=(("x", "a.b"), ("y", "https://x.example/y")))
    made = registration(claims=names, roles=(RoleGrant(role="r", claim='"t.u".v', value="w"),))
    for claim in (
        "email",
        "name",
        "picture",
        "realm",
        "realm.roles",
        "a",
        "a.b",
        "https://x.example/y",
        "t.u",
    ):
        assert made.reads(claim)
    for claim in ("", "b", "groups", "roles", "t", "x", "y"):
        assert not made.reads(claim)
    assert not registration(claims=names, groups_kept=()).reads("realm")


def test_issuers_of_claims_sign_with_keys_that_are_published() -> None:
    with pytest.raises(SettingsInvalid, match="claim_issuers"):
        registration(claim_issuers=("https://agency.example",), algorithms=("HS256",))

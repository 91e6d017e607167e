"""Who somebody is: nothing is known that nobody said."""

from dataclasses import FrozenInstanceError, replace

import pytest

from gateway.model.identity import Account, Identity, VerifiedLogin


def test_an_identity_of_which_only_the_id_is_known_claims_nothing() -> None:
    identity = Identity(user_id="u-1")
    assert (identity.email, identity.name, identity.image) == (None, None, None)
    assert identity.roles == identity.groups == identity.claims == ()


def test_an_address_is_not_verified_unless_the_issuer_said_so() -> None:
    login = VerifiedLogin(provider="demo", issuer="https://issuer", subject="1", email="a@example.com")
    assert login.email_verified is False
    assert Identity(user_id="u-1", email="a@example.com").email_verified is False


def test_two_identities_are_one_only_if_everything_is() -> None:
    identity = Identity(user_id="u-1", roles=("admin",))
    assert identity == replace(identity)
    assert identity != replace(identity, roles=())


def test_an_identity_cannot_be_changed_in_passing() -> None:
    with pytest.raises(FrozenInstanceError):
        Identity(user_id="u-1").user_id = "admin"  # type: ignore[misc]


def test_an_account_is_one_subject_of_one_issuer() -> None:
    account = Account(
        provider="demo",
        issuer="https://issuer",
        subject="1",
        user_id="u-1",
        email=None,
        linked_at=1,
        last_login_at=2,
    )
    assert account != replace(account, issuer="https://other")

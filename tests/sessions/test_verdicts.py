from dataclasses import replace

import pytest

from gateway.model.identity import AccountClaims
from gateway.model.session import Standing
from gateway.sessions.verdicts import as_read, identity_of, refusal
from tests.fakes.sessions import ALICE, LOGIN, Node

SESSION = Node().sessions.issue(LOGIN, ALICE, persistent=True)
STANDING = Standing(
    enabled=True,
    epoch=ALICE.epoch,
    denied=False,
    email="new@example.com",
    email_verified=False,
    name="New",
    image="i",
    roles=("admin",),
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({}, ""), ({"enabled": False}, "user_disabled"), ({"epoch": 9}, "epoch"), ({"denied": True}, "revoked")],
)
def test_B082_each_word_of_the_directory_has_its_reason(change: dict[str, object], reason: str) -> None:
    assert refusal(SESSION, replace(STANDING, **change)) == reason  # type: ignore[arg-type]


def test_B082_no_user_no_session() -> None:
    assert refusal(SESSION, None) == "user_missing"


def test_groups_and_claims_are_the_login_s_where_the_directory_does_not_know_them() -> None:
    identity = as_read(identity_of(LOGIN, ALICE), STANDING)
    assert (identity.email, identity.name, identity.roles) == ("new@example.com", "New", ("admin",))
    assert (identity.groups, identity.claims) == (LOGIN.groups, LOGIN.claims)


def test_B012_groups_and_claims_are_what_the_provider_said_last() -> None:
    said = AccountClaims(groups=("guests",), claims=())
    identity = as_read(identity_of(LOGIN, ALICE), replace(STANDING, claims=said))
    assert (identity.groups, identity.claims) == (("guests",), ())
    assert identity.roles == ("admin",)
    assert as_read(identity, ALICE).groups == ("guests",), "a user alone says nothing of groups"


def test_who_is_as_they_were_stays_the_same_object_and_nobody_else_does() -> None:
    identity = identity_of(LOGIN, ALICE)
    same = replace(
        STANDING,
        email=ALICE.email,
        email_verified=ALICE.email_verified,
        name=ALICE.name,
        image=ALICE.image,
        roles=ALICE.roles,
        claims=AccountClaims(groups=LOGIN.groups, claims=LOGIN.claims),
    )
    assert as_read(identity, same) is identity
    assert as_read(identity, replace(same, claims=None)) is identity
    for said in (AccountClaims(groups=LOGIN.groups), AccountClaims(claims=LOGIN.claims)):
        read = as_read(identity, replace(same, claims=said))
        assert (read.groups, read.claims) == (said.groups, said.claims)
    for change in ("email", "email_verified", "name", "image", "roles"):
        read = as_read(identity, replace(same, **{change: getattr(STANDING, change)}))
        assert getattr(read, change) == getattr(STANDING, change) != getattr(identity, change)

"""Rows say what people need and nothing that a page cannot hold."""

from dataclasses import replace

from gateway.model.identity import Account, User
from gateway.model.role import HeldRole, rule_of
from gateway.model.session import SignIn
from gateway.web.console_people import People, called

PEOPLE = People(providers={"corp": "Example Corp"}, rules={("corp", rule_of("groups", "a")): "groups = a"})
ANN = User(
    id="u_ann",
    email="ann@example.com",
    email_verified=True,
    name="Ann",
    image=None,
    enabled=True,
    epoch=0,
    roles=("a",),
    created_at=0,
)


def user(**changes: object) -> User:
    return replace(ANN, **changes)  # type: ignore[arg-type]


def test_people_are_called_by_name_then_e_mail_then_id() -> None:
    assert called(ANN) == "Ann"
    assert called(user(name=None)) == "ann@example.com"
    assert called(user(name="", email=None)) == "u_ann"
    assert len(called(user(name="\u202e" + "x" * 10_000))) < 200


def test_an_e_mail_is_not_said_twice() -> None:
    assert PEOPLE.user(ANN)["email"] == "ann@example.com"
    assert PEOPLE.user(user(name=None))["email"] == ""


def test_an_account_of_a_provider_that_is_no_more_is_called_by_its_id() -> None:
    account = Account(
        provider="gone", issuer="i", subject="s" * 255, user_id="u", email=None, linked_at=0, last_login_at=0
    )
    row = PEOPLE.account(account)
    assert row["provider"] == "gone"
    assert str(row["subject"]).endswith("…")


def test_a_role_says_who_granted_it() -> None:
    by_hand = PEOPLE.role(HeldRole(role="a", source="", rule=""))
    assert (by_hand["revocable"], by_hand["provider"]) == (True, "")
    by_rule = PEOPLE.role(HeldRole(role="a", source="corp", rule=rule_of("groups", "a")))
    assert (by_rule["revocable"], by_rule["provider"], by_rule["rule"]) == (
        False,
        "Example Corp",
        "groups = a",
    )
    assert PEOPLE.role(HeldRole(role="a", source="corp", rule="f" * 32))["rule"] == ""


def test_a_session_whose_user_is_gone_names_them_by_id() -> None:
    sign_in = SignIn(
        public_id="0" * 16,
        user_id="u_gone",
        provider="corp",
        started_at=0,
        last_seen_at=1,
        ends_at=2,
        address="192.0.2.1",
        browser="",
    )
    row = PEOPLE.session(sign_in, current="1" * 16)
    assert (row["user"], row["current"], row["browser"]) == ("u_gone", False, "Unknown browser")
    assert PEOPLE.session(sign_in, current="0" * 16, whose=ANN)["user"] == "Ann"

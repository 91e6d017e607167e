from dataclasses import replace
from itertools import product

import pytest

from gateway.errors import AccountNotLinked, FreshLoginRequired, ProofByAnother, UserRefused
from gateway.flows.link import FRESH, Create, Decision, Facts, Link, Refuse, SignIn, decide
from gateway.model.identity import Account, User

ANN = User(
    id="u_ann",
    email="ann@example.com",
    email_verified=True,
    name=None,
    image=None,
    enabled=True,
    epoch=0,
    roles=(),
    created_at=0,
)
BOB = replace(ANN, id="u_bob", email="bob@example.com")
OFF = replace(ANN, enabled=False)


def account_of(user: User) -> Account:
    return Account(
        provider="corp",
        issuer="https://issuer.example",
        subject="s",
        user_id=user.id,
        email=None,
        linked_at=0,
        last_login_at=0,
    )


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        (Facts(), Create()),
        (Facts(account=account_of(ANN), known=ANN), SignIn(account=account_of(ANN))),
        (Facts(account=account_of(ANN), known=ANN, owner=BOB), SignIn(account=account_of(ANN))),
        (Facts(account=account_of(OFF), known=OFF), UserRefused),
        (Facts(account=account_of(OFF), known=OFF, linker=BOB, fresh=True), UserRefused),
        (Facts(owner=ANN), AccountNotLinked),
        (Facts(owner=replace(ANN, email_verified=False), email_trusted=True), AccountNotLinked),
        (Facts(owner=ANN, email_trusted=True), Link(user=ANN, by="email")),
        (Facts(owner=ANN, email_trusted=True, by_password=True), AccountNotLinked),
        (Facts(owner=OFF, email_trusted=True), UserRefused),
        (Facts(owner=OFF), AccountNotLinked),
        (Facts(linker=ANN, fresh=True), Link(user=ANN, by="intent")),
        (Facts(linker=ANN, fresh=True, owner=BOB, email_trusted=True), Link(user=ANN, by="intent")),
        (Facts(linker=ANN), FreshLoginRequired),
        (Facts(linker=ANN, account=account_of(ANN), known=ANN), FreshLoginRequired),
        (Facts(linker=ANN, account=account_of(ANN), known=ANN, fresh=True), SignIn(account=account_of(ANN))),
        (Facts(linker=ANN, account=account_of(BOB), known=BOB, fresh=True), AccountNotLinked),
    ],
)
def test_A14_to_A18_each_row_of_the_table(facts: Facts, row: Decision | type[Exception]) -> None:
    found = decide(facts)
    if isinstance(row, type):
        assert isinstance(found, Refuse)
        assert found.error is row
        return
    assert found == row


def every_case() -> list[Facts]:
    users = (None, ANN, BOB, OFF, replace(ANN, email_verified=False))
    return [
        Facts(
            account=account_of(known) if known else None,
            known=known,
            owner=owner,
            linker=linker,
            fresh=fresh,
            email_trusted=trusted,
        )
        for known, owner, linker, fresh, trusted in product(
            users, users, (None, ANN, BOB), (True, False), (True, False)
        )
    ]


def test_no_case_links_without_recent_intent_or_two_verified_e_mails() -> None:
    for facts in every_case():
        found = decide(facts)
        if not isinstance(found, Link):
            continue
        by_intent = found.user == facts.linker and facts.fresh
        by_email = (
            facts.linker is None
            and found.user == facts.owner
            and facts.email_trusted
            and found.user.email_verified
            and found.user.enabled
        )
        assert by_intent or by_email
        assert facts.account is None


def test_no_case_signs_a_disabled_user_in() -> None:
    for facts in every_case():
        found = decide(facts)
        if isinstance(found, SignIn):
            assert facts.known is not None
            assert facts.known.enabled
            assert found.account.user_id == facts.known.id


def test_no_case_makes_a_second_user_for_an_account_or_an_e_mail() -> None:
    for facts in every_case():
        if isinstance(decide(facts), Create):
            assert facts.account is None
            assert facts.owner is None


def test_B018_B073_a_step_up_signs_in_its_own_user_or_nobody() -> None:
    for facts in every_case():
        found = decide(replace(facts, only=ANN.id))
        if facts.known is None or facts.known.id != ANN.id:
            assert isinstance(found, Refuse)
            assert found.error is ProofByAnother
        else:
            assert found == decide(facts)


def test_B016_five_minutes_after_a_login_it_is_too_old_to_link() -> None:
    assert FRESH == 5 * 60

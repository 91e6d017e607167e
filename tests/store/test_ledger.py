import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import StoreUnavailable
from gateway.model.identity import User, VerifiedLogin
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, opened
from tests.fakes.logins import ANN, BOB, at_other_provider, earned

pytestmark = pytest.mark.usefixtures("kind")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with opened(tmp_path, clock) as database:
        yield database


async def created(database: Database, login: VerifiedLogin) -> User:
    async with database.users.ledger() as ledger:
        return await ledger.create_user(login)


async def signed_in(database: Database, login: VerifiedLogin) -> User:
    async with database.users.ledger() as ledger:
        account = await ledger.account(login.provider, login.issuer, login.subject)
        assert account is not None
        return await ledger.record_login(account, login)


async def test_A11_a_user_and_their_account_are_made_together(database: Database, clock: FakeClock) -> None:
    user = await created(database, ANN)
    assert user == User(
        id=user.id,
        email="ann@example.com",
        email_verified=True,
        name="Ann",
        image=None,
        enabled=True,
        epoch=0,
        roles=(),
        created_at=int(clock()),
    )
    (account,) = await database.users.accounts_of(user.id)
    assert (account.provider, account.issuer, account.subject) == ("corp", "https://issuer.example", "ann-1")
    assert account.user_id == user.id


async def test_A11_ids_come_from_128_random_bits_and_are_never_reused(database: Database) -> None:
    ann = await created(database, ANN)
    await database.users.delete(ann.id)
    again = await created(database, ANN)
    assert again.id != ann.id
    assert len(ann.id.removeprefix("u_")) == 26
    assert ann.id.removeprefix("u_").isalnum()


async def test_O37_an_account_is_named_by_provider_issuer_and_subject_alone(database: Database) -> None:
    await created(database, ANN)
    async with database.users.ledger() as ledger:
        for changes in (
            {"provider": "x"},
            {"issuer": "https://x"},
            {"subject": "ANN-1"},
            {"subject": "ann-1 "},
        ):
            other = replace(ANN, **changes)
            assert await ledger.account(other.provider, other.issuer, other.subject) is None


async def test_A12_a_login_updates_its_account(database: Database, clock: FakeClock, tmp_path: Path) -> None:
    user = await created(database, ANN)
    clock.advance(3600)
    again = replace(
        ANN,
        scope="openid email groups",
        access_expires_at=int(clock()) + 60,
        groups=("staff",),
        claims=(("department", ("it",)),),
    )
    assert (await signed_in(database, again)).id == user.id
    [(scope, expires, claims, last, linked)] = hand(
        tmp_path, "SELECT scope, access_expires_at, claims, last_login_at, linked_at FROM accounts"
    )
    assert isinstance(claims, str)
    assert (scope, expires) == ("openid email groups", int(clock()) + 60)
    assert json.loads(claims)["groups"] == ["staff"]
    assert json.loads(claims)["kept"] == {"department": ["it"]}
    assert (linked, last) == (int(clock()) - 3600, int(clock()))


async def restated(database: Database, login: VerifiedLogin) -> tuple[str, ...]:
    async with database.users.ledger() as ledger:
        account = await ledger.account(login.provider, login.issuer, login.subject)
        assert account is not None
        return await ledger.restate(account, login)


async def test_B075_between_logins_a_provider_s_word_replaces_what_it_said_and_granted_before(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    user = await created(database, replace(ANN, groups=("staff",), roles=earned("editor", "reader")))
    await database.users.change_roles(user.id, grant=["admin"])
    clock.advance(3600)
    news = replace(ANN, roles=earned("reader"), claims=(("area", ("it",)),), scope="", access_expires_at=9)
    assert await restated(database, news) == ("groups", "claims", "roles")
    assert await restated(database, news) == ()
    found = await database.users.find(user.id)
    assert found is not None
    assert found.roles == ("admin", "reader")
    assert await restated(database, replace(news, name="Ann Lee", email="lee@example.com")) == ("profile",)
    [account] = await database.users.accounts_of(user.id)
    assert (account.email, account.scope) == ("lee@example.com", ANN.scope)
    assert account.last_login_at == int(clock()) - 3600, "nobody signed in"
    assert hand(tmp_path, "SELECT access_expires_at FROM accounts") == [(None,)]


async def test_between_logins_another_account_than_the_leading_one_renames_nobody(database: Database) -> None:
    user = await created(database, ANN)
    other = at_other_provider(ANN, roles=earned("editor"))
    async with database.users.ledger() as ledger:
        await ledger.link(user.id, other)
    assert await restated(database, replace(other, name="Somebody", roles=(), groups=("x",))) == (
        "groups",
        "roles",
    )
    found = await database.users.find(user.id)
    assert found is not None
    assert (found.name, found.roles) == ("Ann", ())


async def test_an_account_that_is_gone_has_nothing_restated(database: Database, tmp_path: Path) -> None:
    await created(database, ANN)
    async with database.users.ledger() as ledger:
        account = await ledger.account(ANN.provider, ANN.issuer, ANN.subject)
    assert account is not None
    hand(tmp_path, "DELETE FROM accounts")
    async with database.users.ledger() as ledger:
        assert await ledger.restate(account, replace(ANN, roles=earned("editor"))) == ()


async def test_the_leading_account_refreshes_the_profile(database: Database) -> None:
    await created(database, ANN)
    married = replace(
        ANN, name="Ann Lee", image="https://x/ann.png", email="lee@example.com", email_verified=False
    )
    user = await signed_in(database, married)
    assert (user.name, user.image, user.email, user.email_verified) == (
        "Ann Lee",
        "https://x/ann.png",
        "lee@example.com",
        False,
    )


async def test_what_the_provider_leaves_out_stays(database: Database) -> None:
    await created(database, ANN)
    user = await signed_in(database, replace(ANN, name=None, email=None, email_verified=False))
    assert (user.name, user.email, user.email_verified) == ("Ann", "ann@example.com", True)


async def test_another_account_renames_nobody(database: Database) -> None:
    ann = await created(database, ANN)
    other = at_other_provider(ANN, name="root", email="root@example.com")
    async with database.users.ledger() as ledger:
        await ledger.link(ann.id, other)
    assert await signed_in(database, other) == ann


async def test_O35_an_e_mail_of_another_user_is_not_taken_over(database: Database) -> None:
    bob = await created(database, BOB)
    await created(database, ANN)
    user = await signed_in(database, replace(ANN, email="BOB@example.com"))
    assert user.email == "ann@example.com"
    async with database.users.ledger() as ledger:
        owner = await ledger.user_with_email("bob@example.com")
    assert owner == bob


async def test_an_e_mail_set_by_an_administrator_stays(database: Database) -> None:
    added = await database.users.add("ann@example.com")
    assert added is not None
    async with database.users.ledger() as ledger:
        claimed = await ledger.link(added.id, ANN)
    assert claimed.name == "Ann", "the first account leads"
    user = await signed_in(database, replace(ANN, email="else@example.com", email_verified=False))
    assert (user.email, user.email_verified) == ("ann@example.com", True)


@pytest.mark.parametrize("email", ["victim@corp.com@evil.example", "not an address", ""])
async def test_O36_a_user_has_a_plain_e_mail_or_none(database: Database, email: str) -> None:
    user = await created(database, replace(ANN, email=email))
    assert (user.email, user.email_verified) == (None, False)


async def test_O36_an_e_mail_is_found_in_whatever_case(database: Database) -> None:
    ann = await created(database, replace(ANN, email="Ann@Example.COM"))
    assert ann.email == "Ann@Example.COM"
    async with database.users.ledger() as ledger:
        assert await ledger.user_with_email("aNN\uff20example.com") == ann
        assert await ledger.user_with_email("ann@example.com.") is None


async def test_roles_given_by_hand_are_kept_apart_from_a_provider_s(
    database: Database, tmp_path: Path
) -> None:
    ann = await created(database, ANN)
    hand(tmp_path, f"INSERT INTO user_roles VALUES ('{ann.id}', 'admin', 'corp', '')")
    async with database.users.ledger() as ledger:
        await ledger.grant(ann.id, ["admin", "editor", "admin"])
        await ledger.revoke(ann.id, ["admin"])
        user = await ledger.user(ann.id)
    assert user is not None
    assert user.roles == ("admin", "editor")


async def test_two_accounts_of_one_identity_cannot_exist(database: Database) -> None:
    await created(database, ANN)
    with pytest.raises(StoreUnavailable, match=r"SQLITE_CONSTRAINT|23505"):
        await created(database, replace(ANN, email=None))
    assert len(await database.users.everyone()) == 1


async def test_a_link_to_nobody_writes_nothing(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        async with database.users.ledger() as ledger:
            await ledger.link("u_nobody", ANN)
    assert hand(tmp_path, "SELECT count(*) FROM accounts") == [(0,)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50),
    subject=st.text("aZ9-é'\";%", min_size=1),
)
async def test_values_come_back_as_they_went_in(tmp_path: Path, name: str, subject: str) -> None:
    async with opened(tmp_path) as database:
        user = await created(database, replace(ANN, name=name or None, subject=subject, email=None))
        (account,) = await database.users.accounts_of(user.id)
        found = await database.users.find(user.id)
        await database.users.delete(user.id)
    assert account.subject == subject
    assert found is not None
    assert (found.name or "") == name


async def test_B75_a_login_replaces_what_its_provider_granted_and_nothing_else(database: Database) -> None:
    ann = await created(database, replace(ANN, roles=earned("admin", "editor")))
    await database.users.change_roles(ann.id, grant=["editor", "guest"])
    async with database.users.ledger() as ledger:
        await ledger.link(ann.id, at_other_provider(ANN, roles=earned("auditor", "admin")))
    found = await signed_in(database, replace(ANN, roles=earned("reader")))
    assert found.roles == ("admin", "auditor", "editor", "guest", "reader")
    found = await signed_in(database, at_other_provider(ANN, roles=()))
    assert found.roles == ("editor", "guest", "reader")
    found = await signed_in(database, ANN)
    assert found.roles == ("editor", "guest")


async def test_B75_what_one_person_is_granted_is_nobody_else_s(database: Database) -> None:
    ann = await created(database, replace(ANN, roles=earned("admin")))
    bob = await created(database, replace(BOB, roles=earned("admin")))
    await signed_in(database, BOB)
    roles = {user.id: user.roles for user in await database.users.everyone()}
    assert roles == {ann.id: ("admin",), bob.id: ()}


async def linked(database: Database, first: VerifiedLogin, second: VerifiedLogin) -> User:
    user = await created(database, first)
    async with database.users.ledger() as ledger:
        return await ledger.link(user.id, second)


async def unlinked(database: Database, user_id: str, provider: str) -> User:
    async with database.users.ledger() as ledger:
        (account,) = [each for each in await ledger.accounts_of(user_id) if each.provider == provider]
        return await ledger.unlink(account)


async def test_G114_unlinking_takes_the_account_its_roles_and_every_session(database: Database) -> None:
    ann = await linked(
        database, replace(ANN, roles=earned("admin")), at_other_provider(ANN, roles=earned("auditor"))
    )
    await database.users.change_roles(ann.id, grant=["guest"])
    after = await unlinked(database, ann.id, "other")
    assert (after.epoch, after.roles) == (ann.epoch + 1, ("admin", "guest"))
    assert [account.provider for account in await database.users.accounts_of(ann.id)] == ["corp"]
    async with database.users.ledger() as ledger:
        assert await ledger.account("other", "https://other.example", "ann-1-other") is None


async def test_an_e_mail_that_nobody_vouches_for_any_more_is_given_up(database: Database) -> None:
    second = at_other_provider(ANN, email="ann@home.example", email_verified=False)
    ann = await linked(database, ANN, second)
    assert ann.email == "ann@example.com"
    after = await unlinked(database, ann.id, "corp")
    assert (after.email, after.email_verified, after.name) == ("ann@home.example", False, "Ann")
    async with database.users.ledger() as ledger:
        assert await ledger.user_with_email("ann@example.com") is None, "whoever gets it next is another user"
    again = await signed_in(database, replace(second, name="Ann Home"))
    assert again.name == "Ann Home", "the account that is left leads"


async def test_an_e_mail_that_somebody_signs_in_with_by_password_is_kept(database: Database) -> None:
    ann = await linked(database, ANN, at_other_provider(ANN, email="ann@home.example", email_verified=False))
    await database.passwords.change(ann.id, "$argon2id$")
    assert (await unlinked(database, ann.id, "corp")).email == ann.email
    assert await database.passwords.find(ann.email or "") is not None


async def test_without_an_e_mail_at_the_account_that_is_left_there_is_none(database: Database) -> None:
    ann = await linked(database, ANN, at_other_provider(ANN, email=None, email_verified=False))
    after = await unlinked(database, ann.id, "corp")
    assert (after.email, after.email_verified) == (None, False)


async def test_an_e_mail_set_by_an_administrator_or_by_the_account_that_stays_is_kept(
    database: Database,
) -> None:
    added = await database.users.add("ann@example.com")
    assert added is not None
    async with database.users.ledger() as ledger:
        await ledger.link(added.id, ANN)
        await ledger.link(added.id, at_other_provider(ANN, email="ann@home.example"))
    after = await unlinked(database, added.id, "corp")
    assert (after.email, after.email_verified) == ("ann@example.com", True)
    bob = await linked(database, BOB, at_other_provider(BOB, email="bob@home.example"))
    assert (await unlinked(database, bob.id, "other")).email == "bob@example.com"


async def test_an_e_mail_of_somebody_else_is_not_taken_over(database: Database) -> None:
    ann = await linked(database, ANN, at_other_provider(ANN, email="bob@example.com"))
    await created(database, BOB)
    after = await unlinked(database, ann.id, "corp")
    assert after.email is None

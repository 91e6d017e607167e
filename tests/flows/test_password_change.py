"""A new password on the word of whoever knows the present one, and on nobody else's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    PasswordRefused,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
)
from gateway.flows.password_change import Choice, PasswordChange
from gateway.flows.password_policy import PasswordPolicy
from gateway.flows.throttle import WINDOW, Throttle
from gateway.keys.password import prepared
from gateway.model.event import AuditEvent
from gateway.model.identity import User, VerifiedLogin
from gateway.model.password import Credentials
from gateway.model.session import Session
from tests.fakes.passwords import RIGHT, CountedPasswords, hash_of
from tests.fakes.site import Site, site

ANN = "ann@example.com"
NEW = "velvet harbour ostrich nineteen"
WRONG = "wrong horse battery staple"


@dataclass(kw_only=True)
class Desk:
    gate: Site
    changing: PasswordChange
    passwords: CountedPasswords
    session: Session
    told: list[AuditEvent]

    async def change(self, current: str = RIGHT, new: str = NEW, address: str = "192.0.2.1") -> User:
        return await self.changing.change(self.session, Choice(current=current, new=new), address=address)

    async def refused(self, current: str = RIGHT, new: str = NEW, **where: str) -> GatewayError:
        before = await self.stored()
        with pytest.raises(GatewayError) as error:
            await self.change(current, new, **where)
        assert await self.stored() == before
        assert RIGHT not in str(error.value)
        return error.value

    async def stored(self) -> Credentials | None:
        return await self.gate.database.passwords.find(ANN)


@asynccontextmanager
async def desk(directory: Path, *, book: object = None) -> AsyncIterator[Desk]:
    async with site(directory) as gate:
        ann = await gate.database.users.add(ANN, name="Ann", password_hash=await hash_of())
        assert ann is not None
        login = VerifiedLogin(provider="local", issuer="https://gw.example.com", subject=ann.id)
        passwords, told = CountedPasswords(), list[AuditEvent]()
        changing = PasswordChange(
            book=book or gate.database.passwords,  # type: ignore[arg-type]
            passwords=passwords,
            policy=PasswordPolicy(),
            throttle=Throttle(monotonic=gate.clock),
            audit=told.append,
        )
        session = gate.sessions.issue(login, ann, persistent=True)
        yield Desk(gate=gate, changing=changing, passwords=passwords, session=session, told=told)
        await passwords.close()


async def test_B114_who_knows_the_present_one_has_a_new_one_and_a_new_epoch(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        user = await at.change()
        assert user.epoch == at.session.epoch + 1
        found = await at.stored()
        assert found is not None
        assert await at.passwords.matches(found.hash, prepared(NEW))
        assert not await at.passwords.matches(found.hash, prepared(RIGHT))
        [event] = at.told
        assert (event.name, event.outcome, event.user_id) == ("user.password_changed", "success", user.id)


async def test_a_wrong_one_changes_nothing_and_costs_one_comparison(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert isinstance(await at.refused(WRONG), CredentialsRefused)
        assert (len(at.passwords.comparisons), at.passwords.hashes) == (1, 0)
        [event] = at.told
        assert (event.name, event.outcome) == ("user.password_kept", "failure")


async def test_what_no_password_can_be_costs_a_comparison_too(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for impossible in ("", "a\0b", "x" * 1025):
            assert isinstance(await at.refused(impossible), CredentialsRefused)
        assert len(at.passwords.comparisons) == 3


async def test_B20_the_eleventh_wrong_one_is_429_and_the_right_one_then_too(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for _ in range(10):
            assert isinstance(await at.refused(WRONG), CredentialsRefused)
        error = await at.refused(RIGHT)
        assert isinstance(error, TooManyAttempts)
        assert 0 < error.retry_after <= WINDOW
        assert len(at.passwords.comparisons) == 10
        at.gate.clock.advance(WINDOW)
        await at.change()


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("short", "at least 12"),
        ("password1234", "tried first"),
        ("ann@example.com", "name or the e-mail"),
        ("a\0" + NEW, "NUL"),
        ("", "is empty"),
        (RIGHT, "the one that you have"),
    ],
)
async def test_a_new_one_must_be_worth_having(tmp_path: Path, new: str, why: str) -> None:
    async with desk(tmp_path) as at:
        error = await at.refused(new=new)
        assert isinstance(error, PasswordRefused)
        assert why in error.fault
        assert at.passwords.hashes == 0
        # It proved who they are: that is no failed attempt.
        for _ in range(11):
            assert isinstance(await at.refused(new=new), PasswordRefused)


async def test_a_change_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    class Racing:
        """Somebody else's change comes between the proof and ours."""

        async def of(self, user_id: str) -> Credentials | None:
            return await at.gate.database.passwords.of(user_id)

        async def replace(self, user_id: str, **given: str) -> User | None:
            await at.gate.database.passwords.change(user_id, theirs)
            return await at.gate.database.passwords.replace(user_id, **given)

    theirs = await hash_of("what they chose over there")
    async with desk(tmp_path, book=Racing()) as at:
        with pytest.raises(CredentialsRefused):
            await at.change()
        found = await at.stored()
        assert found is not None
        assert found.hash == theirs


async def test_an_outage_is_no_wrong_password(tmp_path: Path) -> None:
    class Down:
        async def of(self, _user_id: str) -> Credentials | None:
            raise StoreUnavailable("down")

    async with desk(tmp_path, book=Down()) as at:
        for _ in range(12):
            assert isinstance(await at.refused(), Unavailable)

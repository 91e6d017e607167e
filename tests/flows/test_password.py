"""Login by password: one answer, one work, one bucket for whoever it is not; a session for who it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    LoginLoop,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
    UserRefused,
)
from gateway.flows.arrival import Arrivals
from gateway.flows.login import Departure
from gateway.flows.password import Claimed, PasswordLogins, PasswordProvider
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.flows.throttle import WINDOW, Throttle
from gateway.keys.password import Profile
from gateway.model.identity import User
from gateway.model.password import Credentials
from tests.fakes.passwords import RIGHT, CountedPasswords, hash_of
from tests.fakes.site import PREFIX, URL, Site, site

ANN, BOB, OFF, CAROL = "ann@example.com", "bob@example.com", "off@example.com", "carol@example.com"
WRONG = "wrong horse battery staple"


@dataclass(kw_only=True)
class Door:
    """The flow over a real store; `passwords` counts the work."""

    gate: Site
    logins: PasswordLogins
    passwords: CountedPasswords
    throttle: Throttle
    counted: list[tuple[str, str]]

    async def knock(self, name: str, password: str, *, address: str = "192.0.2.1") -> Departure:
        inbound = self.gate.inbound(f"{PREFIX}/callback/local", method="POST")
        from msgspec.structs import replace

        return await self.logins.sign_in(
            Claimed(name=name, password=password),
            inbound=replace(inbound, client_ip=address),
            return_to="/x",
            persistent=True,
        )

    async def refused(self, name: str, password: str, **where: str) -> GatewayError:
        with pytest.raises(GatewayError) as error:
            await self.knock(name, password, **where)
        return error.value

    def entered(self, departure: Departure) -> str:
        self.gate.browser.take(departure.cookies)
        return self.gate.signed_in


@asynccontextmanager
async def door(
    directory: Path, *, book: object = None, profile: Profile | None = None
) -> AsyncIterator[Door]:
    """Ann and the disabled Off have the password RIGHT, Bob another one, Carol none."""
    async with site(directory) as gate:
        passwords = CountedPasswords(profile) if profile else CountedPasswords()
        counted: list[tuple[str, str]] = []

        class Counts:
            def login(self, *, provider: str, result: str) -> None:
                counted.append((provider, result))

        users = gate.database.users
        for email, password in ((ANN, RIGHT), (BOB, "another password of his"), (OFF, RIGHT), (CAROL, None)):
            made = await hash_of(password) if password else None
            await users.add(email, password_hash=made)
        off = await users.find(OFF)
        await users.set_enabled(off.id if off else "", enabled=False)
        throttle = Throttle(monotonic=gate.clock)
        resume = Resume(gate.sessions)
        recent = RecentLogins(sealer=gate.ring.sealer("recent"), names=gate.names, clock=gate.clock)
        logins = PasswordLogins(
            provider=PasswordProvider(id="local", name="Password", issuer=URL),
            book=book or gate.database.passwords,  # type: ignore[arg-type]
            passwords=passwords,
            throttle=throttle,
            arrivals=Arrivals(recent=recent, strategy=gate.sessions, live=resume, book=gate.book),
            audit=gate.events.append,
            clock=gate.clock,
            counts=Counts(),
        )
        yield Door(gate=gate, logins=logins, passwords=passwords, throttle=throttle, counted=counted)
        await passwords.close()


async def test_B19_the_right_password_begins_the_session_of_its_user(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        departure = await at.knock(ANN, RIGHT)
        assert departure.location == "/x"
        ann = await at.gate.database.users.find(ANN)
        assert at.entered(departure) == (ann.id if ann else None)
        session = at.gate.sessions.load(at.gate.browser.headers()).session
        assert session is not None
        assert (session.provider, session.issuer, session.subject) == ("local", URL, session.identity.user_id)
        assert session.amr == ("pwd",)
        told = next(each for each in at.gate.events if each.name == "auth.login.success")
        assert (told.user_id, told.provider) == (session.identity.user_id, "local")
        assert at.counted == [("local", "success")]


@pytest.mark.parametrize("typed", ["ANN@Example.com", "\uff41\uff4e\uff4e@example.com"])
async def test_an_address_is_the_same_in_every_spelling(tmp_path: Path, typed: str) -> None:
    async with door(tmp_path) as at:
        assert at.entered(await at.knock(typed, RIGHT))


NOBODY = [
    pytest.param(ANN, WRONG, id="wrong password"),
    pytest.param("nobody@example.com", RIGHT, id="no such user"),
    pytest.param(CAROL, RIGHT, id="no password"),
    pytest.param(OFF, WRONG, id="disabled, wrong password"),
    pytest.param("ann", RIGHT, id="no address"),
    pytest.param("", "", id="nothing"),
    pytest.param(ANN, "", id="no password typed"),
    pytest.param(ANN, RIGHT + "\0", id="NUL"),
    pytest.param(ANN, "x" * 60_000, id="far too long"),
    pytest.param("n" * 60_000, RIGHT, id="a name far too long"),
]


@pytest.mark.parametrize(("name", "password"), NOBODY)
async def test_B20_O38_whoever_it_is_not_gets_one_answer_for_one_comparison(
    tmp_path: Path, name: str, password: str
) -> None:
    async with door(tmp_path) as at:
        error = await at.refused(name, password)
        assert type(error) is CredentialsRefused
        assert str(error) == "wrong name or password"
        assert len(at.passwords.comparisons) == 1
        assert at.passwords.hashes == 0
        (told,) = at.gate.events
        assert (told.name, told.outcome, told.reason) == (
            "auth.login.failure",
            "failure",
            "CredentialsSignin",
        )
        assert told.user_id == ""
        assert at.counted == [("local", "failure")]


@pytest.mark.parametrize(("name", "password"), NOBODY)
async def test_B20_O38_after_ten_failures_whoever_it_is_not_waits_and_costs_nothing(
    tmp_path: Path, name: str, password: str
) -> None:
    async with door(tmp_path) as at:
        for _ in range(10):
            assert type(await at.refused(name, password)) is CredentialsRefused
        error = await at.refused(name, password)
        assert isinstance(error, TooManyAttempts)
        assert error.retry_after == WINDOW
        assert len(at.passwords.comparisons) == 10
        assert at.counted[-1] == ("local", "refused")


async def test_B20_failures_count_against_the_user_as_resolved_not_as_typed(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for typed in (ANN, "Ann@example.com", "ANN@EXAMPLE.COM", "\uff41\uff4e\uff4e@example.com", ANN) * 2:
            await at.refused(typed, WRONG)
        assert isinstance(await at.refused("aNN@example.com", RIGHT), TooManyAttempts)
        assert at.entered(await at.knock(ANN, RIGHT, address="198.51.100.7"))


async def test_B20_the_right_password_ends_the_count_of_this_way(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for _ in range(9):
            await at.refused(ANN, WRONG)
        at.entered(await at.knock(ANN, RIGHT))
        for _ in range(9):
            assert type(await at.refused(ANN, WRONG)) is CredentialsRefused


async def test_O38_attempts_side_by_side_get_no_eleventh_guess(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        errors = await asyncio.gather(*(at.refused(ANN, f"{WRONG} {number}") for number in range(30)))
        assert len(at.passwords.comparisons) == 10
        assert sum(isinstance(error, TooManyAttempts) for error in errors) == 20


async def test_B20_that_a_user_is_disabled_is_told_to_who_knows_the_password(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        error = await at.refused(OFF, RIGHT)
        assert isinstance(error, UserRefused)
        assert at.gate.signed_in == ""
        assert at.counted == [("local", "refused")]


async def test_a_hash_of_old_costs_is_made_anew_at_a_login(tmp_path: Path) -> None:
    async with door(tmp_path, profile=Profile(memory=16, passes=1)) as at:
        at.entered(await at.knock(ANN, RIGHT))
        found = await at.gate.database.passwords.find(ANN)
        assert found is not None
        assert found.hash is not None
        assert "m=16," in found.hash
        assert found.user.epoch == 0
        at.entered(await at.knock(ANN, RIGHT))
        assert at.passwords.hashes == 1
        await at.refused(BOB, WRONG)
        assert at.passwords.hashes == 1


async def test_a_login_does_not_fail_for_want_of_a_new_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with door(tmp_path, profile=Profile(memory=16, passes=1)) as at:

        async def down(*_: object, **__: object) -> None:
            raise StoreUnavailable("locked")

        monkeypatch.setattr(at.gate.database.passwords, "rehash", down)
        assert at.entered(await at.knock(ANN, RIGHT))


class Meanwhile:
    """A book that changes between the two readings of one login."""

    def __init__(self, second: Credentials | None) -> None:
        self.first: Credentials | None = None
        self.second = second
        self.reads = 0

    async def find(self, _name: str) -> Credentials | None:
        self.reads += 1
        return self.first if self.reads == 1 else self.second


@pytest.mark.parametrize(
    ("changed", "error"),
    [({"epoch": 1}, CredentialsRefused), ({"enabled": False}, UserRefused), (None, CredentialsRefused)],
)
async def test_B114_a_password_that_is_changed_while_it_is_compared_begins_no_session(
    tmp_path: Path, changed: dict[str, object] | None, error: type[GatewayError]
) -> None:
    from dataclasses import replace

    user = User(
        id="u_ann",
        email=ANN,
        email_verified=True,
        name=None,
        image=None,
        enabled=True,
        epoch=0,
        roles=(),
        created_at=0,
    )
    stored = await hash_of()
    after = None if changed is None else Credentials(user=replace(user, **changed), hash=stored)
    book = Meanwhile(after)
    book.first = Credentials(user=user, hash=stored)
    async with door(tmp_path, book=book) as at:
        assert type(await at.refused(ANN, RIGHT)) is error
        assert at.gate.signed_in == ""


async def test_an_outage_counts_against_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door(tmp_path) as at:

        async def full(*_: object) -> bool:
            raise Unavailable("too many passwords wait")

        with monkeypatch.context() as patched:
            patched.setattr(at.passwords, "matches", full)
            for _ in range(20):
                assert type(await at.refused(ANN, RIGHT)) is Unavailable
        assert len(at.throttle) == 0
        assert at.entered(await at.knock(ANN, RIGHT))


async def test_O38_where_there_is_no_room_no_database_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unasked:
        async def find(self, name: str) -> Credentials | None:
            raise AssertionError(name)

    def full() -> None:
        raise Unavailable("too many passwords wait")

    async with door(tmp_path, book=Unasked()) as at:
        monkeypatch.setattr(at.passwords, "check_room", full)
        assert type(await at.refused(ANN, RIGHT)) is Unavailable
        assert at.passwords.comparisons == []
        assert len(at.throttle) == 0


async def test_O38_who_hangs_up_before_the_answer_has_used_an_attempt(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for _ in range(10):
            knocking = asyncio.create_task(at.knock(ANN, WRONG))
            while len(at.passwords.comparisons) == 0:
                await asyncio.sleep(0)
            at.passwords.comparisons.clear()
            knocking.cancel()
            with pytest.raises((asyncio.CancelledError, CredentialsRefused)):
                await knocking
        assert isinstance(await at.refused(ANN, RIGHT), TooManyAttempts)


async def test_S01_B40_a_login_over_a_session_begins_a_new_one_and_ends_the_old(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        at.entered(await at.knock(ANN, RIGHT))
        old = at.gate.sessions.load(at.gate.browser.headers()).session
        kept = at.gate.browser.headers()
        at.entered(await at.knock(ANN, RIGHT))
        new = at.gate.sessions.load(at.gate.browser.headers()).session
        assert old is not None
        assert new is not None
        assert new.id != old.id
        assert at.gate.sessions.load(kept).rejected == "revoked"


async def test_B31_a_browser_that_keeps_no_session_is_told_at_the_third_login(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for _ in range(2):
            departure = await at.knock(ANN, RIGHT)
            at.gate.browser.take(
                line for line in departure.cookies if not line.startswith(b"__Host-session=")
            )
        assert isinstance(await at.refused(ANN, RIGHT), LoginLoop)


def test_O34_what_was_typed_is_not_in_what_is_printed() -> None:
    assert RIGHT not in repr(Claimed(name=ANN, password=RIGHT))

"""Who calls with a personal token: looked up by a keyed hash, on its routes, as its user is now."""

from dataclasses import dataclass, field, replace

import pytest

from gateway.errors import BearerRefused, ScopeMissing
from gateway.flows.personal import Mint, PersonalCallers
from gateway.keys.keyring import KeyRing
from gateway.model.personal import PROVIDER, PersonalToken
from gateway.model.session import Standing
from tests.fakes.clock import FakeClock
from tests.flows.test_bearers import KNOWN

OLD, NEW = b"an old secret of more than 32 bytes, here", b"a new secret of more than 32 bytes, here"


@dataclass
class Shelf:
    """A store in memory, and what was told of uses."""

    standing: Standing = KNOWN
    kept: dict[bytes, PersonalToken] = field(default_factory=dict)
    uses: list[tuple[str, int]] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)
    full: bool = False

    async def add(self, token: PersonalToken, *, key: bytes) -> bool:
        self.kept[key] = token
        return not self.full

    async def personal_token(self, key: bytes) -> tuple[PersonalToken, Standing] | None:
        return (self.kept[key], self.standing) if key in self.kept else None

    def callers(self, *secrets: bytes) -> PersonalCallers:
        mac = KeyRing(secrets or (OLD,), scope="s").mac("personal-token")
        return PersonalCallers(
            self, mac=mac, used=lambda name, at: self.uses.append((name, at)), clock=self.clock
        )

    async def made(self, *routes: str, life: int = 3600) -> str:
        mac = KeyRing((OLD,), scope="s").mac("personal-token")
        seeds = iter(bytes([number]) * 32 for number in range(1, 9))
        mint = Mint(self, mac=mac, randomness=lambda size: next(seeds)[:size], clock=self.clock)
        minted = await mint.make("u_ann", name="nightly", routes=routes or ("/api",), life=life)
        assert minted is not None
        assert minted.shown not in repr(minted)
        return minted.shown


async def test_a_token_speaks_for_its_user_and_proves_no_login() -> None:
    shelf = Shelf()
    raw = await shelf.made()
    session = await shelf.callers().caller(raw, "/api")
    assert (session.identity.user_id, session.identity.roles) == ("u_ann", ("editor",))
    assert (session.provider, session.proof(now=0).age, session.proof(now=0).acr) == (PROVIDER, None, None)
    assert raw.encode() not in b"".join(shelf.kept)
    assert await shelf.callers().caller(raw, "/api") == session
    assert await shelf.callers().again(session) == session


async def test_a_token_is_for_its_routes_alone() -> None:
    shelf = Shelf()
    with pytest.raises(ScopeMissing):
        await shelf.callers().caller(await shelf.made("/other"), "/api")
    assert shelf.uses == []


async def test_a_mistyped_token_is_refused_unasked_and_an_unknown_one_is_unknown() -> None:
    shelf = Shelf()
    raw = await shelf.made()
    for wrong, reason in ((raw[:-1] + "!", "malformed"), (raw[:-2], "malformed")):
        with pytest.raises(BearerRefused) as refusal:
            await shelf.callers().caller(wrong, "/api")
        assert refusal.value.reason == reason
    shelf.kept.clear()
    with pytest.raises(BearerRefused) as refusal:
        await shelf.callers().caller(raw, "/api")
    assert refusal.value.reason == "unknown"


async def test_an_expired_token_and_one_of_a_disabled_user_are_refused() -> None:
    shelf = Shelf()
    raw = await shelf.made()
    session = await shelf.callers().caller(raw, "/api")
    shelf.standing = replace(KNOWN, enabled=False)
    with pytest.raises(BearerRefused, match="disabled"):
        await shelf.callers().caller(raw, "/api")
    shelf.standing = KNOWN
    shelf.clock.advance(3600)
    with pytest.raises(BearerRefused, match="expired"):
        await shelf.callers().caller(raw, "/api")
    shelf.kept.clear()
    with pytest.raises(BearerRefused, match="revoked"):
        await shelf.callers().again(session)


async def test_a_token_outlives_the_rotation_of_the_secret_and_ends_with_its_key() -> None:
    shelf = Shelf()
    raw = await shelf.made()
    assert await shelf.callers(NEW, OLD).caller(raw, "/api")
    with pytest.raises(BearerRefused):
        await shelf.callers(NEW).caller(raw, "/api")


async def test_a_use_is_told_once_a_minute() -> None:
    shelf = Shelf()
    raw = await shelf.made()
    await shelf.callers().caller(raw, "/api")
    [(key, token)] = shelf.kept.items()
    assert shelf.uses == [(token.public_id, int(shelf.clock()))]
    shelf.kept[key] = replace(token, used_at=int(shelf.clock()) - 59)
    await shelf.callers().caller(raw, "/api")
    assert len(shelf.uses) == 1


async def test_who_has_too_many_gets_none() -> None:
    shelf = Shelf(full=True)
    mac = KeyRing((OLD,), scope="s").mac("personal-token")
    mint = Mint(shelf, mac=mac, randomness=bytes, clock=shelf.clock)
    assert await mint.make("u_ann", name="n", routes=["/api"], life=60) is None

"""BEHAVIOUR group F over sockets: the absolute end and the idle end."""

from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.settings.loader import load
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.scene import COOKIE, MONTH, ours_in, scene


async def test_B097_S08_the_last_renewal_ends_at_the_absolute_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        end = at.claims(alice)["sexp"]
        at.clock.now = end - 1
        page = await alice.fetch(at.url + "/x")
        assert page.status == 200
        assert "Max-Age=1;" in ours_in(page)[0]
        assert at.claims(alice)["exp"] == end


@pytest.mark.parametrize("exp", ["as it is", "later"])
async def test_B098_S08_at_the_absolute_end_it_is_over_even_if_exp_were_later(
    tmp_path: Path, exp: str
) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        claims = at.claims(alice)
        if exp == "later":
            claims["exp"] = claims["sexp"] + 10_000
            alice.cookies[HOST][COOKIE] = at.sealed(claims)
        at.clock.now = claims["sexp"]
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None
        assert len(at.app.requests) == 1
    assert [event["reason"] for event in at.gate.events("session.rejected")] == ["absolute"]


async def test_B099_S08_no_activity_moves_the_absolute_end(tmp_path: Path) -> None:
    async with scene(tmp_path, tables="[session]\nmax_age = '3h'") as at:
        alice = await at.signed_in()
        end = at.claims(alice)["sexp"]
        for _ in range(35):
            at.clock.advance(300)
            assert (await alice.fetch(at.url + "/x")).status == 200
            assert at.claims(alice)["sexp"] == end
        at.clock.advance(300)
        assert (await alice.fetch(at.url + "/x")).status == 401


async def test_B100_a_lowered_max_age_acts_at_once_and_a_raised_one_lengthens_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        kept, end = dict(alice.cookies[HOST]), at.claims(alice)["sexp"]
        at.clock.advance(86_400)
        async with at.node(tables="[session]\nmax_age = '1d'") as lowered:
            at.visits(alice, lowered)
            assert (await alice.fetch(at.url + "/x")).status == 401
        async with at.node(tables="[session]\nmax_age = '90d'") as raised:
            alice.cookies[HOST] = kept
            at.visits(alice, raised)
            assert (await alice.fetch(at.url + "/x")).status == 200
            assert at.claims(alice)["sexp"] == end
            at.clock.now = end
            assert (await alice.fetch(at.url + "/x")).status == 401


async def test_B101_a_new_login_starts_everything_anew(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        old = at.claims(alice)
        at.clock.advance(86_400)
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        new = at.claims(alice)
        assert new["auth_time"] == int(at.clock())
        assert new["sexp"] == int(at.clock()) + MONTH
        assert new["sid"] != old["sid"]
        assert new["sub"] == old["sub"]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("idle_timeout = '5m'", "shorter than lease"),
        ("lease = '2d'\nmax_age = '1d'", "longer than max_age"),
    ],
)
def test_B104_an_idle_end_within_the_lease_does_not_start(tmp_path: Path, keys: str, fault: str) -> None:
    path = tmp_path / "gateway.toml"
    route = '[[routes]]\npath = "/"\nupstream = "http://127.0.0.1:9"\naccess = "public"\n'
    top = f'public_url = "https://app.example.com"\nsecret = "{SECRET}"\n'
    path.write_text(f"{top}[session]\n{keys}\n{route}")
    with pytest.raises(SettingsInvalid, match=fault):
        load(path, environ={})

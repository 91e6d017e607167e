"""Step-up where it meets the rest: both lanes, strangers, several providers, programs, passwords."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.front.lane import Lane
from tests.fakes.gateway import HOST
from tests.fakes.issuer import HostileIssuer
from tests.fakes.memory import Memory
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.raw_client import RawConnection
from tests.fakes.scene import COOKIE, scene, second_provider, told

RECENT = 'max_auth_age = "5m"'
STRONG = 'acr_values = ["mfa"]'
PAYROLL = """
[[routes]]
path = "/payroll"
upstream = "{app}"
max_auth_age = "5m"
"""


def noted(take: Callable[..., bool], taken: list[bool]) -> Callable[..., bool]:
    """Return *take*, which notes in *taken* whether it did."""

    def noting(self: Lane, *given: object) -> bool:
        taken.append(take(self, *given))
        return taken[-1]

    return noting


async def test_B073_the_fast_lane_takes_who_proved_it_and_leaves_who_has_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bool] = []
    for name in ("take", "repeat"):
        monkeypatch.setattr(Lane, name, noted(getattr(Lane, name), taken))
    async with scene(tmp_path, route_keys=RECENT, fast_lane=True) as at:
        Memory(at.issuer)
        alice = await at.signed_in(path="/x")
        cookie = alice.cookies[HOST][COOKIE]
        request = f"GET /x HTTP/1.1\r\nHost: {HOST}\r\nCookie: {COOKIE}={cookie}\r\n\r\n".encode()
        async with await RawConnection.open(at.gate.port) as client:
            for lane, later, status in ((False, 0, 200), (True, 0, 200), (True, 330, 200), (False, 1, 401)):
                at.clock.advance(later)
                await client.write(request)
                answer = await client.answer()
                assert (answer.status, taken[-1]) == (status, lane)
        [challenge] = answer.values("www-authenticate")
        assert b'error="insufficient_user_authentication"' in challenge
        assert b'max_age="300"' in challenge


async def test_B073_a_stranger_proves_it_on_the_first_way_in(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=RECENT) as at:
        memory = Memory(at.issuer)
        memory.proved_at = at.clock() - 9999
        alice = await at.signed_in(path="/x")
        assert [asked.get("max_age") for asked in memory.asked] == ["300"]
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_B101_an_issuer_that_says_no_time_unless_it_insists_proves_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=PAYROLL) as at:
        memory = Memory(at.issuer, silent=True)
        alice = await at.signed_in()
        page = await alice.navigate(at.url + "/payroll")
        assert (page.status, "not recent enough" in page.text) == (403, True)
        assert [asked.get("prompt") for asked in memory.asked] == [None, None, "login"]
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_O19_an_issuer_that_overlooks_max_age_is_told_to_ask(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=PAYROLL) as at:
        memory = Memory(at.issuer, deaf={"max_age"})
        alice = await at.signed_in()
        at.clock.advance(331)
        page = await alice.navigate(at.url + "/payroll?month=5")
        assert (page.status, page.url) == (200, at.url + "/payroll?month=5")
        assert [asked.get("prompt") for asked in memory.asked] == [None, None, "login"]
        assert told(at.app.requests[-1])["auth_time"] == int(at.clock())


async def test_B073_the_way_back_is_to_the_provider_of_the_session(tmp_path: Path) -> None:
    async with HostileIssuer() as other:
        tables = second_provider(other) + PAYROLL
        async with scene(tmp_path, tables=tables, environ={}) as at:
            Memory(at.issuer)
            alice = at.gate.browser()
            fields = {"csrfToken": await at.csrf(alice), "return_to": "/x"}
            await alice.submit(f"{at.ours}/signin/issuer", fields)
            at.clock.advance(331)
            page = await alice.navigate(at.url + "/payroll")
            assert (page.status, page.url) == (200, at.url + "/payroll")
            assert other.seen["authorize"] == 0


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_B073_a_program_is_told_and_nothing_is_sent_on(tmp_path: Path, method: str) -> None:
    async with scene(tmp_path, route_keys=STRONG) as at:
        memory = Memory(at.issuer, acrs={"mfa"})
        alice = await at.signed_in(path="/x")
        memory.acrs, passed = set(), len(at.app.requests)
        assert (await alice.fetch(at.url + "/x", method)).status == 200
        weak = at.gate.browser()
        at.issuer.heard = lambda _: None
        at.issuer.claims["acr"] = "pwd"
        await weak.navigate(f"{at.ours}/signin?return_to=/.gateway/account")
        page = await weak.fetch(at.url + "/x", method)
        assert (page.status, json.loads(page.text)["acr_values"]) == (401, "mfa")
        assert len(at.app.requests) == passed + 1


async def test_B073_a_password_is_typed_again(tmp_path: Path) -> None:
    local = '[[providers]]\nid = "local"\ntype = "password"\n'
    async with scene(tmp_path, tables=local, route_keys=RECENT) as at:
        async with at.store() as store:
            await store.users.add("ann@example.com", password_hash=await hash_of())
        ann = at.gate.browser()
        for _ in range(2):
            page = await ann.navigate(at.url + "/x")
            fields = {name: page.hidden(name) for name in ("csrfToken", "return_to", "route")}
            typed = {**fields, "username": "ann@example.com", "password": RIGHT}
            page = await ann.submit(f"{at.ours}/callback/local", typed)
            assert (page.status, page.url) == (200, at.url + "/x")
            assert told(at.app.requests[-1])["auth_time"] == int(at.clock())
            at.clock.advance(331)


async def test_B149_a_step_up_is_counted_and_logged_as_one(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=RECENT) as at:
        Memory(at.issuer)
        alice = await at.signed_in(path="/x")
        at.clock.advance(331)
        await alice.fetch(at.url + "/x")
    lines = [line for line in at.gate.events("request") if line.get("decision") == "step_up"]
    assert [(line["status"], line["reason"], line["route"]) for line in lines] == [(401, "max_auth_age", "/")]


async def test_B016_S01_a_login_that_the_issuer_only_remembered_is_no_new_one(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        memory = Memory(at.issuer)
        alice = at.gate.browser()

        async def press(path: str) -> str:
            fields = {"csrfToken": await at.csrf(alice), "return_to": "/.gateway/account"}
            page = await alice.submit(f"{at.ours}{path}", fields, follow=False)
            return page.location

        await alice.navigate(await press("/signin/issuer"))
        at.clock.advance(301)
        await alice.navigate(await press("/signin/issuer"))
        assert memory.proved_at == at.clock() - 301
        again = await press("/account/link/second")
        assert again.startswith(f"{at.issuer.url}/authorize")
        await alice.navigate(again)
        assert memory.asked[-1]["prompt"] == "login"
        assert (await press("/account/link/second")).startswith(f"{other.url}/authorize")

"""Step-up holds however sessions are kept: BEHAVIOUR 40, 73 and 101 over sockets and real stores."""

import json

import pytest

from tests.fakes.gateway import HOST
from tests.fakes.keepings import ALL, Keeping
from tests.fakes.memory import Memory
from tests.fakes.scene import COOKIE, Scene, told

pytestmark = pytest.mark.parametrize("kept", ALL, indirect=True)

RECENT = 'max_auth_age = "5m"'
STRONG = 'acr_values = ["hardware", "mfa"]'


def value(browser: object) -> str:
    found: str = browser.cookies[HOST][COOKIE]  # type: ignore[attr-defined]
    return found


async def with_cookie(at: Scene, cookie: str) -> int:
    thief = at.gate.browser()
    thief.cookies[HOST] = {COOKIE: cookie}
    page = await thief.fetch(at.url + "/x")
    return int(page.status)


async def test_B073_B101_B040_an_old_login_is_made_anew_once_and_the_old_session_ends(kept: Keeping) -> None:
    async with kept.scene(route_keys=RECENT) as at:
        memory = Memory(at.issuer)
        alice = await at.signed_in(path="/x?y=1")
        before, first = value(alice), told(at.app.requests[-1])
        at.clock.advance(331)
        refused = await alice.fetch(at.url + "/x")
        assert (refused.status, json.loads(refused.text)["error"]) == (
            401,
            "insufficient_user_authentication",
        )
        page = await alice.navigate(at.url + "/x?y=1")
        assert (page.status, page.url) == (200, at.url + "/x?y=1")
        assert memory.asked[-1]["max_age"] == "300"
        now = told(at.app.requests[-1])
        assert (now["auth_time"], now["sub"]) == (int(at.clock()), first["sub"])
        assert now["sid"] != first["sid"]
        assert value(alice) != before
        assert await with_cookie(at, before) == 401


async def test_B073_an_unmet_acr_is_asked_for_once_and_then_refused(kept: Keeping) -> None:
    async with kept.scene(route_keys=STRONG) as at:
        memory = Memory(at.issuer, usual="password")
        alice = at.gate.browser()
        page = await alice.navigate(at.url + "/x")
        assert (page.status, "stronger sign-in" in page.text) == (403, True)
        assert [asked["acr_values"] for asked in memory.asked] == ["hardware mfa"] * 2
        assert await at.session_of(alice) is not None
        assert at.app.requests == []
        memory.acrs = {"mfa"}
        assert (await alice.navigate(at.url + "/x")).status == 200
        assert told(at.app.requests[-1])["acr"] == "mfa"


async def test_B101_O19_an_answer_that_is_too_old_is_refused_and_the_session_stays(kept: Keeping) -> None:
    async with kept.scene(route_keys=RECENT) as at:
        memory = Memory(at.issuer, deaf={"max_age", "prompt"})
        alice = await at.signed_in(path="/x")
        before = value(alice)
        at.clock.advance(331)
        asked = len(memory.asked)
        page = await alice.navigate(at.url + "/x")
        assert (page.status, "not recent enough" in page.text) == (403, True)
        assert [each.get("prompt") for each in memory.asked[asked:]] == [None, "login"]
        assert not [name for name in alice.cookies[HOST] if "-login-" in name], "each login under way is over"
        assert value(alice) == before
        assert await at.session_of(alice) is not None


async def test_B073_B018_a_step_up_as_somebody_else_changes_nothing(kept: Keeping) -> None:
    async with kept.scene(route_keys=RECENT) as at:
        Memory(at.issuer)
        alice = await at.signed_in(path="/x")
        before = value(alice)
        at.clock.advance(331)
        at.issuer.user = "bob"
        page = await alice.navigate(at.url + "/x")
        assert (page.status, "somebody else" in page.text) == (403, True)
        assert value(alice) == before
        said = await at.session_of(alice)
        assert said["user"]["email"] == "alice@example.com"
        async with at.store() as store:
            assert [user.email for user in await store.users.everyone()] == ["alice@example.com"]

"""oidcc-client-rp-initiated-logout-rp-basic."""

from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.browser import Browser
from tests.fakes.conformance import accepted
from tests.fakes.issuer_logout import offers_logout
from tests.fakes.scene import COOKIE, Scene


async def left(at: Scene) -> tuple[Browser, str]:
    """Sign in and out, the issuer included; return the browser there and the state that it brought."""
    endpoint = offers_logout(at.issuer)
    alice = await accepted(at)
    page = await at.signed_out(alice, federated="1", return_to="/bye")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(page.location).query).items()}
    assert page.location.partition("?")[0] == endpoint
    assert asked["id_token_hint"].count(".") == 2
    assert asked["post_logout_redirect_uri"] == f"{at.ours}/signout"
    assert alice.cookie(at.url, COOKIE) is None
    return alice, asked["state"]


async def came_back(at: Scene, alice: Browser, **asked: str) -> tuple[int, str]:
    page = await alice.navigate(f"{at.ours}/signout?{urlencode(asked)}", follow=False)
    return page.status, page.location if page.status == 303 else page.text


async def test_oidcc_client_test_rp_init_logout(at: Scene) -> None:
    alice, state = await left(at)
    assert await came_back(at, alice, state=state) == (303, f"{at.url}/bye")


async def test_oidcc_client_test_rp_init_logout_other_state(at: Scene) -> None:
    alice, _ = await left(at)
    status, page = await came_back(at, alice, state="s" * 43)
    assert (status, "You are signed out" in page) == (200, True)


async def test_oidcc_client_test_rp_init_logout_no_state(at: Scene) -> None:
    alice, _ = await left(at)
    status, page = await came_back(at, alice)
    assert (status, "You are signed out" in page) == (200, True)

"""oidcc-client-test-3rd-party-init-login-test-plan."""

from urllib.parse import urlencode

from tests.fakes.scene import Scene, seen


async def test_oidcc_client_test_3rd_party_init_login(at: Scene) -> None:
    alice = at.gate.browser()
    page = await alice.navigate(f"{at.ours}/initiate/issuer?{urlencode({'iss': at.issuer.url})}")
    assert (page.status, page.url) == (200, f"{at.url}/")
    assert at.issuer.seen["authorize"] == 1
    assert seen(at.app.requests[-1], "X-User-Email") == ["alice@example.com"]

"""How a module of the conformance suite ends: somebody is signed in at the app, or nobody and nothing is."""

from tests.fakes.browser import Browser, Page
from tests.fakes.scene import COOKIE, Scene, seen


async def accepted(at: Scene, browser: Browser | None = None) -> Browser:
    """Sign in on the way to a page, and hold that the app was told who it is."""
    alice = await at.signed_in(path="/page", browser=browser)
    assert seen(at.app.requests[-1], "X-User-Email") == ["alice@example.com"]
    return alice


async def refused(at: Scene, *, status: int = 400) -> Page:
    """Try to sign in, and hold that it ended with a page, without session, and unseen by the app."""
    browser = at.gate.browser()
    page = await browser.navigate(at.url + "/page")
    assert page.status == status, page.text
    assert browser.cookie(at.url, COOKIE) is None
    assert at.app.requests == []
    return page


async def refused_before_userinfo(at: Scene) -> None:
    """The same, and hold that the access token beside the refused ID token was used for nothing."""
    await refused(at)
    assert (at.issuer.seen["token"], at.issuer.seen["userinfo"]) == (1, 0)

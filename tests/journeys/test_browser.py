"""The pages in a real browser: Debian's Chromium, headless, without a script of ours or anyone's.

`SCREENSHOTS=1` writes the pictures of the README to docs/images.
"""

import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright, expect

from tests.fakes.clock import FakeClock
from tests.fakes.databases import opened
from tests.fakes.demo import Demo
from tests.fakes.gateway import RunningGateway, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.upstream import RecordingUpstream, ok

IMAGES = Path(__file__).parents[2] / "docs" / "images"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZE: ViewportSize = {"width": 900, "height": 700}
expect.set_options(timeout=30_000)  # five seconds are a guess that a busy machine does not meet
PLANTED = """
const planted = document.createElement("script");
planted.textContent = "window.ran = 1";
document.body.append(planted);
"""
SECOND = """
[[providers]]
id = "partners"
name = "Partner accounts"
issuer = "{issuer.url}"
client_id = "gateway"
client_secret = {{ env = "ISSUER_SECRET" }}
"""


@dataclass(slots=True)
class Profile:
    """A browser profile that notes what its console says is wrong."""

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    async def tab(self) -> Page:
        page = await self.context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page


@pytest.fixture
async def chromium(needs: Callable[[str], str]) -> AsyncIterator[Browser]:
    path = needs("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def profile(chromium: Browser) -> Profile:
    """A fresh profile in which scripts are allowed, so that one that ran would be seen."""
    return Profile(await chromium.new_context(viewport=SIZE))


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    running.until("Ctrl-C")
    yield running
    if running.process.poll() is None:
        running.process.terminate()
    running.process.communicate(timeout=20)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway whose people come from two issuers."""
    body = b"<!doctype html><title>Wiki</title><h1>The wiki</h1>"
    async with HostileIssuer() as own, HostileIssuer() as partners, RecordingUpstream() as app:
        app.answer_with(ok(body, b"Content-Type: text/html", b"Cache-Control: no-store"))
        async with running_gateway(
            tmp_path,
            upstream=app.url,
            issuer=own,
            provider_keys='name = "Example Corp"',
            tables=SECOND.format(issuer=partners),
            http=True,
        ) as running:
            yield running


async def picture(page: Page, name: str) -> None:
    """Keep a picture of *page* for the README where somebody asked for pictures."""
    if os.environ.get("SCREENSHOTS") != "1":
        return
    await page.screenshot(path=IMAGES / f"{name}.png")
    assert (IMAGES / f"{name}.png").stat().st_size < 120_000


async def press(page: Page, label: str) -> None:
    await page.get_by_role("button", name=label, exact=True).click()


async def says(page: Page, title: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)


async def sign_in(page: Page, url: str, person: str) -> None:
    await page.goto(url)
    await press(page, f"Sign in as {person}")


async def test_alice_signs_in_is_refused_is_let_in_and_signs_out(demo: Demo, profile: Profile) -> None:
    page = await profile.tab()
    await sign_in(page, demo.url, "alice")
    await says(page, "Hello, Alice Example!")
    assert page.url == f"{demo.url}/"
    await expect(page.get_by_text("The assertion verifies")).to_be_visible()
    await picture(page, "app")
    assert profile.complaints == []

    refused = await page.goto(f"{demo.url}/admin")
    assert refused is not None
    assert refused.status == 403
    await says(page, "You may not open this page")
    await picture(page, "refused")
    await page.get_by_role("link", name="See who is signed in").click()
    await says(page, "Alice Example")
    grant(demo)
    await page.goto(f"{demo.url}/admin")
    await says(page, "The admin page")

    await page.get_by_role("link", name="Sign out").click()
    await press(page, "Sign out")
    await says(page, "You are signed out")
    assert "session" not in {cookie["name"] for cookie in await profile.context.cookies()}
    for _ in range(3):
        await page.go_back()
        assert "alice@example.com" not in await page.content()
    assert [text for text in profile.complaints if "403" not in text] == []


def grant(demo: Demo) -> None:
    """Run the command that the demo printed."""
    printed = next(line for line in demo.said if "--grant" in line).strip()
    subprocess.run(printed, shell=True, cwd=demo.directory, check=True, capture_output=True)


async def test_two_tabs_sign_in_side_by_side(demo: Demo, profile: Profile) -> None:
    first, second = await profile.tab(), await profile.tab()
    await first.goto(f"{demo.url}/?tab=first")
    await second.goto(f"{demo.url}/?tab=second")
    await press(second, "Sign in as alice")
    await says(second, "Hello, Alice Example!")
    await press(first, "Sign in as alice")
    await says(first, "Hello, Alice Example!")
    assert [urlsplit(tab.url).query for tab in (first, second)] == ["tab=first", "tab=second"]
    assert profile.complaints == []


async def test_cancelling_at_the_issuer_is_told_in_plain_words(demo: Demo, profile: Profile) -> None:
    page = await profile.tab()
    await page.goto(demo.url)
    await press(page, "Cancel")
    await says(page, "Sign-in cancelled")
    await page.get_by_role("link", name="Try again").click()
    await press(page, "Sign in as bob")
    await says(page, "Hello, Bob Example!")


async def test_with_two_providers_the_person_chooses(gateway: RunningGateway, profile: Profile) -> None:
    page = await profile.tab()
    await page.goto(f"{gateway.url}/wiki?page=1")
    await says(page, "Sign in")
    await picture(page, "signin")
    await press(page, "Continue with Partner accounts")
    await says(page, "The wiki")
    assert page.url == f"{gateway.url}/wiki?page=1"
    assert profile.complaints == []


async def test_everything_works_where_scripts_are_off(gateway: RunningGateway, chromium: Browser) -> None:
    page = await (await chromium.new_context(java_script_enabled=False)).new_page()
    await page.goto(gateway.url)
    await press(page, "Continue with Example Corp")
    await says(page, "The wiki")
    await page.goto(f"{gateway.url}/.gateway/signout")
    await press(page, "Sign out")
    await says(page, "You are signed out")


async def test_no_script_runs_on_our_pages(gateway: RunningGateway, profile: Profile) -> None:
    page = await profile.tab()
    await page.goto(f"{gateway.url}/.gateway/signin")
    assert await page.evaluate("document.scripts.length") == 0
    await page.evaluate(PLANTED)
    assert await page.evaluate("window.ran") is None
    assert any("Content Security Policy" in text for text in profile.complaints)


LOCAL = '\n[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'


async def fits_a_small_screen(page: Page) -> None:
    """Claim that nothing is cut off at 320 px (WCAG 1.4.10), and that what a row says is not squeezed by
    its buttons."""
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    told = await page.locator(".rows li > span:first-child").all()
    boxes = [await each.bounding_box() for each in told]
    assert boxes
    assert all(box is not None and box["width"] >= 144 for box in boxes)
    await page.set_viewport_size(SIZE)


NEW = "velvet harbour ostrich nineteen"


async def test_B19_B20_B114_a_password_is_typed_wrong_then_right_then_changed(
    tmp_path: Path, profile: Profile
) -> None:
    async with (
        RecordingUpstream() as app,
        running_gateway(tmp_path, upstream=app.url, tables=LOCAL, http=True) as gateway,
    ):
        app.answer_with(
            ok(b"<!doctype html><title>Wiki</title><h1>The wiki</h1>", b"Content-Type: text/html")
        )
        async with opened(tmp_path, time.time) as store:
            await store.users.add("ann@example.com", password_hash=await hash_of())
        page = await profile.tab()
        await page.goto(f"{gateway.url}/wiki?page=1")
        await expect(page.get_by_label("E-mail address")).to_be_focused()
        await page.keyboard.type("ann@example.com")
        await page.keyboard.press("Tab")
        await page.keyboard.type("not this one")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(page.get_by_label("Password")).to_be_focused()
        await page.keyboard.type(RIGHT)
        await page.keyboard.press("Enter")
        await says(page, "The wiki")
        assert page.url == f"{gateway.url}/wiki?page=1"
        await page.goto(f"{gateway.url}/.gateway/account")
        await fits_a_small_screen(page)
        await page.get_by_role("link", name="Change your password").click()
        await expect(page.get_by_label("Present password")).to_be_focused()
        for typed in (RIGHT, "short", "short"):
            await page.keyboard.type(typed)
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("must have at least 12 characters")
        for typed in (RIGHT, NEW, NEW):
            await page.keyboard.type(typed)
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("Your password is changed")
        assert not [each for each in profile.complaints if "401" not in each and "400" not in each]


async def test_B043_the_one_box_holds_for_a_button_too(tmp_path: Path, chromium: Browser) -> None:
    async with (
        HostileIssuer() as issuer,
        RecordingUpstream() as app,
        running_gateway(tmp_path, upstream=app.url, issuer=issuer, tables=LOCAL, http=True) as gateway,
    ):
        app.answer_with(ok(b"<!doctype html><h1>The wiki</h1>", b"Content-Type: text/html"))
        for ticked in (False, True):
            context = await chromium.new_context(java_script_enabled=False)
            page = await context.new_page()
            await page.goto(gateway.url)
            box = page.get_by_role("checkbox", name="Sign me out when the browser closes")
            await box.set_checked(ticked)
            await page.get_by_role("button", name="Continue with").click()
            await says(page, "The wiki")
            [session] = [each for each in await context.cookies() if each["name"] == "session"]
            assert (session["expires"] == -1) is ticked


async def test_B073_a_password_is_typed_again_where_a_page_asks_for_a_recent_one(
    tmp_path: Path, profile: Profile
) -> None:
    clock = FakeClock()
    async with (
        RecordingUpstream() as app,
        running_gateway(
            tmp_path,
            upstream=app.url,
            tables=LOCAL,
            route_keys='max_auth_age = "5m"',
            http=True,
            clock=clock,
        ) as gateway,
    ):
        app.answer_with(
            ok(b"<!doctype html><title>Wiki</title><h1>The wiki</h1>", b"Content-Type: text/html")
        )
        async with opened(tmp_path, clock) as store:
            await store.users.add("ann@example.com", password_hash=await hash_of())
        page = await profile.tab()
        await page.goto(f"{gateway.url}/wiki?page=1")
        await expect(page.get_by_label("E-mail address")).to_be_focused()
        await page.keyboard.type("ann@example.com")
        await page.keyboard.press("Tab")
        await page.keyboard.type(RIGHT)
        await page.keyboard.press("Enter")
        await says(page, "The wiki")
        clock.advance(331)
        await page.reload()
        await says(page, "Confirm that it is you")
        await expect(page.get_by_label("E-mail address")).to_have_value("ann@example.com")
        await expect(page.get_by_label("Password")).to_be_focused()
        await page.keyboard.type(RIGHT)
        await page.keyboard.press("Enter")
        await says(page, "The wiki")
        assert page.url == f"{gateway.url}/wiki?page=1"
        assert profile.complaints == []


REACHED = """
async () => {
  const said = (await fetch("/.gateway/admin/")).status;
  const framed = document.createElement("iframe");
  framed.src = "/.gateway/admin/";
  document.body.append(framed);
  await new Promise((done) => (framed.onload = done));
  const plain = window.open("/wiki"), opened = window.open("/.gateway/admin/");
  for (let waited = 0; !opened.closed && waited < 100; waited++)
    await new Promise((done) => setTimeout(done, 100));
  const posted = await fetch("/.gateway/admin/users/grant/u_x", {method: "POST", body: new URLSearchParams(
    {csrfToken: (await (await fetch("/.gateway/csrf")).json()).csrfToken, role: "admin"})});
  return [said, framed.contentDocument === null, plain.closed, opened.closed, posted.status];
}
"""


async def administrator(gateway: RunningGateway, tmp_path: Path, page: Page) -> None:
    """Sign Ann in, an administrator, on the way to the console; Bob is there too."""
    async with opened(tmp_path, time.time) as store:
        await store.users.add("ann@example.com", name="Ann", roles=["admin"], password_hash=await hash_of())
        await store.users.add("bob@example.com", name="Bob <b>Builder</b> \u202eexe")
    await page.goto(f"{gateway.url}/.gateway/admin/")
    await page.keyboard.type("ann@example.com")
    await page.keyboard.press("Tab")
    await page.keyboard.type(RIGHT)
    await page.keyboard.press("Enter")
    await says(page, "Users")


async def test_C12_an_administrator_does_it_all_by_keyboard_and_no_script_of_an_app_does(
    tmp_path: Path, profile: Profile
) -> None:
    async with (
        RecordingUpstream() as app,
        running_gateway(tmp_path, upstream=app.url, tables=LOCAL, http=True) as gateway,
    ):
        app.answer_with(
            ok(b"<!doctype html><title>Wiki</title><h1>The wiki</h1>", b"Content-Type: text/html")
        )
        page = await profile.tab()
        await administrator(gateway, tmp_path, page)
        await page.get_by_label("E-mail, name or id").focus()
        await page.keyboard.type("bob@")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Bob").focus()
        await page.keyboard.press("Enter")
        await says(page, "Bob <b>Builder</b> \\u202eexe")
        await page.get_by_label("Another role").focus()
        await page.keyboard.type("editor")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text("The role is granted.")
        await page.get_by_text("Disable this user").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text("This user is disabled and signed out.")
        await fits_a_small_screen(page)
        for name in ("Sessions", "Audit trail", "Routes", "Providers", "Users"):
            await page.get_by_role("link", name=name, exact=True).click()
            await says(page, name)
            await fits_a_small_screen(page)
        assert profile.complaints == []
        await page.goto(f"{gateway.url}/wiki")
        assert await page.evaluate(REACHED) == [403, True, False, True, 403]

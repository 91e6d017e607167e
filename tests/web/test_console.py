"""Every page of the console stands behind its door, and can be read by anybody who gets in."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from tests.fakes.administrators import ADMIN, administered, page, press
from tests.fakes.scene import scene
from tests.fakes.site import PREFIX, header, site

PAGES = ["", "sessions", "audit", "routes", "providers"]


async def test_without_its_slash_the_address_leads_to_the_one_that_a_sign_in_comes_back_to(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(ADMIN)
        assert (answer.status, header(answer, b"Location")) == (302, f"{ADMIN}/")


async def test_an_unknown_page_is_404_or_is_for_forms(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        for path in ("nothing", "users", "users/disable", "sessions/a/b"):
            assert (await gate.get(f"{ADMIN}/{path}")).status == 404


async def test_C12_whatever_is_below_it_stands_behind_the_door(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        below = [(path, methods) for path, methods in gate.endpoints._exact.items() if path[:7] == "/admin/"]
        below += [
            (f"{path}/x", methods) for path, methods in gate.endpoints._named.items() if "/admin" in path
        ]
        assert len(below) > 10
        for path, methods in below:
            for method in methods:
                name = path.removeprefix("/admin/")
                answer = await (press(gate, name) if method == "POST" else gate.get(f"{ADMIN}/{name}"))
                assert (path, answer.status) == (path, 403)


async def test_pages_are_accessible_and_run_no_script(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        for path in PAGES:
            answer = await gate.get(f"{ADMIN}/{path}")
            body = answer.body.decode()
            assert '<html lang="en">' in body
            assert 'name="viewport" content="width=device-width, initial-scale=1"' in body
            assert body.count("<h1>") == 1
            assert body.count('aria-current="page"') == 1
            for forbidden in ("<script", " style=", "src=", "http:", " //"):
                assert forbidden not in body.partition("<body>")[2]
            assert not re.search(r"<title>\s*</title>", body)
            for button in re.findall(r"<button[^>]*>([^<]*)<", body):
                assert button.strip()


async def test_the_styles_in_a_page_are_those_that_its_policy_names(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        answer = await gate.get(f"{ADMIN}/")
        policy = header(answer, b"Content-Security-Policy")
        styles = re.findall(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
        assert len(styles) == 2
        for style in styles:
            assert f"'sha256-{b64encode(sha256(style).digest()).decode()}'" in policy
        assert "default-src 'none'" in policy


async def test_every_link_of_the_navigation_leads_to_a_page(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        links = re.findall(rf'href="({ADMIN}/[a-z]*)"', await page(gate))
        assert links
        for link in links:
            assert (await gate.get(link)).status == 200


async def test_head_is_answered_as_get(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        assert (await gate.send(gate.inbound(f"{ADMIN}/", method="HEAD"))).status == 200
        assert (await gate.send(gate.inbound(f"{ADMIN}/", method="DELETE"))).status == 405
        assert (await gate.get(f"{PREFIX}/admin/")).status == 200


PERSONAL = '\n[[routes]]\npath = "/api"\nupstream = "{app}"\npersonal_tokens = true\n'


async def test_C12_an_administrator_s_personal_token_opens_what_it_is_for_and_not_the_console(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, tables=PERSONAL) as at:
        alice = await at.signed_in("alice")
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["admin"])
        sent = {"csrfToken": await at.csrf(alice), "name": "n", "route": "/api", "days": "30"}
        made = await alice.submit(f"{at.ours}/account/tokens", sent, follow=False)
        [token] = re.findall(r"vst_[0-9A-Za-z]{49}", made.text)

        async def status(path: str) -> int:
            lines = (
                f"GET {path} HTTP/1.1",
                f"Host: {at.gate.host}",
                f"Authorization: Bearer {token}",
                "",
                "",
            )
            return (await at.raw("\r\n".join(lines).encode())).status

        assert await status("/api") == 200
        assert await status(f"{ADMIN}/") == 401
        assert (await alice.navigate(f"{at.ours}/admin/")).status == 200

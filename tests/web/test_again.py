"""Who has to sign in once more does so the way they did, and comes back."""

from pathlib import Path

from tests.fakes.administrators import ADMIN, added, administered, press
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.site import PREFIX, Site, asked, header, site


async def ann_by_password(gate: Site) -> None:
    await gate.database.users.add("ann@example.com", roles=["admin"], password_hash=await hash_of())
    typed = {"username": "ann@example.com", "password": RIGHT, "remember": "false"}
    await gate.post(f"{PREFIX}/callback/local", typed)


async def test_at_an_issuer_they_are_asked_anew_and_come_back_to_the_page(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob = await added(gate)
        gate.clock.advance(901)
        answer = await press(gate, f"users/disable/{bob.id}")
        assert header(answer, b"Location").startswith("https://demo.example/authorize")
        assert gate.issuers["demo"].hints[-1] == {"prompt": "login"}
        assert header(await gate.come_back("demo"), b"Location") == f"{ADMIN}/users/{bob.id}"


async def test_by_password_they_are_led_to_the_form_and_the_session_lasts_no_longer(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await ann_by_password(gate)
        bob = await added(gate)
        gate.clock.advance(901)
        answer = await press(gate, f"users/disable/{bob.id}")
        location = header(answer, b"Location")
        assert location.startswith(f"{PREFIX}/signin?return_to={ADMIN}/users/{bob.id}")
        assert asked(location)["remember"] == "false"

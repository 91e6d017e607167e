from pathlib import Path

from tests.fakes.site import PREFIX, header, site


async def test_an_issuer_fetches_the_keys_that_it_is_to_know(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/client-jwks/demo")
        assert (answer.status, answer.body) == (200, b'{"keys":[]}')
        assert header(answer, b"Cache-Control") == "public, max-age=300"


async def test_a_provider_without_keys_has_no_such_page(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        assert (await gate.get(f"{PREFIX}/client-jwks/other")).status == 404

"""Keys of an issuer that has nothing else are found by either kind of metadata (RFC 8414)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import IssuerUnavailable
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.key_discovery import KeyDiscovery, KeyPlace, read_key_place, server_metadata_url
from tests.fakes.login import Hands

ISSUER = "https://issuer.example/tenant"
OPENID = "/t/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server/t"


@asynccontextmanager
async def issuer_with(**answers: Any) -> AsyncIterator[tuple[str, list[str]]]:
    """Lend an issuer and what was asked of it; *answers* are `openid` and `oauth`, a status or changes."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        found = answers.get({OPENID: "openid", OAUTH: "oauth"}.get(request.path, ""), 404)
        if isinstance(found, int):
            return web.Response(status=found, headers={"Location": OAUTH})
        issuer = f"http://{request.host}/t"
        return web.json_response({"issuer": issuer, "jwks_uri": f"{issuer}/jwks", **found})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/t", asked
    finally:
        await runner.cleanup()


async def place(issuer: str) -> KeyPlace:
    http = IssuerHttp()
    try:
        return await KeyDiscovery(issuer, http=http, clock=Hands()).metadata()
    finally:
        await http.close()


async def test_an_issuer_without_login_is_found_by_openid_discovery_alone() -> None:
    async with issuer_with(openid={}, oauth={}) as (issuer, asked):
        assert await place(issuer) == KeyPlace(issuer=issuer, jwks_uri=f"{issuer}/jwks")
        assert asked == [OPENID]


async def test_one_without_openid_is_found_by_the_metadata_of_rfc_8414() -> None:
    async with issuer_with(oauth={}) as (issuer, asked):
        assert (await place(issuer)).jwks_uri == f"{issuer}/jwks"
        assert asked == [OPENID, OAUTH]


@pytest.mark.parametrize("answer", [302, 401, 500, 503, {"issuer": "https://other.example"}])
async def test_O20_only_what_is_not_there_is_looked_for_elsewhere(answer: Any) -> None:
    async with issuer_with(openid=answer, oauth={}) as (issuer, asked):
        with pytest.raises(IssuerUnavailable):
            await place(issuer)
        assert asked == [OPENID]


@pytest.mark.parametrize("answer", [404, 500, {"issuer": "https://other.example"}, {"jwks_uri": None}])
async def test_O20_the_other_metadata_is_held_alike(answer: Any) -> None:
    async with issuer_with(oauth=answer) as (issuer, _):
        with pytest.raises(IssuerUnavailable):
            await place(issuer)


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://a.example", "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example/", "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example:8/t/1/", "https://a.example:8/.well-known/oauth-authorization-server/t/1"),
    ],
)
def test_the_well_known_part_stands_before_the_path(issuer: str, url: str) -> None:
    assert server_metadata_url(issuer) == url


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://issuer.example/x", "http://127.0.0.1/x", "", 7]
)
def test_O20_keys_beside_https_are_refused(url: object) -> None:
    with pytest.raises(IssuerUnavailable, match="jwks_uri"):
        read_key_place({"issuer": ISSUER, "jwks_uri": url}, issuer=ISSUER)


@given(st.dictionaries(st.sampled_from(["issuer", "jwks_uri"]), st.none() | st.text() | st.just(ISSUER)))
def test_O20_whatever_it_says_a_place_is_of_the_issuer(document: dict[str, object]) -> None:
    with suppress(IssuerUnavailable):
        found = read_key_place(document, issuer=ISSUER)
        assert document["issuer"] == found.issuer == ISSUER
        assert found.jwks_uri.startswith("https://")

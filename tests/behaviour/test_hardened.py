"""Hardened logins, seen from outside: what the operator reads where an issuer does not meet a profile."""

from pathlib import Path

from gateway.relying_party.client_keys import ClientKey, public_set
from tests.fakes.client_keys import pem
from tests.fakes.fapi_issuer import FapiIssuer
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecordingUpstream

PROVIDER = """
[[providers]]
id = "issuer"
issuer = "{url}"
client_id = "gateway"
profile = "fapi2"
client_auth = "private_key_jwt"
[[providers.keys]]
key = \"\"\"{pem}\"\"\"
"""


async def test_O09_the_log_names_what_a_weaker_issuer_lacks(tmp_path: Path) -> None:
    async with FapiIssuer() as issuer, RecordingUpstream() as app:
        issuer.overlay = {"code_challenge_methods_supported": ["plain"]}
        tables = PROVIDER.format(url=issuer.url, pem=pem())
        async with running_gateway(tmp_path, upstream=app.url, tables=tables) as gateway:
            page = await gateway.browser().navigate(f"{gateway.url}/app")
            assert page.status == 503
            assert "S256" not in page.text, "that is for the operator"
        [fault] = gateway.events("request.fault")
        assert "lacks S256 among code_challenge_methods_supported" in str(fault)


async def test_B029_an_issuer_that_meets_it_signs_people_in(tmp_path: Path) -> None:
    async with FapiIssuer() as issuer, RecordingUpstream() as app:
        issuer.client_keys = public_set([ClientKey(pem=pem())])
        tables = PROVIDER.format(url=issuer.url, pem=pem())
        async with running_gateway(tmp_path, upstream=app.url, tables=tables) as gateway:
            alice = gateway.browser()
            alice.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            to = (
                await alice.navigate(f"{gateway.url}/.gateway/signin?return_to=/app", follow=False)
            ).location
            page = await alice.navigate(issuer.consent(to))
            assert (page.status, page.url) == (200, f"{gateway.url}/app")
            assert pem()[40:80] not in gateway.log

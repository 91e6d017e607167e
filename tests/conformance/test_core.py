"""oidcc-client-test-plan: what it has for the code flow beyond the plan Basic."""

from pathlib import Path

from tests.fakes.claims_issuer import USABLE, ClaimsIssuer
from tests.fakes.conformance import accepted, refused_before_userinfo
from tests.fakes.gateway import running_gateway
from tests.fakes.issuer import ABSENT, HostileIssuer, b64
from tests.fakes.mutual_tls import MutualTlsIssuer
from tests.fakes.posting import posting_scene
from tests.fakes.scene import Scene, scene, seen
from tests.fakes.upstream import RecordingUpstream


async def test_oidcc_client_test_missing_aud(at: Scene) -> None:
    at.issuer.claims = {"aud": ABSENT}
    await refused_before_userinfo(at)


async def test_oidcc_client_test_invalid_sig_hs256(tmp_path: Path) -> None:
    async with (
        HostileIssuer(client_secret="a secret of thirty-two bytes, or more") as issuer,
        RecordingUpstream() as app,
        running_gateway(
            tmp_path, upstream=app.url, issuer=issuer, provider_keys='id_token_algorithms = ["HS256"]'
        ) as gate,
    ):
        issuer.fault = "hs256_public_key"  # signed, and by something else than the client secret
        page = await gate.browser().navigate(gate.url + "/page")
        assert (page.status, issuer.seen["userinfo"], app.requests) == (400, 0, [])


async def test_oidcc_client_test_invalid_sig_es256(tmp_path: Path) -> None:
    async with (
        HostileIssuer(algorithm="ES256") as issuer,
        RecordingUpstream() as app,
        running_gateway(tmp_path, upstream=app.url, issuer=issuer) as gate,
    ):
        issuer.fault = "foreign_key"
        page = await gate.browser().navigate(gate.url + "/page")
        assert (page.status, issuer.seen["userinfo"], app.requests) == (400, 0, [])


async def test_oidcc_client_test_userinfo_bearer_header(at: Scene) -> None:
    await accepted(at)
    [(headers, form)] = [(headers, form) for name, headers, form in at.issuer.requests if name == "userinfo"]
    assert headers["Authorization"].startswith("Bearer ")
    assert form == {}


async def test_oidcc_client_test_form_post_error(tmp_path: Path) -> None:
    async with posting_scene(tmp_path) as at:
        browser = at.gate.browser()
        page = await browser.navigate(f"{at.ours}/signin?return_to=/page&prompt=none")
        assert (page.status, "Sign-in did not succeed" in page.text) == (400, True)
        assert (at.issuer.seen["token"], at.app.requests) == (0, [])


async def test_oidcc_client_test_mtls_endpoint_aliases(tmp_path: Path) -> None:
    async with MutualTlsIssuer() as issuer, RecordingUpstream() as app:
        issuer.write(tmp_path)
        keys = f'''
[[providers]]
id = "issuer"
issuer = "{issuer.url}"
client_id = "{issuer.client_id}"
client_auth = "tls_client_auth"
tls = {{ ca = "{tmp_path}/ca.pem", client_cert = "{tmp_path}/cert.pem", client_key = "{tmp_path}/key.pem" }}
'''
        async with running_gateway(tmp_path, upstream=app.url, tables=keys) as gate:
            gate.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            page = await gate.browser().navigate(gate.url + "/page")
        assert (page.status, len(app.requests)) == (200, 1)
        assert [endpoint for endpoint, shown in issuer.shown if shown] == ["token", "userinfo"]


async def test_oidcc_client_test_ignores_unparseable_key_in_jwks(at: Scene) -> None:
    quantum = {"kty": "AKP", "alg": "ML-DSA-999", "pub": b64(b"x" * 64), "kid": "quantum"}
    at.issuer.published = [quantum, {"kty": "made-up", "kid": "made-up"}, *at.issuer.published]
    await accepted(at)


DEPARTMENT = {
    "issued_by": ClaimsIssuer,
    "provider_keys": 'claims = { department = "department" }',
    "tables": '[identity.headers]\nX-User-Email = "email"\nX-Department = "claims.department"\n',
}


async def test_oidcc_client_test_aggregated_claims(tmp_path: Path) -> None:
    async with scene(tmp_path, **DEPARTMENT) as at:
        assert isinstance(at.issuer, ClaimsIssuer)
        at.issuer.aggregated({"department": "it"})
        await accepted(at)
        assert seen(at.app.requests[-1], "X-Department") == ["it"]


async def test_oidcc_client_test_distributed_claims(tmp_path: Path) -> None:
    async with scene(tmp_path, **DEPARTMENT) as at:
        assert isinstance(at.issuer, ClaimsIssuer)
        at.issuer.distributed({"department": "it"})
        await accepted(at)
        assert seen(at.app.requests[-1], "X-Department") == ["it"]
        assert at.issuer.shown == [f"Bearer {USABLE}"]

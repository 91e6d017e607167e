"""oidcc-client-config-certification-test-plan."""

from tests.fakes.conformance import accepted, refused, refused_before_userinfo
from tests.fakes.issuer import HostileIssuer
from tests.fakes.scene import Scene


async def test_oidcc_client_test_discovery_openid_config(at: Scene) -> None:
    assert at.issuer.seen["discovery"] == 0
    await accepted(at)
    assert at.issuer.seen["discovery"] == 1


async def test_oidcc_client_test_discovery_jwks_uri_keys(at: Scene) -> None:
    async with HostileIssuer() as elsewhere:
        elsewhere.published = at.issuer.published
        document = {**at.issuer.metadata(), "jwks_uri": f"{elsewhere.url}/jwks"}
        setattr(at.issuer, "metadata", lambda: document)  # noqa: B010
        await accepted(at)
        assert (elsewhere.seen["jwks"], at.issuer.seen["jwks"]) == (1, 0)


async def test_oidcc_client_test_discovery_issuer_mismatch(at: Scene) -> None:
    at.issuer.fault = "discovery_wrong_issuer"
    await refused(at, status=503)
    assert at.issuer.seen["authorize"] == 0


async def test_oidcc_client_test_idtoken_sig_none(at: Scene) -> None:
    at.issuer.fault = "alg_none"
    await refused_before_userinfo(at)


async def test_oidcc_client_test_signing_key_rotation_just_before_signing(at: Scene) -> None:
    await accepted(at)
    bob = at.gate.browser()
    callback = await at.departed(bob, "/page")
    at.issuer.rotate()
    assert (await bob.navigate(callback)).status == 200
    assert at.issuer.seen["jwks"] == 2


async def test_oidcc_client_test_signing_key_rotation(at: Scene) -> None:
    await accepted(at)
    at.issuer.rotate()
    await accepted(at)
    assert at.issuer.seen["jwks"] == 2

"""oidcc-client-front-channel-logout-rp-basic."""

from urllib.parse import urlencode

from tests.fakes.conformance import accepted
from tests.fakes.scene import COOKIE, Scene


async def test_oidcc_client_test_rp_frontchannel_rpinitlogout(at: Scene) -> None:
    at.issuer.claims = {"sid": "op-1"}
    alice = await accepted(at)
    told = urlencode({"iss": at.issuer.url, "sid": "op-1"})
    frame = await alice.navigate(f"{at.ours}/frontchannel-logout/issuer?{told}", Sec_Fetch_Dest="iframe")
    assert frame.status == 200
    assert b"no-store" in frame.answer.values("cache-control")[0]
    assert alice.cookie(at.url, COOKIE) is None
    assert (await alice.fetch(at.url + "/page")).status == 401

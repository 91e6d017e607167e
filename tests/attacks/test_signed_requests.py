"""Signed requests through a whole gateway, by both lanes: what arrives verifies, and nothing else does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.jwk import OKPKey

from gateway.keys import base64url
from gateway.keys.keyring import KeyRing
from gateway.verify import SignatureInvalid, SignatureMissing, SignatureVerifier
from tests.fakes.front import Door, front
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.signed_requests import received, verified

RING = KeyRing([SECRET.encode()], scope=f"https://{HOST}")
SIGNED = """
[identity]
signature = "{algorithm}"
[upstreams.app]
urls = ["{upstream}"]
[upstreams.other]
urls = ["{upstream}"]
[[routes]]
path = "/app"
upstream = "app"
strip_prefix = true
[[routes]]
path = "/other"
upstream = "other"
access = "optional"
[[routes]]
path = "/plain"
upstream = "app"
identity = { signature = "off" }
"""
BOTH = pytest.mark.parametrize("algorithm", ["hmac-sha256", "ed25519"])
LANES = pytest.mark.parametrize("lane", [True, False])


@asynccontextmanager
async def signed_in(folder: Path, algorithm: str, *, lane: bool = True) -> AsyncIterator[tuple[Door, str]]:
    tables = SIGNED.replace("{algorithm}", algorithm)
    async with (
        HostileIssuer() as issuer,
        front(folder, route_keys="", tables=tables, issuer=issuer, fast_lane=lane) as door,
    ):
        browser = door.gateway.browser()
        page = await browser.navigate(f"{door.gateway.url}/app/")
        assert page.status == 200, page.answer
        door.upstream.requests.clear()
        yield door, f"Cookie: __Host-session={browser.cookie(door.gateway.url, '__Host-session')}"


def key(algorithm: str, audience: str = "app") -> bytes | Ed25519PublicKey:
    if algorithm == "hmac-sha256":
        return base64url.decode(str(RING.shared_keys(audience)[0].secret_jwk()["k"]).encode())
    public = OKPKey.import_key(RING.ed25519_keys()[0].jwk).raw_value  # type: ignore[arg-type]
    assert isinstance(public, Ed25519PublicKey)
    return public


def verifier(algorithm: str, audience: str = "app") -> SignatureVerifier:
    if algorithm == "hmac-sha256":
        shared = {"keys": [RING.shared_keys(audience)[0].secret_jwk()]}
        return SignatureVerifier(audience=audience, shared=shared)
    return SignatureVerifier(audience=audience, jwks={"keys": [RING.ed25519_keys()[0].jwk]})


async def warm(door: Door, *requests: bytes) -> list[bytes]:
    """Send *requests* on one connection, as the fast lane wants them; return what arrived."""
    before = len(door.upstream.requests)
    async with await RawConnection.open(door.port) as client:
        for request in requests:
            await client.write(request)
            assert (await client.answer()).status == 200
    return door.upstream.requests[before:]


@BOTH
@LANES
async def test_I13_what_the_upstream_sees_is_what_was_signed(
    tmp_path: Path, algorithm: str, *, lane: bool
) -> None:
    targets = ["/app/a%20b?x=%41&x=1", "/app/page?", "/app", "/app/%c3%a9", "/app/page?x=1"]
    async with signed_in(tmp_path, algorithm, lane=lane) as (door, cookie):
        asked = [get(target, cookie, "X-Twice: 1", "X-Twice: 2", host=HOST) for target in targets]
        arrived = await warm(door, *asked)
    assert [each.split(b" ")[1] for each in arrived] == [
        b"/a%20b?x=%41&x=1",
        b"/page?",
        b"/",
        b"/%c3%a9",
        b"/page?x=1",
    ]
    nonces = set()
    for head in arrived:
        [found] = verified(head, key(algorithm))
        assert '"x-user-id"' in found.covered_components
        nonces.add(found.nonce)
        caller = verifier(algorithm).verify(received(head))
        assert caller is not None
        assert caller.email == "alice@example.com"
    assert len(nonces) == len(arrived)


@BOTH
async def test_I13_a_request_replayed_elsewhere_is_refused(tmp_path: Path, algorithm: str) -> None:
    async with signed_in(tmp_path, algorithm) as (door, cookie):
        [head] = await warm(door, get("/app/page?x=1", cookie, host=HOST))
    good = received(head)
    for elsewhere in (
        replace(good, method="DELETE"),
        replace(good, path="/admin"),
        replace(good, query="x=2"),
        replace(good, fields=tuple((k, "other") if k == "Host" else (k, v) for k, v in good.fields)),
    ):
        with pytest.raises(SignatureInvalid):
            verifier(algorithm).verify(elsewhere)
    with pytest.raises(SignatureInvalid):
        verifier(algorithm, "other").verify(good)


@BOTH
async def test_I14_a_clients_own_signature_reaches_no_upstream(tmp_path: Path, algorithm: str) -> None:
    forged = (
        "Signature: gateway=:AAAA:",
        "signature: gateway=:BBBB:",
        'Signature-Input: gateway=("@method");keyid="x"',
        "Signature_Input: x",
        "Signature.Input: x",
        "X-User-Id: admin",
    )
    async with signed_in(tmp_path, algorithm) as (door, cookie):
        signed, plain = await warm(
            door, get("/app/", cookie, *forged, host=HOST), get("/plain", cookie, *forged, host=HOST)
        )
    assert len(verified(signed, key(algorithm))) == 1
    assert signed.lower().count(b"signature") == 2 + signed.lower().count(b'"@signature')
    assert b"signature" not in plain.lower()
    with pytest.raises(SignatureMissing):
        verifier(algorithm).verify(received(plain))


async def test_I15_a_stranger_is_vouched_for_as_nobody(tmp_path: Path) -> None:
    async with signed_in(tmp_path, "ed25519") as (door, _):
        [head] = await warm(door, get("/other", "X-User-Id: admin", host=HOST))
    assert verifier("ed25519", "other").verify(received(head)) is None
    assert b"admin" not in head


async def test_H43_a_request_sent_again_is_signed_anew(tmp_path: Path) -> None:
    async with signed_in(tmp_path, "hmac-sha256") as (door, cookie):
        await warm(door, get("/app/", cookie, host=HOST))
        door.upstream.fault = "no answer"
        before = len(door.upstream.requests)
        answer = await door.send(get("/app/", cookie, host=HOST))
        assert answer.status == 502
        first, again = door.upstream.requests[before:]
        door.upstream.fault = ""
    [one], [two] = verified(first, key("hmac-sha256")), verified(again, key("hmac-sha256"))
    assert one.nonce != two.nonce


async def test_a_websocket_is_signed_like_any_request(tmp_path: Path) -> None:
    async with signed_in(tmp_path, "hmac-sha256") as (door, cookie):
        upgrade = ("Connection: Upgrade", "Upgrade: websocket")
        head = await door.passes(get("/other", cookie, *upgrade, host=HOST))
    assert len(verified(head, key("hmac-sha256", "other"))) == 1


async def test_the_public_key_is_where_apps_look_for_it(tmp_path: Path) -> None:
    async with signed_in(tmp_path, "ed25519") as (door, _):
        answer = await door.send(get("/.gateway/jwks.json", host=HOST))
    assert RING.ed25519_keys()[0].keyid.encode() in answer.body
    assert b'"d"' not in answer.body

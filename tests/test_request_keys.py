"""Which key signs for whom, and which are published."""

from pathlib import Path

from gateway.assembly.routes import build_routes
from gateway.keys.keyring import KeyRing
from gateway.keys.request_keys import SharedKey
from gateway.model.route import RequestAlgorithm
from gateway.request_keys import Published, RequestKeys, request_keys
from tests.fakes.configuration import PROVIDER, SOUND, TOP, loaded
from tests.fakes.dressing import upstream_at

RING = KeyRing([b"k" * 32, b"o" * 32], scope="https://gw.example.com")
WIKI = upstream_at(1, name="wiki", audience="https://wiki.example.com")
HMAC = RequestAlgorithm.HMAC_SHA256
SIGNED = """
[upstreams.wiki]
urls = ["http://127.0.0.1:3001"]
identity = { signature = "%s" }
%s
[[routes]]
path = "/wiki"
upstream = "wiki"
"""


def test_a_shared_key_is_made_for_the_audience_or_given() -> None:
    made, given = RequestKeys(RING, given={}), RequestKeys(RING, given={"wiki": b"g" * 32})
    assert made.current(HMAC, WIKI).keyid == RING.shared_keys("https://wiki.example.com")[0].keyid
    assert len(made.shared(WIKI)) == 2
    assert given.current(HMAC, WIKI).keyid == SharedKey(b"g" * 32).keyid
    assert given.current(HMAC, upstream_at(1)).keyid == RING.shared_keys("app")[0].keyid
    assert made.current(RequestAlgorithm.ED25519, WIKI).keyid == RING.ed25519_keys()[0].keyid


def test_public_keys_are_published_where_a_route_signs_with_them(tmp_path: Path) -> None:
    for algorithm, published in (("off", 0), ("hmac-sha256", 0), ("ed25519", 1)):
        settings = loaded(tmp_path, SOUND + SIGNED % (algorithm, "")).settings
        keys = request_keys(settings, KeyRing(settings.secret, scope=settings.public_url))
        assert len(keys.published(build_routes(settings))) == published


def test_what_is_published_are_public_halves_in_order() -> None:
    published = Published(RING.signing_keys(), RING.ed25519_keys())
    kinds = [key["kty"] for key in published.jwks()["keys"]]  # type: ignore[attr-defined]
    assert kinds == ["EC", "EC", "OKP", "OKP"]
    each = (RING.signing_keys().pem(), *(key.pem() for key in RING.ed25519_keys()))
    assert published.pem() == "".join(each)
    assert published.pem().count("BEGIN PUBLIC KEY") == 4
    assert Published(RING.signing_keys(), ()).jwks() == RING.signing_keys().jwks()


def test_a_key_is_taken_from_where_the_configuration_says(tmp_path: Path) -> None:
    (tmp_path / "wiki.key").write_text("a key of more than thirty-two bytes, shared\n")
    (tmp_path / "wiki.key").chmod(0o600)
    text = TOP + PROVIDER + SIGNED % ("hmac-sha256", 'signature_key = { file = "wiki.key" }')
    settings = loaded(tmp_path, text).settings
    keys = request_keys(settings, RING)
    [given] = keys.shared(WIKI)
    assert given.keyid == SharedKey(b"a key of more than thirty-two bytes, shared").keyid
    assert "thirty-two" not in repr(settings)

"""The gateway's keys: which count, and how often they are asked for."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.verify import keys
from gateway.verify.caller import KeysUnavailable
from gateway.verify.keys import (
    COOLDOWN,
    FRESH,
    KEPT,
    LARGEST,
    FetchedKeys,
    GivenKeys,
    algorithm_of,
    fetched,
    read,
)
from tests.fakes.assertions import base64url, jwks, new_key
from tests.fakes.clock import FakeClock
from tests.fakes.jwks_endpoint import JwksEndpoint, serving


@pytest.fixture
def endpoint() -> Iterator[JwksEndpoint]:
    with serving() as running:
        running.body = json.dumps(jwks(new_key("k1"))).encode()
        yield running


def test_T22_keys_that_cannot_be_ours_are_skipped() -> None:
    listed = [
        new_key("good").as_dict(private=False),
        new_key("private").as_dict(private=True),
        OctKey.generate_key(256, {"kid": "symmetric"}).as_dict(private=True),
        ECKey.generate_key("P-384", {"kid": "other-curve"}).as_dict(private=False),
        {"kty": "RSA", "kid": "short", "e": "AQAB", "n": base64url(b"\xc1" * 128)},
        {**new_key("encrypts").as_dict(private=False), "use": "enc"},
        {**new_key("other-alg").as_dict(private=False), "alg": "RS256"},
        {"kty": "EC", "kid": "off-curve", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "FUTURE", "kid": "future"},
        {**new_key().as_dict(private=False), "kid": 7},
        {**new_key().as_dict(private=False), "kid": ""},
        "text",
        None,
    ]
    assert set(read({"keys": listed})) == {"good"}
    assert read({"keys": "text"}) == read({}) == {}


def test_T22_no_more_than_64_keys_are_read() -> None:
    public = new_key().as_dict(private=False)
    listed = [{**public, "kid": str(number)} for number in range(66)]
    assert set(read({"keys": listed})) == {str(number) for number in range(64)}


def test_each_kind_of_key_verifies_one_algorithm() -> None:
    assert algorithm_of(new_key()) == "ES256"
    assert algorithm_of(OKPKey.generate_key("Ed25519")) == "EdDSA"
    assert algorithm_of(RSAKey.generate_key(2048)) == "RS256"
    assert algorithm_of(OKPKey.generate_key("X25519")) is None


def test_given_keys_must_hold_one() -> None:
    assert GivenKeys(jwks(new_key("a"))).find("a") is not None
    with pytest.raises(ValueError, match="no public key"):
        GivenKeys({"keys": []})


@pytest.mark.parametrize(
    "url", ["http://gateway.example.com/jwks", "file:///etc/passwd", "ftp://h/", "", "//h/x"]
)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        FetchedKeys(url, clock=FakeClock())


def test_T20_keys_are_fetched_when_first_needed_and_kept(endpoint: JwksEndpoint) -> None:
    keys = FetchedKeys(endpoint.url, clock=FakeClock())
    assert endpoint.calls == 0
    for _ in range(10):
        assert keys.find("k1") is not None
    assert endpoint.calls == 1


def test_T20_a_rotation_is_followed(endpoint: JwksEndpoint) -> None:
    clock = FakeClock()
    keys = FetchedKeys(endpoint.url, clock=clock)
    keys.find("k1")
    endpoint.body = json.dumps(jwks(new_key("k2"))).encode()
    clock.advance(COOLDOWN)
    assert keys.find("k2") is not None
    assert keys.find("k1") is None
    clock.advance(FRESH)
    endpoint.body = json.dumps(jwks(new_key("k3"))).encode()
    assert keys.find("k2") is None


def test_T21_unknown_kids_cause_one_fetch_a_minute(endpoint: JwksEndpoint) -> None:
    clock = FakeClock()
    keys = FetchedKeys(endpoint.url, clock=clock)
    for n in range(600):
        assert keys.find(f"random-{n}") is None
        clock.advance(0.2)
    assert endpoint.calls <= 3


def test_T21_threads_share_a_fetch(endpoint: JwksEndpoint) -> None:
    keys = FetchedKeys(endpoint.url, clock=FakeClock())
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(keys.find, ["k1"] * 64))
    assert endpoint.calls == 1


def test_T21_nobody_waits_for_a_fetch_whose_key_is_known(
    endpoint: JwksEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 60.0)
    clock = FakeClock()
    known = FetchedKeys(endpoint.url, clock=clock)
    known.find("k1")
    clock.advance(FRESH)
    with ThreadPoolExecutor(1) as pool, endpoint.silent():
        fetching = pool.submit(known.find, "k1")
        assert endpoint.asked.wait(20)
        assert known.find("k1") is not None
        assert not fetching.done()
        endpoint.open.set()
        assert fetching.result() is not None


def test_T21_who_needs_the_first_fetch_waits_for_it(
    endpoint: JwksEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 60.0)
    unknown = FetchedKeys(endpoint.url, clock=FakeClock())
    with ThreadPoolExecutor(2) as pool, endpoint.silent():
        fetching = pool.submit(unknown.find, "k1")
        assert endpoint.asked.wait(20)
        waiting = pool.submit(unknown.find, "k1")
        assert not wait([waiting], timeout=0.1).done
        endpoint.open.set()
        assert fetching.result() is waiting.result() is not None
    assert endpoint.calls == 1


def test_T21_an_outage_is_asked_about_once_a_minute_while_keys_are_known(endpoint: JwksEndpoint) -> None:
    clock = FakeClock()
    known = FetchedKeys(endpoint.url, clock=clock)
    known.find("k1")
    endpoint.status = 500
    clock.advance(FRESH)
    for later in (0, 5, COOLDOWN - 6):
        clock.advance(later)
        assert known.find("k1") is not None
    assert endpoint.calls == 2
    clock.advance(1)
    known.find("k1")
    assert endpoint.calls == 3


def test_an_outage_keeps_known_keys_for_a_day_and_no_longer(endpoint: JwksEndpoint) -> None:
    clock = FakeClock()
    keys = FetchedKeys(endpoint.url, clock=clock)
    keys.find("k1")
    endpoint.status = 500
    clock.advance(KEPT - 1)
    assert keys.find("k1") is not None
    clock.advance(1)
    with pytest.raises(KeysUnavailable):
        keys.find("k1")


def test_keys_that_a_wrong_clock_fetched_are_not_trusted_until_it_is_there_again(
    endpoint: JwksEndpoint,
) -> None:
    clock = FakeClock()
    known = FetchedKeys(endpoint.url, clock=clock)
    known.find("k1")
    clock.advance(-KEPT)
    endpoint.status = 500
    with pytest.raises(KeysUnavailable):
        known.find("k1")
    assert endpoint.calls == 2
    endpoint.status = 200
    clock.advance(COOLDOWN)
    assert known.find("k1") is not None


def test_an_outage_at_first_is_tried_again_soon(endpoint: JwksEndpoint) -> None:
    clock = FakeClock()
    keys = FetchedKeys(endpoint.url, clock=clock)
    endpoint.status = 503
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            keys.find("k1")
    assert endpoint.calls == 1
    endpoint.status = 200
    clock.advance(5)
    assert keys.find("k1") is not None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"keys":[]}', b"[" * 100_000, b'{"a":"' + b"x" * LARGEST]
)
def test_T22_what_is_no_key_set_is_an_outage(endpoint: JwksEndpoint, body: bytes) -> None:
    endpoint.body = body
    with pytest.raises(KeysUnavailable):
        fetched(endpoint.url)


@pytest.mark.parametrize(("size", "read"), [(LARGEST, True), (LARGEST + 1, False), (3 * LARGEST, False)])
def test_T22_a_key_set_takes_512_KiB_at_most(endpoint: JwksEndpoint, size: int, *, read: bool) -> None:
    endpoint.body = endpoint.body.ljust(size)
    if read:
        assert set(fetched(endpoint.url)) == {"k1"}
        return
    with pytest.raises(KeysUnavailable):
        fetched(endpoint.url)


def test_T22_an_answer_that_is_no_HTTP_is_an_outage(endpoint: JwksEndpoint) -> None:
    endpoint.headers = {f"X-{number}": "1" for number in range(200)}
    with pytest.raises(KeysUnavailable):
        fetched(endpoint.url)


def test_T22_a_server_that_says_nothing_is_an_outage(
    endpoint: JwksEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 0.3)
    with endpoint.silent(), pytest.raises(KeysUnavailable):
        fetched(endpoint.url)


def test_T22_a_key_set_that_drips_is_an_outage(
    endpoint: JwksEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 0.3)
    endpoint.drips, endpoint.headers = True, {"Content-Length": str(LARGEST)}
    with pytest.raises(KeysUnavailable):
        fetched(endpoint.url)


def test_keys_are_not_followed_elsewhere(endpoint: JwksEndpoint) -> None:
    with serving() as elsewhere:
        elsewhere.body = endpoint.body
        endpoint.status, endpoint.headers = 302, {"Location": elsewhere.url}
        with pytest.raises(KeysUnavailable):
            fetched(endpoint.url)
        assert elsewhere.calls == 0


def test_nobody_listening_is_an_outage(endpoint: JwksEndpoint) -> None:
    with serving() as gone:
        url = gone.url
    with pytest.raises(KeysUnavailable):
        fetched(url)


def test_no_proxy_variable_is_believed(endpoint: JwksEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetched(endpoint.url)

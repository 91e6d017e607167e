import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.errors import LoginFailed
from gateway.relying_party.id_token import LARGEST, Expectation, take_apart, verify, verify_refreshed
from gateway.relying_party.jwks import PublishedKeys, read_key
from tests.fakes.issuer import HostileIssuer, b64, ec_key, rsa_key, sign
from tests.fakes.login import NOON, Hands, at

ALGORITHMS = ("RS256", "ES256")


class Published:
    def __init__(self, key: Any) -> None:
        usable = read_key({k: v for k, v in key.as_dict(private=False).items() if k != "alg"})
        self.keys = PublishedKeys(keys=(usable,) if usable else (), clock=Hands())

    async def current(self) -> PublishedKeys:
        return self.keys

    async def newer(self, *, than: PublishedKeys) -> PublishedKeys:
        return than


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", rsa_key("rsa-1")),
        ("RS512", RSAKey.import_key({**rsa_key("rsa-1").as_dict(private=True), "alg": "RS512"})),
        ("PS256", RSAKey.import_key({**rsa_key("rsa-1").as_dict(private=True), "alg": "PS256"})),
        ("ES256", ec_key("ec-1")),
        ("ES384", ECKey.generate_key("P-384")),
        ("ES512", ECKey.generate_key("P-521")),
        ("EdDSA", OKPKey.generate_key("Ed25519")),
        ("Ed25519", OKPKey.generate_key("Ed25519")),
    ],
)
async def test_each_algorithm_verifies_its_own_signature_and_no_altered_one(algorithm: str, key: Any) -> None:
    claims = {"iss": "i", "aud": "c", "sub": "s", "exp": NOON + 60, "iat": NOON, "nonce": "n"}
    raw = sign({"alg": algorithm}, json.dumps(claims).encode(), key)
    expectation = Expectation(
        issuer="i", client_id="c", nonce="n", algorithms=(algorithm,), now=NOON, access_token="a", code="c"
    )
    assert await verify(raw, expectation=expectation, keys=Published(key)) == claims
    head, _, signature = raw.split(".")
    altered = f"{head}.{b64(json.dumps({**claims, 'sub': 'admin'}).encode())}.{signature}"
    for forged in (altered, f"{raw}AAAA", raw[:-8]):
        with pytest.raises(LoginFailed):
            await verify(forged, expectation=expectation, keys=Published(key))


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{1,20}\.[A-Za-z0-9_-]{1,20}\.[A-Za-z0-9_-]{1,20}"))
def test_any_text_is_taken_apart_or_refused(raw: str) -> None:
    with suppress(LoginFailed):
        take_apart(raw, algorithms=ALGORITHMS)


json_values = st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.lists(st.text(max_size=3))
headers = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "zip", "enc"]), json_values
)


@given(headers, st.sampled_from(["RS256", "ES256", "none", "HS256", None]))
def test_a_header_is_only_ever_taken_with_a_configured_algorithm(header: dict[str, Any], alg: Any) -> None:
    head = {**header, **({"alg": alg} if alg else {})}
    try:
        token = take_apart(f"{b64(json.dumps(head).encode())}.{b64(b'{}')}.AA", algorithms=ALGORITHMS)
    except LoginFailed:
        return
    assert token.algorithm in ALGORITHMS
    assert token.kid == head.get("kid")
    assert not {"crit", "b64"} & head.keys()


@pytest.mark.parametrize(("size", "taken"), [(LARGEST - 1, True), (LARGEST, True), (LARGEST + 1, False)])
def test_a_token_has_16_KiB_at_most(size: int, taken: bool) -> None:
    head = b64(b'{"alg":"RS256"}')
    for payload in (b"{}", b"{ }"):  # one of the two leaves a signature of a length that base64 has
        raw = f"{head}.{b64(payload)}.".ljust(size, "A")
        if len(raw.rpartition(".")[2]) % 4 != 1:
            break
    if taken:
        assert take_apart(raw, algorithms=ALGORITHMS)
        return
    with pytest.raises(LoginFailed, match="16 KiB"):
        take_apart(raw, algorithms=ALGORITHMS)


@pytest.mark.parametrize(
    ("auth_time", "taken"), [(NOON - 300, True), (NOON - 330, True), (NOON - 331, False), (None, False)]
)
async def test_a_login_older_than_max_age_is_refused(auth_time: float | None, taken: bool) -> None:
    async with HostileIssuer() as issuer, at(issuer, authorization_params=(("max_age", "300"),)) as login:
        from tests.fakes.issuer import ABSENT

        issuer.claims = {"auth_time": ABSENT if auth_time is None else auth_time}
        if taken:
            assert (await login.run()).authenticated_at == auth_time
            return
        with pytest.raises(LoginFailed, match="max_age"):
            await login.run()


@pytest.mark.parametrize("auth_time", [NOON + 61, -1, 0, "now", True, None])
async def test_an_auth_time_that_is_no_past_moment_is_refused(auth_time: object) -> None:
    async with HostileIssuer() as issuer, at(issuer) as login:
        issuer.claims = {"auth_time": auth_time}
        with pytest.raises(LoginFailed, match="auth_time"):
            await login.run()


@pytest.mark.parametrize(("length", "taken"), [(255, True), (256, True), (257, False)])
def test_a_kid_has_256_characters_at_most(length: int, taken: bool) -> None:
    head = b64(json.dumps({"alg": "RS256", "kid": "k" * length}).encode())
    raw = f"{head}.{b64(b'{}')}.AA"
    if taken:
        assert take_apart(raw, algorithms=ALGORITHMS).kid == "k" * length
        return
    with pytest.raises(LoginFailed, match="256"):
        take_apart(raw, algorithms=ALGORITHMS)


@pytest.mark.parametrize("value", [None, "", "other.example", "Example.com", ["example.com"], True, {}])
async def test_a_claim_that_the_configuration_demands_is_exactly_that_text(value: object) -> None:
    demanded = (("hd", "example.com"),)
    async with HostileIssuer() as issuer, at(issuer, signed_claims=demanded) as login:
        issuer.claims = {"hd": "example.com"}
        assert await login.run()
        issuer.claims = {"hd": value}
        issuer.userinfo = {"hd": "example.com"}
        with pytest.raises(LoginFailed, match="the ID token's hd is not the one that is configured"):
            await login.run()
        issuer.claims = {}
        with pytest.raises(LoginFailed, match="hd"):
            await login.run()


async def test_O28_a_demanded_claim_may_be_left_out_at_a_refresh_and_not_changed() -> None:
    key = ec_key("ec-1")
    claims = {"iss": "i", "aud": "c", "sub": "s", "exp": NOON + 60, "iat": NOON}
    expectation = Expectation(
        issuer="i",
        client_id="c",
        nonce="n",
        algorithms=("ES256",),
        now=NOON,
        access_token="a",
        code="",
        signed_claims=(("hd", "example.com"),),
    )

    async def refreshed(**more: object) -> dict[str, object]:
        raw = sign({"alg": "ES256"}, json.dumps({**claims, **more}).encode(), key)
        return await verify_refreshed(raw, expectation=expectation, subject="s", keys=Published(key))

    assert await refreshed() == claims
    assert await refreshed(hd="example.com")
    for other in ("other.example", None, ["example.com"]):
        with pytest.raises(LoginFailed, match="hd"):
            await refreshed(hd=other)

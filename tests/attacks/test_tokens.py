"""Attacks on ID tokens and their keys: rows T01 to T13 and T18 to T24."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import OctKey
from joserfc.util import urlsafe_b64decode

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.relying_party import id_token
from gateway.relying_party.authorization import random_value
from gateway.relying_party.discovery import Discovery
from gateway.relying_party.jwks import IssuerKeys, PublishedKeys, read_key, read_keys
from tests.fakes.issuer import (
    ABSENT,
    HostileIssuer,
    b64,
    ec_key,
    half_hash,
    junk_keys,
    public_key_as_secret,
    rsa_key,
    sign,
)
from tests.fakes.login import NOON, Hands, Login, at

ISSUER, CLIENT, NONCE = "https://issuer.example", "gateway", "n" * 43
KEY = rsa_key("rsa-1")


@pytest.fixture
async def issuer() -> AsyncIterator[HostileIssuer]:
    async with HostileIssuer() as issuer:
        yield issuer


@pytest.fixture
async def login(issuer: HostileIssuer) -> AsyncIterator[Login]:
    async with at(issuer) as login:
        yield login


class Published:
    """A key source that holds the issuer's one key and never finds a newer one."""

    def __init__(self, *keys: Any) -> None:
        listed = [read_key(dict(key.as_dict(private=False))) for key in keys or (KEY,)]
        self.keys = PublishedKeys(keys=tuple(filter(None, listed)), clock=Hands())
        self.asked = 0

    async def current(self) -> PublishedKeys:
        return self.keys

    async def newer(self, *, than: PublishedKeys) -> PublishedKeys:
        self.asked += 1
        return than


def expectation(**changes: Any) -> id_token.Expectation:
    settled: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": CLIENT,
        "nonce": NONCE,
        "algorithms": ("RS256", "ES256"),
        "now": NOON,
        "access_token": "an-access-token",
        "code": "a-code",
    }
    return id_token.Expectation(**{**settled, **changes})


def claims(**changes: Any) -> dict[str, Any]:
    settled = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "alice",
        "exp": NOON + 600,
        "iat": NOON,
        "nonce": NONCE,
        "at_hash": half_hash("an-access-token"),
    }
    return {name: value for name, value in {**settled, **changes}.items() if value is not ABSENT}


def token(
    *, header: dict[str, Any] | None = None, payload: bytes | None = None, key: Any = KEY, **changes: Any
) -> str:
    head = {"alg": "RS256", "kid": KEY.kid, "typ": "JWT", **(header or {})}
    head = {name: value for name, value in head.items() if value is not ABSENT}
    body = json.dumps(claims(**changes)).encode() if payload is None else payload
    return sign(head, body, key, algorithm="HS256" if isinstance(key, OctKey) else "RS256")


async def holds(raw: str, **changes: Any) -> dict[str, object]:
    return await id_token.verify(raw, expectation=expectation(**changes), keys=Published())


async def refused(raw: str, **changes: Any) -> None:
    with pytest.raises(LoginFailed):
        await holds(raw, **changes)


async def test_an_honest_token_holds() -> None:
    assert (await holds(token()))["sub"] == "alice"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", ABSENT, None, 0, ["RS256"]])
async def test_T01_an_unsigned_token_is_refused(alg: object) -> None:
    signed = token(header={"alg": alg})
    await refused(signed)
    await refused(signed.rpartition(".")[0] + ".")
    await refused(signed.rpartition(".")[0] + "." + b64(b"0"))


async def test_T01_none_is_refused_though_the_metadata_lists_it(login: Login) -> None:
    login.issuer.faults = {"alg_none", "discovery_none_alg"}
    with pytest.raises(LoginFailed):
        await login.run()


def materials() -> dict[str, bytes]:
    public = KEY.as_dict(private=False)
    pem = KEY.as_pem(private=False)
    return {
        "pem": pem,
        "pem without end of line": pem.strip(),
        "pem with byte order mark": b"\xef\xbb\xbf" + pem,
        "der": KEY.as_der(private=False),
        "jwk": json.dumps(public).encode(),
        "jwks": json.dumps({"keys": [public]}).encode(),
        "modulus": urlsafe_b64decode(str(public["n"]).encode()),
    }


@pytest.mark.parametrize("material", materials())
async def test_T02_the_public_key_is_never_a_secret(material: str) -> None:
    forged = token(header={"alg": "HS256"}, key=OctKey(materials()[material], b""))
    await refused(forged)
    await refused(forged, algorithms=("RS256", "HS256"))  # even if somebody had mixed them


async def test_T02_hs256_is_refused_where_asymmetric_algorithms_are_set(login: Login) -> None:
    login.issuer.faults = {"hs256_public_key", "discovery_none_alg"}
    with pytest.raises(LoginFailed):
        await login.run()


async def test_T02_hs256_takes_the_client_secret_and_reads_no_jwks(issuer: HostileIssuer) -> None:
    async with at(issuer, algorithms=("HS256",)) as login:
        secret = OctKey.import_key(issuer.client_secret.encode())
        issuer.key, issuer.algorithm = secret, "HS256"
        issuer.header = {"kid": ABSENT}
        assert (await login.run()).subject == "alice-at-the-issuer"
        issuer.key = public_key_as_secret(KEY)
        with pytest.raises(LoginFailed):
            await login.run()
        assert issuer.seen["jwks"] == 0


async def test_T03_a_key_in_the_header_is_ignored() -> None:
    foreign = rsa_key("foreign")
    jwk = foreign.as_dict(private=False)
    await refused(token(header={"jwk": jwk, "kid": foreign.kid}, key=foreign))
    await refused(token(header={"jwk": jwk}, key=foreign))
    assert await holds(token(header={"jwk": jwk}))


@pytest.mark.parametrize("name", ["jku", "x5u"])
async def test_T04_an_address_in_the_header_is_ignored_and_nothing_fetched(login: Login, name: str) -> None:
    login.issuer.header = {name: f"{login.issuer.url}/elsewhere"}
    await login.run()
    login.issuer.faults = {"foreign_key"}
    with pytest.raises(LoginFailed):
        await login.run()
    assert login.issuer.seen["elsewhere"] == 0


@pytest.mark.parametrize(
    "kid",
    [
        "../../etc/passwd",
        "' OR 1=1 --",
        "rsa-1\x00",
        "k" * 257,
        "k" * 1_000_000,
        ["rsa-1"],
        {"rsa-1": 1},
        1,
        None,
    ],
)
async def test_T05_a_kid_is_only_ever_looked_up(kid: object) -> None:
    await refused(token(header={"kid": kid}))


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
        {"crit": ["x"], "x": 1},
    ],
)
async def test_T06_extensions_are_refused(header: dict[str, Any]) -> None:
    await refused(token(header=header))


async def test_T06_an_unprotected_header_has_no_place() -> None:
    head, payload, signature = token().split(".")
    unprotected = {"protected": head, "payload": payload, "signature": signature, "header": {"kid": "x"}}
    await refused(json.dumps(unprotected))


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "evil"},
        {"aud": ["evil"]},
        {"aud": [CLIENT, "evil"]},
        {"aud": [CLIENT, "evil"], "azp": CLIENT},
        {"aud": "evil", "azp": CLIENT},
        {"aud": 7},
        {"aud": []},
        {"aud": [[CLIENT]]},
        {"aud": {CLIENT: 1}},
        {"aud": None},
        {"aud": ABSENT},
        {"aud": CLIENT.upper()},
        {"azp": "evil"},
        {"azp": None},
        {"azp": [CLIENT]},
    ],
)
async def test_T07_a_token_for_others_is_refused(change: dict[str, Any]) -> None:
    await refused(token(**change))


@pytest.mark.parametrize("change", [{"aud": [CLIENT]}, {"aud": [CLIENT, CLIENT]}, {"azp": CLIENT}])
async def test_T07_a_token_for_us_alone_holds(change: dict[str, Any]) -> None:
    assert await holds(token(**change))


OURS, THEIRS = {"azp": CLIENT}, {"azp": "another-client"}


@pytest.mark.parametrize("aud", [CLIENT, [CLIENT], [CLIENT, "project"], ["other", "project", CLIENT]])
async def test_T07_a_token_for_us_and_others_that_are_trusted_holds(aud: object) -> None:
    assert await holds(token(aud=aud, **OURS), trusted_audiences=("project", "other"))


@pytest.mark.parametrize(
    "change",
    [
        {"aud": [CLIENT, "project"]},
        {"aud": [CLIENT, "project"], **THEIRS},
        {"aud": [CLIENT, "project"], "azp": None},
        {"aud": [CLIENT, "project"], "azp": [CLIENT]},
        {"aud": [CLIENT, "project", "evil"], **OURS},
        {"aud": ["project"], **OURS},
        {"aud": "project", **OURS},
        {"aud": ["project", "project"], **OURS},
        {"aud": [CLIENT, ["project"]], **OURS},
        {"aud": [CLIENT, None], **OURS},
        {"aud": [CLIENT, "PROJECT"], **OURS},
    ],
)
async def test_T07_trust_in_others_is_for_tokens_that_were_issued_to_us(change: dict[str, Any]) -> None:
    await refused(token(**change), trusted_audiences=("project", "another-client"))


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example",
        ISSUER + "/",
        ISSUER.upper(),
        "http://issuer.example",
        "",
        None,
        [ISSUER],
        ABSENT,
    ],
)
async def test_T08_the_issuer_is_compared_exactly(iss: object) -> None:
    await refused(token(iss=iss))


@pytest.mark.parametrize(
    "exp",
    [
        ABSENT,
        None,
        NOON - 31,
        NOON - 30,
        str(int(NOON + 60)),
        True,
        1e300,
        -1,
        0,
        NOON + 86400,
        NOON + 86401,
        [1],
    ],
)
async def test_T09_an_exp_that_is_not_a_near_moment_is_refused(exp: object) -> None:
    await refused(token(exp=exp))


@pytest.mark.parametrize(
    ("iat", "exp", "taken"),
    [
        (NOON + 5, NOON + 5 + 86400, True),
        (NOON + 60, NOON + 60 + 86400, True),
        (NOON + 5, NOON + 6 + 86400, False),
        (NOON + 61, NOON + 61 + 86400, False),
        (NOON - 5, NOON + 86400, False),
    ],
)
async def test_T09_a_day_is_one_by_a_clock_ahead_of_ours_too(iat: float, exp: float, *, taken: bool) -> None:
    raw = token(iat=iat, exp=exp)
    assert await holds(raw) if taken else await refused(raw) is None


@pytest.mark.parametrize("exp", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
async def test_T09_an_exp_that_is_no_finite_number_is_refused(exp: str) -> None:
    payload = json.dumps(claims(exp="EXP")).replace('"EXP"', exp).encode()
    await refused(token(payload=payload))


@pytest.mark.parametrize("exp", [NOON - 29, NOON + 1, NOON + 0.5, NOON + 86399])
async def test_T09_an_exp_within_a_day_and_the_leeway_holds(exp: float) -> None:
    assert await holds(token(exp=exp))


@pytest.mark.parametrize(
    "change",
    [
        {"iat": NOON + 61},
        {"iat": NOON - 86401},
        {"iat": ABSENT},
        {"iat": "now"},
        {"iat": False},
        {"nbf": NOON + 61},
        {"nbf": "now"},
        {"nbf": None},
    ],
)
async def test_T10_a_token_of_another_time_is_refused(change: dict[str, Any]) -> None:
    await refused(token(**change))


@pytest.mark.parametrize("change", [{"iat": NOON + 60}, {"iat": NOON - 86400}, {"nbf": NOON + 60}])
async def test_T10_clocks_may_differ_a_little(change: dict[str, Any]) -> None:
    assert await holds(token(**change))


def hostile_payloads() -> dict[str, bytes]:
    body = json.dumps(claims()).encode()
    return {
        "duplicate sub": body[:-1] + b', "sub": "admin"}',
        "duplicate nested": body[:-1] + b', "x": {"a": 1, "a": 2}}',
        "deep": body[:-1] + b', "x": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        "digits": body[:-1] + b', "x": ' + b"1" * 5000 + b"}",
        "surrogate": body[:-1] + b', "x": "admin\\ud800"}',
        "surrogate name": body[:-1] + b', "\\udfff": 1}',
        "raw surrogate": body[:-1] + b', "x": "\xed\xa0\x80"}',
        "byte order mark": b"\xef\xbb\xbf" + body,
        "array": b"[" + body + b"]",
        "two objects": body + body,
        "empty": b" ",
    }


@pytest.mark.parametrize("name", hostile_payloads())
async def test_T11_what_parsers_read_differently_is_refused(name: str) -> None:
    await refused(token(payload=hostile_payloads()[name]))


async def test_T11_a_header_with_a_member_twice_is_refused() -> None:
    head = b64(b'{"alg":"none","alg":"RS256","kid":"rsa-1"}')
    await refused(f"{head}.{token().split('.', 1)[1]}")


@pytest.mark.parametrize(
    "change",
    [
        {"at_hash": half_hash("another")},
        {"at_hash": ""},
        {"at_hash": None},
        {"at_hash": 1},
        {"at_hash": half_hash("an-access-token") + "="},
        {"c_hash": half_hash("another")},
        {"c_hash": []},
    ],
)
async def test_T12_a_wrong_hash_is_refused(change: dict[str, Any]) -> None:
    await refused(token(**change))


async def test_T12_a_hash_is_checked_where_it_is_and_not_asked_for_where_not() -> None:
    assert await holds(token(at_hash=ABSENT))
    assert await holds(token(c_hash=half_hash("a-code")))


async def test_T12_a_hash_under_an_unknown_algorithm_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(id_token._HASHES, "RS256")
    await refused(token())
    assert await holds(token(at_hash=ABSENT))


@pytest.mark.parametrize(
    "typ", ["at+jwt", "logout+jwt", "application/logout+jwt", "secevent+jwt", "JOSE", 1, None]
)
async def test_T13_a_token_of_another_type_is_refused(typ: object) -> None:
    await refused(token(header={"typ": typ}))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", ABSENT])
async def test_T13_an_id_token_may_say_that_it_is_a_jwt(typ: object) -> None:
    assert await holds(token(header={"typ": typ}))


@pytest.mark.parametrize(
    "change",
    [
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        {"events": None},
        {"nonce": ABSENT},
    ],
)
async def test_T13_a_logout_token_is_no_id_token(change: dict[str, Any]) -> None:
    await refused(token(**change))


async def test_T13_an_access_token_for_an_api_is_no_id_token() -> None:
    await refused(token(aud="https://api.example", nonce=ABSENT, client_id=CLIENT))


def spellings() -> dict[str, str]:
    raw = token()
    head, payload, signature = raw.split(".")
    return {
        "json": json.dumps({"protected": head, "payload": payload, "signature": signature}),
        "general json": json.dumps({"payload": payload, "signatures": [{"protected": head}]}),
        "two parts": f"{head}.{payload}",
        "four parts": f"{raw}.",
        "five parts": f"{raw}.{head}.{payload}",
        "space": raw + " ",
        "line": raw + "\n",
        "padding": raw + "==",
        "detached": f"{head}..{signature}",
        "standard alphabet": raw.replace("-", "+").replace("_", "/") + "+",
        "not ASCII": raw + "\u0661",
        "spare bits": raw[:-1] + ("B" if raw[-1] == "A" else chr(ord(raw[-1]) + 1)),
        "over 16 KiB": token(pad="x" * 16_384),
        "empty": "",
    }


@pytest.mark.parametrize("name", spellings())
async def test_T18_only_the_canonical_compact_form_is_read(name: str) -> None:
    await refused(spellings()[name])


@pytest.mark.parametrize(
    "label",
    [{"alg": "RS512"}, {"alg": "RSA-OAEP"}, {"use": "enc"}, {"use": None, "key_ops": ["sign"]}, {"alg": 5}],
)
async def test_T19_a_key_is_used_only_as_it_says(label: dict[str, Any], issuer: HostileIssuer) -> None:
    labelled = {**KEY.as_dict(private=False), **label}
    issuer.published = [{name: value for name, value in labelled.items() if value is not None}]
    async with at(issuer) as login:
        with pytest.raises(LoginFailed):
            await login.run()


async def test_T19_a_key_of_another_type_never_verifies() -> None:
    confused = sign({"alg": "ES256", "kid": KEY.kid}, json.dumps(claims()).encode(), ec_key("ec-1"))
    await refused(confused)


async def test_T20_a_rotated_key_is_found_with_one_fetch_and_no_failed_login(login: Login) -> None:
    issuer = login.issuer
    await login.run()
    issuer.rotate()
    assert (await login.run()).subject == "alice-at-the-issuer"
    assert issuer.seen["jwks"] == 2
    await login.run()
    assert issuer.seen["jwks"] == 2


async def test_T20_a_token_signed_just_before_the_rotation_still_holds(login: Login) -> None:
    issuer = login.issuer
    await login.run()
    old = issuer.key
    issuer.rotate()
    await login.run()
    issuer.key = old
    assert await login.run()
    login.clock.now += 301
    with pytest.raises(LoginFailed):
        await login.run()


async def test_T20_T21_a_flood_of_kids_takes_no_grace_from_a_former_key(login: Login) -> None:
    issuer = login.issuer
    await login.run()
    old = issuer.key
    issuer.rotate()
    await login.run()
    for _ in range(3):
        login.clock.now += 61
        issuer.fault = "unknown_kid"
        with pytest.raises(LoginFailed):
            await login.run()
        issuer.fault = ""
        new, issuer.key = issuer.key, old
        assert await login.run()
        issuer.key = new
    assert issuer.seen["jwks"] == 5
    issuer.key = old
    login.clock.now += 301 - 3 * 61
    with pytest.raises(LoginFailed):
        await login.run()


async def test_T20_a_rotation_without_kids_is_found_too(login: Login) -> None:
    login.issuer.header = {"kid": ABSENT}
    await login.run()
    login.issuer.rotate()
    assert await login.run()


async def test_T21_random_kids_cause_one_fetch_a_minute(login: Login) -> None:
    issuer = login.issuer
    await login.run()
    issuer.fault = "unknown_kid"
    for _ in range(20):
        with pytest.raises(LoginFailed):
            await login.run()
    assert issuer.seen["jwks"] == 2
    login.clock.now += 61
    for _ in range(5):
        with pytest.raises(LoginFailed):
            await login.run()
    assert issuer.seen["jwks"] == 3
    issuer.fault = ""
    assert await login.run()


async def test_T21_ten_thousand_random_kids_cause_one_fetch(login: Login) -> None:
    source = IssuerKeys(
        Discovery(login.issuer.url, http=login.http, clock=login.clock), http=login.http, clock=login.clock
    )
    _, payload, signature = token().split(".")
    for number in range(10_000):
        head = b64(json.dumps({"alg": "RS256", "kid": f"random-{number}"}).encode())
        with pytest.raises(LoginFailed):
            await id_token.verify(f"{head}.{payload}.{signature}", expectation=expectation(), keys=source)
    assert login.issuer.seen["jwks"] == 2


@pytest.mark.parametrize("fault", ["jwks_huge", "jwks_many", "jwks_down"])
async def test_T22_an_unusable_jwks_is_an_outage(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        await login.run()


async def test_T22_bad_keys_are_skipped_and_the_good_one_used(login: Login) -> None:
    login.issuer.fault = "jwks_junk"
    assert await login.run()


def test_T22_every_bad_key_is_skipped() -> None:
    assert read_keys(json.dumps({"keys": junk_keys()}).encode()) == ()


@pytest.mark.parametrize(("count", "taken"), [(1, True), (4, True), (5, False)])
async def test_T23_without_kid_at_most_four_keys_are_tried(count: int, taken: bool) -> None:
    keys = [rsa_key(f"candidate-{number}") for number in range(count - 1)]
    source = Published(*keys, KEY)
    verdict = id_token.verify(token(header={"kid": ABSENT}), expectation=expectation(), keys=source)
    if taken:
        assert await verdict
        return
    with pytest.raises(LoginFailed):
        await verdict


def test_T24_state_nonce_and_verifier_are_256_random_bits() -> None:
    values = {random_value() for _ in range(1000)}
    assert len(values) == 1000
    assert {len(urlsafe_b64decode(value.encode())) for value in values} == {32}


async def test_a_certificate_chain_in_the_header_is_no_obstacle(login: Login) -> None:
    login.issuer.fault = "x5c"
    assert await login.run()

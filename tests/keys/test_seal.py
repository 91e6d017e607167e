import hmac
import json
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import OctKey
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from gateway.errors import SealBroken
from gateway.keys import base64url
from gateway.keys.keyring import KeyRing
from gateway.keys.seal import MAX_SEALED, Sealer, SealKey

KEY = SealKey(kid="k1", encryption=b"e" * 32, signature=b"s" * 32)
SEALER = Sealer([KEY])
CLAIMS = b'{"sub":"u1"}'
SEALED = SEALER.seal(CLAIMS)
OUTER, _, NONCE, CIPHERTEXT, TAG = SEALED.split(".")
OUTER_MEMBERS = json.loads(base64url.decode(OUTER.encode()))
INNER_MEMBERS = {"alg": "HS256"}


def compact(members: dict[str, object]) -> str:
    return base64url.encode(json.dumps(members, separators=(",", ":")).encode()).decode()


def signed(payload: bytes = CLAIMS, *, key: bytes = KEY.signature, **changed: object) -> bytes:
    data = f"{compact(INNER_MEMBERS | changed)}.".encode() + base64url.encode(payload)
    return data + b"." + base64url.encode(hmac.digest(key, data, "sha256"))


def encrypted(
    plain: bytes, *, header: str = OUTER, key: bytes = KEY.encryption, nonce: bytes = b"n" * 12
) -> str:
    locked = AESGCM(key).encrypt(nonce, plain, header.encode())
    parts = (nonce, locked[:-16], locked[-16:])
    return f"{header}.." + ".".join(base64url.encode(part).decode() for part in parts)


def refused(sealed: str) -> None:
    with pytest.raises(SealBroken) as broken:
        SEALER.open(sealed)
    assert str(broken.value) == "does not open"
    assert broken.value.__cause__ is None


def test_the_value_is_a_compact_nested_jwt_and_no_claim_is_readable() -> None:
    assert OUTER_MEMBERS == {"alg": "dir", "enc": "A256GCM", "cty": "JWT", "kid": "k1"}
    assert b"u1" not in base64url.decode(CIPHERTEXT.encode())


def test_what_is_sealed_opens_with_jwcrypto() -> None:
    outer = JWE(algs=["dir", "A256GCM"])
    outer.deserialize(SEALED, JWK(kty="oct", k=base64url.encode(KEY.encryption).decode()))
    inner = JWS()
    inner.allowed_algs = ["HS256"]
    inner.deserialize(outer.payload.decode(), JWK(kty="oct", k=base64url.encode(KEY.signature).decode()))
    assert inner.payload == CLAIMS
    assert json.loads(inner.objects["protected"]) == INNER_MEMBERS


def test_what_is_sealed_opens_with_joserfc() -> None:
    outer = jwe.decrypt_compact(SEALED, OctKey.import_key(KEY.encryption), algorithms=["dir", "A256GCM"])
    assert outer.plaintext is not None
    inner = jws.deserialize_compact(outer.plaintext, OctKey.import_key(KEY.signature), algorithms=["HS256"])
    assert inner.payload == CLAIMS


def test_what_jwcrypto_nests_under_the_same_headers_opens() -> None:
    inner = JWS(CLAIMS)
    key = JWK(kty="oct", k=base64url.encode(KEY.signature).decode())
    inner.add_signature(key, protected=json.dumps(INNER_MEMBERS, separators=(",", ":")))
    outer = JWE(
        inner.serialize(compact=True).encode(), protected=json.dumps(OUTER_MEMBERS, separators=(",", ":"))
    )
    outer.add_recipient(JWK(kty="oct", k=base64url.encode(KEY.encryption).decode()))
    assert _under_our_header(outer.serialize(compact=True)) == CLAIMS


def test_what_joserfc_nests_under_the_same_headers_opens() -> None:
    inner = jws.serialize_compact(
        INNER_MEMBERS, CLAIMS, OctKey.import_key(KEY.signature), algorithms=["HS256"]
    )
    outer = jwe.encrypt_compact(
        dict(OUTER_MEMBERS), inner.encode(), OctKey.import_key(KEY.encryption), algorithms=["dir", "A256GCM"]
    )
    assert _under_our_header(outer) == CLAIMS


def _under_our_header(token: str) -> bytes:
    assert token.startswith(OUTER + ".")  # the library kept the bytes, else nothing would be proved
    return SEALER.open(token)


def test_S02_one_bit_flipped_anywhere_is_refused() -> None:
    raw = SEALED.encode()
    for index in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[index] ^= 1 << bit
            refused(flipped.decode("latin-1"))


@pytest.mark.parametrize(
    "changed",
    [
        {"zip": "DEF"},
        {"alg": "A256KW"},
        {"alg": "PBES2-HS256+A128KW", "p2c": 2**31, "p2s": "AA"},
        {"alg": "RSA1_5"},
        {"alg": "DIR"},
        {"enc": "A128GCM"},
        {"enc": "A256CBC-HS512"},
        {"crit": ["exp"]},
        {"cty": "jwt"},
        {"typ": "JWT"},
        {"kid": "k2"},
        {"kid": ["k1"]},
        {"jwk": {}},
    ],
)
def test_T15_T16_G5_a_header_that_differs_is_refused_undecrypted(
    changed: dict[str, object],
) -> None:
    refused(encrypted(signed(), header=compact(OUTER_MEMBERS | changed)))


def test_T15_a_deflated_payload_is_never_inflated() -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = deflate.compress(b"0" * 1_000_000) + deflate.flush()
    refused(encrypted(bomb, header=compact(OUTER_MEMBERS | {"zip": "DEF"})))
    refused(encrypted(bomb))


def test_a_header_that_means_the_same_in_other_bytes_is_refused() -> None:
    refused(encrypted(signed(), header=base64url.encode(json.dumps(OUTER_MEMBERS).encode()).decode()))


@pytest.mark.parametrize(
    "inner",
    [
        CLAIMS,
        base64url.encode(CLAIMS),
        compact({"alg": "none"}).encode() + b"." + base64url.encode(CLAIMS) + b".",
        signed(key=b"x" * 32),
        signed(key=KEY.encryption),
        signed(alg="none"),
        signed(alg="HS512"),
        signed(typ="JWT"),
        signed(kid="k2"),
        signed(b64=False, crit=["b64"]),
        signed() + b"=",
        signed()[:-1],
        b"",
        encrypted(signed()).encode(),
    ],
    ids=lambda _: "inner",
)
def test_T14_T01_exactly_one_jws_under_our_header_is_inside(inner: bytes) -> None:
    refused(encrypted(inner))


def test_the_forgers_of_this_file_make_values_that_open() -> None:
    assert SEALER.open(encrypted(signed())) == CLAIMS


@pytest.mark.parametrize(
    "spelling",
    [
        SEALED + "=",
        SEALED + " ",
        " " + SEALED,
        SEALED + "\n",
        SEALED.replace(".", ". ", 1),
        SEALED + ".",
        SEALED + ".AA",
        f"{OUTER}.AA.{NONCE}.{CIPHERTEXT}.{TAG}",
        f"{OUTER}..{NONCE}.{CIPHERTEXT}{TAG}.",
        f"{OUTER}..{NONCE}.{CIPHERTEXT}",
        "\uff25" + SEALED[1:],
        json.dumps({"protected": OUTER, "iv": NONCE, "ciphertext": CIPHERTEXT, "tag": TAG}),
        "",
        "....",
    ],
    ids=lambda _: "spelling",  # the values differ in each process
)
def test_T17_T18_there_is_one_spelling(spelling: str) -> None:
    refused(spelling)


def test_T17_the_tag_and_the_nonce_have_their_one_length() -> None:
    tag, body = base64url.decode(TAG.encode()), base64url.decode(CIPHERTEXT.encode())
    moved = [base64url.encode(part).decode() for part in (body + tag[:1], tag[1:])]
    refused(f"{OUTER}..{NONCE}.{moved[0]}.{moved[1]}")
    refused(encrypted(signed(), nonce=b"n" * 16))


@given(st.text(max_size=80) | st.text(alphabet=OUTER + "._-=", max_size=200))
@example("\ud800")
def test_F10_no_text_raises_anything_but_seal_broken(text: str) -> None:
    refused(text)


@given(st.binary(max_size=200), st.binary(max_size=16), st.binary(max_size=20))
def test_F10_no_bytes_under_our_header_raise_anything_but_seal_broken(
    body: bytes, nonce: bytes, tag: bytes
) -> None:
    refused(f"{OUTER}.." + ".".join(base64url.encode(part).decode() for part in (nonce, body, tag)))


@given(st.binary(max_size=200))
def test_F10_nothing_encrypted_by_us_raises_anything_but_seal_broken(inner: bytes) -> None:
    refused(encrypted(inner))


@given(st.binary(max_size=2000))
def test_every_payload_opens_to_itself(payload: bytes) -> None:
    assert SEALER.open(SEALER.seal(payload)) == payload


def test_a_value_of_16_kib_opens_and_a_longer_one_is_neither_written_nor_read() -> None:
    size = next(n for n in range(9300, 0, -1) if len(_sealed(n)) <= MAX_SEALED)
    assert MAX_SEALED - 2 <= len(SEALER.seal(b"x" * size)) <= MAX_SEALED
    assert SEALER.open(SEALER.seal(b"x" * size)) == b"x" * size
    with pytest.raises(ValueError, match="too much"):
        SEALER.seal(b"x" * (size + 1))
    refused(_sealed(size + 1))


def _sealed(size: int) -> str:
    return encrypted(signed(b"x" * size))


def test_T27_no_two_seals_are_alike() -> None:
    values = {SEALER.seal(CLAIMS) for _ in range(100)}
    assert len({value.split(".")[2] for value in values}) == 100


def test_B129_B84_all_keys_of_the_ring_open_and_the_first_seals() -> None:
    new = SealKey(kid="k2", encryption=b"E" * 32, signature=b"S" * 32)
    ring = Sealer([new, KEY])
    assert ring.open(SEALED) == CLAIMS
    assert Sealer([new]).open(ring.seal(CLAIMS)) == CLAIMS


def test_T14_an_inner_signature_of_another_key_of_the_ring_is_refused() -> None:
    other = SealKey(kid="k2", encryption=b"E" * 32, signature=b"S" * 32)
    ring = Sealer([KEY, other])
    with pytest.raises(SealBroken):
        ring.open(encrypted(signed(key=other.signature)))


def test_S13_what_is_bound_opens_only_where_the_same_is_said_again() -> None:
    sealer = KeyRing([b"k" * 32], scope="https://gw.example.com").sealer("record")
    sealed = sealer.seal(b"payload", bound=b"row 1")
    assert sealer.open(sealed, bound=b"row 1") == b"payload"
    for other in (b"", b"row 2", b"row 1 "):
        with pytest.raises(SealBroken):
            sealer.open(sealed, bound=other)
    with pytest.raises(SealBroken):
        sealer.open(sealer.seal(b"payload"), bound=b"row 1")

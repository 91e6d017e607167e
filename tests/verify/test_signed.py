"""Two fields, one spelling: everything else is not the gateway's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.verify.received import Received
from gateway.verify.signed import LONGEST, read
from gateway.verify.strict import Invalid

INPUT = (
    'gateway=("@method" "@authority" "@path" "@query" "x-user-id");created=1800000000;expires=1800000060'
    ';nonce="AAAAAAAAAAAAAAAAAAAAAAAA";keyid="k-1";alg="hmac-sha256";tag="wiki"'
)
SIGNATURE = "gateway=:" + "A" * 43 + "=:"
GOOD = Received(
    method="GET",
    scheme="http",
    path="/a%2fb",
    query="",
    fields=(
        ("Host", "app"),
        ("X-User-Id", "u-1"),
        ("Signature-Input", INPUT),
        ("Signature", SIGNATURE),
    ),
)


def with_fields(told: str, signature: str = SIGNATURE, *more: tuple[str, str]) -> Received:
    fields = (*GOOD.fields[:2], ("Signature-Input", told), ("Signature", signature), *more)
    return replace(GOOD, fields=fields)


def test_the_base_is_that_of_RFC_9421() -> None:
    signed = read(GOOD)
    assert signed.base == (
        b'"@method": GET\n"@authority": app\n"@path": /a%2fb\n"@query": ?\n"x-user-id": u-1\n'
        b'"@signature-params": ' + INPUT.removeprefix("gateway=").encode()
    )
    assert (signed.created, signed.expires, signed.keyid, signed.tag) == (
        1_800_000_000,
        1_800_000_060,
        "k-1",
        "wiki",
    )
    assert signed.fields == ("x-user-id",)
    assert signed.signature == b"\0" * 32


def test_an_empty_path_is_signed_as_a_slash() -> None:
    assert b'\n"@path": /\n' in read(replace(GOOD, path="")).base


@pytest.mark.parametrize(("length", "reads"), [(LONGEST, True), (LONGEST + 1, False)])
def test_what_a_signature_covers_is_named_in_8_KiB(length: int, *, reads: bool) -> None:
    name = "x" * (length - len(INPUT) - len(' ""'))
    request = with_fields(INPUT.replace('"x-user-id"', f'"x-user-id" "{name}"'), SIGNATURE, (name, "1"))
    assert len(request.one("signature-input")) == length
    if reads:
        assert read(request).fields == ("x-user-id", name)
        return
    with pytest.raises(Invalid, match="longer"):
        read(request)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("gateway=", "other="),
        ("gateway=", "gateway= "),
        ("gateway=", "Gateway="),
        ('("@method"', '( "@method"'),
        ('"@method" ', ""),
        ('"@query" ', ""),
        ('"@method" "@authority"', '"@authority" "@method"'),
        ('"@path"', '"@path";req'),
        ('"@path"', '"@target-uri"'),
        ('"x-user-id"', '"x-user-id" "x-user-id"'),
        ('"x-user-id"', '"X-User-Id"'),
        ('"x-user-id"', '"x-user-id";sf'),
        ('"x-user-id"', '"x-absent"'),
        ('"x-user-id"', '"@query-param"'),
        (";created", "; created"),
        (";created=1800000000", ""),
        ("=1800000000", "=01800000000"),
        ("=1800000000", "=1800000000.0"),
        ("=1800000000", "=-1"),
        ("=1800000000", "=18000000000000000"),
        (";expires=1800000060", ""),
        ('nonce="AAAAAAAAAAAAAAAA', 'nonce="'),
        ('alg="hmac-sha256";tag="wiki"', 'tag="wiki";alg="hmac-sha256"'),
        (';tag="wiki"', ""),
        (';tag="wiki"', ';tag="wiki";tag="other"'),
        (';tag="wiki"', ';tag="wi\\"ki"'),
        (';tag="wiki"', ';tag="wiki", other=()'),
        (';tag="wiki"', ';tag="wiki"\n'),
        (';tag="wiki"', ';tag="wikí"'),
    ],
)
def test_I13_I14_weird_spellings_are_refused(was: str, now: str) -> None:
    assert was in INPUT
    with pytest.raises(Invalid):
        read(with_fields(INPUT.replace(was, now, 1)))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "gateway=::",
        "other=:" + "A" * 43 + "=:",
        "gateway=:" + "A" * 43 + ":",
        "gateway=:" + "A" * 42 + "B=:",
        "gateway=:" + "_" * 43 + "=:",
        SIGNATURE + ", gateway=:AAAA:",
        SIGNATURE + ";x",
        " " + SIGNATURE,
        "gateway=:" + "A" * 9000 + ":",
    ],
)
def test_a_signature_is_canonical_base64_and_the_only_one(signature: str) -> None:
    with pytest.raises(Invalid):
        read(with_fields(INPUT, signature))


@pytest.mark.parametrize(
    "more",
    [
        ("Signature", SIGNATURE),
        ("signature", "other=:AAAA:"),
        ("Signature-Input", INPUT),
        ("Signature_Input", INPUT),
        ("X_User_Id", "admin"),
        ("x-user-id", "u-1"),
    ],
)
def test_I14_two_signatures_and_doubled_covered_headers_are_refused(more: tuple[str, str]) -> None:
    with pytest.raises(Invalid):
        read(with_fields(INPUT, SIGNATURE, more))


def test_a_covered_value_that_is_not_printable_ASCII_is_refused() -> None:
    for value in ("é", "a\tb", "a\nb", "\x00", "u-1\x0b", "u-1\x85", "\xa0u-1"):
        changed = replace(GOOD, fields=(("Host", "app"), ("X-User-Id", value), *GOOD.fields[2:]))
        with pytest.raises(Invalid):
            read(changed)


def test_what_surrounds_a_covered_value_is_not_signed() -> None:
    blanks = replace(GOOD, fields=(("Host", "app"), ("X-User-Id", " \tu-1\t "), *GOOD.fields[2:]))
    assert read(blanks).base == read(GOOD).base


@given(st.text(max_size=200), st.text(max_size=100))
def test_nothing_else_is_read_and_nothing_else_is_raised(told: str, signature: str) -> None:
    with pytest.raises(Invalid):
        read(with_fields(told, signature))

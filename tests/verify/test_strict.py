"""One spelling, one reading."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.verify.strict import LONGEST, LONGEST_HEADER, Invalid, compact, members, octets
from tests.fakes.assertions import CLAIMS, base64url, new_key, signed

GOOD = signed(new_key())


def test_a_good_assertion_is_read() -> None:
    header, claims = compact(GOOD)
    assert header == {"alg": "ES256", "kid": "k1", "typ": "JWT"}
    assert claims == CLAIMS


@pytest.mark.parametrize(
    "assertion",
    [
        "",
        ".",
        "..",
        "a.b",
        GOOD + ".x",
        GOOD + "=",
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace(".", "..", 1),
        GOOD[:-1] + "\u0661",
        json.dumps({"payload": "x", "signatures": []}),
        "a" * 20_000,
        f"{'a' * 600}.{'a' * 8}.{'a' * 8}",
    ],
)
def test_T18_only_the_compact_form_is_read(assertion: str) -> None:
    with pytest.raises(Invalid):
        compact(assertion)


@pytest.mark.parametrize(("length", "reads"), [(LONGEST - 1, True), (LONGEST, True), (LONGEST + 1, False)])
def test_an_assertion_takes_16_KiB_at_most(length: int, *, reads: bool) -> None:
    head, claims, _ = GOOD.split(".")
    left = length - len(f"{head}.{claims}.")
    if left % 4 == 1:  # no base64url is as long
        claims, left = base64url(json.dumps(CLAIMS).encode() + b"  "), left - 3
    assertion = f"{head}.{claims}.{'A' * left}"
    assert len(assertion) == length
    _reads(assertion, reads=reads)


@pytest.mark.parametrize(("length", "reads"), [(LONGEST_HEADER, True), (LONGEST_HEADER + 4, False)])
def test_a_header_takes_512_characters_at_most(length: int, *, reads: bool) -> None:
    told = {"alg": "ES256", "kid": "", "typ": "JWT"}
    told["kid"] = "k" * (length * 3 // 4 - len(json.dumps(told)))
    assertion = signed(new_key(), header=told)
    assert len(assertion.partition(".")[0]) == length
    _reads(assertion, reads=reads)


def _reads(assertion: str, *, reads: bool) -> None:
    if reads:
        compact(assertion)
        return
    with pytest.raises(Invalid, match=r"16 KiB|too long"):
        compact(assertion)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_T17_no_part_of_an_assertion_has_two_spellings(part: int) -> None:
    header = {"alg": "ES256", "kid": "k12", "typ": "JWT"}
    parts = signed(new_key(), header=header, raw=json.dumps(CLAIMS).ljust(500).encode()).split(".")
    compact(".".join(parts))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(parts[part]) % 4, "spare bits are needed"
    parts[part] = parts[part][:-1] + alphabet[alphabet.index(parts[part][-1]) + 1]
    with pytest.raises(Invalid, match="canonical"):
        compact(".".join(parts))


@pytest.mark.parametrize("text", ["QQ==", "QR", "QQ QQ", "A", "QQ=", "Q+", "Q/", "QUJ"])
def test_T17_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(Invalid):
        octets(text)


@given(st.binary())
def test_what_was_encoded_decodes(raw: bytes) -> None:
    assert octets(base64url(raw)) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b"[1]",
        b"1",
        b"",
        b"\xff",
        b'{"a":"\\ud800"}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a":' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_T11_json_is_read_strictly(raw: bytes) -> None:
    with pytest.raises(Invalid):
        members(raw)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ES256", "kid": "k1"},
        {"alg": "ES256", "typ": "JWT"},
        {"alg": "ES256", "kid": "k1", "typ": "JWT", "crit": ["b64"], "b64": False},
        {"alg": "ES256", "kid": "k1", "typ": "JWT", "jwk": {}},
        {"alg": "ES256", "kid": "k1", "typ": "JWT", "jku": "https://evil"},
        {"alg": "ES256", "kid": "k1", "typ": "JWT", "x5u": "https://evil"},
        {"alg": "ES256", "kid": "k1", "typ": "JWT", "zip": "DEF"},
    ],
)
def test_T03_T04_T06_no_other_header_member_is_read(header: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        compact(signed(new_key(), header=header))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"{text}.{text}.{text}"):
        try:
            compact(candidate)
        except Invalid:
            continue
        raise AssertionError("random text is no assertion")

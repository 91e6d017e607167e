import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import base64url


@given(st.binary(max_size=200))
def test_what_is_encoded_decodes_to_itself_and_is_the_standard_form(raw: bytes) -> None:
    text = base64url.encode(raw)
    assert text == base64.urlsafe_b64encode(raw).rstrip(b"=")
    assert base64url.decode(text) == raw


@given(st.text(alphabet="AQgw05_-+/= \n\u00e9", max_size=9).map(str.encode) | st.binary(max_size=12))
def test_T17_every_value_has_one_spelling(text: bytes) -> None:
    try:
        raw = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(raw) == text


@pytest.mark.parametrize("text", [b"A", b"AB", b"AAB", b"AA==", b"AA=", b"A A", b"AAAA\n", b"+/AA", b"\xff"])
def test_padding_white_space_spare_bits_and_the_other_alphabet_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        base64url.decode(text)

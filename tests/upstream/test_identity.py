"""Identity values round-trip through a header, or stop the request."""

from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.errors import IdentityUnrepresentable
from gateway.model.route import IdentityHeaders
from gateway.upstream.identity import HEADERS_LIMIT, IdentityLines, encode, encode_list
from tests.fakes.dressing import TOLD, session

CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)


@given(TEXT)
def test_F3_a_value_comes_back_from_its_header(value: str) -> None:
    encoded = encode(value)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert encoded == encoded.strip()
    assert unquote(encoded, errors="strict") == value


@given(st.lists(TEXT, max_size=6).map(tuple))
def test_I12_a_list_comes_back_from_its_header(values: tuple[str, ...]) -> None:
    assume(values != ("",))
    encoded = encode_list(values)
    assert encoded.isascii()
    assert tuple(unquote(item, errors="strict") for item in encoded.split(",")) == (values or ("",))
    assert all(item == item.strip(" ") for item in encoded.split(","))


@given(TEXT, TEXT)
def test_F3_two_values_never_become_one(one: str, other: str) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@pytest.mark.parametrize("code", [*CONTROLS, 0xD800, 0xDFFF])
def test_I10_controls_and_surrogates_stop_the_request(code: int) -> None:
    for render in (encode, lambda value: encode_list((value,))):
        with pytest.raises(IdentityUnrepresentable):
            render(f"admin{chr(code)}")


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("Ann B. (x) <y>; \"z\"", "Ann B. (x) <y>; \"z\""),
        ("é", "%C3%A9"),
        ("%C3%A9", "%25C3%25A9"),
        ("a\u00a0b\u200b\u202e", "a%C2%A0b%E2%80%8B%E2%80%AE"),
        ("a,b", "a,b"),
        ("  ", "%20%20"),
        (" a ", "%20a%20"),
    ],
)  # fmt: skip
def test_I11_values_are_percent_encoded_utf_8(value: str, encoded: str) -> None:
    assert encode(value) == encoded


def test_I12_commas_inside_a_list_are_encoded() -> None:
    assert encode_list(("a,admin", "a;b", "50%")) == "a%2Cadmin,a;b,50%25"


def test_a_list_that_would_look_empty_stops_the_request() -> None:
    with pytest.raises(IdentityUnrepresentable):
        encode_list(("",))


def test_each_field_has_its_line() -> None:
    headers = tuple((f"X-{field}", field) for field in ("id", "email", "name", "image", "provider", "groups"))
    lines = IdentityLines(IdentityHeaders(headers=(*headers, ("X-Dept", "claims.dept")), assertion=None))
    told = session(image="https://i.example/a", claims=(("dept", ("it", "hr")),))
    assert lines.render(told) == (
        b"X-id: u-1\r\nX-email: ann@example.com\r\nX-name: Ann\r\nX-image: https://i.example/a\r\n"
        b"X-provider: demo\r\nX-groups: staff\r\nX-Dept: it,hr\r\n"
    )


def test_what_is_not_known_has_no_line() -> None:
    nobody = session(email=None, name="", roles=(), groups=())
    assert IdentityLines(TOLD).render(nobody) == b"X-User-Id: u-1\r\n"


def test_an_unknown_field_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="shoe size"):
        IdentityLines(IdentityHeaders(headers=(("X-Shoe", "shoe size"),), assertion=None))


@pytest.mark.parametrize(("excess", "fits"), [(-1, True), (0, True), (1, False)])
def test_I12_identity_headers_take_8_kib_together(excess: int, *, fits: bool) -> None:
    lines = IdentityLines(IdentityHeaders(headers=(("G", "groups"), ("N", "name")), assertion=None))
    room = HEADERS_LIMIT - len("G: \r\nN: n\r\n")
    told = session(name="n", groups=("g" * (room + excess),))
    if fits:
        assert len(lines.render(told)) == HEADERS_LIMIT + excess
        return
    with pytest.raises(IdentityUnrepresentable):
        lines.render(told)

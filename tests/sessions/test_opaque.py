import secrets

from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.keyring import KeyRing
from gateway.sessions.opaque import OpaqueCookies, token_id
from tests.fakes.sessions import SECRET, SITE

NEXT = b"n" * 32
ID = secrets.token_urlsafe(32)


def cookies(*ring: bytes, audience: str = "here", purpose: str = "session-id") -> OpaqueCookies:
    return OpaqueCookies(KeyRing(ring or (SECRET,), scope=SITE).mac(purpose), audience=audience)


def test_B037_a_value_is_short_and_reads_back() -> None:
    value = cookies().value(ID)
    assert len(value) <= 87
    assert cookies().read(value.encode()) == ID


def test_B129_a_tag_holds_under_any_listed_secret_and_the_first_one_tags() -> None:
    old = cookies().value(ID)
    assert cookies(NEXT, SECRET).read(old.encode()) == ID
    assert cookies(NEXT).read(old.encode()) is None
    assert cookies(NEXT, SECRET).value(ID) == cookies(NEXT).value(ID)


def test_B044_B132_a_tag_for_another_audience_or_purpose_is_none() -> None:
    for other in (cookies(audience="there"), cookies(purpose="csrf")):
        assert cookies().read(other.value(ID).encode()) is None


@given(st.binary(max_size=200))
def test_B052_nothing_that_we_did_not_make_is_read(raw: bytes) -> None:
    assert cookies().read(raw) is None


@given(st.integers(0, 86), st.integers(0, 255))
def test_B052_S02_one_changed_byte_is_one_too_many(place: int, byte: int) -> None:
    value = bytearray(cookies().value(ID).encode())
    if value[place] != byte:
        value[place] = byte
        assert cookies().read(bytes(value)) is None


def test_S15_the_token_id_says_nothing_of_the_id() -> None:
    assert token_id(ID) not in ID
    assert len(token_id(ID)) == 16

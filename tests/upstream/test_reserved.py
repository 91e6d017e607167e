"""Names are judged by their fold, whatever their spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.route import IdentityHeaders
from gateway.upstream.reserved import Fate, Fates, Reserved, fold, listed
from tests.fakes.dressing import TOLD

TOKEN = st.text("abcXYZ019-_.!~", min_size=1, max_size=20).map(str.encode)
RESERVED = Reserved((TOLD, IdentityHeaders(headers=(("Remote-User", "email"),), assertion=None)))


def spellings(name: bytes) -> st.SearchStrategy[bytes]:
    """Every way to write *name* that an upstream might read as the same."""
    letters = [
        st.sampled_from(b"-_.!#$%&'*+^`|~")
        if letter == ord("-")
        else st.sampled_from(bytes((letter,)).swapcase() + bytes((letter,)))
        for letter in name
    ]
    return st.tuples(*letters).map(bytes)


@given(TOKEN)
def test_folding_is_idempotent_and_ignores_case(name: bytes) -> None:
    assert fold(fold(name)) == fold(name) == fold(name.upper())


@given(st.sampled_from((b"x-user-id", b"x-gateway-assertion", b"remote-user")).flatmap(spellings))
def test_I02_every_spelling_of_an_identity_name_is_dropped(name: bytes) -> None:
    assert RESERVED.requests[name] is Fate.DROP


@given(
    st.sampled_from(
        (b"content-length", b"transfer-encoding", b"x-forwarded-for", b"x-real-ip", b"x-http-method-override")
    ).flatmap(spellings)
)
def test_H06_every_spelling_of_framing_and_forwarding_is_dropped(name: bytes) -> None:
    assert RESERVED.requests[name] is Fate.DROP


@pytest.mark.parametrize(
    "name",
    [
        b"Forwarded", b"X-Forwarded-Host", b"X-Forwarded-User", b"X-Original-URL", b"X-Rewrite-URL",
        b"X-Original-Method", b"X-Method-Override", b"_method", b"True-Client-IP", b"CF-Connecting-IP",
        b"Client-Cert", b"Signature", b"Signature-Input", b"Expect", b"Upgrade", b"HTTP2-Settings", b"TE",
        b"Trailer", b"Keep-Alive", b"Proxy-Connection", b"Proxy-Authorization", b"Proxy", b"X-Request-Id",
        b"traceparent", b"X-Gateway-Anything",
    ],
)  # fmt: skip
def test_I07_I08_forwarding_rewrite_and_override_names_are_dropped(name: bytes) -> None:
    assert RESERVED.requests[name] is Fate.DROP


@pytest.mark.parametrize(
    "name", [b"Accept", b"X--User-Id", b"X-User-Identity", b"Authorization", b"Range", b"Origin"]
)
def test_I02_other_names_are_kept(name: bytes) -> None:
    assert RESERVED.requests[name] is Fate.KEEP


@pytest.mark.parametrize(
    "name",
    [
        b"Keep-Alive", b"Proxy-Authenticate", b"Alt-Svc", b"Strict-Transport-Security", b"Clear-Site-Data",
        b"X-Accel-Redirect", b"X-Accel-Buffering", b"X-Sendfile", b"Upgrade", b"Trailer", b"X-User-Id",
        b"x_gateway_assertion", b"Content_Length", b"Transfer.Encoding",
    ],
)  # fmt: skip
def test_U20_names_that_speak_for_the_host_are_dropped_from_answers(name: bytes) -> None:
    assert RESERVED.answers[name] is Fate.DROP


@pytest.mark.parametrize(
    "name", [b"Set-Cookie", b"Content-Type", b"ETag", b"Server", b"Via", b"X-Frame-Options"]
)
def test_other_names_of_answers_are_kept(name: bytes) -> None:
    assert RESERVED.answers[name] is Fate.KEEP


def test_no_flood_of_names_grows_the_table() -> None:
    fates = Fates(lambda name: Fate.KEEP)
    for number in range(5_000):
        assert fates[b"x-%d" % number] is Fate.KEEP
    assert len(fates) <= 2048
    for number in range(100):
        assert fates[b"x-%d-%s" % (number, b"n" * 16_000)] is Fate.KEEP
    assert max(map(len, fates)) <= 64


def test_connection_options_are_read_in_any_case_and_layout() -> None:
    assert listed([b"close , X-Foo", b"", b",\tY "]) == {b"close", b"x-foo", b"y"}

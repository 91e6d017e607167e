"""CSRF: a token of another browser, gateway or origin never holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.errors import FormRefused
from gateway.keys.keyring import KeyRing
from gateway.model.cookies import CookieNames
from gateway.model.inbound import Inbound
from gateway.web.csrf import Csrf
from tests.fakes.jar import Jar

NAMES = CookieNames(base="session", secure=True)


def csrf(*secret_list: bytes) -> Csrf:
    ring = KeyRing(secret_list or (b"s" * 32,), scope="https://gw.example.com")
    return Csrf(mac=ring.mac("csrf"), names=NAMES, scheme="https")


def post(jar: Jar, *headers: tuple[bytes, bytes]) -> Inbound:
    return Inbound(
        method="POST",
        target=b"/.gateway/signout",
        path="/.gateway/signout",
        query=None,
        host="gw.example.com",
        scheme="https",
        headers=(*jar.headers(), *headers),
        peer="192.0.2.1",
        client_ip="192.0.2.1",
        request_id="r",
    )


def granted(jar: Jar, forms: Csrf | None = None) -> str:
    token = (forms or csrf()).issue(jar.headers())
    jar.take(token.cookies)
    return token.text


def test_a_token_holds_in_its_browser() -> None:
    jar = Jar()
    token = granted(jar)
    csrf().check(post(jar), token)
    csrf().check(
        post(jar, (b"Origin", b"https://gw.example.com"), (b"Sec-Fetch-Site", b"same-origin")), token
    )


def test_S23_tokens_are_masked_anew_each_time_and_the_cookie_stays() -> None:
    jar = Jar()
    first = granted(jar)
    cookies = dict(jar.cookies)
    second = granted(jar)
    assert first != second
    assert jar.cookies == cookies
    csrf().check(post(jar), first)
    csrf().check(post(jar), second)


def test_S25_the_cookie_is_bound_to_the_host_and_dies_with_the_browser() -> None:
    (line,) = csrf().issue(()).cookies
    assert line.startswith(b"__Host-session-csrf=")
    assert line.endswith(b"; Path=/; Secure; HttpOnly; SameSite=Lax")


def test_the_token_of_another_browser_is_refused() -> None:
    mine, other = Jar(), Jar()
    granted(mine)
    token = granted(other)
    with pytest.raises(FormRefused):
        csrf().check(post(mine), token)


def test_the_token_of_another_gateway_is_refused_and_that_of_an_older_key_holds() -> None:
    jar = Jar()
    token = granted(jar, csrf(b"a" * 32))
    csrf(b"b" * 32, b"a" * 32).check(post(jar), token)
    with pytest.raises(FormRefused):
        csrf(b"b" * 32).check(post(jar), token)


def test_without_cookie_or_with_two_nothing_holds() -> None:
    jar = Jar()
    token = granted(jar)
    with pytest.raises(FormRefused):
        csrf().check(post(Jar()), token)
    doubled = replace(post(jar), headers=(*jar.headers(), *jar.headers()))
    with pytest.raises(FormRefused):
        csrf().check(doubled, token)


@pytest.mark.parametrize("planted", ["x", "x" * 42, "x" * 44, "x" * 42 + "."])
def test_a_cookie_of_another_shape_is_none_and_gives_way_to_one_of_ours(planted: str) -> None:
    jar = Jar()
    jar.plant("__Host-session-csrf", planted)
    with pytest.raises(FormRefused, match="no CSRF cookie"):
        csrf().check(post(jar), "x" * 86)
    token = granted(jar)
    csrf().check(post(jar), token)


@pytest.mark.parametrize(
    "headers",
    [
        ((b"Origin", b"https://evil.example"),),
        ((b"Origin", b"null"),),
        ((b"Origin", b"http://gw.example.com"),),
        ((b"Origin", b"https://gw.example.com"), (b"Origin", b"https://gw.example.com")),
        ((b"Sec-Fetch-Site", b"cross-site"),),
        ((b"Sec-Fetch-Site", b"same-site"),),
    ],
)
def test_B021_a_foreign_origin_is_refused_whatever_the_token(
    headers: tuple[tuple[bytes, bytes], ...],
) -> None:
    jar = Jar()
    token = granted(jar)
    with pytest.raises(FormRefused):
        csrf().check(post(jar, *headers), token)


@given(st.one_of(st.none(), st.text(max_size=100), st.from_regex(r"[A-Za-z0-9_-]{86}", fullmatch=True)))
def test_no_other_text_is_a_token(text: str | None) -> None:
    jar = Jar()
    granted(jar)
    with pytest.raises(FormRefused):
        csrf().check(post(jar), text)

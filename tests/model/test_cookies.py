"""Which cookies are ours: every variant, piece and earlier spelling, and nobody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.cookies import CookieNames

SECURE = CookieNames(base="session", secure=True)
SHARED = CookieNames(base="session", secure=True, domain="example.com")
PLAIN = CookieNames(base="session", secure=False)


@pytest.mark.parametrize(
    ("names", "session", "login", "csrf", "recent"),
    [
        (SECURE, "__Host-session", "__Host-session-login-", "__Host-session-csrf", "__Host-session-logins"),
        (SHARED, "__Secure-session", "__Host-session-login-", "__Host-session-csrf", "__Host-session-logins"),
        (PLAIN, "session", "session-login-", "session-csrf", "session-logins"),
    ],
)
def test_names_have_the_strongest_prefix_that_a_browser_keeps(
    names: CookieNames, session: str, login: str, csrf: str, recent: str
) -> None:
    assert (names.session, names.login, names.csrf, names.recent_logins) == (session, login, csrf, recent)


@pytest.mark.parametrize("prefix", [b"", b"__Host-", b"__Secure-", b"__host-", b"__SECURE-"])
@pytest.mark.parametrize(
    "name",
    [
        b"session",
        b"Session",
        b"session.1",
        b"session-csrf",
        b"session-logins",
        b"session-logout",
        b"session-login-abc",
    ],
)
@pytest.mark.parametrize("names", [SECURE, SHARED, PLAIN])
def test_every_spelling_of_ours_is_ours(names: CookieNames, name: bytes, prefix: bytes) -> None:
    assert names.owns(prefix + name)


@pytest.mark.parametrize(
    "name",
    [
        b"", b"sessions", b"session2", b"xsession", b"session-", b"session-other", b"session.", b"session.x",
        b"session-loginx", b"__Host-", b"__Host-other", b"sess", b"session-csrf2",
        b"session-logout2", b"\xa0session",
    ],
)  # fmt: skip
def test_names_that_only_begin_alike_are_not_ours(name: bytes) -> None:
    assert not SECURE.owns(name)


@given(st.binary(max_size=30))
def test_any_name_is_ours_or_not_whatever_its_case(name: bytes) -> None:
    assert SECURE.owns(name) is SECURE.owns(name.lower())
    assert SECURE.owns(name) is PLAIN.owns(name)


def test_a_logout_s_cookie_belongs_to_one_host() -> None:
    assert (SHARED.logout, PLAIN.logout) == ("__Host-session-logout", "session-logout")

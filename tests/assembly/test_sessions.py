"""The cookie's name and a session's life are what the configuration says."""

from pathlib import Path

import pytest

from gateway.assembly.sessions import cookie_names, session_policy
from gateway.settings.schema import Settings
from tests.fakes.configuration import SOUND, loaded


def settings(directory: Path, text: str = SOUND) -> Settings:
    return loaded(directory, text).settings


@pytest.mark.parametrize(
    ("public_url", "more", "session"),
    [
        ("https://gateway.example.com", "", "__Host-session"),
        ("https://gateway.example.com", 'domain = "example.com"', "__Secure-session"),
        ("http://localhost:8080", "", "session"),
        ("https://gateway.example.com", 'name = "sid"', "__Host-sid"),
    ],
)
def test_the_cookie_is_named_by_how_it_is_sent(
    tmp_path: Path, public_url: str, more: str, session: str
) -> None:
    text = SOUND.replace("https://gateway.example.com", public_url) + f"[session.cookie]\n{more}\n"
    found = settings(tmp_path, text)
    assert cookie_names(found).session == session
    assert session_policy(found).audience == f"{public_url} {session}"


def test_the_policy_is_in_whole_seconds(tmp_path: Path) -> None:
    policy = session_policy(settings(tmp_path))
    assert (policy.lease, policy.max_age, policy.idle_timeout, policy.strict) == (600, 2_592_000, None, False)
    text = SOUND + '[session]\nlease = "1m"\nmax_age = "1d"\nidle_timeout = "2h"\nrevocation = "strict"\n'
    policy = session_policy(settings(tmp_path, text))
    assert (policy.lease, policy.max_age, policy.idle_timeout, policy.strict) == (60, 86_400, 7_200, True)

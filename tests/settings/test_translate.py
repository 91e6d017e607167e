from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.settings.references import Surroundings
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings
from gateway.settings.translate import findings, mended

AROUND = Surroundings(directory=Path(), environ={})
SOUND: dict[str, Any] = {
    "public_url": "https://a.example",
    "secret": "x" * 32,
    "routes": [{"upstream": "http://10.0.0.1"}],
}


def found(raw: dict[str, Any]) -> list[Finding]:
    try:
        Settings.model_validate(raw, context=AROUND)
    except ValidationError as error:
        return list(findings(error, raw))
    return []


@pytest.mark.parametrize(
    ("change", "path", "sentence", "suggestion"),
    [
        ({"listn": 1}, ("listn",), "unknown key", "did you mean listen?"),
        ({"issuer": 1}, ("issuer",), "unknown key", "it belongs under [[providers]]"),
        ({"zzzzzz": 1}, ("zzzzzz",), "unknown key", "known here: public_url"),
        ({"session": 5}, ("session",), "must be a table", ""),
        ({"routes": {}}, ("routes",), "must be a list", ""),
        ({"routes": ["x"]}, ("routes", 0), "must be a table", ""),
        ({"routes": [{}]}, ("routes", 0, "upstream"), "is required, and not set", "for example"),
        ({"upstreams": 5}, ("upstreams",), "must be a table", ""),
        ({"upstreams": {"A B": {"urls": ["http://a"]}}}, ("upstreams", "A B"), "must be a short name", ""),
        ({"proxy_protocol": "yes"}, ("proxy_protocol",), "must be true or false", ""),
        ({"workers": "many"}, ("workers",), 'must be "auto" or a whole number', ""),
        ({"workers": 0}, ("workers",), 'must be "auto" or greater than or equal to 1', ""),
        ({"limits": {"connections": "all"}}, ("limits", "connections"), 'must be "auto" or a whole', ""),
        ({"log": {"level": "wurning"}}, ("log", "level"), 'must be "debug"', 'did you mean "warning"?'),
        ({"identity": {"headers": {"Host": "id"}}}, ("identity", "headers", "Host"), "is a header that", ""),
        ({"secret": "short"}, ("secret",), "must be at least 32 bytes", "urandom"),
        ({"secret": {"file": "/nowhere/x"}}, ("secret",), "cannot read", "umask"),
        ({"secret": ["x" * 32, "y"]}, ("secret", 1), "must be at least 32 bytes", ""),
    ],
)
def test_an_error_is_said_in_our_words_at_the_key_that_the_file_has(
    change: dict[str, Any], path: tuple[str | int, ...], sentence: str, suggestion: str
) -> None:
    (finding,) = found({**SOUND, **change})
    assert finding.path == path
    assert finding.message.startswith(sentence)
    assert suggestion in finding.suggestion


WORDS = st.sampled_from(
    ["routes", "path", "upstream", "session", "lease", "secret", "providers", "id", "claims", "x", "identity",
     "headers",     "upstreams", "urls", "deny", "roles", "canary", "10m", "/", "https://a.example", "http://10.0.0.1"]
)  # fmt: skip
ANY = st.recursive(
    st.one_of(st.booleans(), st.integers(-2, 99), st.floats(), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@given(raw=st.dictionaries(WORDS, ANY, max_size=6))
def test_C04_whatever_is_written_every_fault_is_a_finding_and_the_rest_can_be_looked_at(
    raw: dict[str, Any],
) -> None:
    broken = found(raw)
    assert broken  # public_url is in none of these
    assert found(mended(raw, broken)) == []


@given(raw=st.dictionaries(WORDS, ANY, max_size=4))
def test_mending_leaves_what_was_written_as_it_was(raw: dict[str, Any]) -> None:
    before = repr(raw)
    mended(raw, found(raw))
    assert repr(raw) == before


def test_a_name_made_of_a_broken_id_is_no_fault_of_its_own() -> None:
    broken = found({**SOUND, "providers": [{"id": "No Slug", "issuer": "https://a.example"}]})
    assert [each.path for each in broken] == [("providers", 0, "id")]


@pytest.mark.parametrize(
    ("keys", "suggestion"),
    [
        ({"providers": {"id": "a"}}, "write [[providers]]"),
        ({"session": [{}]}, "write [session]"),
        ({"upstreams": [{}]}, "write [upstreams.NAME]"),
        ({"routes": [{"upstream": "http://10.0.0.1", "methods": "GET"}]}, 'methods = ["GET", "POST"]'),
        ({"routes": [{"upstream": "http://10.0.0.1", "rate_limit": 5}]}, "rate_limit = { requests = 100"),
        ({"trusted_proxies": "10.0.0.0/8"}, '["…", "…"]'),
        ({"routes": [{"upstream": "http://10.0.0.1", "listen": "x:1"}]}, "it belongs to the top of the file"),
        ({"providers": [{"id": "a", "secret": "x"}]}, "did you mean client_secret? secret itself belongs"),
        ({"providers": [{"id": "a", "tls": {}, "session": {}}]}, "known here"),
    ],
)
def test_how_a_key_is_written_is_told(keys: dict[str, Any], suggestion: str) -> None:
    assert any(suggestion in each.suggestion for each in found({**SOUND, **keys}))

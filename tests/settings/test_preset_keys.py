from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.settings.known_presets import PRESETS
from gateway.settings.preset_keys import BaseUrl, Domain, PathSegment, TenantId, UserPool

TYPES: dict[str, Any] = {
    "tenant": TypeAdapter(TenantId),
    "domain": TypeAdapter(Domain),
    "base_url": TypeAdapter(BaseUrl),
    "realm": TypeAdapter(PathSegment),
    "application": TypeAdapter(PathSegment),
    "user_pool": TypeAdapter(UserPool),
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tenant", "common"),
        ("tenant", "8EAEF023-2B34-4DA1-9BAA-8BC8C9D6A490"),
        ("domain", "evil.example/x"),
        ("domain", "user@evil.example"),
        ("domain", "evil.example:8443"),
        ("domain", "localhost"),
        ("realm", ".."),
        ("realm", "a/../b"),
        ("realm", "a?b"),
        ("realm", "a%2fb"),
        ("user_pool", "eu-west-1.evil.example/_a"),
        ("base_url", "https://a.example/"),
        ("base_url", "https://a.example?b"),
        ("base_url", "http://a.example"),
    ],
)
def test_what_would_bend_an_issuer_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValidationError):
        TYPES[name].validate_python(text)


@given(st.sampled_from(sorted(PRESETS)), st.data())
def test_an_issuer_has_the_host_of_the_preset_whatever_is_accepted(preset: str, data: st.DataObject) -> None:
    known = PRESETS[preset]
    if not {"tenant", "user_pool"} & set(known.needs):
        return
    written = {}
    for name in known.needs:
        text = data.draw(st.text(alphabet="0123456789abcdef-_./@:#?", max_size=40))
        try:
            written[name] = TYPES[name].validate_python(text)
        except ValidationError:
            return
    host = urlsplit(known.issuer_of(written) or "").hostname or ""
    assert host.endswith((".amazonaws.com", "login.microsoftonline.com"))

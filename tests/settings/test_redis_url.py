from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.redis_url import RedisAddress, redis_address
from gateway.settings.refusal import Refused


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("redis://127.0.0.1:6379/0", RedisAddress(tls=False, host="127.0.0.1", port=6379, number=0)),
        ("redis://cache.example", RedisAddress(tls=False, host="cache.example", port=6379, number=0)),
        (
            "rediss://cache.example:7000/12",
            RedisAddress(tls=True, host="cache.example", port=7000, number=12),
        ),
        ("redis://[::1]:6379/", RedisAddress(tls=False, host="::1", port=6379, number=0)),
    ],
)
def test_one_server_is_taken_apart(text: str, address: RedisAddress) -> None:
    assert redis_address(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("redis+sentinel://a:1,b:2/main", "single server"),
        ("redis+cluster://a:1,b:2", "single server"),
        ("redis://u:canary@h", "user name or password"),
        ("http://h", "not the URL of a Redis"),
        ("redis://", "not the URL of a Redis"),
        ("redis://h:0", "port outside"),
        ("redis://h:65536", "port outside"),
        ("redis://h/x", "not the URL of a Redis"),
        ("redis://h/0?db=1", "not the URL of a Redis"),
        ("REDIS://h", "not the URL of a Redis"),
        ("redis://H", "lower case"),
        ("unix:///run/redis.sock", "not the URL of a Redis"),
    ],
)
def test_everything_else_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        redis_address(text)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "near"),
    [("redis://localhost", True), ("redis://[::1]", True), ("rediss://h", True), ("redis://h", False)],
)
def test_what_crosses_a_network_unencrypted_is_known(text: str, near: bool) -> None:
    assert redis_address(text).is_near is near


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Refused):
        assert redis_address("redis://" + text).host

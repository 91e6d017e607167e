from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.addresses import Address
from gateway.settings.redis_url import RedisAddress, redis_address
from gateway.settings.refusal import Refused

HERE, THERE = Address(host="127.0.0.1", port=6379), Address(host="cache.example", port=7000)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("redis://127.0.0.1:6379/0", RedisAddress(kind="server", tls=False, hosts=(HERE,))),
        ("redis://127.0.0.1", RedisAddress(kind="server", tls=False, hosts=(HERE,))),
        (
            "rediss://cache.example:7000/12",
            RedisAddress(kind="server", tls=True, hosts=(THERE,), number=12),
        ),
        (
            "redis://[::1]:6379/",
            RedisAddress(kind="server", tls=False, hosts=(Address(host="::1", port=6379),)),
        ),
        (
            "redis+sentinel://a,cache.example:7000/main",
            RedisAddress(
                kind="sentinel", tls=False, hosts=(Address(host="a", port=26379), THERE), master="main"
            ),
        ),
        (
            "rediss+sentinel://cache.example:7000/my.main/3",
            RedisAddress(kind="sentinel", tls=True, hosts=(THERE,), master="my.main", number=3),
        ),
        (
            "redis+cluster://127.0.0.1,cache.example:7000",
            RedisAddress(kind="cluster", tls=False, hosts=(HERE, THERE)),
        ),
        ("rediss+cluster://cache.example:7000/", RedisAddress(kind="cluster", tls=True, hosts=(THERE,))),
    ],
)
def test_a_redis_is_taken_apart(text: str, address: RedisAddress) -> None:
    assert redis_address(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("redis+sentinel://a:1,b:2", "not the URL of a Redis sentinel"),
        ("redis+sentinel://a:1,,b:2/main", "not the URL of a Redis sentinel"),
        ("redis+sentinel://a:1/main/x", "not the URL of a Redis sentinel"),
        ("redis+sentinel://a:0/main", "port outside"),
        ("redis+cluster://a:1,b:2/3", "not the URL of a Redis cluster"),
        ("redis+cluster://u:canary@a:1", "user name or password"),
        ("redis+other://a:1", "not the URL of a Redis"),
        ("redis://a,b", "not the URL of a Redis server"),
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
    [
        ("redis://localhost", True),
        ("redis://[::1]", True),
        ("rediss://h", True),
        ("redis://h", False),
        ("redis+cluster://localhost,h", False),
        ("redis+sentinel://localhost/m", True),
        ("rediss+cluster://h", True),
    ],
)
def test_what_crosses_a_network_unencrypted_is_known(text: str, near: bool) -> None:
    assert redis_address(text).is_near is near


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for scheme in ("redis", "redis+sentinel", "redis+cluster"):
        with suppress(Refused):
            assert redis_address(f"{scheme}://{text}").hosts

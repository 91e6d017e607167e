from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key, loaded

TWO = '[upstreams.a]\nurls = ["http://10.0.0.1", "http://10.0.0.2"]\n'


def test_what_is_not_said_is_careful(tmp_path: Path) -> None:
    upstream = loaded(tmp_path, SOUND + TWO).settings.upstreams["a"]
    assert (upstream.balance, upstream.health, upstream.slow_start) == ("least_requests", None, None)
    assert (upstream.limits.connections, upstream.limits.queue) == (256, 1024)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('balance = "random"', "balance"),
        ('health = { path = "up" }', "health.path"),
        ('health = { path = "/a b" }', "health.path"),
        ('health = { path = "/a#b" }', "health.path"),
        ("health = {}", "health.path"),
        ('health = { path = "/", interval = "0s" }', "health.interval"),
        ("limits = { connections = 0 }", "limits.connections"),
        ("limits = { queue = -1 }", "limits.queue"),
        ('slow_start = "soon"', "slow_start"),
        ('tls = { server_name = "*.example.com" }', "tls.server_name"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(tmp_path: Path, line: str, key: str) -> None:
    assert f"upstreams.a.{key}" in faults_by_key(tmp_path, f"{SOUND}{TWO}{line}\n")

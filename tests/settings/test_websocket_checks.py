from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key

TERMS = [
    'websocket_ping = "30s"',
    "websocket_limits = { frames = 10 }",
    'websocket_limits = { idle = "off" }',
]


def found(tmp_path: Path, text: str) -> dict[str, str]:
    return faults_by_key(tmp_path, text)


def test_a_websocket_that_could_never_open_is_refused(tmp_path: Path) -> None:
    text = f"{SOUND}websocket = true\n"
    assert list(found(tmp_path, f'{text}methods = ["POST"]\n')) == ["routes[0].websocket"]
    assert found(tmp_path, f'{text}methods = ["GET", "POST"]\n') == found(tmp_path, text) == {}


@pytest.mark.parametrize("terms", TERMS)
def test_terms_mean_something_only_where_a_websocket_may_open(tmp_path: Path, terms: str) -> None:
    text = f"{SOUND}{terms}\n"
    assert list(found(tmp_path, text)) == [f"routes[0].{terms.partition(' ')[0]}"]
    assert found(tmp_path, f"{text}websocket = true\n") == {}


@pytest.mark.parametrize(("idle", "ok"), [("29s", False), ("30s", False), ("31s", True), ("off", True)])
def test_a_ping_comes_before_the_end(tmp_path: Path, idle: str, ok: bool) -> None:
    text = f'{SOUND}websocket = true\nwebsocket_ping = "30s"\nwebsocket_limits = {{ idle = "{idle}" }}\n'
    assert ("routes[0].websocket_ping" not in found(tmp_path, text)) is ok

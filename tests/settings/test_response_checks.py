from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, TOP, faults_by_key

LOOPBACK = TOP.replace("https://gateway.example.com", "http://localhost:8080")


@pytest.mark.parametrize("mode", ["form_post", "form_post.jwt"])
def test_B032_answers_that_are_posted_need_https(tmp_path: Path, mode: str) -> None:
    text = f'{PROVIDER}response_mode = "{mode}"\n{ROUTE}'
    assert faults_by_key(tmp_path, TOP + text) == {}
    assert list(faults_by_key(tmp_path, LOOPBACK + text)) == ["providers[0].response_mode"]


@pytest.mark.parametrize("mode", ["query", "query.jwt"])
def test_other_answers_do_not(tmp_path: Path, mode: str) -> None:
    assert faults_by_key(tmp_path, f'{LOOPBACK}{PROVIDER}response_mode = "{mode}"\n{ROUTE}') == {}

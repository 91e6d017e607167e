from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, TOP, faults_by_key


@pytest.mark.parametrize(
    ("dpop", "kind", "faults"),
    [
        ("true", "access_token", ["routes[0].forward_token"]),
        ("true", "id_token", []),
        ("false", "access_token", []),
    ],
)
def test_C04_a_token_that_is_bound_to_our_key_is_not_passed_on(
    tmp_path: Path, dpop: str, kind: str, faults: list[str]
) -> None:
    text = f'{TOP}{PROVIDER}dpop = {dpop}\n{ROUTE}forward_token = "{kind}"\n'
    assert list(faults_by_key(tmp_path, text)) == faults

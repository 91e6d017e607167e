from pathlib import Path

import pytest

from tests.fakes.client_keys import pem
from tests.fakes.configuration import ROUTE, TOP, faults_by_key

PROVIDER = '\n[[providers]]\nid = "a"\nissuer = "https://a.example"\nclient_id = "x"\nprofile = "fapi2"\n'
KEYED = PROVIDER + 'client_auth = "private_key_jwt"\n'
KEY = f'[[providers.keys]]\nkey = """{pem()}"""\n'


def test_a_key_is_all_that_the_profile_needs(tmp_path: Path) -> None:
    assert faults_by_key(tmp_path, TOP + KEYED + KEY + ROUTE) == {}


@pytest.mark.parametrize(
    ("provider", "key"),
    [
        (PROVIDER + 'client_secret = "a secret"\n', "client_auth"),
        (PROVIDER + 'client_auth = "none"\n', "client_auth"),
        (KEYED + 'pushed_requests = "never"\n' + KEY, "pushed_requests"),
        (KEYED + 'pushed_requests = "auto"\n' + KEY, "pushed_requests"),
        (KEYED + "dpop = false\n" + KEY, "dpop"),
        (KEYED + 'id_token_algorithms = ["ES256", "RS256"]\n' + KEY, "id_token_algorithms"),
    ],
)
def test_C04_what_is_weaker_than_the_profile_is_refused(tmp_path: Path, provider: str, key: str) -> None:
    assert list(faults_by_key(tmp_path, TOP + provider + ROUTE)) == [f"providers[0].{key}"]


def test_C04_tokens_of_the_profile_are_not_passed_on(tmp_path: Path) -> None:
    text = f'{TOP}{KEYED}{KEY}{ROUTE}forward_token = "access_token"\n'
    assert list(faults_by_key(tmp_path, text)) == ["routes[0].forward_token"]

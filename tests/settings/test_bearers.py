from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key, loaded

ONE = '{ issuer = "https://login.example.com", audience = "https://api.example.com" }'


def test_one_table_and_a_list_of_one_say_the_same(tmp_path: Path) -> None:
    [alone], [listed] = (
        loaded(tmp_path, f"{SOUND}bearer = {text}\n").settings.routes for text in (ONE, f"[{ONE}]")
    )
    assert alone.bearer == listed.bearer
    assert alone.bearer[0].audience == ("https://api.example.com",)
    assert (alone.bearer[0].typ, alone.bearer[0].callers) == ("at+jwt", "any")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[]", "bearer"),
        ('{ issuer = "https://a.example" }', "bearer[0].audience"),
        ('{ audience = "a" }', "bearer.issuer"),
        (ONE.replace("}", ', algorithms = ["HS256"] }'), "bearer.algorithms"),
        (ONE.replace("}", ", algorithms = [] }"), "bearer.algorithms"),
        (ONE.replace("}", ', typ = "any" }'), "bearer.typ"),
        (ONE.replace("}", ', scope = ["read"] }'), "bearer.scope"),
        (ONE.replace("https://login", "http://login"), "bearer.issuer"),
    ],
)
def test_what_would_be_unsafe_or_do_nothing_is_a_fault(tmp_path: Path, text: str, key: str) -> None:
    faults = faults_by_key(tmp_path, f"{SOUND}bearer = {text}\n")
    assert any(found.startswith(f"routes[0].{key}") for found in faults), faults

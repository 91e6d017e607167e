"""`[[roles]]`: who has a role because of what their issuer says."""

from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key, loaded

GRANT = """
[[roles]]
role = "admin"
provider = "company"
claim = "groups"
value = "wiki-admins"
"""


def test_B75_a_grant_names_role_provider_claim_and_value(tmp_path: Path) -> None:
    (grant,) = loaded(tmp_path, SOUND + GRANT).settings.roles
    assert (grant.role, grant.provider, grant.claim, grant.value) == (
        "admin", "company", "groups", "wiki-admins",
    )  # fmt: skip


@pytest.mark.parametrize("key", ["role", "provider", "claim", "value"])
def test_B146_each_key_is_needed_and_never_empty(tmp_path: Path, key: str) -> None:
    lines = GRANT.strip().splitlines()
    without = "\n".join(line for line in lines if not line.startswith(f"{key} "))
    assert f"roles[0].{key}" in faults_by_key(tmp_path, SOUND + without)
    empty = "\n".join(f'{key} = ""' if line.startswith(f"{key} ") else line for line in lines)
    assert f"roles[0].{key}" in faults_by_key(tmp_path, SOUND + empty)


@pytest.mark.parametrize("role", ["a b", "a,b", "a\\nb", "r" * 256, "\\u200b"])
def test_a_role_fits_a_header(tmp_path: Path, role: str) -> None:
    text = SOUND + GRANT.replace('"admin"', f'"{role}"')
    assert "fit a header" in faults_by_key(tmp_path, text)["roles[0].role"]


def test_an_unknown_key_is_told_with_the_nearest(tmp_path: Path) -> None:
    faults = faults_by_key(tmp_path, SOUND + GRANT.replace("claim =", "clam ="))
    assert "did you mean claim?" in faults["roles[0].clam"]


def test_B75_a_claim_is_a_name_or_a_path(tmp_path: Path) -> None:
    text = SOUND + GRANT.replace('"groups"', '"realm_access..roles"')
    assert "no path" in faults_by_key(tmp_path, text)["roles[0].claim"]
    quoted = SOUND + GRANT.replace('"groups"', "'resource_access.\"wiki.app\".roles'")
    assert loaded(tmp_path, quoted).settings.roles[0].claim == 'resource_access."wiki.app".roles'

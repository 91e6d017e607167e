"""`gateway hash-password` prints a hash and nothing else."""

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.keys.password import is_hash
from tests.fakes.passwords import RIGHT


def test_a_hash_is_printed_alone_on_its_line() -> None:
    result = CliRunner().invoke(main, ["hash-password", "--stdin"], input=RIGHT)
    assert result.exit_code == 0
    assert is_hash(result.stdout.strip())
    assert result.stdout.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert result.stderr == ""


def test_prompts_do_not_mix_with_the_hash() -> None:
    result = CliRunner().invoke(main, ["hash-password"], input=f"{RIGHT}\n{RIGHT}\n")
    assert is_hash(result.stdout.strip())
    assert "New password" in result.stderr
    assert RIGHT not in result.output


@pytest.mark.parametrize(
    ("password", "told"),
    [("short", "at least 12 characters"), ("password1234", "tried first"), ("", "is empty")],
)
def test_what_the_policy_refuses_is_not_hashed(password: str, told: str) -> None:
    result = CliRunner().invoke(main, ["hash-password", "--stdin"], input=password)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "argon2" not in result.output


def test_help_has_an_example() -> None:
    result = CliRunner().invoke(main, ["hash-password", "--help"])
    assert "Example: gateway hash-password" in result.stdout

"""How a password reaches a command: one line of input, or asked for twice."""

import click
import pytest
from click.testing import CliRunner

from gateway.cli.password import hashed, new_password
from gateway.keys.password import is_hash
from tests.fakes.passwords import RIGHT


@click.command()
@click.option("--stdin", "from_stdin", is_flag=True)
def asking(*, from_stdin: bool) -> None:
    click.echo(f"got {new_password(from_stdin=from_stdin)!r}")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_line_is_taken_as_it_is_less_its_end(end: str) -> None:
    result = CliRunner().invoke(asking, ["--stdin"], input=f"  spaces count {end}")
    assert "got '  spaces count '" in result.stdout


@pytest.mark.parametrize(
    ("given", "told"),
    [(b"two\nlines", "more than one line"), (b"\xff", "no UTF-8"), (b"x" * 5000, "one short line")],
)
def test_what_is_no_line_of_text_is_refused(given: bytes, told: str) -> None:
    result = CliRunner().invoke(asking, ["--stdin"], input=given)
    assert result.exit_code == 1
    assert told in result.stderr


def test_on_a_terminal_it_is_asked_for_twice_and_not_shown() -> None:
    result = CliRunner().invoke(asking, [], input=f"{RIGHT}\nother\n{RIGHT}\n{RIGHT}\n")
    assert f"got {RIGHT!r}" in result.stdout
    assert "do not match" in result.stderr
    assert RIGHT not in result.stderr


def test_it_is_hashed_if_the_policy_takes_it() -> None:
    assert is_hash(hashed(RIGHT, shortest=12))
    with pytest.raises(click.ClickException, match="at least 40 characters"):
        hashed(RIGHT, shortest=40)
    with pytest.raises(click.ClickException, match="name or the e-mail"):
        hashed("annemiller@example.com", shortest=12, names=["annemiller@example.com"])

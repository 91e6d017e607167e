import gc
import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from gateway import __version__
from gateway.cli import VERBS, main


def test_the_overview_lists_every_verb_and_an_example() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert all(f"  {name} " in result.output for name in VERBS)
    assert "Example: gateway" in result.output


def test_the_version_is_that_of_the_package() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_an_unknown_verb_is_told_with_the_nearest() -> None:
    result = CliRunner().invoke(main, ["chek"])
    assert result.exit_code == 2
    assert "Did you mean 'check'?" in result.output


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_is_a_command_whose_help_has_an_example(name: str) -> None:
    verb = VERBS[name]
    assert isinstance(getattr(import_module(verb.module), verb.attribute), click.Command)
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output


def test_what_a_command_imports_is_not_searched_for_garbage() -> None:
    before = gc.get_threshold()
    gc.set_threshold(700)
    try:
        assert CliRunner().invoke(main, ["schema"]).exit_code == 0
        assert gc.get_threshold()[0] > 50_000
    finally:
        gc.set_threshold(*before)


def test_the_overview_imports_nothing_but_click() -> None:
    script = (
        "import sys; from gateway.cli import main; main(['--help'], standalone_mode=False); "
        "heavy = {'pydantic', 'aiohttp', 'sqlalchemy', 'authlib', 'jwcrypto', 'cryptography', 'jinja2'}; "
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0

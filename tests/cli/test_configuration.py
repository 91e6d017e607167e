from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from gateway.cli.configuration import config_option, load_or_exit
from tests.fakes.configuration import SOUND, write


@click.command()
@config_option
def probe(config: Path) -> None:
    click.echo(load_or_exit(config, flags={"listen": "127.0.0.1:9"}).settings.listen)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(probe, arguments)


def test_the_file_is_named_by_the_option_or_the_environment(tmp_path: Path) -> None:
    path = str(write(tmp_path, SOUND))
    assert run("--config", path).stdout == "127.0.0.1:9\n"
    assert run(GATEWAY_CONFIG=path).stdout == "127.0.0.1:9\n"


def test_without_either_it_is_the_file_in_this_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SOUND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    assert run().exit_code == 0


def test_faults_go_to_standard_error_one_a_line_and_end_in_1(tmp_path: Path) -> None:
    path = write(tmp_path, f"{SOUND}acces = 1\npth = 2\n")
    result = run("--config", str(path))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{path}:12: routes[0].acces: unknown key (did you mean access?)",
        f"{path}:13: routes[0].pth: unknown key (did you mean path?)",
    ]


@pytest.mark.parametrize("text", [None, "a = \n"])
def test_C02_what_cannot_be_read_ends_in_2(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "gateway.toml" if text is None else write(tmp_path, text)
    result = run("--config", str(path))
    assert result.exit_code == 2
    assert str(path) in result.stderr

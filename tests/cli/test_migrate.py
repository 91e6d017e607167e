"""`gateway migrate oauth2-proxy` prints what to start from, and tells what it does not say."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.migrate import command

THEIRS = """
redirect_url = "https://wiki.example.com/oauth2/callback"
provider = "google"
client_secret = "canary-secret"
email_domains = ["example.com"]
upstreams = ["http://127.0.0.1:3000/"]
htpasswd_file = "/etc/htpasswd"
"""


def run(folder: Path, text: str, *more: str) -> Result:
    (folder / "oauth2-proxy.cfg").write_text(text)
    return CliRunner().invoke(command, ["oauth2-proxy", str(folder / "oauth2-proxy.cfg"), *more])


def test_the_file_is_printed_and_the_rest_told_with_its_line(tmp_path: Path) -> None:
    result = run(tmp_path, THEIRS)
    assert result.exit_code == 0, result.output
    assert tomllib.loads(result.stdout)["public_url"] == "https://wiki.example.com"
    assert f"{tmp_path}/oauth2-proxy.cfg:7: htpasswd_file: has no counterpart" in result.stderr
    assert "/.gateway/callback/google at the provider" in result.stderr
    assert "canary" not in result.output


def test_programs_get_both_as_json(tmp_path: Path) -> None:
    told = json.loads(run(tmp_path, THEIRS, "--json").stdout)
    assert tomllib.loads(told["toml"])["providers"][0]["preset"] == "google"
    assert {"key": "htpasswd_file", "line": 7} in [
        {"key": each["key"], "line": each["line"]} for each in told["notes"]
    ]


@pytest.mark.parametrize("text", ["x = [", "providers:\n- id: a\n"])
def test_what_is_no_toml_is_2(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, text).exit_code == 2
    absent = CliRunner().invoke(command, ["oauth2-proxy", str(tmp_path / "none.cfg")])
    assert absent.exit_code == 2
    assert "--config" not in absent.output  # it has none


def test_help_has_an_example() -> None:
    for words in (["--help"], ["oauth2-proxy", "--help"]):
        assert "Example: gateway migrate oauth2-proxy" in CliRunner().invoke(command, words).output

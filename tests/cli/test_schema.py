import json
import tomllib

from click.testing import CliRunner

from gateway.cli import main


def test_the_schema_is_json_for_editors() -> None:
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert "public_url" in json.loads(result.stdout)["properties"]


def test_the_reference_is_toml_for_people() -> None:
    result = CliRunner().invoke(main, ["schema", "--reference"])
    assert result.exit_code == 0
    assert tomllib.loads(result.stdout)["session"]["lease"] == "10m"

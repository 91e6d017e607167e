import json
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli import main
from tests.fakes.configuration import SECRET, SOUND, write


def check(path: Path, *options: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(main, ["check", "--config", str(path), *options])


def test_a_sound_configuration_is_told_with_where_each_value_came_from(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    result = check(path, GATEWAY_SESSION__LEASE="5m")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert f'public_url = "https://gateway.example.com"  # {path}:1' in lines
    assert 'session.lease = "5m"  # environment GATEWAY_SESSION__LEASE' in lines
    assert 'session.max_age = "30d"  # default' in lines


def test_C05_secrets_are_masked_and_literals_warned_of(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    result = check(path)
    assert f"secret = ********  # {path}:2, literal" in result.stdout
    assert "warning: secret is a literal" in result.stderr
    assert SECRET not in result.output + check(path, "--json").output


def test_C05_production_refuses_what_is_for_trying(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    result = check(path, "--production")
    assert result.exit_code == 1
    assert f"{path}:2: secret: is a literal secret" in result.stderr


def test_faults_end_in_1_and_what_cannot_be_read_in_2(tmp_path: Path) -> None:
    assert check(write(tmp_path, "")).exit_code == 1
    assert check(write(tmp_path, "=")).exit_code == 2
    assert check(tmp_path / "nothing").exit_code == 2


def test_a_key_for_asking_issuers_that_is_none_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n")
    (tmp_path / "key.pem").chmod(0o600)
    client = 'client_id = "api", client_auth = "private_key_jwt", keys = [{ key = { file = "key.pem" } }]'
    bearer = f'issuer = "https://login.example.com", audience = "a", introspection = {{ {client} }}'
    result = check(write(tmp_path, f"{SOUND}bearer = {{ {bearer} }}\n"))
    assert result.exit_code == 1
    assert "routes[0].bearer[0].introspection.keys[0].key" in result.stderr


def test_json_has_the_same_facts(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    report = json.loads(check(path, "--json").stdout)
    assert report["ok"] is True
    assert report["faults"] == []
    assert report["values"]["public_url"] == {"value": "https://gateway.example.com", "origin": f"{path}:1"}
    assert len(report["warnings"]) == 2
    bad = check(write(tmp_path, f"{SOUND}acces = 1\n"), "--json")
    assert bad.exit_code == 1
    (fault,) = json.loads(bad.stdout)["faults"]
    assert (fault["key"], fault["line"], fault["suggestion"]) == (
        "routes[0].acces",
        12,
        "did you mean access?",
    )

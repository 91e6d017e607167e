"""`gateway routes` lists what the table tries, in its order."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.routes import command

CONFIG = """
public_url = "https://gateway.example.com"
secret = "0123456789abcdef0123456789abcdef"
[[providers]]
id = "demo"
name = "Demo"
issuer = "https://issuer.example.com"
client_id = "gateway"
client_secret = "a-client-secret"
claims = { department = "department", floor = "floor" }
[[routes]]
path = "/"
upstream = "http://127.0.0.1:9401"
access = "public"
[[routes]]
path = "/wiki"
host = "*.example.com"
upstream = "http://127.0.0.1:9401"
[[routes]]
path = "/wiki/admin"
host = "*.example.com"
upstream = "https://10.0.0.5"
roles = ["admin", "editor"]
methods = ["GET"]
claims = { department = "it" }
csrf = "fetch-metadata"
deny = { networks = ["192.0.2.0/24"], claims = { floor = "3" } }
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    return str(path)


def test_B74_routes_are_listed_most_specific_first(config: str) -> None:
    result = CliRunner().invoke(command, ["--config", config])
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.output.splitlines()] == [
        ["HOST", "PATH", "ACCESS", "RULES", "UPSTREAM"],
        [
            "*.example.com",
            "/wiki/admin",
            "authenticated",
            "methods=GET",
            "csrf=fetch-metadata",
            "roles=admin,editor",
            "claims.department=it",
            "deny.networks=192.0.2.0/24",
            "deny.claims.floor=3",
            "https://10.0.0.5",
        ],
        ["*.example.com", "/wiki", "authenticated", "-", "http://127.0.0.1:9401"],
        ["*", "/", "public", "-", "http://127.0.0.1:9401"],
    ]


def test_the_list_is_there_as_json(config: str) -> None:
    result = CliRunner().invoke(command, ["--config", config, "--json"])
    first = json.loads(result.output)[0]
    assert first["allow"] == {"roles": ["admin", "editor"], "claims": {"department": ["it"]}}
    assert first["deny"] == {"networks": ["192.0.2.0/24"], "claims": {"floor": ["3"]}}
    assert first["upstream"]["url"] == "https://10.0.0.5"
    assert first["methods"] == ["GET"]


def test_B146_a_wrong_configuration_is_told_and_nothing_listed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(CONFIG + "acess = 1\n")
    result = CliRunner().invoke(command, ["--config", str(wrong)])
    assert result.exit_code == 1
    assert "access" in result.output
    assert "wiki" not in result.output


def test_B74_the_proof_that_a_route_asks_for_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG + 'max_auth_age = "15m"\nacr_values = ["mfa"]\n')
    result = CliRunner().invoke(command, ["--config", str(path)])
    assert "max_auth_age=900s acr_values=mfa" in result.output
    listed = json.loads(CliRunner().invoke(command, ["--config", str(path), "--json"]).output)
    assert [each["proof"] for each in listed] == [{"max_auth_age": 900, "acr_values": ["mfa"]}, {}, {}]


def test_a_route_that_a_proxy_asks_about_is_listed_as_such(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    off = CONFIG.replace('upstream = "https://10.0.0.5"', 'upstream = "off"\naudience = "wiki"')
    path.write_text(off.replace("[[providers]]", 'trusted_proxies = ["127.0.0.1/32"]\n[[providers]]', 1))
    listed = CliRunner().invoke(command, ["--config", str(path)])
    assert listed.output.splitlines()[1].endswith("off (forward-auth)")
    told = CliRunner().invoke(command, ["--config", str(path), "--json"])
    assert json.loads(told.output)[0]["upstream"] == {"name": None, "audience": "wiki", "url": None}

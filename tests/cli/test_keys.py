"""`gateway keys` tells ids and places, never a secret, and rotates what can be rotated."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.cli.check import command as check
from gateway.cli.keys import command
from gateway.keys.keyring import KeyRing
from tests.fakes.client_keys import pem
from tests.fakes.configuration import SECRET, SOUND, loaded, write
from tests.fakes.databases import made_in, raw

URL = "https://gateway.example.com"
OTHER = "another-secret-of-more-than-32-bytes"
Run = Callable[..., Result]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def run(tmp_path: Path, key: Path) -> Run:
    configured(tmp_path, '{ file = "secret.key" }')

    def run(*arguments: str, environ: dict[str, str] | None = None) -> Result:
        config = ["--config", str(tmp_path / "gateway.toml")]
        return CliRunner().invoke(command, [*arguments, *config], env=environ or {})

    return run


def configured(folder: Path, secret: str) -> Path:
    return write(folder, SOUND.replace(f'"{SECRET}"', secret))


def listed(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def test_the_keys_are_listed_by_the_ids_that_values_carry(run: Run) -> None:
    [only] = listed(run("list", "--json"))
    ring = KeyRing([SECRET.encode()], scope=URL)
    sealed = ring.sealer("session").seal(b"x")
    assert only["assertion_kid"] == ring.signing_keys().current.kid
    assert KeyRing([SECRET.encode()], scope=URL).names()[0].session == only["session_kid"]
    assert _kid(sealed) == only["session_kid"]
    assert (only["position"], only["use"], only["source"]) == (1, "seals", "file secret.key")


def _kid(sealed: str) -> str:
    import base64

    header = sealed.partition(".")[0]
    kid: str = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return kid


def test_every_key_is_listed_with_its_place(run: Run, tmp_path: Path) -> None:
    configured(tmp_path, f'[{{ file = "secret.key" }}, {{ env = "OLD" }}, "{"x" * 40}"]')
    assert run("rotate", environ={"OLD": OTHER}).exit_code == 0
    found = listed(run("list", "--json", environ={"OLD": OTHER}))
    assert [(each["use"], each["source"]) for each in found] == [
        ("seals", "file secret.key"),
        ("opens", "file secret.key"),
        ("opens", "environment OLD"),
        ("opens", "literal"),
    ]
    assert len({each["session_kid"] for each in found}) == 4


def test_C05_no_secret_is_printed(run: Run, key: Path) -> None:
    for verb in (["list"], ["list", "--json"], ["rotate"], ["rotate", "--json"], ["export"]):
        result = run(*verb)
        assert result.exit_code == 0, result.output
        assert SECRET not in result.output
        assert not [line for line in key.read_text().splitlines()[1:] if line in result.output]


def test_the_table_has_a_line_for_each_key(run: Run) -> None:
    run("rotate")
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["KEY", "USE", "SESSIONS", "ASSERTIONS", "FROM"]
    assert [line.split()[:2] for line in lines[1:]] == [["1", "seals"], ["2", "opens"]]


def test_B129_a_rotation_seals_by_a_new_key_and_opens_by_the_old_one(run: Run, tmp_path: Path) -> None:
    [before] = listed(run("list", "--json"))
    result = run("rotate")
    assert result.exit_code == 0
    assert "kill -HUP" in result.stdout
    first, second = listed(run("list", "--json"))
    assert second["session_kid"] == before["session_kid"]
    assert first["session_kid"] != before["session_kid"]
    text = (tmp_path / "gateway.toml").read_text()
    ring = loaded(tmp_path, text).settings.secret
    assert ring[1:] == (SECRET.encode(),)


def test_B130_keep_drops_the_oldest_and_says_so(run: Run) -> None:
    run("rotate")
    assert json.loads(run("rotate", "--keep", "2", "--json").stdout)["dropped"] == 1
    assert "signs in again" in run("rotate", "--keep", "1").stdout
    assert len(listed(run("list", "--json"))) == 1


@pytest.mark.parametrize(
    ("secret", "environ", "told"),
    [
        (f'"{SECRET}"', {}, "literal"),
        ('{ env = "KEY" }', {"KEY": SECRET}, "environment KEY"),
        ('{ credential = "key" }', {"CREDENTIALS_DIRECTORY": "{}"}, "credential key"),
    ],
)
def test_what_is_no_file_is_rotated_by_hand(
    run: Run, tmp_path: Path, secret: str, environ: dict[str, str], told: str
) -> None:
    (tmp_path / "key").write_text(SECRET)
    configured(tmp_path, secret)
    result = run("rotate", environ={name: value.format(tmp_path) for name, value in environ.items()})
    assert result.exit_code == 1
    assert told in result.stderr
    assert "--file" in result.stderr


def test_the_environment_outranks_the_file_here_too(run: Run, key: Path) -> None:
    result = run("rotate", environ={"GATEWAY_SECRET": OTHER})
    assert result.exit_code == 1
    assert "environment GATEWAY_SECRET" in result.stderr
    assert key.read_text() == SECRET + "\n"


def test_the_source_of_a_credential_is_rotated_without_a_configuration(key: Path, tmp_path: Path) -> None:
    arguments = ["rotate", "--file", str(key), "--config", str(tmp_path / "none.toml")]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert key.read_text().splitlines()[-1] == SECRET
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_rotated_is_one_sentence(run: Run, key: Path) -> None:
    key.with_name("secret.key.new").touch()
    result = run("rotate")
    assert result.exit_code == 1
    unrecorded, sentence = result.stderr.splitlines()
    assert unrecorded.startswith("Not recorded in the audit trail: ")
    assert "secret.key.new is there" in sentence


def trail(folder: Path) -> list[tuple[str, ...]]:
    connection = raw(folder)
    found = connection.execute("SELECT event, outcome, reason, detail FROM audit ORDER BY id").fetchall()
    connection.close()
    return found


def with_database(folder: Path, more: str = "") -> list[str]:
    """Add a database to the configuration, and return the options that name it."""
    made_in(folder)
    config = folder / "gateway.toml"
    config.write_text(config.read_text() + more + '\n[database]\nurl = "sqlite:///gateway.db"\n')
    return ["--config", str(config)]


def test_B144_a_rotation_is_in_the_audit_trail_done_or_not(run: Run, key: Path, tmp_path: Path) -> None:
    with_database(tmp_path)
    for _ in range(2):
        assert run("rotate", "--keep", "2").stderr == ""
    key.with_name("secret.key.new").touch()
    assert run("rotate").exit_code == 1
    assert trail(tmp_path) == [
        ("admin.keys.rotate", "success", "", f"2 keys in {key}, 0 dropped"),
        ("admin.keys.rotate", "success", "", f"2 keys in {key}, 1 dropped"),
        ("admin.keys.rotate", "failure", "refused", str(key)),
    ]


@pytest.mark.usefixtures("key")
def test_B144_secret_keys_that_leave_are_in_the_audit_trail_and_public_ones_are_not(tmp_path: Path) -> None:
    configured(tmp_path, '{ file = "secret.key" }')
    config = with_database(tmp_path, SIGNED % "hmac-sha256")
    for arguments in ([], ["--upstream", "wiki"]):
        result = CliRunner().invoke(command, ["export", *arguments, *config])
        assert listed_keys(result)
        assert result.stderr == ""
    assert trail(tmp_path) == [("admin.keys.export", "success", "", "secret keys of wiki")]


def test_the_public_keys_are_those_that_are_served(run: Run) -> None:
    run("rotate")
    exported = json.loads(run("export").stdout)
    kids = [each["assertion_kid"] for each in listed(run("list", "--json"))]
    assert [each["kid"] for each in exported["keys"]] == kids
    assert not any("d" in each for each in exported["keys"])


def test_pem_is_the_same_keys(run: Run) -> None:
    run("rotate")
    blocks = re.findall(
        r"-----BEGIN PUBLIC KEY-----\n.*?-----END PUBLIC KEY-----\n", run("export", "--pem").stdout, re.DOTALL
    )
    exported = json.loads(run("export").stdout)["keys"]
    assert len(blocks) == len(exported) == 2
    for block, jwk in zip(blocks, exported, strict=True):
        numbers = load_pem_public_key(block.encode()).public_numbers()  # type: ignore[union-attr]
        assert _number(jwk["x"]) == numbers.x  # type: ignore[union-attr]


def _number(text: str) -> int:
    import base64

    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


@pytest.mark.parametrize("verb", ["list", "rotate", "export"])
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(command, [verb, "--help"])
    assert result.exit_code == 0
    assert f"Example: gateway keys {verb}" in result.stdout


def test_faults_in_the_configuration_are_1_and_none_is_2(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "leese = 1\n")
    assert run("list").exit_code == 1
    (tmp_path / "gateway.toml").unlink()
    assert run("list").exit_code == 2


SIGNED = """
[[routes]]
path = "/wiki"
upstream = "wiki"
[upstreams.wiki]
urls = ["http://127.0.0.1:3001"]
identity = { signature = "%s" }
"""


def test_the_shared_keys_of_an_upstream_are_exported_for_it_alone(tmp_path: Path) -> None:
    write(tmp_path, SOUND + SIGNED % "hmac-sha256")
    config = ["--config", str(tmp_path / "gateway.toml")]
    result = CliRunner().invoke(command, ["export", "--upstream", "wiki", *config])
    [key] = listed_keys(result)
    assert key == KeyRing([SECRET.encode()], scope=URL).shared_keys("wiki")[0].secret_jwk()
    [other] = listed_keys(
        CliRunner().invoke(command, ["export", "--upstream", "http://127.0.0.1:3000", *config])
    )
    assert other["kid"] != key["kid"]
    public = CliRunner().invoke(command, ["export", *config])
    assert [each["kty"] for each in listed_keys(public)] == ["EC"]


def test_an_upstream_that_no_route_leads_to_is_told_with_those_that_are(tmp_path: Path) -> None:
    write(tmp_path, SOUND + SIGNED % "hmac-sha256")
    config = ["--config", str(tmp_path / "gateway.toml")]
    result = CliRunner().invoke(command, ["export", "--upstream", "wki", *config])
    assert result.exit_code == 1
    assert "http://127.0.0.1:3000, wiki" in result.stderr
    assert CliRunner().invoke(command, ["export", "--upstream", "wiki", "--pem", *config]).exit_code == 2


def test_the_public_keys_of_requests_are_exported_where_they_sign(tmp_path: Path) -> None:
    write(tmp_path, SOUND + SIGNED % "ed25519")
    result = CliRunner().invoke(command, ["export", "--config", str(tmp_path / "gateway.toml")])
    kinds = [(each["kty"], "d" in each) for each in listed_keys(result)]
    assert kinds == [("EC", False), ("OKP", False)]


def listed_keys(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, object]] = json.loads(result.stdout)["keys"]
    return found


CLIENT = """
[[providers]]
id = "a"
issuer = "https://a.example"
client_id = "x"
client_auth = "private_key_jwt"
[[providers.keys]]
key = \"\"\"{}\"\"\"
kid = "2026-11"
"""


def test_the_keys_for_an_issuer_are_a_set_to_register_there(run: Run, tmp_path: Path) -> None:
    configuration = (tmp_path / "gateway.toml").read_text()
    (tmp_path / "gateway.toml").write_text(configuration + CLIENT.format(pem()))
    found = json.loads(run("export", "--client", "a").stdout)
    assert [(each["kid"], each["use"], "d" in each) for each in found["keys"]] == [("2026-11", "sig", False)]
    assert run("export", "--client", "b").exit_code == 1
    assert run("export", "--client", "a", "--pem").exit_code == 2


def test_a_key_that_is_none_is_told_by_check_and_export(run: Run, tmp_path: Path) -> None:
    configuration = (tmp_path / "gateway.toml").read_text()
    (tmp_path / "gateway.toml").write_text(configuration + CLIENT.format(pem("X25519")))
    line = len(configuration.splitlines()) + CLIENT[: CLIENT.index("key =")].count("\n") + 1
    checked = CliRunner().invoke(check, ["--config", str(tmp_path / "gateway.toml")])
    for result in (run("export", "--client", "a"), checked):
        assert result.exit_code == 1
        assert f"gateway.toml:{line}: providers[1].keys[0].key: is of a curve" in result.stderr


def test_keys_of_one_s_own_for_assertions_are_listed_exported_and_checked(run: Run, tmp_path: Path) -> None:
    sound = (tmp_path / "gateway.toml").read_text()
    own = "[identity]\nassertion_keys = ['''{}''']\n"
    (tmp_path / "gateway.toml").write_text(sound + own.format(pem()))
    made, given = listed(run("list", "--json"))
    assert (given["use"], given["session_kid"], given["source"]) == ("signs", None, "literal")
    assert run("list").stdout.splitlines()[2].split()[:3] == ["2", "signs", "-"]
    exported = json.loads(run("export").stdout)["keys"]
    assert [each["kid"] for each in exported] == [given["assertion_kid"], made["assertion_kid"]]
    (tmp_path / "gateway.toml").write_text(sound + own.format(pem("X25519")))
    for verb in ("list", "export"):
        refused = run(verb)
        assert refused.exit_code == 1
        assert "identity.assertion_keys[0]: is none of P-256" in refused.stderr
    checked = CliRunner().invoke(check, ["--config", str(tmp_path / "gateway.toml"), "--json"])
    assert checked.exit_code == 1
    (fault,) = json.loads(checked.stdout)["faults"]
    line = len(sound.splitlines()) + 2
    assert (fault["key"], fault["line"]) == ("identity.assertion_keys[0]", line)

"""The documentation holds: its commands run, its files load, its links lead somewhere, its words exist."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import VERBS
from gateway.observe.merged import merged
from gateway.observe.metrics import Metrics
from gateway.settings.loader import Loaded, load
from gateway.settings.overrides import CONFIG_VARIABLE, variable
from gateway.settings.reference import schema_json
from gateway.settings.schema import Settings
from gateway.settings.shape import model_at, settable
from tests.fakes.certificates import write_certificates
from tests.fakes.client_keys import pem
from tests.house.attack_matrix import catalogue, document, later

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "deploy/README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
GETTING_STARTED = ROOT / "docs/getting-started.md"

# Commands of the docs, run one after another in a folder with the configuration of getting-started.md
# and with Ann in the database; each with its exit code.
RUNS = {
    "(umask 077; head -c 48 /dev/urandom | base64 > secret.key)": 0,
    "(umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out company.pem)": 0,
    "(umask 077; openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out assertion.pem)": 0,
    "(umask 077; openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=wiki -keyout login-gov.pem"
    " -out login-gov.crt)": 0,
    "gateway check": 0,
    "gateway check --production": 0,
    "gateway check --json": 0,
    "gateway routes": 0,
    "gateway users list": 0,
    "gateway users list --json": 0,
    "gateway users add bob@example.com --name Bob --role editor": 0,
    "gateway users disable bob@example.com": 0,
    "gateway users enable bob@example.com": 0,
    "gateway users accounts ann@example.com": 0,
    "gateway users unlink ann@example.com company": 1,  # she never signed in
    "gateway users delete bob@example.com --yes": 0,
    "gateway users roles ann@example.com --grant admin": 0,
    "gateway explain GET https://wiki.example.com/admin --user ann@example.com": 0,
    "gateway users roles ann@example.com --grant admin --grant editor": 0,
    "gateway users roles ann@example.com --revoke editor": 0,
    "gateway explain GET https://wiki.example.com/admin/users": 1,
    "gateway explain GET https://wiki.example.com/ --user ann@example.com --json": 0,
    "gateway audit list --event admin --since 24h": 0,
    "gateway audit list --user ann@example.com --limit 20 --json": 0,
    "gateway sessions list --user ann@example.com": 0,
    "gateway sessions end --user ann@example.com": 0,
    "gateway sessions end --all": 0,
    "gateway schema": 0,
    "gateway schema --reference": 0,
    "gateway db check": 0,
    "gateway db upgrade": 0,
    "gateway db backup copy.db": 0,
    "gateway keys rotate": 0,
    "gateway keys list": 0,
    "gateway keys export": 0,
    "gateway keys export --pem": 0,
    "gateway keys export --client company": 1,  # it has none in that configuration
    "gateway healthcheck": 1,  # nothing runs there
}
# Commands that serve, or that run this very suite, and the file that stands for them.
ELSEWHERE = {
    "gateway migrate oauth2-proxy oauth2-proxy.cfg > gateway.toml": "tests/cli/test_migrate.py",
    "gateway run": "tests/journeys/test_process.py",
    **dict.fromkeys(
        (
            "psql --command=\"CREATE ROLE gateway LOGIN PASSWORD 'use-your-own'\" postgres",
            "createdb --owner=gateway gateway",
            'pg_dump --format=custom --file=gateway.dump "$DATABASE_URL"',
            "pg_restore --clean --if-exists --no-owner --single-transaction"
            ' --dbname="$DATABASE_URL" gateway.dump',
        ),
        "tests/journeys/test_databases_page.py",
    ),
    "make run": "tests/cli/test_demo.py",
    "make test": ".ci/run",
    "make check": "Makefile",
    "make help": "Makefile",
    "make bench": "tests/bench/__main__.py",
    "make bench-page": "tests/bench/test_page.py",
    "tests/parts/install autobahn": "tests/parts/install",
    "python -m tests.bench.autobahn": "tests/bench/test_autobahn.py",
}


@cache
def written() -> set[str]:
    """Return every text in the code, among them the names of events."""
    return {
        node.value
        for path in (ROOT / "gateway").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page: its language, its text, and the line on which it begins."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A command of a page, and the output that is shown below it."""

    block: Block
    command: str
    output: str

    def __str__(self) -> str:
        return f"{self.block} {self.command}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for hit in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
            if hit[2] in languages:
                lines = (line.removeprefix(hit[1]) for line in hit[3].splitlines(keepends=True))
                number = text.count("\n", 0, hit.start()) + 2
                found.append(Block(page=page, line=number, language=hit[2], text="".join(lines)))
    return found


def commands() -> list[Shown]:
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Shown(block=block, command=command, output=output.strip("\n")))
    return found


def environ(folder: Path) -> dict[str, str]:
    """The environment of a command: `gateway` is this very code."""
    shim = folder / "bin" / "gateway"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n')
    shim.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return {
        **kept,
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COMPANY_CLIENT_SECRET": "the secret that both sides know",
    }


def run(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, shell=True, cwd=folder, env=environ(folder), capture_output=True, text=True, check=False
    )


def as_shown(output: str) -> str:
    """Return the pattern of an output that is shown: `…` stands for anything."""
    return re.escape(output).replace("…", "(?s:.*)")


@pytest.mark.timeout(400)
def test_the_commands_of_the_docs_do_what_is_shown(tmp_path: Path) -> None:
    whole = next(block for block in blocks("toml") if block.page == GETTING_STARTED)
    (tmp_path / "gateway.toml").write_text(whole.text)
    said = {}
    for number, (command, code) in enumerate(RUNS.items()):
        if number == 1:
            ann = run("gateway users add ann@example.com --name Ann", tmp_path)
            assert ann.returncode == 0, ann.stderr
        done = run(command, tmp_path)
        assert done.returncode == code, f"{command}: {done.stderr}"
        said[command] = done.stdout
    for each in commands():
        if each.command in RUNS and each.output:
            assert re.fullmatch(as_shown(each.output), said[each.command].strip("\n")), str(each)


@pytest.mark.parametrize("each", commands(), ids=str)
def test_every_command_is_run_by_a_test(each: Shown) -> None:
    if each.command in RUNS:
        return
    assert each.command in ELSEWHERE, "add it to RUNS, or say in ELSEWHERE what runs it"
    assert (ROOT / ELSEWHERE[each.command]).is_file()
    assert not each.output, "output that no test compares"


def test_no_command_is_run_for_nothing() -> None:
    shown = {each.command for each in commands()}
    assert set(RUNS) | set(ELSEWHERE) == shown


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"(?:`|\$ |^)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= targets()


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_shell_that_needs_a_machine_of_its_own_is_at_least_shell(block: Block) -> None:
    done = subprocess.run(["sh", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def completed(text: str) -> str:
    """Return a fragment with what every configuration needs: a URL, a secret, a provider, a route."""
    values = tomllib.loads(text)
    top = ""
    if "public_url" not in values:
        top += 'public_url = "https://wiki.example.com"\n'
    if "secret" not in values:
        top += 'secret = { env = "SECRET" }\n'
    tables = ""
    if "providers" not in values:
        tables += (
            '\n[[providers]]\nid = "company"\nissuer = "https://login.example.com"\nclient_id = "wiki"\n'
        )
        tables += 'client_auth = "none"\n'
    if "routes" not in values:
        upstream = next(iter(values.get("upstreams", ())), "http://127.0.0.1:3000")
        tables += f'\n[[routes]]\nupstream = "{upstream}"\n'
    return top + text + tables


def loaded(text: str, folder: Path) -> Loaded:
    """Return what a configuration loads to, every secret and certificate that it refers to being there."""
    write_certificates(folder / "certs")
    for name in re.findall(r'(?:file|credential) = "([^"]+)"', text):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        secret = pem() if name.endswith((".pem", ".p8")) else f"{name}: a secret of more than 32 bytes"
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    known = {name: f"{name}: a secret of more than 32 bytes" for name in re.findall(r'env = "([^"]+)"', text)}
    known["DATABASE_URL"] = "postgresql://gateway:secret@db.example.com/gateway?sslmode=verify-full"
    (folder / "gateway.toml").write_text(text)
    return load(folder / "gateway.toml", environ={**known, "CREDENTIALS_DIRECTORY": str(folder)})


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_every_configuration_and_every_part_of_one_loads(block: Block, tmp_path: Path) -> None:
    whole = "public_url" in tomllib.loads(block.text)
    found = loaded(block.text if whole else completed(block.text), tmp_path)
    told_in_the_text = ("literal", "user name")
    assert not [each for each in found.warnings if not any(word in each for word in told_in_the_text)]


def test_the_configuration_of_the_unit_loads_and_is_fit_for_production(tmp_path: Path) -> None:
    text = (ROOT / "deploy/gateway.toml").read_text()
    assert not loaded(text, tmp_path).warnings


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_piece_of_python_runs(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "docs"})


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {word.replace(" ", "-") for word in words}


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {link}"


def spans(page: Path) -> Iterator[str]:
    """Yield what stands in backticks outside fenced blocks."""
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", text)


def keys_of_the_schema() -> set[str]:
    """Return every key's own name, wherever it stands."""
    schema = json.loads(schema_json())
    tables = [schema, *schema["$defs"].values()]
    return {name for table in tables for name in table.get("properties", {})}


OTHERS_SETTINGS = {"anonymous", "scope", "csrfToken"}
"""Written as `name = value`, but of another program, a form, or our Python."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_that_is_named_exists(page: Path) -> None:
    known = keys_of_the_schema() | OTHERS_SETTINGS
    for span in spans(page):
        assigned = re.fullmatch(r"([a-z_]+) = .+", span)
        table = re.fullmatch(r"\[{1,2}([a-z_.]+?)(?:\.NAME)?\]{1,2}", span)
        dotted = re.fullmatch(r"([a-z_]+(?:\.[a-z_]+)+)(?: = .+)?", span)
        if assigned:
            assert assigned[1] in known, f"{page.name}: {span}"
        elif table:
            assert model_of(table[1]) is not None, f"{page.name}: {span}"
        elif dotted and dotted[1].partition(".")[0] in Settings.model_fields:
            assert is_key(dotted[1]) or span in written(), f"{page.name}: {span}"


def is_key(dotted: str) -> bool:
    around, _, last = dotted.rpartition(".")
    model = model_of(around)
    return model is not None and last in model.model_fields


def model_of(dotted: str) -> Any:
    first, *rest = dotted.split(".")
    if first not in Settings.model_fields:
        return None
    if model := model_at(tuple(dotted.split("."))):
        return model
    return model_at((first, 0, *rest))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_that_is_named_sets_a_key(page: Path) -> None:
    known = {variable(path) for path, _ in settable()} | {CONFIG_VARIABLE}
    named = set(re.findall(r"\bGATEWAY_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named <= known


def test_the_image_sets_keys_that_exist() -> None:
    known = {variable(path) for path, _ in settable()} | {CONFIG_VARIABLE}
    text = (ROOT / "deploy/Dockerfile").read_text()
    assert set(re.findall(r"\bGATEWAY_[A-Z_]+", text)) <= known
    assert "--require-hashes" in text
    assert re.search(r"^USER [1-9][0-9]*:", text, re.MULTILINE)
    assert '"gateway", "healthcheck"]' in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_of_ours_has_its_place_in_the_docs(verb: str) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "CHANGELOG.md")
    command = "make run" if verb == "demo" else f"gateway {verb}"
    assert command in pages


def test_every_metric_that_is_named_exists() -> None:
    text = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    exposed = merged([Metrics(version="test").exposition()], running=1, restarts=0).decode()
    named = set(re.findall(r"\bgateway_[a-z_]+", text))
    missing = [name for name in named if f"# TYPE {name} " not in exposed]
    assert named
    assert not missing


def test_every_event_that_is_named_exists() -> None:
    text = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    named = {span for span in re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", text)}
    events = {name for name in named if not is_key(name)} - {"gateway.toml"}
    assert len(events) > 10
    assert not events - written()


def test_the_attack_matrix_is_fresh() -> None:
    assert (ROOT / "docs/attacks.md").read_text(encoding="utf-8") == document(), "run make docs"


def test_rows_are_called_later_only_where_they_exist() -> None:
    assert set(later()) <= {row for rows in catalogue().values() for row in rows}


def test_the_files_to_deploy_fit_one_another() -> None:
    settings = tomllib.loads((ROOT / "deploy/gateway.toml").read_text())
    unit = (ROOT / "deploy/vestibule.service").read_text()
    nginx = (ROOT / "deploy/nginx/proxy.conf").read_text()
    handed = set(re.findall(r"^LoadCredential=([a-z-]+):", unit, re.MULTILINE))
    secrets = [settings["secret"], *(provider["client_secret"] for provider in settings["providers"])]
    assert handed == {secret["credential"] for secret in secrets}
    assert f"StateDirectory={Path(settings['database']['url']).parent.name}\n" in unit
    assert f"server {settings['listen']};" in nginx
    assert f"server_name {settings['public_url'].partition('://')[2]};" in nginx


def test_C08_nothing_that_is_shipped_runs_as_root_or_may_become_more_than_it_is() -> None:
    unit = (ROOT / "deploy/vestibule.service").read_text().splitlines()
    assert {"User=vestibule", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="} <= set(
        unit
    )
    filters = [line.partition("=")[2] for line in unit if line.startswith("SystemCallFilter=")]
    assert filters[:2] == ["@system-service", "~@privileged @resources"]
    assert set(filters[2].split()) == {"prlimit64", "setrlimit", "setpriority", "sched_setscheduler"}
    assert "SystemCallErrorNumber=EPERM" in unit
    [user] = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert "0" not in user
    [run] = re.findall(r"^docker run .*(?:\\\n.*)*", (ROOT / "deploy/README.md").read_text(), re.MULTILINE)
    assert all(flag in run for flag in ("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"))

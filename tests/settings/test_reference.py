import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.settings.loader import Loaded, load
from gateway.settings.presets import PARAMETERS
from gateway.settings.reference import reference_toml, schema_json
from gateway.settings.schema import Settings
from gateway.settings.shape import model_in
from tests.fakes.certificates import write_certificates
from tests.fakes.client_keys import pem
from tests.fakes.configuration import SECRET, SOUND, loaded

ROOT = Path(__file__).parents[2]
SHIPPED = [
    ROOT / "gateway.toml",
    ROOT / "config/reference.toml",
    *sorted(ROOT.glob("config/examples/*.toml")),
]


def load_shipped(path: Path, directory: Path) -> Loaded:
    """Load a copy of *path* that finds every secret it refers to."""
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r'(?:file|credential) = "([^"]+)"', text):
        secret = directory / name
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text(pem() if name.endswith(".pem") else f"{name}-{SECRET}")
        secret.chmod(0o600)
    environ = {name: f"{name}-{SECRET}" for name in re.findall(r'env = "([^"]+)"', text)}
    environ["CREDENTIALS_DIRECTORY"] = str(directory)
    return load(Path(shutil.copy(path, directory)), environ=environ)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_file_we_ship_loads(path: Path, tmp_path: Path) -> None:
    assert load_shipped(path, tmp_path).settings.routes


@pytest.mark.parametrize("path", SHIPPED[2:], ids=lambda path: path.name)
def test_no_example_needs_a_warning_that_it_does_not_explain(path: Path, tmp_path: Path) -> None:
    warnings = load_shipped(path, tmp_path).warnings
    assert [each for each in warnings if "user name" not in each] == []
    assert not warnings or "user name" in path.read_text()


def test_the_reference_says_what_is_the_default_anyway(tmp_path: Path) -> None:
    reference, plain = (
        load_shipped(ROOT / "config/reference.toml", tmp_path).settings,
        loaded(tmp_path, SOUND).settings,
    )
    for name in (
        "listen",
        "admin_listen",
        "trusted_proxies",
        "prefix",
        "session",
        "log",
        "identity",
        "database",
    ):
        assert getattr(reference, name) == getattr(plain, name), name
    assert _unlike(reference.providers[0], plain.providers[0]) == {"client_secret"}
    assert _unlike(reference.routes[0], plain.routes[0]) == {"upstream"}


def test_the_reference_names_every_key(tmp_path: Path) -> None:
    text = reference_toml()
    tables: list[type[BaseModel]] = [Settings]
    while tables:
        for name, field in tables.pop().model_fields.items():
            inner = model_in(field.annotation)
            assert re.search(rf"^(# )?{name} = |^\[+(\w+\.)*{name}(\.\w+)?\]+$", text, re.MULTILINE), name
            tables += [inner] if inner is not None and not field.examples else []


def test_every_key_says_what_it_does() -> None:
    tables: list[type[BaseModel]] = [Settings]
    while tables:
        for name, field in tables.pop().model_fields.items():
            inner = model_in(field.annotation)
            assert field.description, name
            assert field.description.endswith("."), name
            tables += [inner] if inner is not None else []


def test_the_commented_examples_load_too(tmp_path: Path) -> None:
    # Of another type of provider, of another client_auth, or of presets.
    parameters = [name for name in PARAMETERS if name != "domain"]  # a cookie has one too
    other_keys = ("min_length", "keys", "profile", "preset", "[a-z]+_endpoint", "email_verified_claim")
    others = "|".join((*other_keys, *parameters, 'domain = "company'))
    text = re.sub(rf"^# (?!{others})([a-z_]+ = )", r"\1", reference_toml(), flags=re.MULTILINE)
    assert tomllib.loads(text)["routes"][0]["roles"] == ["admin"]
    path = tmp_path / "all.toml"
    path.write_text(text.replace("gateway.example.com", "auth.example.com"))
    (tmp_path / "x").mkdir()
    write_certificates(tmp_path / "x" / "certs")
    assert load_shipped(path, tmp_path / "x").settings.session.cookie.domain == "example.com"


def test_the_files_that_are_generated_are_fresh() -> None:
    assert (ROOT / "config/reference.toml").read_text(encoding="utf-8") == reference_toml()
    assert (ROOT / "config/schema.json").read_text(encoding="utf-8") == schema_json()


def test_the_json_schema_knows_every_key_and_no_other() -> None:
    schema = json.loads(schema_json())
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert set(schema["required"]) == {"public_url", "secret"}
    assert all(table["additionalProperties"] is False for table in [schema, *schema["$defs"].values()])


def test_the_repositorys_own_file_needs_nothing_but_its_secrets(tmp_path: Path) -> None:
    settings = load_shipped(ROOT / "gateway.toml", tmp_path).settings
    assert [(route.path, route.access) for route in settings.routes] == [
        ("/", "authenticated"),
        ("/public", "public"),
        ("/admin", "authenticated"),
    ]
    assert settings.database.url == f"sqlite:///{os.path.abspath(tmp_path)}/var/gateway.db"


def _unlike(one: BaseModel, other: BaseModel) -> set[str]:
    names = ("id", "name", "issuer", "client_id")
    return {
        name
        for name in type(one).model_fields
        if name not in names and getattr(one, name) != getattr(other, name)
    }

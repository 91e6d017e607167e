from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import Fault, SettingsInvalid, SettingsUnreadable
from gateway.keys.keyring import KeyRing
from gateway.settings.loader import consult, load, ring
from tests.fakes.configuration import (
    PROVIDER,
    ROUTE,
    SECRET,
    SOUND,
    TOP,
    faults_by_key,
    faults_of,
    loaded,
    write,
)
from tests.fakes.many_routes import growth, many_routes

SESSION = f'{SOUND}[session]\nlease = "1m"\n'
FAULTY = """\
public_url = "http://gateway.example.com"
secret = "canary-short"
listn = "127.0.0.1:80"

[session]
lease = "ten minutes"
max_age = "5m"
idle_timeout = "1m"

[[providers]]
id = "a"
issuer = "http://login.example.com"
client_id = "x"
client_secret = "canary-client"

[[providers]]
id = "a"
issuer = "https://login.example.com"
client_id = 5

[[routes]]
upstream = "http://10.0.0.1"

[[routes]]
upstream = "wki"
acces = "public"
path = "/.gateway/x"
"""


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    environ, flags = {"GATEWAY_SESSION__LEASE": "2m"}, {"session.lease": "3m"}
    leases = [
        loaded(tmp_path, SOUND),
        loaded(tmp_path, SESSION),
        loaded(tmp_path, SESSION, environ=environ),
        loaded(tmp_path, SESSION, environ=environ, flags=flags),
    ]
    assert [each.settings.session.lease for each in leases] == [600, 60, 120, 180]
    assert [each.origins["session.lease"] for each in leases] == [
        "default",
        f"{tmp_path}/gateway.toml:13",
        "environment GATEWAY_SESSION__LEASE",
        "flag",
    ]


def test_C04_B146_every_fault_is_told_at_once_with_file_line_key_and_nearest_spelling(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, FAULTY)
    assert {fault.file for fault in faults} == {f"{tmp_path}/gateway.toml"}
    assert [(fault.line, fault.key) for fault in faults] == [
        (1, "public_url"),
        (2, "secret"),
        (3, "listn"),
        (6, "session.lease"),
        (12, "providers[0].issuer"),
        (16, "providers[1].client_secret"),
        (17, "providers[1].id"),
        (19, "providers[1].client_id"),
        (25, "routes[1].upstream"),
        (26, "routes[1].acces"),
        (27, "routes[1].path"),
    ]
    by_key = {fault.key: fault for fault in faults}
    assert by_key["listn"].suggestion == "did you mean listen?"
    assert by_key["routes[1].acces"].suggestion == "did you mean access?"


def test_C05_no_fault_repeats_what_was_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        loaded(tmp_path, FAULTY, environ={"GATEWAY_SECRT": "canary-env", "GATEWAY_SECRET": "canary"})
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value.faults)


def test_a_conclusion_from_a_broken_key_is_not_drawn(tmp_path: Path) -> None:
    broken = f'{SOUND}[session]\nlease = "x"\nidle_timeout = "1s"\n'
    assert list(faults_by_key(tmp_path, broken)) == ["session.lease"]
    assert list(faults_by_key(tmp_path, broken.replace('"x"', '"1m"'))) == ["session.idle_timeout"]


def test_a_fault_of_a_variable_is_told_at_the_variable(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, SESSION, environ={"GATEWAY_SESSION__LEASE": "x"})
    assert (fault.file, fault.line, fault.key) == ("environment GATEWAY_SESSION__LEASE", 0, "session.lease")


def test_a_variable_never_hides_that_the_file_has_no_table_there(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, f"session = 5\n{SOUND}", environ={"GATEWAY_SESSION__LEASE": "1m"})
    assert (fault.key, fault.line) == ("session", 1)


def test_a_secret_from_the_environment_is_no_literal(tmp_path: Path) -> None:
    text = SOUND.replace(f'secret = "{SECRET}"\n', "")
    found = loaded(tmp_path, text, environ={"GATEWAY_SECRET": SECRET})
    assert found.settings.secret == (SECRET.encode(),)
    assert found.secrets["secret"] == "environment GATEWAY_SECRET"


def test_relative_paths_start_at_the_file_wherever_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    key = tmp_path / "etc/secret.key"
    key.write_text(SECRET)
    key.chmod(0o600)
    write(tmp_path / "etc", SOUND.replace(f'"{SECRET}"', '{ file = "secret.key" }'))
    monkeypatch.chdir(tmp_path)
    settings = load(Path("etc/gateway.toml"), environ={}).settings
    assert settings.secret == (SECRET.encode(),)
    assert settings.database.url == f"sqlite:///{tmp_path}/etc/var/gateway.db"


def test_a_missing_file_is_told_apart_from_a_faulty_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsUnreadable):
        load(tmp_path / "nothing.toml", environ={})
    with pytest.raises(SettingsInvalid) as caught:
        load(write(tmp_path, TOP + PROVIDER), environ={})
    assert not isinstance(caught.value, SettingsUnreadable)


def test_without_a_file_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(None, environ={"GATEWAY_PUBLIC_URL": "https://a.example", "GATEWAY_SECRET": SECRET})
    assert [fault.key for fault in caught.value.faults] == ["routes"]


def test_B147_two_configurations_in_one_process_do_not_touch(tmp_path: Path) -> None:
    first = loaded(tmp_path, SESSION)
    second = loaded(tmp_path, TOP + PROVIDER + ROUTE + '[session]\nlease = "9m"\n')
    assert (first.settings.session.lease, second.settings.session.lease) == (60, 540)
    assert first.settings.identity.headers is not second.settings.identity.headers


def test_the_parts_of_the_ring_are_those_that_outrank(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    assert [each.key for each in ring(path, environ={})] == ["secret"]
    [part] = ring(path, environ={"GATEWAY_SECRET": "x" * 40})
    assert (part.told, part.file, part.keys) == ("literal", None, 1)


def test_a_fault_can_be_told_where_its_key_was_set(tmp_path: Path) -> None:
    text = 'listen = "127.0.0.1:1"\n' + SOUND
    found = loaded(tmp_path, text, environ={"GATEWAY_PREFIX": "/x"})
    told = [str(found.fault(key, "no", "do")) for key in ("listen", "prefix", "admin_listen", "nothing")]
    assert told == [
        f"{tmp_path}/gateway.toml:1: listen: no (do)",
        "environment GATEWAY_PREFIX: prefix: no (do)",
        "admin_listen: no (do)",
        "nothing: no (do)",
    ]


def test_faults_of_rooms_are_told_where_their_keys_were_set_and_others_stay(tmp_path: Path) -> None:
    text = SOUND.replace(PROVIDER, PROVIDER + 'tls = { client_cert = "ca.pem" }\n')
    (tmp_path / "ca.pem").write_text("any")
    found = loaded(tmp_path, text)
    known = Fault(key="secret", message="no", file="elsewhere", line=7)
    client, tls = (Fault(key=f"providers[0].{key}", message="no") for key in ("client_id", "tls"))
    [client, tls, other] = found.placed([client, tls, known])
    assert (client.file, client.line) == (str(tmp_path / "gateway.toml"), 7)
    assert (tls.key, tls.line) == ("providers[0].tls", 9)
    assert other is known


def test_what_a_preset_set_says_so_and_stands_below_what_is_written(tmp_path: Path) -> None:
    provider = '\n[[providers]]\nid = "a"\npreset = "dex"\nbase_url = "https://dex.example"\nname = "Ours"\n'
    client = 'client_id = "x"\nclient_secret = "s"\n'
    found = loaded(tmp_path, f"{TOP}{provider}{client}{ROUTE}")
    assert found.written["providers[0].issuer"] == "https://dex.example"
    assert found.origins["providers[0].issuer"] == "preset dex"
    assert found.origins["providers[0].scopes"] == "preset dex"
    assert found.origins["providers[0].client_auth"] == "default"
    assert found.settings.providers[0].name == "Ours"


def test_a_route_costs_the_same_however_many_there_are(tmp_path: Path) -> None:
    def loading(count: int) -> Callable[[], object]:
        path = write(tmp_path, many_routes(count))
        return lambda: load(path, environ={})

    assert growth(loading) < 1.05


REFERENCES = """
public_url = "https://gateway.example.com"
secret = { credential = "gateway-secret" }
[redis]
password = { env = "REDIS_PASSWORD" }
[[providers]]
id = "company"
issuer = "https://login.example.com"
client_id = "wiki"
client_secret = { env = "COMPANY_CLIENT_SECRET" }
[[providers]]
id = "partners"
issuer = "https://partners.example.com"
client_id = "wiki"
client_auth = "private_key_jwt"
keys = [{ key = { file = "partners.pem" } }]
[upstreams.wiki]
urls = ["http://10.0.0.1"]
identity = { signature = "hmac-sha256" }
signature_key = { file = "wiki.key" }
[[routes]]
upstream = "wiki"
"""


def test_who_needs_no_secret_is_not_asked_for_one(tmp_path: Path) -> None:
    path = write(tmp_path, REFERENCES)
    with pytest.raises(SettingsInvalid) as refused:
        load(path, environ={})
    assert len(refused.value.faults) == 5
    settings = consult(path, environ={})
    assert settings.providers[1].issuer == "https://partners.example.com"
    assert settings.database.url.endswith("var/gateway.db")


def test_no_key_is_made_where_secrets_are_not_asked_for(tmp_path: Path) -> None:
    settings = consult(write(tmp_path, SOUND), environ={})
    assert settings.secret == ()
    with pytest.raises(SettingsInvalid):
        KeyRing(settings.secret, scope=settings.public_url)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ('[session]\nlease = "1 day"\n', "session.lease"),
        ('[session]\nlease = "10m"\nmax_age = "5m"\n', "session.lease"),
        ('[redis]\npassword = { envv = "X" }\n', "redis.password"),
        ("[sesion]\n", "sesion"),
    ],
)
def test_what_is_wrong_is_told_to_them_too_and_nothing_else(tmp_path: Path, wrong: str, key: str) -> None:
    text = REFERENCES.replace('[redis]\npassword = { env = "REDIS_PASSWORD" }\n', wrong)
    with pytest.raises(SettingsInvalid) as refused:
        consult(write(tmp_path, text), environ={})
    assert [fault.key for fault in refused.value.faults] == [key]


def test_C05_a_file_of_secrets_that_others_can_read_is_a_fault_to_everybody(tmp_path: Path) -> None:
    (tmp_path / "wiki.key").write_text("x" * 40)
    (tmp_path / "wiki.key").chmod(0o644)
    with pytest.raises(SettingsInvalid) as refused:
        consult(write(tmp_path, REFERENCES), environ={})
    assert [fault.key for fault in refused.value.faults] == ["upstreams.wiki.signature_key"]

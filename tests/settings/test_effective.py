from pathlib import Path

from gateway.settings.effective import MASK
from tests.fakes.configuration import ROUTE, SECRET, SOUND, TOP, loaded


def test_each_key_is_told_as_it_was_written(tmp_path: Path) -> None:
    written = loaded(tmp_path, f'{SOUND}[session]\nlease = "300s"\n').written
    assert written["session.lease"] == "300s"
    assert written["session.max_age"] == "30d"
    assert written["session.idle_timeout"] == "off"
    assert written["database.url"] == "sqlite:///var/gateway.db"
    assert written["providers[0].name"] == "company"
    assert written["trusted_proxies"] == ()


def test_an_unset_rule_of_a_route_is_not_worth_a_line(tmp_path: Path) -> None:
    written = loaded(tmp_path, f'{SOUND}roles = ["a"]\ndeny = {{ groups = ["b"] }}\n').written
    assert written["routes[0].roles"] == ["a"]
    assert written["routes[0].deny.groups"] == ["b"]
    assert not {"routes[0].emails", "routes[0].deny.roles", "routes[0].host"} & set(written)


def test_C05_no_secret_is_told_whatever_its_form(tmp_path: Path) -> None:
    both = SOUND.replace(f'"{SECRET}"', f'["{SECRET}", {{ env = "OLD" }}]')
    environ = {"OLD": "another-secret-of-more-than-32-bytes"}
    found = loaded(tmp_path, both, environ=environ)
    assert found.written["secret[0]"] == found.written["secret[1]"] == MASK
    assert found.secrets == {
        "secret[0]": "literal",
        "secret[1]": "environment OLD",
        "providers[0].client_secret": "literal",
    }
    told = f"{found!r}"
    assert SECRET not in told
    assert environ["OLD"] not in told
    assert "not-so-secret" not in told


def test_a_secret_that_is_not_set_is_not_worth_a_line(tmp_path: Path) -> None:
    public = SOUND.replace('client_secret = "not-so-secret"\n', 'client_auth = "none"\n')
    written = loaded(tmp_path, public).written
    assert not {"redis.password", "redis.sentinel_password", "providers[0].client_secret"} & set(written)


def test_an_upstream_is_told_by_its_name(tmp_path: Path) -> None:
    written = loaded(tmp_path, f'{SOUND}[upstreams.wiki]\nurls = ["http://10.0.0.1"]\n').written
    assert written["upstreams.wiki.urls"] == ["http://10.0.0.1"]
    assert written["upstreams.wiki.timeouts.connect"] == "5s"


def test_keys_that_mean_nothing_for_a_provider_are_not_told(tmp_path: Path) -> None:
    local = '[[providers]]\nid = "local"\ntype = "password"\n'
    written = loaded(tmp_path, TOP + local + ROUTE).written
    assert written["providers[0].min_length"] == 12
    assert "providers[0].scopes" not in written

from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, SECRET, SOUND, TOP, faults_by_key, loaded


def test_C12_the_defaults_are_those_that_are_documented(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SOUND).settings
    assert (settings.listen, settings.admin_listen, settings.prefix) == (
        "127.0.0.1:8080",
        "127.0.0.1:8081",
        "/.gateway",
    )
    assert settings.trusted_proxies == ()
    session = settings.session
    assert (session.strategy, session.lease, session.max_age) == ("stateless", 600, 2_592_000)
    assert (session.idle_timeout, session.revocation) == (None, "renewal")
    assert (session.cookie.name, session.cookie.domain, session.cookie.same_site) == ("session", None, "lax")
    assert (settings.log.format, settings.log.level) == ("auto", "info")


def test_B42_a_secret_is_required_and_at_least_32_bytes(tmp_path: Path) -> None:
    assert "required" in faults_by_key(tmp_path, SOUND.replace(f'secret = "{SECRET}"', ""))["secret"]
    assert "32 bytes" in faults_by_key(tmp_path, SOUND.replace(SECRET, "x" * 31))["secret"]
    assert faults_by_key(tmp_path, SOUND.replace(SECRET, "x" * 32)) == {}


def test_a_list_of_secrets_keeps_its_order(tmp_path: Path) -> None:
    text = SOUND.replace(f'"{SECRET}"', f'["{"a" * 32}", "{"b" * 32}"]')
    assert loaded(tmp_path, text).settings.secret == (b"a" * 32, b"b" * 32)
    twice = faults_by_key(tmp_path, text.replace("b" * 32, "a" * 32))
    assert "twice" in twice["secret"]
    assert "empty list" in faults_by_key(tmp_path, SOUND.replace(f'"{SECRET}"', "[]"))["secret"]


def test_C05_settings_never_show_a_secret(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SOUND).settings
    assert SECRET not in repr(settings)
    assert "not-so-secret" not in repr(settings)
    assert SECRET not in str(settings)


def test_a_route_may_name_its_upstream_or_give_its_url(tmp_path: Path) -> None:
    text = f'{SOUND}[[routes]]\npath = "/wiki"\nupstream = "wiki"\n[upstreams.wiki]\nurls = ["http://10.0.0.1/"]\n'
    settings = loaded(tmp_path, text).settings
    assert settings.upstream_of("http://127.0.0.1:3000")[0] == "http://127.0.0.1:3000"
    name, upstream = settings.upstream_of("wiki")
    assert (name, upstream.urls) == ("wiki", ("http://10.0.0.1",))
    assert upstream.timeouts.first_byte == 60


def test_a_route_overrides_only_what_it_names_of_the_identity(tmp_path: Path) -> None:
    text = (
        f'{SOUND}[[routes]]\npath = "/a"\nupstream = "http://10.0.0.1"\nidentity = {{ assertion = "off" }}\n'
    )
    settings = loaded(tmp_path, text).settings
    assert settings.identity_of(settings.routes[0]) is settings.identity
    told = settings.identity_of(settings.routes[1])
    assert told.assertion is None
    assert told.headers == settings.identity.headers


def test_a_routes_words_come_before_its_upstreams_and_those_before_all(tmp_path: Path) -> None:
    text = (
        f'{SOUND}identity = {{ signature = "off" }}\n[[routes]]\npath = "/a"\nupstream = "wiki"\n'
        '[[routes]]\npath = "/b"\nupstream = "wiki"\nidentity = { signature = "ed25519" }\n'
        '[[routes]]\npath = "/c"\nupstream = "http://10.0.0.2"\n'
        '[upstreams.wiki]\nurls = ["http://10.0.0.1"]\nidentity = { signature = "off", assertion = "X-A" }\n'
        '[identity]\nsignature = "hmac-sha256"\n'
    )
    settings = loaded(tmp_path, text).settings
    told = [settings.identity_of(route) for route in settings.routes]
    assert [each.signature for each in told] == ["off", "off", "ed25519", "hmac-sha256"]
    assert [each.assertion for each in told[1:3]] == ["X-A", "X-A"]


def test_C04_no_key_of_a_later_release_is_accepted(tmp_path: Path) -> None:
    route = "mirror = 'http://10.0.0.1'\n"
    found = faults_by_key(tmp_path, f"{TOP}[tracing]\nurl = 'x'\n{PROVIDER}{ROUTE}{route}")
    unknown = {key for key, text in found.items() if text.startswith("unknown key")}
    assert unknown == {
        "tracing",
        "routes[0].mirror",
    }


@pytest.mark.parametrize("value", ["-1", "10001", '"3"', "1.5", "true"])
def test_B118_a_limit_of_sessions_is_a_whole_number(tmp_path: Path, value: str) -> None:
    text = f"{SOUND}\n[session]\nmax_sessions_per_user = {value}\n"
    assert "session.max_sessions_per_user" in faults_by_key(tmp_path, text)


def test_B118_without_a_word_there_is_no_limit(tmp_path: Path) -> None:
    assert loaded(tmp_path, SOUND).settings.session.max_sessions_per_user == 0
    limited = loaded(tmp_path, f"{SOUND}\n[session]\nmax_sessions_per_user = 3\n")
    assert limited.settings.session.max_sessions_per_user == 3

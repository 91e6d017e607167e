from pathlib import Path

import pytest

from tests.fakes.configuration import SECRET, SOUND, loaded

QUIET = SOUND.replace(f'"{SECRET}"', '{ env = "A" }').replace('"not-so-secret"', '{ env = "A" }')


def warnings(tmp_path: Path, text: str) -> list[str]:
    return list(loaded(tmp_path, text, environ={"A": SECRET}).warnings)


def test_nothing_is_said_of_a_configuration_without_doubts(tmp_path: Path) -> None:
    assert warnings(tmp_path, QUIET) == []


def test_C05_literal_secrets_are_named_and_never_shown(tmp_path: Path) -> None:
    found = warnings(tmp_path, SOUND)
    assert [each.partition(" ")[0] for each in found] == ["secret", "providers[0].client_secret"]
    assert SECRET not in "".join(found)


def test_plain_http_is_said_to_be_for_trying(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, QUIET.replace("https://gateway.example.com", "http://localhost:8080"))
    assert "__Host-" in found


def test_a_unix_socket_that_nobody_is_trusted_by_is_told(tmp_path: Path) -> None:
    listen = f'listen = "unix:{tmp_path}/s"\n'
    [told] = warnings(tmp_path, listen + QUIET)
    assert '"unix:"' in told
    assert warnings(tmp_path, f'{listen}trusted_proxies = ["unix:"]\n{QUIET}') == []


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_trusting_everybody_is_told(tmp_path: Path, network: str) -> None:
    (found,) = warnings(tmp_path, f'trusted_proxies = ["{network}"]\n{QUIET}')
    assert "every address" in found


def test_an_idle_end_after_the_absolute_one_is_told(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, f'{QUIET}[session]\nmax_age = "1d"\nidle_timeout = "1d"\n')
    assert "idle_timeout" in found


@pytest.mark.parametrize(
    "rules",
    [
        'roles = ["a"]\ndeny = { roles = ["a", "b"] }',
        'networks = ["10.1.0.0/16"]\ndeny = { networks = ["10.0.0.0/8"] }',
        'networks = ["fd00:1::/32"]\ndeny = { networks = ["fd00::/8"] }',
        'emails = ["a@b.example"]\nemail_domains = ["c.example"]',
    ],
)
def test_a_rule_that_can_never_hit_is_told(tmp_path: Path, rules: str) -> None:
    (found,) = warnings(tmp_path, f"{QUIET}{rules}\n")
    assert "can never let anybody pass" in found


@pytest.mark.parametrize(
    "rules",
    [
        'roles = ["a", "b"]\ndeny = { roles = ["a"] }',
        'networks = ["10.0.0.0/8"]\ndeny = { networks = ["10.1.0.0/16", "::/0"] }',
        'emails = ["a@b.example", "a@c.example"]\nemail_domains = ["c.example"]',
        'networks = ["10.1.0.0/16", "192.0.2.0/24"]\ndeny = { networks = ["10.0.0.0/8"] }',
        'email_domains = ["c.example"]',
        'emails = ["a@c.example"]',
    ],
)
def test_a_rule_that_still_lets_somebody_pass_is_not(tmp_path: Path, rules: str) -> None:
    assert warnings(tmp_path, f"{QUIET}{rules}\n") == []


def test_an_email_that_becomes_a_user_name_is_told(tmp_path: Path) -> None:
    mapped = SOUND + '\n[identity.headers]\n"Remote-User" = "email"\nX-User-Email = "email"\n'
    told = [line for line in loaded(tmp_path, mapped).warnings if "user name" in line]
    assert len(told) == 1
    assert "Remote-User" in told[0]
    own = 'urls = ["http://10.0.0.1"]\nidentity = { headers = { "Remote-User" = "email" } }\n'
    text = f"{QUIET.replace('http://127.0.0.1:3000', 'wiki')}[upstreams.wiki]\n{own}"
    [found] = warnings(tmp_path, text)
    assert found.startswith("upstreams.wiki.identity.headers.Remote-User")
    assert (
        warnings(tmp_path, text.replace('headers = { "Remote-User" = "email" }', 'signature = "off"')) == []
    )


def test_rules_that_only_the_signed_in_must_meet_are_told(tmp_path: Path) -> None:
    optional = QUIET.replace("[[routes]]", '[[routes]]\naccess = "optional"\ngroups = ["staff"]', 1)
    (found,) = warnings(tmp_path, optional)
    assert "strangers pass" in found
    assert warnings(tmp_path, optional.replace('groups = ["staff"]', "")) == []


@pytest.mark.parametrize(
    ("session", "keys"),
    [
        ('store = "redis"\ncache = "off"', ["session.store", "session.cache"]),
        ('store = "database"\ncache = "push"', []),
        (
            'strategy = "stateful"\nlease = "5m"\nrevocation = "strict"',
            ["session.lease", "session.revocation"],
        ),
        ('strategy = "stateful"\nstore = "redis"\ncache = "off"', []),
    ],
)
def test_what_the_other_strategy_alone_obeys_is_told(tmp_path: Path, session: str, keys: list[str]) -> None:
    found = warnings(tmp_path, f"{QUIET}[session]\n{session}\n")
    assert [each.partition(" ")[0] for each in found] == keys


@pytest.mark.parametrize(("url", "told"), [("redis://h", 1), ("rediss://h", 0), ("redis://localhost", 0)])
def test_a_redis_that_is_spoken_to_in_the_open_is_told(tmp_path: Path, url: str, told: int) -> None:
    session = '[session]\nstrategy = "stateful"\nstore = "redis"\n'
    found = warnings(tmp_path, f'{QUIET}{session}[redis]\nurl = "{url}"\n')
    assert ["the records" in each for each in found] == [True] * told


@pytest.mark.parametrize(("url", "told"), [("redis://h", 1), ("rediss://h", 0), ("redis://localhost", 0)])
def test_a_redis_of_rate_limits_in_the_open_is_told(tmp_path: Path, url: str, told: int) -> None:
    limit = 'rate_limit = { requests = 1, per = "1m", store = "redis" }\n'
    found = warnings(tmp_path, f'{QUIET}{limit}[redis]\nurl = "{url}"\n')
    assert ["the records" in each for each in found] == [False] * told


def test_a_database_whose_server_is_not_verified_is_told(tmp_path: Path) -> None:
    database = '[database]\nurl = { env = "DB" }\n'
    for mode, told in (("require", 1), ("verify-full", 0)):
        url = f"postgresql://gateway:x@db.example.com/gateway?sslmode={mode}"
        found = loaded(tmp_path, QUIET + database, environ={"A": SECRET, "DB": url}).warnings
        assert [each for each in found if "verify-full" in each] == list(found)
        assert len(found) == told


def test_an_upstream_and_a_redis_that_nothing_leads_to_are_told(tmp_path: Path) -> None:
    unused = QUIET + '[upstreams.wiki]\nurls = ["http://10.0.0.1"]\n'
    assert warnings(tmp_path, unused) == ["upstreams.wiki has no effect: no route leads to it"]
    assert warnings(tmp_path, unused.replace("http://127.0.0.1:3000", "wiki")) == []
    redis = f'{QUIET}rate_limit = {{ requests = 1, per = "1s", store = "memory" }}\n[redis]\nurl = "redis://[::1]:6379/0"\n'
    (found,) = warnings(tmp_path, redis)
    assert found.startswith("[redis] has no effect")
    assert warnings(tmp_path, redis.replace("memory", "redis")) == []
    assert warnings(tmp_path, f'{redis}[session]\nstrategy = "stateful"\n') == [found]
    kept = '[session]\nstore = "redis"\n'
    assert warnings(tmp_path, f'{redis}{kept}strategy = "stateful"\n') == []
    assert found in warnings(tmp_path, redis + kept)

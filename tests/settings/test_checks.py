from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, SECRET, SOUND, TOP, faults_by_key

LONG = f'client_secret = "{SECRET}"'
PUBLIC = "https://gateway.example.com"


def found(tmp_path: Path, text: str) -> dict[str, str]:
    return faults_by_key(tmp_path, text)


def test_the_sound_file_of_these_tests_is_sound(tmp_path: Path) -> None:
    assert found(tmp_path, SOUND) == {}


@pytest.mark.parametrize(
    ("domain", "ok"),
    [
        ("example.com", True),
        ("gateway.example.com", True),
        ("other.example", False),
        ("way.example.com", False),
    ],
)
def test_C04_a_cookie_domain_covers_the_public_host(tmp_path: Path, domain: str, ok: bool) -> None:
    text = TOP + f'[session.cookie]\ndomain = "{domain}"\n' + PROVIDER + ROUTE
    assert ("session.cookie.domain" not in found(tmp_path, text)) is ok


def test_C04_a_cookie_for_other_sites_needs_https(tmp_path: Path) -> None:
    text = f'{SOUND}\n[session.cookie]\nsame_site = "none"\n'
    assert found(tmp_path, text) == {}
    assert "session.cookie.same_site" in found(tmp_path, text.replace(PUBLIC, "http://localhost:8080"))


@pytest.mark.parametrize(
    ("session", "key"),
    [
        ('lease = "2d"\nmax_age = "1d"', "session.lease"),
        ('lease = "10m"\nidle_timeout = "9m"', "session.idle_timeout"),
        ('idle_timeout = "9m"', "session.idle_timeout"),
    ],
)
def test_B104_ends_that_contradict_one_another_are_refused(tmp_path: Path, session: str, key: str) -> None:
    assert list(found(tmp_path, f"{SOUND}\n[session]\n{session}\n")) == [key]


def test_B104_ends_that_only_touch_are_fine(tmp_path: Path) -> None:
    text = f'{SOUND}\n[session]\nlease = "1h"\nmax_age = "1h"\nidle_timeout = "1h"\n'
    assert found(tmp_path, text) == {}


def test_C04_two_providers_never_share_an_id(tmp_path: Path) -> None:
    assert "providers[0]" in found(tmp_path, SOUND + PROVIDER)["providers[1].id"]


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('client_auth = "none"', "client_secret"),
        ('scopes = ["email"]', "scopes"),
        ('scopes = ["openid", "openid"]', "scopes"),
        ('authorization_params = { state = "x" }', "authorization_params.state"),
        ('authorization_params = { redirect_uri = "x" }', "authorization_params.redirect_uri"),
        ('authorization_params = { max_age = "soon" }', "authorization_params.max_age"),
        ('claims = { id = "email" }', "claims.id"),
        (f'id_token_algorithms = ["RS256", "HS256"]\n{LONG}', "id_token_algorithms"),
        ("id_token_algorithms = []", "id_token_algorithms"),
        ('id_token_algorithms = ["HS256"]', "client_secret"),
        ('client_auth = "none"\nid_token_algorithms = ["HS256"]', "client_secret"),
    ],
)
def test_C04_a_registration_that_cannot_work_or_is_not_safe_is_refused(
    tmp_path: Path, lines: str, key: str
) -> None:
    provider = PROVIDER if LONG not in lines else PROVIDER.replace('client_secret = "not-so-secret"\n', "")
    assert list(found(tmp_path, TOP + provider + lines + ROUTE)) == [f"providers[0].{key}"]


def test_a_confidential_client_needs_its_secret(tmp_path: Path) -> None:
    text = SOUND.replace('client_secret = "not-so-secret"\n', "")
    assert list(found(tmp_path, text)) == ["providers[0].client_secret"]
    assert found(tmp_path, text.replace("[[routes]]", 'client_auth = "none"\n[[routes]]')) == {}


@pytest.mark.parametrize("target", ["http://127.0.0.1:8080", "http://localhost:8081", "http://[::1]:8080/"])
def test_an_upstream_is_never_the_gateway_itself(tmp_path: Path, target: str) -> None:
    assert "itself" in found(tmp_path, SOUND.replace("http://127.0.0.1:3000", target))["routes[0].upstream"]
    named = f'{SOUND}[upstreams.a]\nurls = ["{target}"]\n'
    assert list(found(tmp_path, named)) == ["upstreams.a.urls[0]"]


def test_an_issuer_that_signs_with_the_client_secret_needs_no_other_use_of_it(tmp_path: Path) -> None:
    provider = PROVIDER.replace('client_secret = "not-so-secret"\n', "")
    lines = f'client_auth = "none"\nid_token_algorithms = ["HS256"]\n{LONG}'
    assert found(tmp_path, TOP + provider + lines + ROUTE) == {}


def test_a_stateful_idle_limit_may_be_shorter_than_a_lease(tmp_path: Path) -> None:
    assert found(tmp_path, f'{SOUND}[session]\nstrategy = "stateful"\nidle_timeout = "1m"\n') == {}


def test_a_sentinel_user_and_a_client_key_need_what_belongs_to_them(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_text("key")
    text = f'{SOUND}[redis]\nsentinel_username = "gateway"\n[redis.tls]\nclient_key = "k.pem"\n'
    assert list(found(tmp_path, text)) == ["redis.sentinel_username", "redis.tls.client_key"]


def test_a_redis_user_needs_a_password(tmp_path: Path) -> None:
    assert list(found(tmp_path, f'{SOUND}[redis]\nusername = "gateway"\n')) == ["redis.username"]


GRANT = '[[roles]]\nrole = "admin"\nprovider = "company"\nclaim = "groups"\nvalue = "admins"\n'


def test_B146_a_role_granted_by_no_provider_is_told_with_the_nearest(tmp_path: Path) -> None:
    assert found(tmp_path, SOUND + GRANT) == {}
    near = found(tmp_path, SOUND + GRANT.replace("company", "compny"))
    assert 'did you mean "company"?' in near["roles[0].provider"]
    far = found(tmp_path, SOUND + GRANT.replace("company", "zzz"))
    assert "known: company" in far["roles[0].provider"]


def test_B146_a_grant_written_twice_is_a_fault(tmp_path: Path) -> None:
    assert "roles[0]" in found(tmp_path, SOUND + GRANT + GRANT)["roles[1]"]
    assert found(tmp_path, SOUND + GRANT + GRANT.replace('"admins"', '"owners"')) == {}


LOCAL = '\n[[providers]]\nid = "local"\ntype = "password"\n'


def test_B146_passwords_grant_no_role(tmp_path: Path) -> None:
    faults = found(tmp_path, SOUND + LOCAL + GRANT.replace("company", "local"))
    assert "takes passwords, which grant no role" in faults["roles[0].provider"]


@pytest.mark.parametrize("key", ["issuer", "client_id"])
def test_C04_an_issuer_needs_its_address_and_our_name_there(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in SOUND.splitlines() if not line.startswith(f"{key} ="))
    assert found(tmp_path, text)[f"providers[0].{key}"].startswith("is required, and not set (for example")


def test_C04_a_misspelled_type_is_told_and_nothing_concluded_from_it(tmp_path: Path) -> None:
    text = TOP + LOCAL.replace('"password"', '"pasword"') + ROUTE
    assert list(found(tmp_path, text)) == ["providers[0].type"]
    assert 'did you mean "password"?' in found(tmp_path, text)["providers[0].type"]


@pytest.mark.parametrize(
    "line",
    [
        'issuer = "https://login.example.com"',
        'client_id = "x"',
        'client_auth = "none"',
        "trust_email = true",
        'scopes = ["openid"]',
    ],
)
def test_C04_passwords_take_no_key_of_an_issuer(tmp_path: Path, line: str) -> None:
    key = line.partition(" ")[0]
    faults = found(tmp_path, TOP + LOCAL + line + "\n" + ROUTE)
    assert list(faults) == [f"providers[0].{key}"]
    assert 'means nothing with type = "password"' in faults[f"providers[0].{key}"]


def test_C04_an_issuer_takes_no_length_of_passwords(tmp_path: Path) -> None:
    faults = found(tmp_path, TOP + PROVIDER + "min_length = 12\n" + ROUTE)
    assert 'means nothing with type = "oidc"' in faults["providers[0].min_length"]


def test_C04_passwords_are_one_provider(tmp_path: Path) -> None:
    second = LOCAL.replace('"local"', '"other"')
    assert found(tmp_path, TOP + LOCAL + PROVIDER + ROUTE) == {}
    assert list(found(tmp_path, TOP + LOCAL + PROVIDER + second + ROUTE)) == ["providers[2].type"]

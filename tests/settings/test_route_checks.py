from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, faults_by_key


def found(tmp_path: Path, text: str) -> dict[str, str]:
    return faults_by_key(tmp_path, text)


def test_a_gateway_without_routes_is_a_fault(tmp_path: Path) -> None:
    assert "404" in found(tmp_path, TOP + PROVIDER)["routes"]


def test_C04_two_routes_never_share_host_and_path(tmp_path: Path) -> None:
    assert "routes[0]" in found(tmp_path, SOUND + ROUTE)["routes[1].path"]
    other = f'{SOUND}{ROUTE}host = "gateway.example.com"\n'
    assert found(tmp_path, other) == {}


@pytest.mark.parametrize(("path", "ok"), [("/.gateway", False), ("/.gateway/x", False), ("/.gatewayx", True)])
def test_no_route_lies_under_the_prefix(tmp_path: Path, path: str, ok: bool) -> None:
    text = f'{SOUND}{ROUTE}path = "{path}"\n'
    assert ("routes[1].path" not in found(tmp_path, text)) is ok


def test_an_unknown_upstream_is_told_with_the_nearest(tmp_path: Path) -> None:
    wiki = '[upstreams.wiki]\nurls = ["http://10.0.0.1"]\n'
    text = SOUND.replace("http://127.0.0.1:3000", "wki") + wiki
    assert 'did you mean "wiki"?' in found(tmp_path, text)["routes[0].upstream"]
    text = SOUND.replace("http://127.0.0.1:3000", "zzzzzz") + wiki
    assert "known: wiki" in found(tmp_path, text)["routes[0].upstream"]


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/path", "http://u:canary@10.0.0.1", "ftp://10.0.0.1", "10.0.0.1:80", "//a"]
)
def test_an_upstream_url_is_an_origin_and_never_repeats_a_password(tmp_path: Path, target: str) -> None:
    faults = found(tmp_path, SOUND.replace("http://127.0.0.1:3000", target))
    assert list(faults) == ["routes[0].upstream"]
    assert "canary" not in faults["routes[0].upstream"]


@pytest.mark.parametrize(
    "rule",
    [
        'roles = ["a"]',
        'groups = ["a"]',
        'users = ["a"]',
        'emails = ["a@b.example"]',
        'email_domains = ["b.example"]',
        'claims = { a = "b" }',
        'roles_from = "token"',
    ],
)
def test_B74_a_public_route_that_asks_who_is_calling_is_refused(tmp_path: Path, rule: str) -> None:
    key = rule.partition(" ")[0]
    assert list(found(tmp_path, f'{SOUND}access = "public"\n{rule}\n')) == [f"routes[0].{key}"]
    keeping = SOUND.replace("[[routes]]", 'claims = { a = "a" }\n[[routes]]')
    assert found(tmp_path, f"{keeping}{rule}\n") == {}


def test_B74_also_where_it_asks_in_order_to_refuse(tmp_path: Path) -> None:
    text = f'{SOUND}access = "public"\ndeny = {{ groups = ["a"], networks = ["10.0.0.0/8"] }}\n'
    assert list(found(tmp_path, text)) == ["routes[0].deny.groups"]


def test_a_public_route_may_ask_where_the_caller_comes_from(tmp_path: Path) -> None:
    assert found(tmp_path, f'{SOUND}access = "public"\nnetworks = ["10.0.0.0/8"]\n') == {}


def test_a_protected_route_needs_a_provider_and_others_do_not(tmp_path: Path) -> None:
    assert list(found(tmp_path, TOP + ROUTE)) == ["routes[0].access"]
    for access in ("public", "optional"):
        assert found(tmp_path, f'{TOP}{ROUTE}access = "{access}"\n') == {}


@pytest.mark.parametrize(
    ("host", "domain", "ok"),
    [
        ("gateway.example.com", "", True),
        ("*.example.com", "", True),
        ("wiki.example.com", "", False),
        ("wiki.example.com", "example.com", True),
        ("*.apps.example.com", "example.com", True),
        ("*.apps.example.com", "", False),
        ("wiki.other.example", "example.com", False),
        ("badexample.com", "example.com", False),
    ],
)
def test_a_host_that_the_session_cookie_never_reaches_is_refused(
    tmp_path: Path, host: str, domain: str, ok: bool
) -> None:
    cookie = f'[session.cookie]\ndomain = "{domain}"\n' if domain else ""
    text = f'{TOP}{cookie}{PROVIDER}{ROUTE}host = "{host}"\n'
    assert ("routes[0].host" not in found(tmp_path, text)) is ok
    assert found(tmp_path, f'{text}access = "public"\n') == {}


@pytest.mark.parametrize("name", ["x-user-id", "X_User_Id", "X.User-ID"])
def test_identity_headers_that_fold_to_one_name_are_refused(tmp_path: Path, name: str) -> None:
    text = f'{SOUND}[identity.headers]\nX-User-Id = "id"\n"{name}" = "email"\n'
    (key,) = found(tmp_path, text)
    assert key.startswith("identity.headers.")


def test_an_identity_header_never_has_the_assertions_name(tmp_path: Path) -> None:
    text = f'{SOUND}[identity.headers]\nX_Gateway_Assertion = "id"\n'
    assert list(found(tmp_path, text)) == ["identity.headers.X_Gateway_Assertion"]
    route = f'{SOUND}identity = {{ headers = {{ X_Gateway_Assertion = "id" }} }}\n'
    assert list(found(tmp_path, route)) == ["routes[0].identity.headers.X_Gateway_Assertion"]
    off = f'{SOUND}identity = {{ assertion = "off", headers = {{ X_Gateway_Assertion = "id" }} }}\n'
    assert found(tmp_path, off) == {}


WIKI = '[upstreams.wiki]\nurls = ["http://10.0.0.1"]\n'
KEY = 'signature_key = "a key of more than thirty-two bytes, for tests"\n'


def test_an_upstreams_own_identity_headers_are_told_apart_too(tmp_path: Path) -> None:
    text = SOUND + WIKI + 'identity = { headers = { X_Gateway_Assertion = "id" } }\n'
    assert list(found(tmp_path, text)) == ["upstreams.wiki.identity.headers.X_Gateway_Assertion"]


def test_a_key_that_signs_nothing_is_refused(tmp_path: Path) -> None:
    to_wiki = SOUND.replace("http://127.0.0.1:3000", "wiki")
    assert list(found(tmp_path, to_wiki + WIKI + KEY)) == ["upstreams.wiki.signature_key"]
    public = 'identity = { signature = "ed25519" }\n'
    assert list(found(tmp_path, to_wiki + WIKI + KEY + public)) == ["upstreams.wiki.signature_key"]
    shared = 'identity = { signature = "hmac-sha256" }\n'
    assert found(tmp_path, to_wiki + WIKI + KEY + shared) == {}
    assert list(found(tmp_path, SOUND + WIKI + KEY + shared)) == ["upstreams.wiki.signature_key"]
    assert found(tmp_path, to_wiki + shared + WIKI + KEY) == {}


def test_a_signature_is_one_of_two_and_its_key_is_long_enough(tmp_path: Path) -> None:
    assert list(found(tmp_path, SOUND + '[identity]\nsignature = "rsa"\n')) == ["identity.signature"]
    short = WIKI + 'signature_key = "canary-short"\n'
    faults = found(tmp_path, SOUND + short)
    assert "32 bytes" in faults["upstreams.wiki.signature_key"]
    assert "canary" not in str(faults)


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ('forward_token = "access_token"\naccess = "public"', "forward_token"),
        ('token_header = "X-Token"', "token_header"),
        ('token_scheme = "off"', "token_scheme"),
        ('on_refresh_error = "keep"', "on_refresh_error"),
        ('forward_token = "access_token"\ntoken_header = "X_User_Id"', "token_header"),
        ('forward_token = "access_token"\ntoken_header = "X-Forwarded-For"', "token_header"),
        ('forward_token = "access_token"\ntoken_scheme = "Bearer: "', "token_scheme"),
        ('forward_token = "refresh_token"', "forward_token"),
    ],
)
def test_a_token_is_forwarded_where_that_means_something(tmp_path: Path, keys: str, at: str) -> None:
    assert list(found(tmp_path, f'{SOUND}{ROUTE}path = "/a"\n{keys}\n')) == [f"routes[1].{at}"]


@pytest.mark.parametrize(
    "keys",
    [
        "",
        'token_header = "authorization"\ntoken_scheme = "DPoP"',
        'token_header = "X-Forwarded-Access-Token"\ntoken_scheme = "off"',
        'access = "optional"\non_refresh_error = "deny"',
    ],
)
def test_a_token_goes_along_in_a_header_of_its_own(tmp_path: Path, keys: str) -> None:
    text = f'{SOUND}{ROUTE}path = "/a"\nforward_token = "id_token"\n{keys}\n'
    assert found(tmp_path, text) == {}


def test_one_issuer_beside_passwords_gives_an_id_token(tmp_path: Path) -> None:
    text = f'{SOUND}{ROUTE}path = "/a"\nforward_token = "id_token"\n'
    assert found(tmp_path, f'{text}[[providers]]\nid = "us"\ntype = "password"\n') == {}


def test_a_provider_without_id_tokens_gives_none_to_forward(tmp_path: Path) -> None:
    github = '[[providers]]\nid = "a"\npreset = "github"\nclient_id = "x"\nclient_secret = "s"\n'
    text = f'{TOP}{github}{ROUTE}forward_token = "id_token"\n'
    assert list(found(tmp_path, text)) == ["routes[0].forward_token"]
    assert found(tmp_path, text.replace("id_token", "access_token")) == {}


def test_an_id_token_may_go_to_an_upstream_with_a_name(tmp_path: Path) -> None:
    to_wiki = SOUND.replace("http://127.0.0.1:3000", "wiki")
    wiki = '[upstreams.wiki]\nurls = ["http://10.0.0.1"]\n'
    assert found(tmp_path, f'{to_wiki}forward_token = "id_token"\n{wiki}') == {}


def test_passwords_alone_give_no_token_to_forward(tmp_path: Path) -> None:
    local = '[[providers]]\nid = "local"\ntype = "password"\n'
    text = TOP + local + ROUTE + 'forward_token = "access_token"\n'
    assert "no" in found(tmp_path, text)["routes[0].forward_token"]


@pytest.mark.parametrize("key", ['max_auth_age = "5m"', 'acr_values = ["mfa"]'])
@pytest.mark.parametrize(("access", "ok"), [("authenticated", True), ("optional", False), ("public", False)])
def test_B073_a_proof_is_asked_only_where_everybody_is_signed_in(
    tmp_path: Path, key: str, access: str, ok: bool
) -> None:
    faults = found(tmp_path, f'{SOUND}access = "{access}"\n{key}\n')
    assert (f"routes[0].{key.partition(' ')[0]}" not in faults) is ok


def test_B073_no_password_says_how_strong_it_was(tmp_path: Path) -> None:
    local = '[[providers]]\nid = "local"\ntype = "password"\n'
    text = f'{TOP}{local}{ROUTE}acr_values = ["mfa"]\n'
    assert "can never be met" in found(tmp_path, text)["routes[0].acr_values"]
    assert found(tmp_path, f'{TOP}{local}{PROVIDER}{ROUTE}acr_values = ["mfa"]\n') == {}
    assert found(tmp_path, f'{TOP}{local}{ROUTE}max_auth_age = "5m"\n') == {}


OFF = SOUND.replace("http://127.0.0.1:3000", "off")
PROXIED = f'trusted_proxies = ["127.0.0.1/32"]\n{OFF}'


def test_a_route_without_upstream_needs_a_proxy_that_may_ask(tmp_path: Path) -> None:
    assert "no proxy is trusted" in found(tmp_path, OFF)["routes[0].upstream"]
    assert found(tmp_path, PROXIED) == {}


@pytest.mark.parametrize("key", ["strip_prefix = true", 'max_body = "1MiB"', "websocket = true"])
def test_what_the_proxy_does_is_not_said_here(tmp_path: Path, key: str) -> None:
    assert list(found(tmp_path, f"{PROXIED}{key}\n")) == [f"routes[0].{key.partition(' ')[0]}"]


def test_I13_what_another_sends_is_not_signed_here(tmp_path: Path) -> None:
    signing = f'{PROXIED}[identity]\nsignature = "ed25519"\n'
    assert list(found(tmp_path, signing)) == ["routes[0].identity.signature"]
    own = PROXIED.replace('upstream = "off"', 'upstream = "off"\nidentity = { signature = "off" }')
    assert found(tmp_path, f'{own}[identity]\nsignature = "ed25519"\n') == {}


def test_no_upstream_is_called_off(tmp_path: Path) -> None:
    text = f'{SOUND}[upstreams.off]\nurls = ["http://10.0.0.1"]\n'
    assert list(found(tmp_path, text)) == ["upstreams.off"]


def test_without_a_word_about_its_upstream_a_route_is_a_fault(tmp_path: Path) -> None:
    assert "routes[0].upstream" in found(tmp_path, PROXIED.replace('upstream = "off"', ""))


API = '[upstreams.api]\nurls = ["http://10.0.0.1"]\n'
TO_API = '[[routes]]\npath = "/api"\nupstream = "api"\n'


@pytest.mark.parametrize("key", ['resource = "https://api.example.com/"', 'exchange_audience = "api"'])
def test_what_an_upstream_says_of_access_tokens_needs_a_route_that_forwards_one(
    tmp_path: Path, key: str
) -> None:
    name = key.partition(" ")[0]
    text = f"{SOUND}{TO_API}"
    assert list(found(tmp_path, f"{text}{API}{key}\n")) == [f"upstreams.api.{name}"]
    assert found(tmp_path, f'{text}forward_token = "access_token"\n{API}{key}\n') == {}
    by_id = found(tmp_path, f'{text}forward_token = "id_token"\n{API}{key}\n')
    assert set(by_id) == {f"upstreams.api.{name}", "routes[1].forward_token"}


@pytest.mark.parametrize(
    ("uri", "ok"),
    [
        ("https://api.example.com/", True),
        ("urn:example:api", True),
        ("api://4711/x?y=1", True),
        ("https://api.example.com/#a", False),
        ("/api", False),
        ("api.example.com", False),
        ("https://", False),
        ("https:// x", False),
        ("", False),
    ],
)
def test_a_resource_is_an_absolute_uri_without_a_fragment(tmp_path: Path, uri: str, ok: bool) -> None:
    text = f'{SOUND}{TO_API}forward_token = "access_token"\n{API}resource = "{uri}"\n'
    assert list(found(tmp_path, text)) == ([] if ok else ["upstreams.api.resource"])


def test_only_who_knows_when_somebody_signed_in_can_be_asked_for_that(tmp_path: Path) -> None:
    github = """
[[providers]]
id = "github"
preset = "github"
client_id = "gateway"
client_secret = "not-so-secret"
"""
    asked = ROUTE + 'max_auth_age = "5m"\n'
    assert "can never be met" in found(tmp_path, TOP + github + asked)["routes[0].max_auth_age"]
    assert found(tmp_path, TOP + github + PROVIDER + asked) == {}

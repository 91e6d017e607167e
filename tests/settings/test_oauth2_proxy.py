"""A configuration of oauth2-proxy in our words: it loads, opens nothing, and carries no secret."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.settings.loader import load
from gateway.settings.oauth2_proxy import WEEK, migrate
from gateway.settings.oauth2_proxy_routes import CLOSED
from tests.fakes.configuration import write

CANARY = "canary-secret-of-theirs"
PLAIN: dict[str, Any] = {
    "redirect_url": "https://wiki.example.com/oauth2/callback",
    "provider": "oidc",
    "oidc_issuer_url": "https://login.example.com",
    "client_id": "wiki",
    "client_secret": CANARY,
    "cookie_secret": CANARY,
    "email_domains": ["example.com"],
    "upstreams": ["http://127.0.0.1:3000/"],
}
ENVIRON = {"OAUTH2_PROXY_CLIENT_SECRET": "x" * 40, "OAUTH2_PROXY_REDIS_PASSWORD": "y" * 20}


def made(**changed: object) -> dict[str, Any]:
    return tomllib.loads(migrate({**PLAIN, **changed}, source="a.cfg").text)


def notes(**changed: object) -> dict[str, str]:
    return {note.key: note.text for note in migrate({**PLAIN, **changed}, source="a.cfg").notes}


def test_what_both_can_say_is_carried_over() -> None:
    found = made(cookie_expire="12h0m0s", cookie_refresh="15m", cookie_name="__Host-sso", reverse_proxy=True,
                 trusted_proxy_ips=["10.0.0.1", "fd00::/8"], scope="openid groups", http_address=":4180",
                 provider_display_name="Company", prompt="login")  # fmt: skip
    assert found["public_url"] == "https://wiki.example.com"
    assert found["listen"] == "0.0.0.0:4180"
    assert found["trusted_proxies"] == ["10.0.0.1/32", "fd00::/8"]
    assert found["session"] == {"max_age": 12 * 3600, "lease": 900, "cookie": {"name": "sso"}}
    (provider,) = found["providers"]
    assert (provider["id"], provider["issuer"], provider["name"]) == (
        "oidc",
        "https://login.example.com",
        "Company",
    )
    assert provider["scopes"] == ["openid", "groups"]
    assert provider["authorization_params"] == {"prompt": "login"}
    assert found["upstreams"] == {"app1": {"urls": ["http://127.0.0.1:3000"], "preserve_host": True}}
    (route,) = found["routes"]
    assert route == {"path": "/", "upstream": "app1", "email_domains": ["example.com"], "websocket": True}


def test_apps_find_who_calls_where_they_look() -> None:
    headers = made(set_xauthrequest=True)["identity"]["headers"]
    assert headers["X-Forwarded-User"] == headers["X-Auth-Request-User"] == "claims.subject"
    assert headers["X-Forwarded-Email"] == "email"
    assert made(prefer_email_to_user=True)["identity"]["headers"]["X-Forwarded-User"] == "email"
    assert set(made(pass_user_headers=False)["identity"]["headers"]) == {"X-User-Id"}


def test_a_session_lasts_a_week_unless_it_is_said() -> None:
    assert made()["session"]["max_age"] == WEEK
    assert made(cookie_expire="soon")["session"]["max_age"] == WEEK
    assert "cookie_expire" in notes(cookie_expire="soon")


def test_an_app_where_our_admin_port_would_be_keeps_its_place() -> None:
    assert made(upstreams=["http://127.0.0.1:8081/"])["admin_listen"] == "127.0.0.1:8082"
    assert "admin_listen" not in made(upstreams=["http://10.0.0.1:8081/"])


def test_the_longest_path_governs_what_was_open(tmp_path: Path) -> None:
    found = made(
        upstreams=["http://127.0.0.1:3000/", "http://127.0.0.1:4000/api/"],
        skip_auth_routes=["GET=^/health", "^/api/status", "^/exact$", "^/a.b", "POST!=^/c", "^/dir/", "^/"],
    )
    opened = [route for route in found["routes"] if route.get("access") == "public"]
    assert opened == [
        {"path": "/health", "upstream": "app1", "access": "public", "methods": ["GET"]},
        {"path": "/api/status", "upstream": "app2", "access": "public"},
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"email_domains": []},
        {"email_domains": [".example.com"]},
        {"email_domains": ["*"], "authenticated_emails_file": "/etc/emails"},
        {"email_domains": ["*"], "google_group": ["staff@example.com"]},
        {"email_domains": ["*"], "allowed_roles": ["admin"]},
        {"email_domains": ["*"], "github_users": "ann,bob"},
    ],
)
def test_what_kept_people_out_and_cannot_be_said_closes_the_routes(changed: dict[str, object]) -> None:
    found = made(**changed, upstreams=["http://127.0.0.1:3000/", "http://127.0.0.1:4000/api/"])
    assert [route["users"] for route in found["routes"]] == [[CLOSED], [CLOSED]]
    assert any("nobody passes" in text for text in notes(**changed).values())


def test_teams_are_groups_of_the_preset() -> None:
    found = made(provider="github", email_domains=["*"], github_org="company", github_team="wiki,other:ops")
    assert found["providers"][0]["organizations"] == ["company"]
    assert found["routes"][0]["groups"] == ["company/wiki", "other/ops"]


def test_a_proxy_that_asks_leads_to_forward_auth() -> None:
    found = made(upstreams=["static://202"])
    assert (found["routes"][0]["upstream"], found["trusted_proxies"]) == ("off", ["127.0.0.1/32"])


def test_what_has_no_counterpart_is_told_and_what_changes_nothing_is_not() -> None:
    told = notes(
        htpasswd_file="x", unheard_of=1, request_logging=True, http_address=7, upstreams=["file:///x"]
    )
    assert {"htpasswd_file", "unheard_of", "http_address", "upstreams", "cookie_secret"} <= set(told)
    assert "request_logging" not in told


VALUES: dict[str, st.SearchStrategy[object]] = {
    "provider": st.sampled_from(
        [
            "oidc",
            "keycloak-oidc",
            "google",
            "github",
            "gitlab",
            "gitea",
            "azure",
            "entra-id",
            "adfs",
            "cidaas",
        ]
    ),
    "oidc_issuer_url": st.sampled_from(["https://login.example.com", "https://login.example.com/realms/a"]),
    "azure_tenant": st.sampled_from(["common", "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"]),
    "http_address": st.sampled_from([":4180", "127.0.0.1:4180", "http://0.0.0.0:80", "unix:///run/x/o.sock"]),
    "upstreams": st.lists(
        st.sampled_from(
            [
                "http://127.0.0.1:3000/",
                "http://localhost:8081/api/",
                "static://202",
                "file:///srv/x",
                "http://a:1/b",
            ]
        )
    ),
    "email_domains": st.sampled_from([["*"], ["example.com"], ["Example.COM", "b.a"], [".example.com"], []]),
    "allowed_groups": st.sampled_from([["staff"], "a,b"]),
    "cookie_expire": st.sampled_from(["168h0m0s", "5m", "1s", "0s", "1h30m"]),
    "cookie_refresh": st.sampled_from(["1h", "0s", "300h"]),
    "cookie_domains": st.sampled_from([[".example.com"], ["a.example", "b.example"]]),
    "cookie_samesite": st.sampled_from(["", "lax", "strict", "none"]),
    "session_store_type": st.sampled_from(["cookie", "redis"]),
    "redis_connection_url": st.sampled_from(
        ["redis://10.0.0.9:6379", f"rediss://u:{CANARY}@10.0.0.9:6380/1"]
    ),
    "redis_password": st.just(CANARY),
    "redis_use_sentinel": st.booleans(),
    "redis_sentinel_master_name": st.just("mymaster"),
    "redis_sentinel_connection_urls": st.just(["redis://10.0.0.1:26379", "redis://10.0.0.2:26379"]),
    "pass_access_token": st.booleans(),
    "pass_authorization_header": st.booleans(),
    "pass_host_header": st.booleans(),
    "proxy_websockets": st.booleans(),
    "set_xauthrequest": st.booleans(),
    "prefer_email_to_user": st.booleans(),
    "oidc_groups_claim": st.just("roles"),
    "skip_auth_routes": st.sampled_from([["^/health"], ["GET=^/b/x"], ["^/api"]]),
    "upstream_timeout": st.sampled_from(["30s", "1m30s"]),
}


@given(changed=st.fixed_dictionaries({}, optional=VALUES))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_written_the_outcome_loads_and_holds_no_secret(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    done = migrate({**PLAIN, **changed}, source="a.cfg")
    assert CANARY not in done.text + repr(done.notes)
    (tmp_path / "var").mkdir(exist_ok=True)
    key = tmp_path / "var/secret.key"
    if not key.exists():
        key.write_text("k" * 48)
        key.chmod(0o600)
    loaded = load(write(tmp_path, done.text), environ=ENVIRON)
    opened = [route for route in loaded.settings.routes if route.access == "public"]
    assert len(opened) <= len(changed.get("skip_auth_routes", []))  # type: ignore[arg-type]
    protected = [route for route in loaded.settings.routes if route.access != "public"]
    restricted = changed.get("email_domains", ["example.com"]) != ["*"]
    assert all(bool(route.email_domains or route.users) is restricted for route in protected)

"""Every key of a provider reaches our registration there."""

from pathlib import Path

from gateway.assembly.providers import claims_named, registration, resources_wanted
from gateway.assembly.routes import build_routes
from gateway.settings.schema import Settings
from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, loaded

CLAIMS = 'claims = { department = "dept", floor = "floor", groups = "memberOf" }\n'


def settings(directory: Path, text: str = SOUND) -> Settings:
    return loaded(directory, text).settings


def test_every_key_of_a_provider_arrives(tmp_path: Path) -> None:
    more = """
scopes = ["openid", "groups"]
client_auth = "client_secret_post"
trust_email = true
authorization_params = { prompt = "login" }
id_token_algorithms = ["ES256"]
"""
    (provider,) = settings(tmp_path, TOP + PROVIDER + more + CLAIMS + ROUTE).providers
    found = registration(provider)
    assert (found.id, found.issuer, found.client_id) == ("company", "https://login.example.com", "gateway")
    assert (found.client_secret, found.client_auth) == ("not-so-secret", "client_secret_post")
    assert found.scopes == ("openid", "groups")
    assert found.trust_email
    assert found.authorization_params == (("prompt", "login"),)
    assert found.algorithms == ("ES256",)
    assert found.claims.groups == "memberOf"
    assert sorted(found.claims.keep) == [("department", "dept"), ("floor", "floor")]
    assert "not-so-secret" not in repr(found)


def test_an_upstream_says_for_what_tokens_are_made_and_logins_ask_for_those(tmp_path: Path) -> None:
    text = SOUND
    for name, keys in (
        ("a", 'resource = "urn:a"'),
        ("b", 'exchange_audience = "b"\nresource = "urn:b"'),
        ("c", ""),
    ):
        text += f'[upstreams.{name}]\nurls = ["http://10.0.0.1"]\n{keys}\n'
        text += f'[[routes]]\npath = "/{name}"\nupstream = "{name}"\nforward_token = "access_token"\n'
    found = settings(tmp_path, text)
    made = [
        (each.forwarding.resource, each.forwarding.audience)
        for each in build_routes(found)
        if each.forwarding
    ]
    assert made == [("urn:a", None), ("urn:b", "b"), (None, None)]
    assert resources_wanted(found) == ("urn:a",)
    assert registration(found.providers[0], resources=resources_wanted(found)).resources == ("urn:a",)


def test_claims_that_rules_and_headers_name_are_kept_without_another_word(tmp_path: Path) -> None:
    text = (
        SOUND
        + """claims = { department = "it", groups-of = "x" }
deny.claims = { floor = "3", department = "hr" }
identity.headers = { X-User-Id = "id", X-Desk = "claims.desk" }
[identity.headers]
X-Site = "claims.site"
[upstreams.wiki]
urls = ["http://10.0.0.1"]
identity.headers = { X-Team = "claims.team" }
"""
    )
    found = settings(tmp_path, text)
    named = claims_named(found)
    assert sorted(named) == ["department", "desk", "floor", "groups-of", "site", "team"]
    (provider,) = found.providers
    kept = dict(registration(provider, claims=named).claims.keep)
    assert kept == {name: name for name in named}
    elsewhere = provider.model_copy(update={"claims": {**provider.claims, "floor": "desk.floor"}})
    assert dict(registration(elsewhere, claims=named).claims.keep) == {**kept, "floor": "desk.floor"}

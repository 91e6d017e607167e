"""Introspection joined: who asks is who the configuration says, and is kept while nothing changes there."""

from pathlib import Path

import pytest

from gateway.assembly.routes import build_routes
from gateway.bearer_rooms import judging
from gateway.errors import BearerRefused, SettingsInvalid
from gateway.introspection_rooms import IntrospectionRooms, clients
from gateway.lasting import Lasting
from gateway.model.bearer import Trusted
from gateway.observe.metrics import Metrics
from gateway.settings.loader import load
from gateway.settings.schema import Settings
from tests.fakes.client_keys import pem
from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, loaded
from tests.fakes.introspecting import IntrospectingIssuer
from tests.fakes.login import Hands
from tests.fakes.scene import scene

BEARER = 'bearer = { issuer = "https://login.example.com", audience = "a", introspection = { %s } }\n'
ASKED = """
[[routes]]
path = "/api"
upstream = "{app}"
bearer = { issuer = "{issuer}", audience = "https://api.example.com", introspection = {} }
"""


def settings(tmp_path: Path, keys: str, top: str = SOUND) -> Settings:
    return loaded(tmp_path, top + BEARER % keys).settings


def trusted(found: Settings) -> Trusted:
    [route] = build_routes(found)
    assert route.bearer is not None
    return route.bearer.issuers[0]


def test_without_a_client_of_its_own_it_is_who_we_are_at_the_provider(tmp_path: Path) -> None:
    by_form = PROVIDER + 'client_auth = "client_secret_post"\n'
    found = settings(tmp_path, "", TOP + by_form + ROUTE)
    [client] = clients(found).values()
    assert (client.client_id, client.client_auth) == ("gateway", "client_secret_post")
    assert client.client_secret == "not-so-secret"
    assert trusted(found).introspection is not None


def test_a_client_of_its_own_is_another_one(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem())
    (tmp_path / "key.pem").chmod(0o600)
    keys = 'client_id = "api", client_auth = "private_key_jwt", keys = [{ key = { file = "key.pem" } }]'
    [client] = clients(settings(tmp_path, keys)).values()
    assert (client.client_id, client.client_auth, client.client_secret) == ("api", "private_key_jwt", None)
    assert client.signing_key is not None


def test_a_key_that_is_none_is_told_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n")
    (tmp_path / "key.pem").chmod(0o600)
    keys = 'client_id = "api", client_auth = "private_key_jwt", keys = [{ key = { file = "key.pem" } }]'
    with pytest.raises(SettingsInvalid) as refusal:
        clients(settings(tmp_path, keys))
    assert [fault.key for fault in refusal.value.faults] == ["routes[0].bearer[0].introspection.keys[0].key"]


async def test_who_asks_outlives_a_configuration_that_says_the_same(tmp_path: Path) -> None:
    found = settings(tmp_path, "")
    lasting = Lasting()
    first, second = lasting.tenure(), lasting.tenure()
    made = []
    for tenure in (first, second):
        rooms = IntrospectionRooms(clients(found), tenure=tenure, counts=Metrics(version=""), clock=Hands())
        one = trusted(found)
        assert one.introspection is not None
        made.append(rooms.tokens(one, one.introspection, keys=None))  # type: ignore[arg-type]
    assert made[0]._introspector is made[1]._introspector
    await first.end()
    await second.end()
    assert lasting._held == {}


async def test_an_opaque_token_is_judged_beside_a_running_gateway(tmp_path: Path) -> None:
    async with scene(tmp_path, issued_by=IntrospectingIssuer, tables=ASKED) as at:
        assert isinstance(at.issuer, IntrospectingIssuer)
        [config] = at.folder.glob("gateway-*.toml")
        found = load(config, environ={"ISSUER_SECRET": at.issuer.client_secret}).settings
        [bearer] = [route.bearer for route in build_routes(found) if route.bearer is not None]
        async with judging(found, clock=at.clock) as bearers:
            session = await bearers.caller(bearer, at.issuer.opaque(), asks_for_roles=False)
            assert session.identity.user_id == f"bearer:{at.issuer.url}#reports"
            with pytest.raises(BearerRefused):
                await bearers.caller(bearer, "nobody-knows-it", asks_for_roles=False)

"""Every key of a route reaches whoever obeys it, with the meaning that the configuration gives it."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.assembly.routes import build_routes, hosts_served
from gateway.model.proof import Demand
from gateway.model.route import Access, Forwarded, Forwarding, OnRefreshError, Route, Rules, WebSocketTerms
from gateway.model.upstream import Member, Timeouts
from gateway.routing.table import Table
from gateway.settings.schema import Settings
from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, loaded
from tests.fakes.many_routes import growth, many_routes

FULL = """
[upstreams.wiki]
urls = ["https://[::1]:8443"]
audience = "the-wiki"
preserve_host = true
reuse = false
timeouts = { connect = "1s", first_byte = "2s", idle = "3s" }
[[routes]]
host = "*.example.com"
path = "/wiki"
upstream = "wiki"
access = "optional"
[[routes]]
path = "/closed"
upstream = "wiki"
roles = ["admin"]
groups = ["staff"]
emails = ["alice@example.com"]
email_domains = ["example.com"]
users = ["u_1"]
networks = ["10.0.0.0/8"]
claims = { department = ["it", "hr"], floor = "3" }
deny = { users = ["u_2"], networks = ["10.9.0.0/16"] }
methods = ["GET", "PUT"]
strip_prefix = true
max_body = "1MiB"
allow_in_path = ["%2f", ";"]
identity = { assertion = "off", headers = { "Remote-User" = "email" } }
"""


CLAIMS = 'claims = { department = "dept", floor = "floor", groups = "memberOf" }\n'


def settings(directory: Path, text: str = SOUND) -> Settings:
    return loaded(directory, text).settings


@pytest.fixture
def routes(tmp_path: Path) -> dict[str, Route]:
    found = build_routes(settings(tmp_path, TOP + PROVIDER + CLAIMS + ROUTE + FULL))
    return {route.name: route for route in found}


def test_a_route_that_says_nothing_is_for_signed_in_people(routes: dict[str, Route]) -> None:
    plain = routes["/"]
    assert (plain.host, plain.path, plain.access) == (None, "/", Access.AUTHENTICATED)
    assert plain.allow == plain.deny == Rules()
    assert (plain.methods, plain.max_body, plain.strip_prefix) == (None, None, False)
    assert not plain.asks_for_roles
    assert plain.allow_in_path == frozenset()
    assert plain.identity.assertion == "X-Gateway-Assertion"
    assert dict(plain.identity.headers)["X-User-Id"] == "id"


def test_every_key_of_a_route_arrives(routes: dict[str, Route]) -> None:
    closed = routes["/closed"]
    assert closed.allow == Rules(
        roles=frozenset({"admin"}),
        groups=frozenset({"staff"}),
        emails=frozenset({"alice@example.com"}),
        email_domains=frozenset({"example.com"}),
        users=frozenset({"u_1"}),
        networks=(ip_network("10.0.0.0/8"),),
        claims=(("department", frozenset({"it", "hr"})), ("floor", frozenset({"3"}))),
    )
    assert closed.deny == Rules(users=frozenset({"u_2"}), networks=(ip_network("10.9.0.0/16"),))
    assert closed.methods == {"GET", "PUT"}
    assert (closed.strip_prefix, closed.max_body) == (True, 1024 * 1024)
    assert closed.allow_in_path == {"%2f", ";"}
    assert closed.asks_for_roles
    assert closed.identity.assertion is None
    assert closed.identity.headers == (("Remote-User", "email"),)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("gateway.example.com", True),
        ("gateway.example.com:444", True),
        ("wiki.example.com", True),
        ("a.b.example.com", False),
        ("example.com", False),
        ("evil.example", False),
        ("", False),
    ],
)
def test_P13_only_hosts_that_are_named_are_served(tmp_path: Path, host: str, *, ours: bool) -> None:
    found = settings(tmp_path, SOUND.replace("[[routes]]", '[[routes]]\nhost = "*.example.com"'))
    assert hosts_served(found, Table(build_routes(found)))(host) is ours


def test_a_route_says_which_token_goes_along_and_how(tmp_path: Path) -> None:
    usual, other = [
        build_routes(settings(tmp_path, TOP + PROVIDER + ROUTE + keys))[0].forwarding
        for keys in (
            'forward_token = "access_token"\n',
            'forward_token = "id_token"\ntoken_header = "X-Id-Token"\ntoken_scheme = "off"\n'
            'on_refresh_error = "deny"\n',
        )
    ]
    assert usual == Forwarding(token=Forwarded.ACCESS_TOKEN)
    assert other == Forwarding(
        token=Forwarded.ID_TOKEN, header="X-Id-Token", scheme=None, on_error=OnRefreshError.DENY
    )


def test_B073_what_is_demanded_of_a_proof_reaches_the_route(tmp_path: Path) -> None:
    keys = 'max_auth_age = "15m"\nacr_values = ["mfa", "hardware"]\n'
    [route] = build_routes(settings(tmp_path, SOUND + keys))
    assert route.demand == Demand(max_age=900, acr_values=("mfa", "hardware"))
    [route] = build_routes(settings(tmp_path, SOUND + 'acr_values = ["mfa"]\n'))
    assert route.demand == Demand(acr_values=("mfa",))
    assert build_routes(settings(tmp_path))[0].demand is None


def test_routes_that_take_the_same_tokens_share_one_bearer(tmp_path: Path) -> None:
    bearer = 'bearer = { issuer = "https://login.example.com", audience = "a" }\n'
    second, third = (ROUTE + f'path = "/{name}"\n' for name in ("two", "three"))
    text = SOUND + bearer + second + bearer + third + bearer.replace('"a"', '"b"')
    one, two, three = build_routes(settings(tmp_path, text))
    assert one.bearer is two.bearer
    assert one.bearer != three.bearer


def test_what_many_routes_have_alike_is_one_thing(tmp_path: Path) -> None:
    alike = '[[routes]]\npath = "/x"\nupstream = "http://127.0.0.1:3000/"\n'
    own = '[[routes]]\npath = "/y"\nupstream = "http://127.0.0.1:4000"\nidentity = { assertion = "off" }\n'
    first, second, third = build_routes(loaded(tmp_path, SOUND + alike + own).settings)
    assert first.upstream is second.upstream is not third.upstream
    assert first.identity is second.identity is not third.identity
    assert first.websocket_terms is third.websocket_terms
    assert first.websocket_terms == WebSocketTerms()


def test_a_route_is_made_with_the_same_work_however_many_there_are(tmp_path: Path) -> None:
    def making(count: int) -> Callable[[], object]:
        settings = loaded(tmp_path, many_routes(count)).settings
        return lambda: Table(build_routes(settings))

    assert growth(making) < 1.05


def test_every_key_of_an_upstream_arrives_and_its_routes_share_it(routes: dict[str, Route]) -> None:
    wiki = routes["*.example.com/wiki"].upstream
    assert wiki is routes["/closed"].upstream
    assert (wiki.name, *wiki.members) == ("wiki", Member(tls=True, host="::1", port=8443))
    assert (wiki.audience, wiki.preserve_host, wiki.reuse) == ("the-wiki", True, False)
    assert wiki.timeouts == Timeouts(connect=1.0, first_byte=2.0, idle=3.0)
    assert wiki.authority == "[::1]:8443"


def test_an_upstream_by_url_is_its_own_audience(routes: dict[str, Route]) -> None:
    upstream = routes["/"].upstream
    assert upstream.audience == upstream.name == "http://127.0.0.1:3000"

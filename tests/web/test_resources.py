"""What programs are told about routes that take bearers."""

import json
from urllib.parse import unquote

import pytest

from gateway.errors import MethodRefused, NoSuchPage, RequestRejected, Resource
from gateway.model.bearer import Bearer, Trusted
from gateway.routing.table import Table
from gateway.web.replies import Replies
from gateway.web.resources import WELL_KNOWN, ProtectedResources, bearer_challenge
from tests.fakes.dressing import inbound, told_route

BEARER = Bearer(
    issuers=(
        Trusted(issuer="https://issuer.example", audiences=("a",), algorithms=("ES256",), scopes=("read",)),
    )
)
ROUTES = (told_route("/"), told_route("/api", bearer=BEARER), told_route("/api/open"))


def resources(*routes: object) -> ProtectedResources:
    return ProtectedResources(Table(routes or ROUTES), replies=Replies(secure=True))  # type: ignore[arg-type]


def at(path: str, **facts: object) -> object:
    return inbound(target=path.encode(), path=path, query=None, **facts)


def test_the_path_is_ours_only_where_a_route_takes_bearers() -> None:
    assert resources().covers(WELL_KNOWN)
    assert resources().covers(f"{WELL_KNOWN}/api")
    assert not resources().covers(f"{WELL_KNOWN}s")
    assert not resources(told_route("/")).covers(WELL_KNOWN)


def test_a_resource_tells_its_issuers_and_scopes() -> None:
    answer = resources().handle(at(f"{WELL_KNOWN}/api", scheme="https", host="app.example.com"))  # type: ignore[arg-type]
    assert json.loads(answer.body) == {
        "resource": "https://app.example.com/api",
        "bearer_methods_supported": ["header"],
        "authorization_servers": ["https://issuer.example"],
        "scopes_supported": ["read"],
    }
    assert (b"Cache-Control", b"public, max-age=300") in answer.headers


def test_the_root_is_named_by_the_origin_alone() -> None:
    root = told_route("/", bearer=BEARER)
    told = json.loads(resources(root).handle(at(WELL_KNOWN, scheme="https", host="a.example")).body)  # type: ignore[arg-type]
    assert told["resource"] == "https://a.example"


@pytest.mark.parametrize("path", ["/büro", "/a b", '/a"b', "/a:b@c"])
def test_what_a_challenge_names_is_there_however_the_path_is_spelled(path: str) -> None:
    found = resources(told_route(path, bearer=BEARER))
    challenge = bearer_challenge(Resource(path=path, scopes=()), inbound(), {}).decode()
    address = challenge.partition('resource_metadata="https://wiki.example.com')[2].rstrip('"')
    path = unquote(address)
    told = json.loads(found.handle(inbound(target=address.encode(), path=path, query=None)).body)
    assert told["resource"] == f"https://wiki.example.com{address.removeprefix(WELL_KNOWN)}"
    with pytest.raises(RequestRejected):
        found.handle(inbound(target=address.replace("known", "%6bnown").encode(), path=path, query=None))


def test_a_route_for_personal_tokens_alone_names_no_issuer() -> None:
    route = told_route("/api", bearer=Bearer(issuers=(), personal="/api"))
    told = json.loads(resources(route).handle(at(f"{WELL_KNOWN}/api")).body)  # type: ignore[arg-type]
    assert told == {"resource": "https://wiki.example.com/api", "bearer_methods_supported": ["header"]}


@pytest.mark.parametrize("tail", ["", "/", "/api/", "/api/x", "/api/open", "/nothing"])
def test_what_is_no_resource_is_404(tail: str) -> None:
    with pytest.raises(NoSuchPage):
        resources().handle(at(WELL_KNOWN + tail))  # type: ignore[arg-type]


def test_it_is_only_read() -> None:
    assert resources().handle(at(f"{WELL_KNOWN}/api", method="HEAD")).status == 200  # type: ignore[arg-type]
    with pytest.raises(MethodRefused) as refused:
        resources().handle(at(f"{WELL_KNOWN}/api", method="POST"))  # type: ignore[arg-type]
    assert refused.value.allow == ("GET", "HEAD")


def test_a_challenge_holds_no_character_that_would_end_a_parameter() -> None:
    asked = inbound(scheme="https", host="app.example.com")
    challenge = bearer_challenge(
        Resource(path='/a"b é', scopes=("x", "y")), asked, {"error": "invalid_token"}
    )
    assert challenge == (
        b'Bearer error="invalid_token", scope="x y", resource_metadata='
        b'"https://app.example.com/.well-known/oauth-protected-resource/a%22b%20%C3%A9"'
    )

"""Routes made of upstreams: each path once, and where there is none, one that says so."""

from gateway.settings.oauth2_proxy_keys import Theirs
from gateway.settings.oauth2_proxy_routes import routes_of


def test_a_path_leads_to_one_place() -> None:
    theirs = Theirs({"upstreams": ["http://a:1/x/", "http://b:1/x"], "email_domains": ["*"]})
    governed = routes_of(theirs)
    assert [route["path"] for route in governed.routes] == ["/x"]
    assert governed.upstreams[0][1]["urls"] == ["http://a:1"]
    assert [key for key, _ in theirs.told()] == ["upstreams"]


def test_without_an_upstream_there_is_one_to_change() -> None:
    theirs = Theirs({"email_domains": ["*"]})
    assert [route["upstream"] for route in routes_of(theirs).routes] == ["http://127.0.0.1:3000"]
    assert [key for key, _ in theirs.told()] == ["upstreams"]


def test_a_route_forwards_one_token() -> None:
    theirs = Theirs({"email_domains": ["*"], "upstreams": ["http://a:1"], "pass_access_token": True,
                     "pass_authorization_header": True})  # fmt: skip
    (route,) = routes_of(theirs).routes
    assert (route["forward_token"], route["token_header"]) == ("access_token", "X-Forwarded-Access-Token")
    assert [key for key, _ in theirs.told()] == ["pass_authorization_header"]

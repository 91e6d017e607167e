"""Return targets by port and host, and the way back to a request; the attacks are in tests/attacks."""

import pytest
from msgspec.structs import replace

from gateway.errors import TargetRefused
from gateway.flows.targets import LONGEST, ReturnTargets
from gateway.model.inbound import Inbound

LOCAL = ReturnTargets(
    public_url="http://localhost:8080", hosts=frozenset({"localhost", "wiki.localhost"}), prefix="/.gateway"
)
INBOUND = Inbound(
    method="GET",
    target=b"/wiki?x=1",
    path="/wiki",
    query=b"x=1",
    host="localhost:8080",
    scheme="http",
    headers=(),
    peer="127.0.0.1",
    client_ip="127.0.0.1",
    request_id="r",
)


def test_hosts_of_routes_share_the_port_of_public_url() -> None:
    assert LOCAL.check("http://localhost:8080/x") == "/x"
    assert LOCAL.check("http://wiki.localhost:8080/x") == "http://wiki.localhost:8080/x"
    with pytest.raises(TargetRefused):
        LOCAL.check("http://wiki.localhost/x")
    with pytest.raises(TargetRefused):
        LOCAL.check("http://localhost/x")


def test_the_longest_target_passes_and_one_byte_more_does_not() -> None:
    longest = "/" + "a" * (LONGEST - 1)
    assert LOCAL.check(longest) == longest
    with pytest.raises(TargetRefused):
        LOCAL.check(longest + "a")


def test_original_leads_back_to_the_request_query_included() -> None:
    assert LOCAL.original(INBOUND) == "/wiki?x=1"


def test_original_of_another_host_of_ours_is_absolute() -> None:
    assert (
        LOCAL.original(replace(INBOUND, host="wiki.localhost:8080")) == "http://wiki.localhost:8080/wiki?x=1"
    )


@pytest.mark.parametrize("page", ["", "/password", "/tokens"])
def test_the_pages_that_ask_for_a_recent_login_are_targets_of_it(page: str) -> None:
    assert LOCAL.check(f"/.gateway/account{page}") == f"/.gateway/account{page}"
    with pytest.raises(TargetRefused):
        LOCAL.check(f"/.gateway/account{page}/x")


@pytest.mark.parametrize("target", [b"/a//b", b"/" + b"a" * LONGEST, b"/.gateway/session", b"/x?\xff"])
def test_original_is_none_where_the_target_would_be_refused(target: bytes) -> None:
    assert LOCAL.original(replace(INBOUND, target=target)) is None


def test_original_is_none_for_a_host_that_is_no_target() -> None:
    assert LOCAL.original(replace(INBOUND, host="127.0.0.1:8080")) is None


def test_a_path_given_on_another_host_of_ours_is_a_path_there() -> None:
    assert LOCAL.check("/x", host="wiki.localhost:8080") == "http://wiki.localhost:8080/x"
    assert LOCAL.check("/x", host="localhost:8080") == "/x"
    assert LOCAL.check("/x", host="127.0.0.1:8080") == "/x"
    for hostile in ("//evil", "/\\evil", "/.gateway/session", "/" + "a" * (LONGEST - 1)):
        with pytest.raises(TargetRefused):
            LOCAL.check(hostile, host="wiki.localhost:8080")


def test_a_target_leads_there_from_any_host_of_ours() -> None:
    assert LOCAL.seen_from("localhost:8080", "/x") == "/x"
    assert LOCAL.seen_from("wiki.localhost:8080", "/x") == "http://localhost:8080/x"
    absolute = "http://wiki.localhost:8080/x"
    assert LOCAL.seen_from("localhost:8080", absolute) == absolute

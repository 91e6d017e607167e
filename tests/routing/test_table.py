"""Which route governs: exact, by segment, and as fast for many routes as for few."""

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import NoRoute
from gateway.model.route import Route, covers
from gateway.routing.table import Table, without_port
from tests.fakes.routes import route

segments = st.lists(st.sampled_from(["a", "b", "ab", "public", "publicadmin"]), max_size=4)
prefixes = st.builds(
    lambda parts, tail: "/" + "/".join(parts) + tail * bool(parts), segments, st.sampled_from(["", "/"])
)
paths = st.builds(
    lambda parts, tail: "/" + "/".join(parts) + tail,
    st.lists(st.sampled_from(["a", "b", "ab", "", "public", "publicadmin"]), max_size=6),
    st.sampled_from(["", "/", "//"]),
)
hosts = st.sampled_from(
    [None, "one.example.com", "two.example.com", "*.example.com", "*.example.org", "example.com"]
)


def by_hand(routes: list[Route], host: str, path: str) -> Route | None:
    """The rule of the contract, written as slowly and plainly as it can be."""

    def rank(candidate: Route) -> tuple[int, int]:
        kind = 0 if candidate.host is None else 1 if candidate.host.startswith("*.") else 2
        return kind, len(candidate.path)

    def fits(candidate: Route) -> bool:
        if candidate.host is None or candidate.host == host:
            return True
        return candidate.host.startswith("*.") and host.partition(".")[2] == candidate.host[2:]

    return max((r for r in routes if fits(r) and covers(r.path, path)), key=rank, default=None)


@given(
    st.lists(
        st.builds(lambda h, p: route(p, host=h), hosts, prefixes),
        max_size=12,
        unique_by=lambda r: (r.host, r.path),
    ),
    st.sampled_from(["one.example.com", "deep.one.example.com", "example.com", "x.example.org", "other"]),
    paths,
)
def test_P13_the_match_is_the_most_specific_route_that_covers(
    routes: list[Route], host: str, path: str
) -> None:
    expected = by_hand(routes, host, path)
    table = Table(routes)
    assert next(table.candidates(host, path), None) == expected
    found = list(table.candidates(host, path))
    assert len(found) == len({(r.host, r.path) for r in found})


@given(st.text(st.characters(blacklist_characters="/"), min_size=1))
def test_P11_a_prefix_ends_at_a_segment(rest: str) -> None:
    table = Table([route("/public")])
    with pytest.raises(NoRoute):
        table.match("h", f"/public{rest}")
    assert table.match("h", f"/public/{rest}").path == "/public"


@pytest.mark.parametrize("path", ["/ADMIN", "/Admin/x", "/\u017fecret", "/\uff41dmin", "/admi\u212a"])
def test_P09_matching_is_case_sensitive(path: str) -> None:
    table = Table([route("/"), route("/admin"), route("/secret"), route("/admik")])
    assert table.match("h", path).path == "/"


@pytest.mark.parametrize("tail", ["/", "/.", "/%20", "/::$DATA", "/.css", "/x/y.css"])
def test_P10_an_odd_tail_is_governed_by_its_prefix(tail: str) -> None:
    assert Table([route("/"), route("/admin")]).match("h", f"/admin{tail}").path == "/admin"


def test_P12_a_public_path_further_down_is_not_a_prefix() -> None:
    table = Table([route("/"), route("/status")])
    assert table.match("h", "/api/private/status").path == "/"


def test_P13_no_route_is_not_found() -> None:
    table = Table([route("/app", host="one.example.com")])
    for host, path in (("one.example.com", "/"), ("two.example.com", "/app"), ("", "/app")):
        with pytest.raises(NoRoute):
            table.match(host, path)


def test_P15_P16_ten_thousand_routes_match_as_fast_as_ten() -> None:
    def cost(count: int) -> float:
        table = Table([route(f"/app{n}/x", host=f"h{n % 5}.example.com") for n in range(count)])
        return min(timeit.repeat(lambda: table.match("h0.example.com", "/app0/x/y/z"), number=2000, repeat=5))

    assert cost(10_000) < 5 * cost(10)


def test_a_path_of_slashes_costs_no_more_than_the_longest_prefix() -> None:
    table = Table([route("/"), route("/app")])
    assert min(timeit.repeat(lambda: table.match("h", "/" * 8000), number=100, repeat=3)) < 0.05


def test_an_exact_host_falls_back_to_the_wildcard_and_to_any() -> None:
    table = Table([route("/a", host="one.example.com"), route("/b", host="*.example.com"), route("/")])
    assert [table.match("one.example.com", path).path for path in ("/a", "/b", "/c")] == ["/a", "/b", "/"]


def test_a_wildcard_stands_for_one_label() -> None:
    table = Table([route("/", host="*.example.com")])
    assert table.governs("a.example.com")
    assert not any(map(table.governs, ("example.com", "a.b.example.com", "badexample.com", ".com", "")))


def test_a_route_without_a_port_governs_every_port() -> None:
    table = Table([route("/", host="one.example.com"), route("/", host="one.example.com:8443")])
    assert table.match("one.example.com:9000", "/").host == "one.example.com"
    assert table.match("one.example.com:8443", "/").host == "one.example.com:8443"
    assert table.governs("one.example.com:1")


@pytest.mark.parametrize(
    ("host", "name"),
    [("a", "a"), ("a:1", "a"), ("[::1]", "[::1]"), ("[::1]:80", "[::1]"), (":80", ":80"), ("a:", "a:")],
)
def test_a_port_is_what_follows_the_last_colon(host: str, name: str) -> None:
    assert without_port(host) == name


def test_a_route_without_a_host_names_none() -> None:
    table = Table([route("/"), route("/", host="one.example.com"), route("/x", host="*.example.com")])
    assert table.hosts == {"one.example.com", "*.example.com"}
    assert not table.governs("evil.example")


def test_B74_routes_are_listed_most_specific_first() -> None:
    listed = [
        route("/long/er", host="a.example.com"),
        route("/", host="a.example.com"),
        route("/", host="b.example.com"),
        route("/x", host="*.example.com"),
        route("/zz"),
        route("/"),
    ]
    assert Table(listed[::-1]).ordered == tuple(listed)


@pytest.mark.parametrize("routes", [[route("/a"), route("/a", name="again")], [route("a")], [route("/a//b")]])
def test_contradictions_die_at_load(routes: list[Route]) -> None:
    with pytest.raises(ValueError, match=r"govern|prefix"):
        Table(routes)


def test_the_hosts_that_are_remembered_are_bounded_and_each_is_matched_anew() -> None:
    """A wildcard lets clients name as many hosts as they like."""
    table = Table([route(host="*.example.com")])
    for number in range(3000):
        assert table.match(f"h{number}.example.com", "/").host == "*.example.com"
        assert len(table._chains) <= 1024

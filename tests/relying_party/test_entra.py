"""Groups of Entra that a token has no room for, at a Microsoft Graph on a loopback port."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.relying_party.claims import Claims
from gateway.relying_party.entra import MOST_GROUPS, Entra, graph_of, is_over, read_groups
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.registration import ClaimNames
from tests.fakes.login import registration

OVER: Claims = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://evil.example/getMemberObjects"}},
}
IDS = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(300)]


@dataclass
class Graph:
    """What Graph answers, and what it was asked."""

    url: str = ""
    status: int = 200
    body: str = field(default_factory=lambda: json.dumps({"@odata.context": "x", "value": IDS}))
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["Authorization"], await request.text()))
        return web.Response(status=self.status, text=self.body, content_type="application/json")


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    graph = Graph()
    app = web.Application()
    app.router.add_post("/v1.0/me/getMemberGroups", graph.answer)
    async with TestServer(app) as server:
        graph.url = str(server.make_url("")).rstrip("/")
        yield graph


async def completed(graph: Graph, told: Claims, **changes: Any) -> Claims:
    http = IssuerHttp()
    try:
        return await Entra(graph=graph.url).completed(
            told, access_token="at", registration=registration(**changes), http=http
        )
    finally:
        await http.close()


@pytest.mark.parametrize("claims", [OVER, {"hasgroups": True}, {"hasgroups": "true"}])
async def test_groups_that_a_token_has_no_room_for_are_fetched_whole(graph: Graph, claims: Claims) -> None:
    assert (await completed(graph, claims))["groups"] == IDS
    assert graph.asked == [("Bearer at", '{"securityEnabledOnly": false}')]


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"groups": ["a"]},
        {"groups": [], **OVER},
        {"hasgroups": False},
        {"hasgroups": 1},
        {"_claim_names": {"department": "src1"}},
        {"_claim_names": "groups"},
    ],
)
async def test_a_token_that_has_its_groups_asks_for_none(graph: Graph, claims: Claims) -> None:
    assert not is_over(claims)
    assert await completed(graph, claims) == claims
    assert graph.asked == []


@pytest.mark.parametrize("changes", [{"groups_kept": ()}, {"claims": ClaimNames(groups="roles")}])
async def test_groups_that_nothing_reads_are_not_asked_for(graph: Graph, changes: dict[str, Any]) -> None:
    assert await completed(graph, OVER, **changes) == OVER
    assert graph.asked == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
async def test_a_refusal_of_graph_ends_the_login_and_names_the_claim(graph: Graph, status: int) -> None:
    graph.status = status
    with pytest.raises(LoginFailed, match=f"groups.*{status}"):
        await completed(graph, OVER)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_graph_out_of_order_is_an_outage(graph: Graph, status: int) -> None:
    graph.status = status
    with pytest.raises(IssuerUnavailable):
        await completed(graph, OVER)


async def test_an_answer_over_a_mebibyte_is_an_outage(graph: Graph) -> None:
    graph.body = json.dumps({"value": ["x" * 1024] * 1100})
    with pytest.raises(IssuerUnavailable):
        await completed(graph, OVER)


@pytest.mark.parametrize(
    ("issuer", "graph"),
    [
        ("https://login.microsoftonline.com/t/v2.0", "https://graph.microsoft.com"),
        ("https://login.microsoftonline.us/t/v2.0", "https://graph.microsoft.us"),
        ("https://login.partner.microsoftonline.cn/t/v2.0", "https://microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_the_token_goes_to_graph_of_the_issuer_s_own_cloud(issuer: str, graph: str) -> None:
    assert graph_of(issuer) == graph


@pytest.mark.parametrize(
    "issuer", ["https://login.microsoftonline.com.evil.example/t", "https://evil.example"]
)
def test_the_token_of_another_issuer_goes_to_no_graph(issuer: str) -> None:
    with pytest.raises(LoginFailed, match="groups"):
        graph_of(issuer)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"value": None},
        {"value": {"id": "a"}},
        {"value": ["a", 7]},
        {"value": ["a"], "@odata.nextLink": "https://graph.microsoft.com/v1.0/next"},
        {"value": ["a"] * (MOST_GROUPS + 1)},
    ],
)
def test_a_list_that_is_not_whole_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(LoginFailed, match="groups"):
        read_groups(json.dumps(document).encode())


@given(
    st.binary(max_size=60)
    | st.lists(st.text(max_size=5)).map(lambda value: json.dumps({"value": value}).encode())
)
def test_any_answer_is_read_whole_or_refused(body: bytes) -> None:
    try:
        groups = read_groups(body)
    except LoginFailed:
        return
    assert groups == json.loads(body)["value"]

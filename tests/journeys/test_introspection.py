"""Opaque access tokens of an issuer that nobody here wrote, plain and signed answers about them."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.relying_party.http import IssuerHttp
from tests.fakes.foreign_issuer import CLIENT_SECRET, ForeignIssuer, foreign_issuer
from tests.fakes.gateway import HOST, RunningGateway, running_gateway
from tests.fakes.raw_client import RawAnswer, RawConnection, get
from tests.fakes.scene import seen
from tests.fakes.upstream import RecordingUpstream

API = "https://api.example.com"
TABLE = """
[[routes]]
path = "/api"
upstream = "{app}"
bearer = {{ issuer = "{issuer}", audience = "{api}", introspection = {{ \
client_id = "gateway", client_secret = {{ env = "ISSUER_SECRET" }}, format = "{format}" }} }}
"""
SETTINGS: dict[str, object] = {
    "resources": [API],
    "accessTokenFormat": "opaque",
    "client": {
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "introspection_signed_response_alg": "RS256",
    },
    "features": {
        "clientCredentials": {"enabled": True},
        "introspection": {"enabled": True},
        "jwtIntrospection": {"enabled": True},
        "revocation": {"enabled": True},
    },
}


async def posted(issuer: ForeignIssuer, path: str, **form: str) -> bytes:
    """Return what *issuer* answers to its client at *path*."""
    http = IssuerHttp()
    sent = {**form, "client_id": issuer.client_id, "client_secret": CLIENT_SECRET}
    try:
        answer = await http.post_form(issuer.url + path, urlencode(sent))
    finally:
        await http.close()
    assert answer.status == 200, answer.body
    return answer.body


async def token_for(issuer: ForeignIssuer, **form: str) -> str:
    raw: str = json.loads(await posted(issuer, "/token", grant_type="client_credentials", **form))[
        "access_token"
    ]
    assert raw.count(".") != 2
    return raw


@asynccontextmanager
async def gateway(
    folder: Path, issuer: ForeignIssuer, app: RecordingUpstream, answers: str
) -> AsyncIterator[RunningGateway]:
    tables = TABLE.format(app=app.url, issuer=issuer.url, api=API, format=answers)
    environ = {"ISSUER_SECRET": CLIENT_SECRET}
    async with running_gateway(folder, tables=tables, environ=environ, clock=time.time) as gate:
        yield gate


async def call(gate: RunningGateway, token: str) -> RawAnswer:
    async with await RawConnection.open(gate.port) as connection:
        await connection.write(get("/api", f"Authorization: Bearer {token}", host=HOST))
        return await connection.answer()


@pytest.mark.parametrize("answers", ["json", "signed"])
async def test_a_program_calls_with_an_opaque_token(tmp_path: Path, answers: str) -> None:
    async with (
        foreign_issuer("http://localhost/unused", more=SETTINGS) as issuer,
        RecordingUpstream() as app,
        gateway(tmp_path, issuer, app, answers) as gate,
    ):
        ours, others = await token_for(issuer, resource=API), await token_for(issuer)
        assert (await call(gate, ours)).status == 200
        assert seen(app.requests[-1], "X-User-Id") == [f"bearer:{issuer.url}#gateway"]
        assert (await call(gate, others)).status == 401  # for nobody in particular
        assert (await call(gate, "nobody-knows-it")).status == 401
        revoked = await token_for(issuer, resource=API)
        await posted(issuer, "/token/revocation", token=revoked)
        assert (await call(gate, revoked)).status == 401
        assert len(app.requests) == 1

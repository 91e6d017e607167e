"""An issuer that knows its client by a certificate, at addresses of their own (RFC 8705).

    issuer.authority          # writes the files of `ClientTls` by `write`
    issuer.shown              # the certificates that calls showed, by endpoint

It answers token and userinfo requests by TLS alone, and binds access tokens to the certificate.
"""

import hashlib
import ssl
from pathlib import Path
from typing import Self

import trustme
from aiohttp import web

from gateway.relying_party.client_tls import ClientTls
from tests.fakes.issuer import Claims, HostileIssuer


class MutualTlsIssuer(HostileIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.authority = trustme.CA()
        self.shown: list[tuple[str, str]] = []
        self.aliases: Claims = {}
        self._certificates: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert("localhost").configure_cert(context)
        self.authority.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL
        assert self._runner is not None
        site = web.TCPSite(self._runner, "localhost", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[-1][1]
        self.aliases = {
            name: f"https://localhost:{port}/{name.partition('_')[0]}"
            for name in ("token_endpoint", "userinfo_endpoint")
        }
        return self

    def write(self, folder: Path) -> ClientTls:
        """Write what a client of ours needs, and return it."""
        ours = self.authority.issue_cert("gateway.example.com")
        self.authority.cert_pem.write_to_path(folder / "ca.pem")
        ours.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        ours.private_key_pem.write_to_path(folder / "key.pem")
        return ClientTls(
            ca=str(folder / "ca.pem"), certificate=str(folder / "cert.pem"), key=str(folder / "key.pem")
        )

    def metadata(self) -> Claims:
        return {**super().metadata(), "mtls_endpoint_aliases": self.aliases}

    def _certificate(self, request: web.Request) -> str:
        assert request.transport is not None
        tls = request.transport.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        return "" if shown is None else hashlib.sha256(shown).hexdigest()

    def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
        shown = self._certificate(request)
        self.shown.append(("token", shown))
        return bool(shown) and form.get("client_id") == self.client_id and "client_secret" not in form

    async def _token(self, request: web.Request) -> web.StreamResponse:
        before = set(self._access)
        answer = await super()._token(request)
        for token in set(self._access) - before:
            self._certificates[token] = self._certificate(request)
        return answer

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        shown = self._certificate(request)
        self.shown.append(("userinfo", shown))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not shown or self._certificates.get(token) != shown:
            return web.Response(status=401)
        return await super()._userinfo(request)

"""An issuer with many tenants behind one discovery document, as Microsoft Entra ID is.

issuer.tenant = OTHER        # whose person signs in
issuer.shared                # the address of all tenants
issuer.issuer_of(TENANT)     # what tokens of one tenant say
issuer.key_of = {"issuer": …}   # laid over each published key; `issuer` says whom it signs for
issuer.response_iss          # what the answer through the browser names, None: nothing
"""

from aiohttp import web

from tests.fakes.issuer import Claims
from tests.fakes.refreshing import RefreshingIssuer

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
OTHER = "82229342-1101-4ab6-817b-70c0747630f3"
STRANGE = "11111111-2222-4333-8444-555555555555"


class TenantsIssuer(RefreshingIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.tenant = TENANT
        self.named = "{tenantid}"
        self.key_of: Claims = {}
        self.response_iss: str | None = None

    @property
    def shared(self) -> str:
        return f"{self.url}/organizations/v2.0"

    def issuer_of(self, tenant: str) -> str:
        return f"{self.url}/{tenant}/v2.0"

    def metadata(self) -> Claims:
        promised = {"authorization_response_iss_parameter_supported": False}
        return {**super().metadata(), "issuer": self.issuer_of(self.named), **promised}

    def _more_routes(self, app: web.Application) -> None:
        super()._more_routes(app)
        app.router.add_get("/organizations/v2.0/.well-known/openid-configuration", self._discovery)

    def _claims(self, user: str, nonce: str, access_token: str) -> Claims:
        ours = {"iss": self.issuer_of(self.tenant), "tid": self.tenant, "ver": "2.0"}
        return {**super()._claims(user, nonce, access_token), **ours}

    def _response(self, asked: dict[str, str]) -> list[tuple[str, str]]:
        pairs = [pair for pair in super()._response(asked) if pair[0] != "iss"]
        return pairs + ([("iss", self.response_iss)] if self.response_iss else [])

    async def _jwks(self, request: web.Request) -> web.StreamResponse:
        self.published = [{**key, **self.key_of} for key in self.published]
        return await super()._jwks(request)

    def table(self, more: str = "", *tenants: str) -> str:
        """The `[[providers]]` table of it, id `work`."""
        listed = ", ".join(f'"{tenant}"' for tenant in tenants or (TENANT, OTHER))
        return f"""
[[providers]]
id = "work"
preset = "entra-multitenant"
issuer = "{self.shared}"
tenants = [{listed}]
client_id = "{self.client_id}"
client_secret = {{ env = "WORK_SECRET" }}
{more}
"""

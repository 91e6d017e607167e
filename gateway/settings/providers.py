"""`[[providers]]`: issuers and our registration at each, or passwords of our own."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from gateway.settings.addresses import EndpointUrl, IssuerUrl
from gateway.settings.client_keys import (
    CIPHERS,
    ClientKeySettings,
    ContentEncryption,
    ProviderTlsSettings,
)
from gateway.settings.fields import ClaimName, ClaimPath, GroupPattern, Scope, Slug, Word
from gateway.settings.preset_keys import (
    AppleTeam,
    BaseUrl,
    Domain,
    PathSegment,
    PresetName,
    SlackWorkspace,
    TenantId,
    TenantIds,
    UserPool,
)
from gateway.settings.presets import PARAMETERS
from gateway.settings.references import ClientSecret
from gateway.settings.table import Table, written

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
]  # fmt: skip

ClientAuth = Literal[
    "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth",
    "self_signed_tls_client_auth", "signed_client_secret", "none",
]  # fmt: skip

CLAIM = "claims."
"""What a header says before the name of a claim."""

STANDARD_CLAIMS = {"id": "sub", "email": "email", "name": "name", "image": "picture", "groups": "groups"}


def _with_standard(value: object) -> object:
    return {**STANDARD_CLAIMS, **value} if isinstance(value, dict) else value


Claims = Annotated[Mapping[ClaimName, ClaimPath], BeforeValidator(_with_standard)]


KEYS_OF: Mapping[str, frozenset[str]] = {
    "oidc": frozenset(
        {"issuer", "client_id", "client_secret", "client_auth", "scopes", "trust_email"}
        | {"authorization_params", "claims", "id_token_algorithms", "keys", "response_mode"}
        | {"pushed_requests", "signed_requests", "dpop"}
        | {"tls", "encrypted_id_tokens", "userinfo_format", "content_encryption", "profile"}
        | {"keep_groups", "claim_issuers", "trusted_audiences", "preset", *PARAMETERS}
    ),
    "oauth2": frozenset(
        {"issuer", "client_id", "client_secret", "client_auth", "scopes", "trust_email"}
        | {"authorization_params", "claims", "tls", "authorization_endpoint", "token_endpoint"}
        | {"userinfo_endpoint", "email_verified_claim", "keep_groups", "preset", *PARAMETERS}
    ),
    "password": frozenset({"min_length"}),
}
"""The keys that mean something for a type of provider, and not for all."""


class Needed:
    """Marks a key that the usual type of its table cannot do without."""


class ProviderSettings(Table):
    """Where people sign in: at an OpenID Connect issuer, an OAuth 2.0 provider, or here with a password."""

    id: Slug = Field(description="In URLs and in accounts: never change it.", examples=["company"])
    name: Word = Field(
        default_factory=lambda fields: fields.get("id", "-"),
        description="What the sign-in button says. Default: the id.",
        examples=["Company login"],
    )
    type: Literal["oidc", "oauth2", "password"] = Field(
        default="oidc",
        description='"oidc": at an issuer; "oauth2": at a provider without ID tokens, whose endpoints are '
        'written here; "password": here, of these keys only id, name and min_length.',
    )
    preset: PresetName | None = Field(
        default=None,
        description="Fill what is not written here with what is known of a provider: docs/providers.md.",
        examples=["google"],
    )
    tenant: TenantId | None = Field(
        default=None,
        description='With preset = "entra": the id of the tenant whose people may sign in.',
        examples=["8eaef023-2b34-4da1-9baa-8bc8c9d6a490"],
    )
    tenants: TenantIds | None = Field(
        default=None,
        description='With preset = "entra-multitenant": the ids of the tenants whose people may sign in.',
        examples=[["8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "82229342-1101-4ab6-817b-70c0747630f3"]],
    )
    domain: Domain | None = Field(
        default=None,
        description='With preset = "okta" or "auth0": the host of the tenant.',
        examples=["company.okta.com"],
    )
    base_url: BaseUrl | None = Field(
        default=None,
        description="With the preset of a server of your own: where it is, without a slash at the end.",
        examples=["https://git.example.com"],
    )
    realm: PathSegment | None = Field(
        default=None, description='With preset = "keycloak": the realm.', examples=["company"]
    )
    application: PathSegment | None = Field(
        default=None,
        description='With preset = "authentik": the slug of the application.',
        examples=["wiki"],
    )
    user_pool: UserPool | None = Field(
        default=None,
        description='With preset = "cognito": the id of the pool.',
        examples=["eu-west-1_Ab12Cd"],
    )
    hosted_domain: Domain | None = Field(
        default=None,
        description='With preset = "google": only accounts of this Workspace domain may sign in.',
        examples=["example.com"],
    )
    organizations: Annotated[tuple[Word, ...], Field(min_length=1)] | None = Field(
        default=None,
        description='With preset = "github": only members of one of these may sign in.',
        examples=[["company"]],
    )
    team: AppleTeam | None = Field(
        default=None,
        description='With preset = "apple": the id of the team at Apple that the key is of.',
        examples=["A1B2C3D4E5"],
    )
    workspace: SlackWorkspace | None = Field(
        default=None,
        description='With preset = "slack": the id of the workspace whose people may sign in.',
        examples=["T0123ABCD"],
    )
    issuer: Annotated[IssuerUrl | None, Needed()] = Field(
        default=None,
        description="The issuer exactly as its discovery document spells it; https unless loopback.",
        examples=["https://login.example.com"],
    )
    authorization_endpoint: EndpointUrl | None = Field(
        default=None,
        description='With type = "oauth2": where the browser is sent to sign in.',
        examples=["https://login.example.com/oauth/authorize"],
    )
    token_endpoint: EndpointUrl | None = Field(
        default=None,
        description='With type = "oauth2": where a code becomes an access token.',
        examples=["https://login.example.com/oauth/token"],
    )
    userinfo_endpoint: EndpointUrl | None = Field(
        default=None,
        description='With type = "oauth2": what tells, for an access token, who signed in.',
        examples=["https://login.example.com/api/user"],
    )
    email_verified_claim: ClaimPath | None = Field(
        default=None,
        description='With type = "oauth2": the claim that is true where the e-mail is verified. Without one, '
        "none is.",
        examples=["email_verified"],
    )
    client_id: Annotated[Word | None, Needed()] = Field(
        default=None, description="What the issuer calls this gateway.", examples=["gateway"]
    )
    client_secret: ClientSecret = Field(
        default=None,
        description='A reference to the secret agreed with the issuer; none with client_auth = "none".',
        examples=[{"env": "COMPANY_CLIENT_SECRET"}],
    )
    client_auth: ClientAuth = Field(
        default="client_secret_basic",
        description="How we prove to the issuer who we are: by client_secret, sent or as the key of an HMAC "
        '("client_secret_jwt"), by one of our keys ("private_key_jwt"; at Apple "signed_client_secret"), by '
        'our certificate, or not ("none").',
    )
    keys: tuple[ClientKeySettings, ...] = Field(
        default=written([]),
        description="Private keys of ours that this issuer knows. The first signs; all are published.",
        examples=[[{"key": {"file": "keys/company.pem"}}]],
    )
    response_mode: Literal["query", "form_post", "query.jwt", "form_post.jwt"] = Field(
        default="query",
        description="How the issuer answers through the browser: in our address, or posted by its page; "
        'signed with ".jwt" (JARM).',
    )
    pushed_requests: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether a login is told to the issuer before the browser goes there (RFC 9126): "
        '"auto" where it offers that.',
    )
    signed_requests: StrictBool = Field(
        default=False, description="Sign what a login asks for with the first of keys (RFC 9101)."
    )
    dpop: StrictBool = Field(
        default=False, description="Ask for access tokens that only this gateway can use (RFC 9449)."
    )
    tls: ProviderTlsSettings = Field(default=written({}), description="TLS towards the issuer.")
    encrypted_id_tokens: StrictBool = Field(
        default=False, description='Take only ID tokens that are encrypted to one of keys with use = "enc".'
    )
    userinfo_format: Literal["json", "signed", "encrypted"] = Field(
        default="json", description='How userinfo answers; "encrypted" is signed as well.'
    )
    content_encryption: tuple[ContentEncryption, ...] = Field(
        default=written(list(CIPHERS)),
        description="Ciphers accepted of what is encrypted to us.",
    )
    profile: Literal["fapi2"] | None = Field(
        default=None,
        description="The FAPI 2.0 Security Profile: switches on what it demands, pushed_requests and dpop "
        "among it, and refuses an issuer that lacks anything.",
        examples=["fapi2"],
    )
    scopes: tuple[Scope, ...] = Field(
        default=written(["openid", "email", "profile"]),
        description='What the issuer is asked for; openid always. type = "oauth2" has no default.',
    )
    trust_email: StrictBool = Field(
        default=False,
        description="Link to an existing user by an e-mail that this issuer calls verified.",
    )
    authorization_params: Mapping[Word, Word] = Field(
        default=written({}),
        description="Sent along to the issuer's login page.",
        examples=[{"prompt": "select_account"}],
    )
    claims: Claims = Field(
        default=STANDARD_CLAIMS,
        description="Where each field of an identity is read; further names are kept as claims.NAME.",
        examples=[{"groups": "groups", "department": "department"}],
    )
    keep_groups: tuple[GroupPattern, ...] = Field(
        default=written(["*"]),
        description="Which groups a session carries: names, or beginnings with * after them. Those that a "
        "route's groups or deny name are carried whatever this says.",
        examples=[["wiki-*"]],
    )
    claim_issuers: tuple[IssuerUrl, ...] = Field(
        default=written([]),
        description="Other issuers whose signed claims about people count, where this one hands them on or "
        "says where they are (OpenID Connect Core 5.6.2).",
        examples=[["https://claims.example.com"]],
    )
    trusted_audiences: tuple[Word, ...] = Field(
        default=written([]),
        description="What an ID token for us may name in aud beside client_id; azp must then be client_id "
        "(OpenID Connect Core 3.1.3.7). Any other audience ends a login.",
        examples=[["230450912345678901"]],
    )
    id_token_algorithms: tuple[Algorithm, ...] = Field(
        default=written(["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]),
        description="Signatures accepted on ID tokens, whatever the issuer's metadata says.",
    )
    min_length: StrictInt = Field(
        default=12,
        ge=8,
        le=128,
        description='With type = "password": how many characters a new password has at least.',
        examples=[12],
    )

    @property
    def binds_by_key(self) -> bool:
        """Whether access tokens are bound to a key of ours by DPoP."""
        return self.dpop or (self.profile is not None and self.tls.client_cert is None)

    def idle_keys(self) -> frozenset[str]:
        """Return the keys that mean nothing for this type."""
        return frozenset().union(*KEYS_OF.values()) - KEYS_OF[self.type]

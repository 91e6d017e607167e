"""`[[providers]]`: issuers, and our registration at each."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool

from gateway.settings.addresses import IssuerUrl
from gateway.settings.fields import ClaimName, Scope, Slug, Word
from gateway.settings.references import ClientSecret
from gateway.settings.table import Table, written

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
]  # fmt: skip

STANDARD_CLAIMS = {"id": "sub", "email": "email", "name": "name", "image": "picture", "groups": "groups"}


def _with_standard(value: object) -> object:
    return {**STANDARD_CLAIMS, **value} if isinstance(value, dict) else value


Claims = Annotated[Mapping[ClaimName, Word], BeforeValidator(_with_standard)]


class ProviderSettings(Table):
    """An OpenID Connect issuer that people sign in at."""

    id: Slug = Field(description="In URLs and in accounts: never change it.", examples=["company"])
    name: Word = Field(
        default_factory=lambda fields: fields.get("id", "-"),
        description="What the sign-in button says. Default: the id.",
        examples=["Company login"],
    )
    type: Literal["oidc"] = Field(default="oidc", description="The protocol spoken with the issuer.")
    issuer: IssuerUrl = Field(
        description="The issuer exactly as its discovery document spells it; https unless loopback.",
        examples=["https://login.example.com"],
    )
    client_id: Word = Field(description="What the issuer calls this gateway.", examples=["gateway"])
    client_secret: ClientSecret = Field(
        default=None,
        description='A reference to the secret agreed with the issuer; none with client_auth = "none".',
        examples=[{"env": "COMPANY_CLIENT_SECRET"}],
    )
    client_auth: Literal["client_secret_basic", "client_secret_post", "none"] = Field(
        default="client_secret_basic",
        description='How we prove who we are: "client_secret_basic", "client_secret_post" or "none".',
    )
    scopes: tuple[Scope, ...] = Field(
        default=written(["openid", "email", "profile"]),
        description="What the issuer is asked for; openid always.",
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
    id_token_algorithms: tuple[Algorithm, ...] = Field(
        default=written(["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]),
        description="Signatures accepted on ID tokens, whatever the issuer's metadata says.",
    )

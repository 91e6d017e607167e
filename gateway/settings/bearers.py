"""`bearer` of a route: the issuers whose access tokens it takes in the place of a session."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gateway.settings.addresses import IssuerUrl
from gateway.settings.fields import OneOrMore, Scope, not_empty
from gateway.settings.introspection import IntrospectionSettings
from gateway.settings.providers import STANDARD_CLAIMS, Claims
from gateway.settings.table import Table, written

SignedBy = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
]  # fmt: skip


class BearerSettings(Table):
    """An issuer whose access tokens are taken, JWTs (RFC 9068) or by asking it, and what they must say."""

    issuer: IssuerUrl = Field(description="The issuer, exactly as the claim iss spells it.")
    audience: OneOrMore = Field(
        default=(),
        validate_default=False,
        description="What the claim aud must be or hold: one of these. Only with introspection of all tokens "
        "may it be left out.",
    )
    algorithms: Annotated[tuple[SignedBy, ...], AfterValidator(not_empty)] = Field(
        default=written(["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]),
        description="Signatures accepted, whatever the issuer's metadata or the token says.",
    )
    introspection: IntrospectionSettings | None = Field(
        default=None,
        description="Ask the issuer about tokens that are no JWT (RFC 7662), or about all.",
        examples=[{"client_id": "gateway", "client_secret": {"env": "INTROSPECTION_SECRET"}}],
    )
    scopes: tuple[Scope, ...] = Field(default=(), description="Scopes that a token must have, all of them.")
    typ: Literal["at+jwt", "JWT"] = Field(
        default="at+jwt",
        description='What the header typ says, where it is there; "JWT" for issuers older than RFC 9068.',
    )
    callers: Literal["any", "users", "clients"] = Field(
        default="any",
        description='Whose tokens: "any" (a linked user is that user), "users" only, or "clients": '
        "nobody is a user.",
    )
    claims: Claims = Field(
        default=STANDARD_CLAIMS,
        description="Where each field of an identity is read, as in [[providers]].",
    )


class _OneOrList:
    """Tells editors that one table may stand where a list of them may."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        listed = handler(core_schema)
        return {"anyOf": [listed["items"], listed]}


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Bearers = Annotated[
    tuple[BearerSettings, ...],
    BeforeValidator(_one_or_more),
    AfterValidator(not_empty),
    _OneOrList(),
]

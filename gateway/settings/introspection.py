"""`introspection` of a route's `bearer`: how its issuer is asked about tokens, and as which client."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt

from gateway.settings.addresses import EndpointUrl
from gateway.settings.client_keys import (
    CIPHERS,
    ClientKeySettings,
    ContentEncryption,
    ProviderTlsSettings,
)
from gateway.settings.fields import Word
from gateway.settings.quantities import Lifetime
from gateway.settings.references import ClientSecret
from gateway.settings.refusal import Refused
from gateway.settings.table import Table, written

ClientProof = Literal[
    "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth",
    "self_signed_tls_client_auth",
]  # fmt: skip

LONGEST_HOLD = 3600
CREDENTIALS = ("client_secret", "client_auth", "keys", "content_encryption", "tls")
"""What belongs to a client_id, and means nothing without one."""


def _short(seconds: float) -> float:
    if seconds > LONGEST_HOLD:
        raise Refused("must be at most an hour: so long a token works that was revoked", 'for example "60s"')
    return seconds


class IntrospectionSettings(Table):
    """How an issuer is asked about tokens (RFC 7662)."""

    tokens: Literal["opaque", "all"] = Field(
        default="opaque",
        description='Which tokens it is asked about: those that are no JWT ("opaque"), or JWTs too ("all").',
    )
    format: Literal["json", "signed", "encrypted"] = Field(
        default="json",
        description='How it answers: "signed" takes signed answers alone (RFC 9701), "encrypted" those alone '
        'that are encrypted as well, to one of keys with use = "enc".',
    )
    endpoint: EndpointUrl | None = Field(
        default=None,
        description="Where it is asked. Default: the introspection_endpoint of its metadata.",
        examples=["https://login.example.com/introspect"],
    )
    hold: Annotated[Lifetime, AfterValidator(_short)] = Field(
        default=written("60s"),
        description="How long an answer counts: a revoked token works until then, never past its own end.",
    )
    calls_per_second: Annotated[StrictInt, Field(ge=1, le=100_000)] = Field(
        default=100, description="How often each worker asks at most; beyond, 503."
    )
    client_id: Word | None = Field(
        default=None,
        description="Who we are there. Default: as at the provider with the same issuer, in every way.",
        examples=["gateway"],
    )
    client_secret: ClientSecret = Field(
        default=None,
        description="With client_id: a reference to the secret agreed with the issuer.",
        examples=[{"env": "INTROSPECTION_SECRET"}],
    )
    client_auth: ClientProof = Field(
        default="client_secret_basic",
        description="With client_id: how we prove who we are, as in [[providers]].",
    )
    keys: tuple[ClientKeySettings, ...] = Field(
        default=written([]),
        description="With client_id: private keys of ours that the issuer knows; the first signs.",
        examples=[[{"key": {"file": "keys/company.pem"}}]],
    )
    content_encryption: tuple[ContentEncryption, ...] = Field(
        default=written(list(CIPHERS)),
        description="With client_id: ciphers accepted of what is encrypted to us.",
    )
    tls: ProviderTlsSettings = Field(
        default=written({}), description="With client_id: TLS towards the issuer, as in [[providers]]."
    )

"""`tls`: the public port speaks TLS itself."""

from pydantic import Field

from gateway.settings.files import ReadableFile
from gateway.settings.table import Table


class TlsSettings(Table):
    """The certificate of the public port."""

    cert: ReadableFile = Field(
        description="PEM file of the certificate, and after it those that lead to its authority.",
        examples=["certs/gateway.example.com.pem"],
    )
    key: ReadableFile = Field(
        description="PEM file of its private key, not encrypted, readable by the gateway alone.",
        examples=["certs/gateway.example.com.key"],
    )
    client_ca: ReadableFile | None = Field(
        default=None,
        description="PEM file of the authorities whose certificates clients may show; apps are told of them "
        "in Client-Cert and Client-Cert-Chain (RFC 9440).",
        examples=["certs/clients-ca.pem"],
    )

"""The FAPI 2.0 Security Profile: what it switches on at our side, and what an issuer needs (5.3.2, 5.3.3).

Law: nothing of the profile is best effort. What we lack is a fault of the configuration; an issuer that
lacks anything is refused, and told from an outage by a sentence that names all of it.
"""

from collections.abc import Iterator
from dataclasses import replace

from gateway.errors import Fault, IssuerUnavailable, SettingsInvalid
from gateway.relying_party.registration import Registration

ALGORITHMS = ("PS256", "ES256", "EdDSA", "Ed25519")  # section 5.4.1

_PROOF = "ES256"


def hardened(registration: Registration) -> Registration:
    """Return *registration* with all that the profile demands of a client switched on.

    Requests are pushed, tokens bound to our certificate, else to a key by DPoP, and signatures of the
    profile's algorithms. Raises SettingsInvalid for keys of ours that sign with others.
    """
    faults = [
        Fault(key=f"providers.{registration.id}.keys", message=f"{key.algorithm} is none of FAPI 2.0's")
        for key in registration.keys
        if key.use == "sig" and key.algorithm not in ALGORITHMS
    ]
    if faults:
        raise SettingsInvalid(faults)
    return replace(
        registration,
        pushed_requests="always",
        dpop=registration.dpop or not registration.shows_certificate,
        algorithms=tuple(name for name in registration.algorithms if name in ALGORITHMS),
        fapi2=True,
    )


def check_issuer(document: dict[str, object], registration: Registration) -> None:
    """Refuse an issuer whose metadata lacks what the profile demands. Raises IssuerUnavailable."""
    lacking = list(_lacking(document, registration))
    if lacking:
        raise IssuerUnavailable(
            f"{registration.issuer}: does not meet FAPI 2.0, its metadata lacks {'; '.join(lacking)}"
        )


def _lacking(document: dict[str, object], registration: Registration) -> Iterator[str]:
    if document.get("pushed_authorization_request_endpoint") is None:
        yield "pushed_authorization_request_endpoint"
    if document.get("authorization_response_iss_parameter_supported") is not True:
        yield "authorization_response_iss_parameter_supported"
    if not _lists(document, "code_challenge_methods_supported", ("S256",)):
        yield "S256 among code_challenge_methods_supported"
    if not _lists(document, "token_endpoint_auth_methods_supported", (registration.client_auth,)):
        yield f"{registration.client_auth} among token_endpoint_auth_methods_supported"
    if not _lists(document, "id_token_signing_alg_values_supported", registration.algorithms):
        yield f"any of {', '.join(registration.algorithms)} among id_token_signing_alg_values_supported"
    if registration.dpop and not _lists(document, "dpop_signing_alg_values_supported", (_PROOF,)):
        yield f"{_PROOF} among dpop_signing_alg_values_supported"
    bound = document.get("tls_client_certificate_bound_access_tokens") is True
    if not registration.dpop and not bound:
        yield "tls_client_certificate_bound_access_tokens"


def _lists(document: dict[str, object], name: str, wanted: tuple[str, ...]) -> bool:
    """Say whether the list called *name* has one of *wanted*."""
    listed = document.get(name)
    return isinstance(listed, list) and any(one in listed for one in wanted)

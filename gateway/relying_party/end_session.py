"""Signing out at the issuer (OpenID Connect RP-Initiated Logout 1.0, section 2)."""

from dataclasses import dataclass, field

from authlib.common.urls import add_params_to_uri  # type: ignore[import-untyped]

from gateway.relying_party.discovery import IssuerMetadata
from gateway.relying_party.registration import Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutDeparture:
    """What goes along to the issuer.

    `return_uri` is our own landing, registered there; `state` comes back with the browser; `hint` is
    the ID token of the session that ended, where it was kept.
    """

    return_uri: str
    state: str
    hint: str | None = field(default=None, repr=False)


def end_session_url(
    metadata: IssuerMetadata, registration: Registration, departure: LogoutDeparture
) -> str | None:
    """Return the URL at which the browser signs out of the issuer, None where it has no such place."""
    if metadata.end_session_endpoint is None:
        return None
    asked = {
        "client_id": registration.client_id,
        "post_logout_redirect_uri": departure.return_uri,
        "state": departure.state,
    }
    if departure.hint is not None:
        asked["id_token_hint"] = departure.hint
    url: str = add_params_to_uri(metadata.end_session_endpoint, list(asked.items()))
    return url

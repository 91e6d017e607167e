"""How we prove to an issuer's token endpoint that we are its client (OpenID Connect Core 9)."""

from base64 import b64encode
from urllib.parse import quote_plus

from gateway.relying_party.registration import Registration


def authentication(registration: Registration) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the header fields and the form fields that authenticate us, as configured.

    For `client_secret_basic` id and secret are form-encoded first (RFC 6749 2.3.1), so that a colon
    in the id or a letter beyond ASCII means the same on both sides.
    """
    secret = registration.client_secret or ""
    if registration.client_auth == "client_secret_basic":
        pair = f"{quote_plus(registration.client_id)}:{quote_plus(secret)}"
        return {"Authorization": f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"}, []
    identified = [("client_id", registration.client_id)]
    if registration.client_auth == "client_secret_post":
        return {}, [*identified, ("client_secret", secret)]
    return {}, identified

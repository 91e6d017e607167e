"""How we prove to an issuer that we are its client (OpenID Connect Core 9, RFC 7523, RFC 8705)."""

from base64 import b64encode
from urllib.parse import quote_plus

from gateway.relying_party import apple
from gateway.relying_party.client_keys import LIFETIME, fresh_id, secret_key, signed
from gateway.relying_party.registration import Registration

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def authentication(registration: Registration, *, now: float) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the header fields and the form fields that authenticate us for one request.

    An assertion is made anew for each and addressed to the issuer's identifier alone, whatever
    endpoint it is sent to, so that no issuer can use it at another (FAPI 2.0 Security Profile 5.3.3);
    for an issuer that is known to take another name, to that one, which never comes from metadata.
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
    if registration.client_auth == "signed_client_secret":
        return {}, [*identified, ("client_secret", _signed_secret(registration, now=now))]
    if registration.client_auth in ("client_secret_jwt", "private_key_jwt"):
        proof = ("client_assertion", _assertion(registration, now=now))
        return {}, [*identified, ("client_assertion_type", ASSERTION_TYPE), proof]
    return {}, identified


def _assertion(registration: Registration, *, now: float) -> str:
    claims = {
        "iss": registration.client_id,
        "sub": registration.client_id,
        "aud": registration.assertion_audience or registration.issuer,
        "jti": fresh_id(),
        "iat": int(now),
        "exp": int(now) + LIFETIME,
    }
    key = registration.signing_key
    if registration.client_auth == "private_key_jwt" and key is not None:
        return key.sign(claims)
    header = {"alg": "HS256", "typ": "JWT"}
    return signed(header, claims, secret_key(registration.client_secret or ""))


def _signed_secret(registration: Registration, *, now: float) -> str:
    if registration.signing_key is None:
        raise ValueError("the registration has no key that signs")
    return apple.client_secret(
        registration.signing_key, team=registration.team, client_id=registration.client_id, now=now
    )

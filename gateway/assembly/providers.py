"""From what is written of a provider to our registration there."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path

from gateway.errors import Fault, SettingsInvalid
from gateway.model.role import EarnedRole
from gateway.relying_party.client_keys import ClientKey, ClientKeyRefused
from gateway.relying_party.client_tls import ClientTls
from gateway.relying_party.fapi2 import hardened
from gateway.relying_party.registration import ClaimNames, OAuthEndpoints, Registration, RoleGrant
from gateway.settings.addresses import url
from gateway.settings.client_keys import ClientKeySettings, ProviderTlsSettings
from gateway.settings.known_presets import PRESETS
from gateway.settings.preset_checks import assertion_audience, signed_claims
from gateway.settings.providers import CLAIM, STANDARD_CLAIMS, ProviderSettings
from gateway.settings.roles import RoleGrantSettings
from gateway.settings.schema import Settings


def registration(
    provider: ProviderSettings,
    *,
    grants: Sequence[RoleGrantSettings] = (),
    resources: Sequence[str] = (),
    groups: Sequence[str] = (),
    claims: Sequence[str] = (),
) -> Registration:
    """Return our registration at one issuer, which the checks of the configuration found whole.

    Of *grants* it has those for what this issuer says; sessions carry *groups* and *claims* whatever else.
    Raises SettingsInvalid for a key that is none.
    """
    preset = PRESETS[provider.preset] if provider.preset else None
    made = Registration(
        id=provider.id,
        name=provider.name,
        issuer=provider.issuer or _origin(provider.authorization_endpoint),
        client_id=provider.client_id or "",
        client_secret=provider.client_secret.get_secret_value() if provider.client_secret else None,
        client_auth=provider.client_auth,
        scopes=tuple(provider.scopes),
        trust_email=provider.trust_email,
        authorization_params=tuple(provider.authorization_params.items()),
        claims=_claim_names(with_named(provider.claims, claims)),
        signed_claims=signed_claims(provider),
        algorithms=tuple(provider.id_token_algorithms),
        resources=tuple(resources),
        claim_issuers=tuple(provider.claim_issuers),
        trusted_audiences=tuple(provider.trusted_audiences),
        groups_kept=(*groups, *provider.keep_groups),
        roles=tuple(_grant(each) for each in grants if each.provider == provider.id),
        keys=client_keys(provider.keys, place=f"providers.{provider.id}"),
        response_mode=provider.response_mode,
        pushed_requests=provider.pushed_requests,
        signs_requests=provider.signed_requests,
        dpop=provider.dpop,
        tls=client_tls(provider.tls, place=f"providers.{provider.id}"),
        encrypted_id_tokens=provider.encrypted_id_tokens,
        userinfo_format=provider.userinfo_format,
        content_encryption=tuple(provider.content_encryption),
        oauth=_endpoints(provider),
        steps=preset.steps if preset else "",
        organizations=provider.organizations or (),
        tenants=provider.tenants or (),
        team=provider.team or "",
        assertion_audience=assertion_audience(provider),
        logout_hint=preset.logout_hint if preset else True,
        revokes=preset.revokes if preset else True,
    )
    return hardened(made) if provider.profile == "fapi2" else made


def _origin(address: str | None) -> str:
    return url(address).origin if address else ""


def _endpoints(provider: ProviderSettings) -> OAuthEndpoints | None:
    if provider.type != "oauth2":
        return None
    return OAuthEndpoints(
        authorization=provider.authorization_endpoint or "",
        token=provider.token_endpoint or "",
        userinfo=provider.userinfo_endpoint or "",
        email_verified=provider.email_verified_claim,
    )


def client_tls(tls: ProviderTlsSettings, *, place: str) -> ClientTls | None:
    """Return how we talk TLS to an issuer, None for what is usual; the files are looked at now.

    *place* is the key of the table around it, for SettingsInvalid.
    """
    paths = [path for path in (tls.ca, tls.client_cert, tls.client_key) if path is not None]
    if not paths:
        return None
    try:
        contents = sha256(b"".join(Path(path).read_bytes() for path in paths)).digest()
        made = ClientTls(
            ca=tls.ca or "", certificate=tls.client_cert or "", key=tls.client_key or "", contents=contents
        )
        made.context()
    except OSError as error:
        fault = Fault(key=f"{place}.tls", message=f"cannot be used: {error.strerror or error}")
        raise SettingsInvalid([fault]) from None
    return made


def client_keys(keys: Sequence[ClientKeySettings], *, place: str) -> tuple[ClientKey, ...]:
    """Return our keys at an issuer. *place* is the key of the table around them, for SettingsInvalid."""
    made, faults = [], []
    for index, each in enumerate(keys):
        try:
            made.append(
                ClientKey(
                    pem=each.key.get_secret_value(),
                    use=each.use,
                    algorithm=each.alg or "",
                    kid=each.kid or "",
                )
            )
        except ClientKeyRefused as error:
            faults.append(Fault(key=f"{place}.keys[{index}].key", message=str(error)))
    if faults:
        raise SettingsInvalid(faults)
    return tuple(made)


def _claim_names(claims: Mapping[str, str]) -> ClaimNames:
    return ClaimNames(
        subject=claims["id"],
        email=claims["email"],
        name=claims["name"],
        image=claims["image"],
        groups=claims["groups"],
        keep=tuple((name, claim) for name, claim in claims.items() if name not in STANDARD_CLAIMS),
    )


def with_named(claims: Mapping[str, str], named: Sequence[str]) -> Mapping[str, str]:
    """Return where *claims* are read, and each that is *named* beside them under its own name."""
    return {**{name: name for name in named}, **claims}


def claims_named(settings: Settings) -> tuple[str, ...]:
    """Return the claims that rules and headers name, each once, beside the fields of an identity."""
    rules = [rule.claims for route in settings.routes for rule in (route, route.deny)]
    told = [settings.identity, *(each.identity for each in settings.upstreams.values())]
    told += [route.identity for route in settings.routes]
    fields = (field for each in told if each is not None for field in (each.headers or {}).values())
    headers = (field.removeprefix(CLAIM) for field in fields if field.startswith(CLAIM))
    found = dict.fromkeys((*chain.from_iterable(rules), *headers))
    return tuple(name for name in found if name not in STANDARD_CLAIMS)


def role_rules(settings: Settings) -> frozenset[tuple[str, EarnedRole]]:
    """Return the rules of `[[roles]]`: whose word grants which role."""
    return frozenset((each.provider, _grant(each).earned) for each in settings.roles)


def _grant(each: RoleGrantSettings) -> RoleGrant:
    return RoleGrant(role=each.role, claim=each.claim, value=each.value)


def resources_wanted(settings: Settings) -> tuple[str, ...]:
    """Return the resources for which access tokens will be asked at issuers, in the order of upstreams."""
    wanted = (each.resource for each in settings.upstreams.values() if each.exchange_audience is None)
    return tuple(dict.fromkeys(filter(None, wanted)))


def groups_named(settings: Settings) -> tuple[str, ...]:
    """Return the groups that the rules of routes name, each once."""
    rules = [rule for route in settings.routes for rule in (route, route.deny)]
    return tuple(dict.fromkeys(group for rule in rules for group in rule.groups))

"""Our registration at one issuer: everything about a provider that is configured, checked once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from gateway.errors import Fault, SettingsInvalid
from gateway.model import claim_path
from gateway.model.role import EarnedRole, rule_of
from gateway.relying_party.client_keys import ClientKey
from gateway.relying_party.client_tls import ClientTls
from gateway.relying_party.endpoint import is_endpoint

ClientAuth = Literal[
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "signed_client_secret",
    "none",
]
BY_CERTIFICATE = frozenset({"tls_client_auth", "self_signed_tls_client_auth"})
BY_SECRET = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})

ResponseMode = Literal["query", "form_post", "query.jwt", "form_post.jwt"]

UserinfoFormat = Literal["json", "signed", "encrypted"]
PushedRequests = Literal["auto", "always", "never"]

ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
SYMMETRIC = {"HS256": 32, "HS384": 48, "HS512": 64}  # least bytes of the secret, RFC 7518 3.2
DEFAULT_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")

# Where tenants of Entra are found together: the address of all work accounts, and of private ones too.
OF_ALL_TENANTS = re.compile(r"(?P<base>.+)/(?:organizations|common)/v2\.0")

# What a login binds to itself; `request` and `request_uri` would replace all of it (RFC 9101).
OURS = frozenset(
    {
        "uri",
        "response_type",
        "response_mode",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """Where an issuer keeps what we want to know: claim names or dotted paths into objects.

    `keep` pairs the names of the extra claims that a session carries with where each is found. `subject`
    counts at an OAuth 2.0 provider alone: an OpenID Connect issuer's is always `sub`.
    """

    subject: str = "sub"
    email: str = "email"
    name: str = "name"
    image: str = "picture"
    groups: str = "groups"
    keep: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthEndpoints:
    """Where an OAuth 2.0 provider answers, for it has no discovery document.

    `email_verified` is the claim of userinfo whose JSON value `true` vouches for the e-mail; without
    one, none is verified.
    """

    authorization: str
    token: str
    userinfo: str
    email_verified: str | None = None

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Each address with the key that configures it."""
        return (
            ("authorization_endpoint", self.authorization),
            ("token_endpoint", self.token),
            ("userinfo_endpoint", self.userinfo),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGrant:
    """A role for everybody of whom the *claim*, a name or a dotted path, is or holds *value*."""

    role: str
    claim: str
    value: str

    @property
    def earned(self) -> EarnedRole:
        """The role of whoever meets this rule."""
        return EarnedRole(role=self.role, rule=rule_of(self.claim, self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One provider as configured. Raises SettingsInvalid with every contradiction at once.

    `signed_claims` pairs claims that an ID token must have with the text that each must be.
    `resources` are those for which access tokens will be asked (RFC 8707).

    `algorithms` are those an ID token may be signed with: asymmetric ones, or HMAC alone, whose key
    is the client secret; never both, so that a public key can never be taken for a secret. `keys` are
    our own: the first signs, all are published. `pushed_requests` are pushed where the issuer offers it
    ("auto"), always or never; with `dpop` access tokens are bound to a key of ours. `fapi2` refuses an
    issuer that does not meet that profile. `groups_kept` are names of groups, or beginnings with `*`
    after them; of a login's groups a session carries those. `claim_issuers` are those whose signed claims
    about people count beside this one's own. With `oauth` it is no OpenID Connect issuer but a provider of
    OAuth 2.0, and `issuer` a name for it; `steps` names what one such provider needs besides, and of
    `organizations` one has to be a member to sign in. `trusted_audiences` may stand beside us in the ID
    token's `aud`. `team` signs the client secret where that is one of our keys' work; assertions are
    addressed to `assertion_audience` where one is known beforehand that is not the issuer's own name. An
    ID token goes along to where people sign out, and tokens are revoked, unless `logout_hint` and `revokes`
    say otherwise. With `tenants` it is as many issuers, and `issuer` the address of all of them; where
    `email_counts` is off, nobody there vouches for an e-mail.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_auth: ClientAuth = "client_secret_basic"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    trust_email: bool = False
    authorization_params: tuple[tuple[str, str], ...] = ()
    claims: ClaimNames = ClaimNames()
    signed_claims: tuple[tuple[str, str], ...] = ()
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    roles: tuple[RoleGrant, ...] = ()
    keys: tuple[ClientKey, ...] = ()
    response_mode: ResponseMode = "query"
    pushed_requests: PushedRequests = "auto"
    signs_requests: bool = False
    dpop: bool = False
    fapi2: bool = False
    tls: ClientTls | None = None
    encrypted_id_tokens: bool = False
    userinfo_format: UserinfoFormat = "json"
    content_encryption: tuple[str, ...] = ("A256GCM", "A128GCM", "A256CBC-HS512", "A128CBC-HS256")
    resources: tuple[str, ...] = ()
    oauth: OAuthEndpoints | None = None
    steps: Literal["", "entra", "github", "bitbucket", "twitch", "apple", "zitadel"] = ""
    organizations: tuple[str, ...] = ()
    groups_kept: tuple[str, ...] = ("*",)
    claim_issuers: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    email_counts: bool = True
    trusted_audiences: tuple[str, ...] = ()
    team: str = ""
    assertion_audience: str = ""
    logout_hint: bool = True
    revokes: bool = True

    def __post_init__(self) -> None:
        faults = [*self._address_faults(), *self._endpoint_faults(), *self._algorithm_faults()]
        if self.tenants and not OF_ALL_TENANTS.fullmatch(self.issuer):
            faults.append(("issuer", "must be the address of all tenants, where there are any"))
        if faults:
            raise SettingsInvalid(
                [Fault(key=f"providers.{self.id}.{key}", message=text) for key, text in faults]
            )

    @property
    def symmetric(self) -> bool:
        """Whether ID tokens are authenticated by the client secret, and no JWKS is read."""
        return any(name in SYMMETRIC for name in self.algorithms)

    def reads(self, claim: str) -> bool:
        """Say whether anything of *claim*, or inside it, becomes part of a login."""
        return any(path == claim or claim_path.steps(path)[0] == claim for path in self._paths())

    def _paths(self) -> Iterator[str]:
        names = self.claims
        yield from (names.email, names.name, names.image)
        yield from (path for _, path in names.keep)
        yield from (grant.claim for grant in self.roles)
        if self.groups_kept:
            yield names.groups

    def keeps_group(self, group: str) -> bool:
        """Say whether sessions carry *group*."""
        return any(
            group == kept or (kept.endswith("*") and group.startswith(kept[:-1])) for kept in self.groups_kept
        )

    @property
    def posts(self) -> bool:
        """Whether the issuer's page posts its answer to us (OAuth 2.0 Form Post Response Mode)."""
        return self.response_mode.startswith("form_post")

    @property
    def signs_responses(self) -> bool:
        """Whether the issuer's answer is a signed JWT (JARM)."""
        return self.response_mode.endswith(".jwt")

    @property
    def signing_key(self) -> ClientKey | None:
        """The key of ours that signs."""
        return next((key for key in self.keys if key.use == "sig"), None)

    @property
    def _signs_secrets(self) -> bool:
        return bool(self.team) and self.signing_key is not None and self.signing_key.algorithm == "ES256"

    @property
    def decryption_keys(self) -> tuple[ClientKey, ...]:
        """The keys of ours that tokens are encrypted to."""
        return tuple(key for key in self.keys if key.use == "enc")

    @property
    def opens_tokens(self) -> bool:
        """Whether the issuer encrypts something to us."""
        return self.encrypted_id_tokens or self.userinfo_format == "encrypted"

    @property
    def shows_certificate(self) -> bool:
        """Whether our calls show a client certificate (RFC 8705)."""
        return self.tls is not None and bool(self.tls.certificate)

    @property
    def max_age(self) -> int | None:
        """The age of a login at the issuer, in seconds, that the operator asks for (OIDC Core 3.1.2.1)."""
        value = dict(self.authorization_params).get("max_age")
        return None if value is None else int(value)

    def _address_faults(self) -> list[tuple[str, str]]:
        faults = [] if self.oauth or "openid" in self.scopes else [("scopes", "must contain openid")]
        if not is_endpoint(self.issuer, plain_http=True) or "?" in self.issuer:
            faults.append(("issuer", "must be an https URL without query, or http on loopback"))
        if self.client_auth in BY_SECRET and not self.client_secret:
            faults.append(("client_secret", f"is needed for {self.client_auth}"))
        if self.client_auth == "private_key_jwt" and self.signing_key is None:
            faults.append(("keys", f"one that signs is needed for {self.client_auth}"))
        if self.client_auth == "signed_client_secret" and not self._signs_secrets:
            faults.append(("keys", f"one for ES256, and a team, are needed for {self.client_auth}"))
        if self.client_auth in BY_CERTIFICATE and not self.shows_certificate:
            faults.append(("tls.client_cert", f"is needed for {self.client_auth}"))
        if self.opens_tokens and not self.decryption_keys:
            faults.append(("keys", "one that opens is needed for encrypted tokens"))
        if self.signs_requests and self.signing_key is None:
            faults.append(("keys", "one that signs is needed for signed requests"))
        if self.claim_issuers and self.symmetric:
            faults.append(("claim_issuers", "need asymmetric id_token_algorithms"))
        params = dict(self.authorization_params)
        faults += [
            ("authorization_params", f"{name} is set by the login itself") for name in params if name in OURS
        ]
        if not re.fullmatch(r"[0-9]{1,9}", params.get("max_age", "0")):
            faults.append(("authorization_params", "max_age must be whole seconds"))
        return faults

    def _endpoint_faults(self) -> list[tuple[str, str]]:
        return [
            (key, "must be an https URL, or http on loopback")
            for key, address in (self.oauth.addresses if self.oauth is not None else ())
            if not is_endpoint(address, plain_http=True)
        ]

    def _algorithm_faults(self) -> list[tuple[str, str]]:
        key = "id_token_algorithms"
        unknown = [name for name in self.algorithms if name not in ASYMMETRIC and name not in SYMMETRIC]
        if unknown or not self.algorithms:
            return [(key, f"not usable: {', '.join(unknown) or 'an empty list'}")]
        if self.symmetric and not all(name in SYMMETRIC for name in self.algorithms):
            return [(key, "HMAC and asymmetric algorithms exclude each other")]
        least = max((SYMMETRIC.get(name, 0) for name in self.algorithms), default=0)
        if self.client_auth == "client_secret_jwt":
            least = max(least, SYMMETRIC["HS256"])
        if len((self.client_secret or "").encode()) < least:
            return [("client_secret", f"must be at least {least} bytes to be a key for HMAC")]
        return []

"""An issuer that encrypts ID tokens and userinfo to a key of its client (RFC 7516), and commits faults in it.

issuer.to = a ClientKey               # whose public half it encrypts to
issuer.enc = "A256GCM"
issuer.encryption_faults              # see ENCRYPTION_FAULTS
issuer.userinfo_format = "encrypted"  # or "signed", "json", "unsigned": encrypted JSON
issuer.userinfo_claims                # laid over a signed answer's claims
issuer.userinfo_key                   # what signs it, where that is not the issuer's key
issuer.userinfo_kind                  # its media type
"""

import json
import warnings
from base64 import urlsafe_b64decode

from aiohttp import web
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import Key, OctKey

from gateway.relying_party.client_keys import ClientKey
from tests.fakes.issuer import ABSENT, Claims, HostileIssuer, b64, sign

ENCRYPTION_FAULTS = {
    "plain": "not encrypted at all",
    "zip": "compressed",
    "twice": "a JWE in a JWE",
    "unsigned": "JSON, not a signed token, inside",
    "foreign": "encrypted to another key of the same type",
    "other_kid": "under the kid of another key",
    "other_alg": "with another algorithm than the key's",
    "other_enc": "with a cipher that is not configured",
    "dir": "with the client secret as the key (dir)",
    "cut": "the last character is gone",
    "flipped": "a bit of the ciphertext is another",
    "crit": "with an extension",
    "huge": "64 KiB long",
}


class EncryptingIssuer(HostileIssuer):
    """See the module."""

    to: ClientKey
    foreign: ClientKey

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.enc = "A256GCM"
        self.encryption_faults: set[str] = set()
        self.userinfo_format = "json"
        self.userinfo_claims: Claims = {}
        self.userinfo_key: Key | None = None
        self.userinfo_kind = "application/jwt"

    def id_token(self, *, user: str, nonce: str, access_token: str) -> str:
        signed = super().id_token(user=user, nonce=nonce, access_token=access_token)
        return self.encrypted(signed.encode())

    def encrypted(self, plain: bytes) -> str:
        """Return *plain* encrypted with the faults in force."""
        faults = self.encryption_faults
        if "plain" in faults:
            return plain.decode()
        if "unsigned" in faults:
            plain = urlsafe_b64decode(plain.split(b".")[1] + b"==")
        if "huge" in faults:
            plain += b"x" * 50_000
        token = self._jwe(plain)
        if "twice" in faults:
            token = self._jwe(token.encode())
        if "flipped" in faults:
            parts = token.split(".")
            parts[3] = ("A" if parts[3][0] != "A" else "B") + parts[3][1:]
            token = ".".join(parts)
        return token[:-1] if "cut" in faults else token

    def _jwe(self, plain: bytes) -> str:
        faults = self.encryption_faults
        key = self.foreign if "foreign" in faults else self.to
        header: dict[str, object] = {"alg": key.algorithm, "enc": self.enc, "kid": self.to.kid, "cty": "JWT"}
        if "other_kid" in faults:
            header["kid"] = "another"
        if "other_alg" in faults:
            header["alg"] = "RSA-OAEP" if key.algorithm == "RSA-OAEP-256" else "ECDH-ES"
        if "other_enc" in faults:
            header["enc"] = "A192GCM"
        if "zip" in faults:
            header["zip"] = "DEF"
        if "dir" in faults:
            header["alg"] = "dir"
        if "crit" in faults:
            return self._with_crit(header, plain)
        names = [str(header["alg"]), str(header["enc"]), "DEF"]
        registry = JWERegistry(algorithms=names, strict_check_header=False)
        to = OctKey.import_key(b"s" * 32) if "dir" in faults else key.key
        with warnings.catch_warnings(action="ignore"):  # of what is weak, which is wanted here
            return jwe.encrypt_compact(header, plain, to, registry=registry)

    def _with_crit(self, header: dict[str, object], plain: bytes) -> str:
        self.encryption_faults = set()
        rest = self._jwe(plain).split(".")[1:]
        self.encryption_faults = {"crit"}
        return ".".join([b64(json.dumps({**header, "crit": ["x"], "x": 1}).encode()), *rest])

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._userinfo(request)
        if self.userinfo_format == "json" or answer.status != 200:
            return answer
        assert isinstance(answer, web.Response)
        told = json.loads(str(answer.text))
        claims = {**told, "iss": self.url, "aud": self.client_id, **self.userinfo_claims}
        claims = {name: value for name, value in claims.items() if value is not ABSENT}
        head: Claims = {"alg": self.algorithm, "kid": str(self.key.kid)}
        raw = sign(head, json.dumps(claims).encode(), self.userinfo_key or self.key)
        if self.userinfo_format == "encrypted":
            raw = self.encrypted(raw.encode())
        return web.Response(text=raw, content_type=self.userinfo_kind)

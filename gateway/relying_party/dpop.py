"""Proofs that we hold the key which an access token is bound to (RFC 9449).

Law: a proof is made for one request, and never sent twice. An issuer's nonce is remembered for the
server that gave it; a request that was refused for want of a nonce alone is made once more.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit, urlunsplit

from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode

from gateway.model.event import Clock
from gateway.relying_party.client_keys import fresh_id, signed
from gateway.relying_party.http import MEBIBYTE, IssuerAnswer
from gateway.relying_party.strict_json import JsonRefused, read_object

MOST_SERVERS = 16
_ALGORITHM = "ES256"
_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")
_WANTED = "use_dpop_nonce"
_CHALLENGED = re.compile(rf'\berror[ \t]*=[ \t]*"?{_WANTED}\b')


@dataclass(frozen=True, kw_only=True)
class DpopKey:
    """The key of one grant: a P-256 key pair. `text` is its PEM, to be kept sealed beside the grant."""

    text: str = field(repr=False)

    @classmethod
    def fresh(cls) -> "DpopKey":
        """Return a new key."""
        return cls(text=ECKey.generate_key("P-256").as_pem(private=True).decode("ascii"))

    @property
    def thumbprint(self) -> str:
        """What a token bound to this key says of it, `cnf.jkt` (section 6.1)."""
        return self._key.thumbprint()

    def proof(
        self,
        method: str,
        url: str,
        *,
        now: float,
        nonce: str | None = None,
        access_token: str | None = None,
    ) -> str:
        """Return the value of the field `DPoP` for one request (section 4.2)."""
        public = self._key.as_dict(private=False)
        header = {
            "typ": "dpop+jwt",
            "alg": _ALGORITHM,
            "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")},
        }
        claims: dict[str, object] = {
            "jti": fresh_id(),
            "htm": method,
            "htu": urlunsplit(urlsplit(url)._replace(query="", fragment="")),
            "iat": int(now),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if access_token is not None:
            claims["ath"] = urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).decode()
        return signed(header, claims, self._key)

    @cached_property
    def _key(self) -> ECKey:
        return ECKey.import_key(self.text)


class Proofs:
    """Makes requests with proofs, and remembers the nonces that servers ask for (sections 8, 9)."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._nonces: OrderedDict[str, str] = OrderedDict()

    async def send(
        self,
        key: DpopKey,
        method: str,
        url: str,
        call: Callable[[str], Awaitable[IssuerAnswer]],
        *,
        access_token: str | None = None,
    ) -> IssuerAnswer:
        """Return what *call* gives for a proof of *key*; it is called again once for a server's nonce.

        Nothing that a server acted on is sent again: it says itself that the nonce is what was missing.
        """
        answer = await call(self._proof(key, method, url, access_token))
        learned = self._learn(url, answer)
        if learned and answer.status in (400, 401) and _wants_nonce(answer):
            answer = await call(self._proof(key, method, url, access_token))
            self._learn(url, answer)
        return answer

    def _proof(self, key: DpopKey, method: str, url: str, access_token: str | None) -> str:
        nonce = self._nonces.get(_server(url))
        return key.proof(method, url, now=self._clock(), nonce=nonce, access_token=access_token)

    def _learn(self, url: str, answer: IssuerAnswer) -> bool:
        """Remember the nonce of *answer*; say whether it has one."""
        if answer.dpop_nonce is None or not _NONCE.fullmatch(answer.dpop_nonce):
            return False
        self._nonces[_server(url)] = answer.dpop_nonce
        self._nonces.move_to_end(_server(url))
        if len(self._nonces) > MOST_SERVERS:
            self._nonces.popitem(last=False)
        return True


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _wants_nonce(answer: IssuerAnswer) -> bool:
    """Say whether `use_dpop_nonce` is the error of the document or of the challenge (sections 8, 9)."""
    if _CHALLENGED.search(answer.challenge):
        return True
    try:
        return read_object(answer.body, limit=MEBIBYTE).get("error") == _WANTED
    except JsonRefused:
        return False

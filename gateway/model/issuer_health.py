"""How an issuer fares, as far as this process found out by itself: nobody is asked for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedDocument:
    """A document of an issuer's. Times are Unix seconds, None for never; `failures` came in a row since it
    was fetched last."""

    fetched_at: int | None = None
    failed_at: int | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyName:
    """What a key of an issuer says of itself; without `algorithm` it serves any of its `kind`'s."""

    kid: str | None
    kind: str
    algorithm: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerHealth:
    """What is known of one issuer: `metadata` and `key_set` are None where none is ever fetched."""

    metadata: FetchedDocument | None = None
    key_set: FetchedDocument | None = None
    keys: tuple[KeyName, ...] = ()

"""What a provider said last about an account, as it is kept beside it: written at logins and refreshes,
read with every session of that account."""

from typing import Any

import msgspec

from gateway.model.identity import AccountClaims, VerifiedLogin


class _Kept(msgspec.Struct, frozen=True):
    """What is read again. Accounts that an earlier release wrote have no `kept`."""

    groups: tuple[str, ...] = ()
    kept: dict[str, tuple[str, ...]] | None = None


def as_kept(login: VerifiedLogin) -> dict[str, Any]:
    """Return what is kept of *login*, as JSON has it."""
    return {
        "email_verified": login.email_verified,
        "name": login.name,
        "image": login.image,
        "groups": list(login.groups),
        "kept": {name: list(values) for name, values in login.claims},
    }


def as_read(text: str | None) -> AccountClaims | None:
    """Return what *text*, kept beside an account, says; None where it says nothing that can be read."""
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError:
        return None
    if found.kept is None:
        return None
    return AccountClaims(groups=found.groups, claims=tuple(found.kept.items()))

"""Twitch: where its token endpoint says in its own words what RFC 6749 has words for."""

import re

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_OVER = "Invalid refresh token"


def scope_in(told: object) -> object:
    """Return a list of scopes as one text (RFC 6749 3.3); anything else as it is, to be judged as ever."""
    if not isinstance(told, list):
        return told
    names = [name for name in told if isinstance(name, str) and _SCOPE.fullmatch(name)]
    return " ".join(names) if len(names) == len(told) else told


def is_over(refusal: dict[str, object]) -> bool:
    """Say whether the *refusal* of a refresh is what others call `invalid_grant` (RFC 6749 5.2)."""
    return refusal.get("message") == _OVER

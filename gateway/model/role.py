"""Roles: how they are written, who has one and why."""

import hashlib
import re
from dataclasses import dataclass

ADMIN = "admin"
"""The role that opens the console."""

_ROLE = re.compile(r"[^\s,\x00-\x1f\x7f]{1,255}")


def is_role(text: str) -> bool:
    """Say whether *text* may be granted: up to 255 printable characters without spaces and commas."""
    return _ROLE.fullmatch(text) is not None and text.isprintable()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EarnedRole:
    """A role, and the rule (`rule_of`) of the configuration that grants it."""

    role: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class HeldRole:
    """A role that a user has. `source` is the provider that grants it by the rule `rule` (`rule_of`); both
    are empty where an administrator did."""

    role: str
    source: str
    rule: str


def rule_of(claim: str, value: str) -> str:
    """Return what is kept of the rule that *claim* is or holds *value*: 32 hexadecimal digits, the same
    for the same rule alone."""
    parts = (claim.encode(), value.encode())
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).hexdigest()[:32]

"""Roles that somebody has because of what their provider says."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EarnedRole:
    """A role, and the rule (`rule_of`) of the configuration that grants it."""

    role: str
    rule: str


def rule_of(claim: str, value: str) -> str:
    """Return what is kept of the rule that *claim* is or holds *value*: 32 hexadecimal digits, the same
    for the same rule alone."""
    parts = (claim.encode(), value.encode())
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).hexdigest()[:32]

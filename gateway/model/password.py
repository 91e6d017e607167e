"""What a password login reads of a user: the person, and the hash that stands for the password."""

from dataclasses import dataclass, field

from gateway.model.identity import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user, as found by name, and their password's hash; None where they have no password."""

    user: User
    hash: str | None = field(default=None, repr=False)

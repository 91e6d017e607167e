"""The two people of the demo, as their issuer knows them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can sign in without a password; for trying only."""

    subject: str
    name: str
    email: str
    groups: tuple[str, ...]

    def claims(self) -> dict[str, object]:
        """Return the claims of OpenID Connect Core 5.1 about this person, `sub` included."""
        return {
            "sub": self.subject,
            "name": self.name,
            "email": self.email,
            "email_verified": True,
            "groups": list(self.groups),
        }


PEOPLE: Mapping[str, Person] = {
    "alice": Person(
        subject="demo-alice",
        name="Alice Example",
        email="alice@example.com",
        groups=("gateway-admins", "staff"),
    ),
    "bob": Person(subject="demo-bob", name="Bob Example", email="bob@example.com", groups=("staff",)),
}

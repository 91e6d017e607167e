"""Credentials carry a hash and never show it."""

from gateway.model.identity import User
from gateway.model.password import Credentials

ANN = User(
    id="u_ann",
    email="ann@example.com",
    email_verified=True,
    name=None,
    image=None,
    enabled=True,
    epoch=0,
    roles=(),
    created_at=0,
)


def test_O34_a_hash_is_not_in_what_is_printed() -> None:
    assert "argon2" not in repr(Credentials(user=ANN, hash="$argon2id$v=19$hash"))

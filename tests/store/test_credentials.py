"""Rows of a person and their hash become what a login compares with."""

from gateway.store.credentials import _NAMES, CREDENTIALS, credentials_in

ANN = {
    "id": "u_1",
    "email": "ann@example.com",
    "email_key": "ann@example.com",
    "email_verified": 1,
    "email_by_admin": 0,
    "name": None,
    "image": None,
    "enabled": 0,
    "epoch": 3,
    "created_at": 5,
    "hash": "h1",
}


def row(**changes: object) -> tuple[object, ...]:
    return (*(({**ANN, **changes}).get(name) for name in _NAMES), "one column more")


def test_a_user_without_roles_is_one_row() -> None:
    found = credentials_in([row()])
    assert found is not None
    assert (found.user.id, found.user.roles, found.hash) == ("u_1", (), "h1")


def test_roles_are_folded_and_truths_are_truths() -> None:
    found = credentials_in([row(role="b"), row(role="a"), row(role="a")])
    assert found is not None
    assert found.user.roles == ("a", "b")
    assert (found.user.enabled, found.user.email_verified) == (False, True)
    assert isinstance(found.user.enabled, bool)


def test_nobody_is_none() -> None:
    assert credentials_in([(None,) * (len(_NAMES) + 1)]) is None


def test_the_hash_is_in_no_repr() -> None:
    assert "h1" not in repr(credentials_in([row()]))


def test_one_value_is_asked_for() -> None:
    assert set(CREDENTIALS.compile().params) == {"email_key"}

from typing import Any

from gateway.store.user_rows import as_users

ROW: dict[str, Any] = {
    "id": "u_1",
    "email": None,
    "email_verified": 0,
    "name": "Ann",
    "image": None,
    "enabled": 1,
    "epoch": 2,
    "created_at": 3,
    "role": None,
}


def test_a_user_of_many_rows_is_one_with_each_role_once() -> None:
    rows = [{**ROW, "role": role} for role in ("editor", "admin", "editor")]
    [user] = as_users(rows)
    assert user.roles == ("admin", "editor")
    assert (user.enabled, user.email_verified, user.epoch) == (True, False, 2)


def test_users_keep_the_order_of_their_rows_and_their_roles_apart() -> None:
    found = as_users([{**ROW, "id": "u_2", "role": "admin"}, ROW])
    assert [(user.id, user.roles) for user in found] == [("u_2", ("admin",)), ("u_1", ())]
    assert as_users([]) == ()

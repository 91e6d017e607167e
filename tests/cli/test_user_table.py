"""Users are shown to people in columns, to programs as JSON."""

import json

import pytest

from gateway.cli.user_table import show_user, show_users
from gateway.model.identity import User

ANN = User(
    id="u_1",
    email=None,
    email_verified=False,
    name="Ann",
    image=None,
    enabled=False,
    epoch=0,
    roles=("admin", "editor"),
    created_at=1,
)


def test_one_user_is_an_object_and_several_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    show_user(ANN, as_json=True)
    one = json.loads(capsys.readouterr().out)
    show_users([ANN], as_json=True)
    assert json.loads(capsys.readouterr().out) == [one]
    assert (one["roles"], one["enabled"]) == (["admin", "editor"], False)


def test_a_line_tells_roles_and_state(capsys: pytest.CaptureFixture[str]) -> None:
    show_users([ANN], as_json=False)
    assert capsys.readouterr().out.splitlines()[1].split() == ["u_1", "-", "Ann", "admin,editor", "disabled"]

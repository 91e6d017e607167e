"""A cursor is where a page ended, and nothing else."""

import dataclasses

import pytest

from gateway.model.cursor import Cursor


def test_a_cursor_is_its_two_values_and_does_not_change() -> None:
    cursor = Cursor(moment=1, id="a")
    assert cursor == Cursor(moment=1, id="a") != Cursor(moment=1, id="b")
    with pytest.raises(dataclasses.FrozenInstanceError):
        cursor.moment = 2  # type: ignore[misc]

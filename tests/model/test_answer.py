"""An answer of our own is a plain, frozen value."""

from dataclasses import FrozenInstanceError

import pytest

from gateway.model.answer import Answer


def test_an_answer_is_empty_and_keeps_the_connection_unless_it_says_otherwise() -> None:
    answer = Answer(status=204)
    assert (answer.headers, answer.body, answer.close) == ((), b"", False)


def test_an_answer_cannot_be_changed_once_made() -> None:
    with pytest.raises(FrozenInstanceError):
        Answer(status=204).status = 200  # type: ignore[misc]

import pytest
from pydantic import ValidationError

from gateway.settings.quantities import Duration
from gateway.settings.table import Table, written


class Example(Table):
    lease: Duration = written("10m")


def test_a_default_is_read_like_a_value() -> None:
    assert Example().lease == 600


def test_C05_an_error_never_repeats_what_was_written() -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"lease": "canary", "secret": "canary"})
    assert "canary" not in str(caught.value)
    assert caught.value.error_count() == 2


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Example().lease = 5  # type: ignore[misc]


def test_no_key_is_idle_unless_its_table_says_so() -> None:
    assert Example().idle_keys() == frozenset()

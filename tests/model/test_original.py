"""What is asked about is one fact that nobody changes."""

import dataclasses

import pytest

from gateway.model.original import Original
from tests.fakes.dressing import inbound


def test_an_original_request_is_frozen() -> None:
    original = Original(inbound=inbound(), by_status=False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        original.by_status = True  # type: ignore[misc]

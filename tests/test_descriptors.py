import resource

import pytest

from gateway.descriptors import MOST, raise_limit, room_for_connections


@pytest.mark.parametrize(
    ("soft", "hard", "taken"),
    [
        (1024, 4096, 4096),
        (4096, 4096, None),
        (1024, resource.RLIM_INFINITY, MOST),
        (1024, 2 * MOST, MOST),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_as_many_are_taken_as_may_be(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, taken: int | None
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    found = raise_limit()
    assert asked == ([(taken, hard)] if taken else [])
    assert found == (taken or (MOST if soft == resource.RLIM_INFINITY else soft))


@pytest.mark.parametrize(("descriptors", "room"), [(1024, 384), (256, 16), (0, 16), (65_536, 32_640)])
def test_every_client_may_need_an_upstreams_connection_too(descriptors: int, room: int) -> None:
    assert room_for_connections(descriptors) == room

"""Request ids are unique, ours, and safe to write anywhere."""

from gateway.front.request_id import RequestIds


def test_ids_of_one_process_differ_and_share_what_was_drawn() -> None:
    ids = RequestIds(lambda size: b"\x0a" * size)
    given = [ids() for _ in range(1000)]
    assert len(set(given)) == 1000
    assert {each.partition("-")[0] for each in given} == {"0a" * 8}


def test_two_processes_share_none() -> None:
    first, second = RequestIds(lambda size: b"1" * size), RequestIds(lambda size: b"2" * size)
    assert not {first() for _ in range(100)} & {second() for _ in range(100)}


def test_an_id_is_plain_ascii() -> None:
    given = RequestIds(lambda size: bytes(range(size)))()
    assert given.isascii()
    assert given.replace("-", "").isalnum()

"""What configurations share is made once, and closed once, when the last of them lets go."""

import pytest

from gateway.lasting import Lasting


class Thing:
    def __init__(self, name: str, ends: list[str]) -> None:
        self.name = name
        self.ends = ends

    async def close(self) -> None:
        self.ends.append(self.name)


async def test_two_tenures_share_what_has_one_key() -> None:
    lasting, ends = Lasting(), list[str]()
    first, second = lasting.tenure(), lasting.tenure()
    things = [
        tenure.claim("a", lambda: Thing("a", ends), close=Thing.close) for tenure in (first, second, second)
    ]
    assert things[0] is things[1] is things[2]
    await first.end()
    assert ends == []
    await second.end()
    assert ends == ["a"]


async def test_another_key_is_another_thing() -> None:
    lasting, ends = Lasting(), list[str]()
    tenure = lasting.tenure()
    things = {tenure.claim(key, lambda: Thing("x", ends), close=Thing.close) for key in ("a", ("a", 1))}
    assert len(things) == 2


async def test_a_tenure_ends_once_and_closes_the_last_made_first() -> None:
    lasting, ends = Lasting(), list[str]()
    tenure = lasting.tenure()
    for name in "abc":
        tenure.claim(name, lambda name=name: Thing(name, ends), close=Thing.close)
    await tenure.end()
    await tenure.end()
    assert ends == ["c", "b", "a"]


async def test_what_is_claimed_after_its_end_is_made_anew() -> None:
    lasting, ends = Lasting(), list[str]()
    tenure = lasting.tenure()
    former = tenure.claim("a", lambda: Thing("a", ends), close=Thing.close)
    await tenure.end()
    assert lasting.tenure().claim("a", lambda: Thing("a", ends)) is not former


async def test_a_close_that_fails_keeps_no_other_from_closing() -> None:
    async def fail(_: Thing) -> None:
        raise OSError("no")

    lasting, ends = Lasting(), list[str]()
    tenure = lasting.tenure()
    tenure.claim("a", lambda: Thing("a", ends), close=Thing.close)
    tenure.claim("b", lambda: Thing("b", ends), close=fail)
    tenure.claim("c", lambda: Thing("c", ends))
    with pytest.raises(OSError, match="no"):
        await tenure.end()
    assert ends == ["a"]

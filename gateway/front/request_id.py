"""Request ids: unique across nodes, cheap, and never a client's words."""

from collections.abc import Callable
from itertools import count


class RequestIds:
    """Gives ids: what this process drew at start, then a count."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._drawn = random(8).hex()
        self._count = count(1)

    def __call__(self) -> str:
        return f"{self._drawn}-{next(self._count):x}"

"""Configurations of many routes, and how much work is made of them."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from tests.fakes.configuration import PROVIDER, TOP


def many_routes(count: int) -> str:
    """Return a configuration of *count* routes, each with an upstream of its own and a rule."""
    return TOP + PROVIDER + "".join(map(_route, range(count)))


def _route(number: int) -> str:
    urls = f'urls = ["http://127.0.0.1:{3000 + number}"]'
    route = f'path = "/app-{number}"\nupstream = "app-{number}"\nroles = ["role-{number}"]'
    return f"[upstreams.app-{number}]\n{urls}\n[[routes]]\n{route}\n"


def growth(do: Callable[[int], Callable[[], object]]) -> float:
    """Return how much more work *do* has with fifty more routes where there are a hundred than where
    there are fifty; *do* makes, for a number of routes, what is to be watched. 1: none slows another.
    """
    do(50)()  # what is worked out once and kept
    fifty, hundred, more = (work_of(do(count)) for count in (50, 100, 150))
    return (more - hundred) / (hundred - fifty)


def work_of(do: Callable[[], object]) -> int:
    """Return how many instructions of Python *do* executes."""
    executed = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal executed
        frame.f_trace_opcodes = True
        executed += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        do()
    finally:
        sys.settrace(before)
    return executed

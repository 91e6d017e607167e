"""Whether a member of an upstream is well: by what it is asked, and by how it fares.

Laws: a question decides at once when it is the first, afterwards two in a row do; a member that fails
five requests in a row is left out for a while, longer each time, but never more than half of all;
where nobody is well by how they fared, all are asked, for a suspicion is not worth an outage.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

from gateway.model.upstream import Health
from gateway.upstream.exchange import UpstreamAnswer
from gateway.upstream.outbound import Outbound

FAILURES = 5
"""Failed requests in a row after which a member is left out."""

LEFT_OUT = 10.0
"""Seconds for which it is left out the first time, and again that much more each time after."""

LONGEST = 300.0
_IN_A_ROW = 2
_LEAST_SHARE = 0.1


class Heard(Protocol):
    """Hears which members come and go, by name, and why."""

    def gone(self, member: str, *, why: str) -> None: ...
    def back(self, member: str) -> None: ...


class Vitals:
    """How one member does. *heard* hears of every change, *may_leave* says whether one more may be left
    out; times are monotonic seconds."""

    def __init__(
        self,
        name: str,
        *,
        slow_start: float,
        monotonic: Callable[[], float],
        heard: Heard,
        may_leave: Callable[[], bool],
    ) -> None:
        self.name = name
        self._may_leave = may_leave
        self._slow_start = slow_start
        self._monotonic = monotonic
        self._heard = heard
        self._well = True
        self._last: bool | None = None
        self._in_a_row = 0
        self._failures = 0
        self._times_out = 0
        self._out_until = float("-inf")
        self._back_since = float("-inf")

    @property
    def well(self) -> bool:
        """Whether it answered as it should when it was last asked, or was never asked."""
        return self._well

    @property
    def out(self) -> bool:
        """Whether it is left out for how it fared."""
        return self._monotonic() < self._out_until

    @property
    def share(self) -> float:
        """How much of its full share it is to be given: from a tenth, rising since it came back."""
        if not self._slow_start:
            return 1.0
        since = self._monotonic() - max(self._back_since, self._out_until)
        return min(1.0, max(_LEAST_SHARE, since / self._slow_start))

    # What it answered when it was asked.

    def found_well(self) -> None:
        """It answered as it should."""
        if self._settled(well=True) and not self._well:
            self._well = True
            self._back_since = self._monotonic()
            self._heard.back(self.name)

    def found_ill(self) -> None:
        """It did not answer, or not as it should."""
        if self._settled(well=False) and self._well:
            self._well = False
            self._heard.gone(self.name, why="health")

    def _settled(self, *, well: bool) -> bool:
        """Say whether enough answers in a row say so: two, or the first one of all."""
        self._in_a_row = self._in_a_row + 1 if well is self._last else 1
        first, self._last = self._last is None, well
        return first or self._in_a_row >= _IN_A_ROW

    # How requests fared there.

    def fared_well(self) -> None:
        """A request was answered."""
        if self._failures or self._times_out:
            self._failures = self._times_out = 0

    def failed(self) -> None:
        """A request was not; where too many were not, leave the member out."""
        self._failures += 1
        if self._failures < FAILURES or self.out or not self._may_leave():
            return
        self._failures = 0
        self._times_out += 1
        self._out_until = self._monotonic() + min(LONGEST, LEFT_OUT * self._times_out)
        self._heard.gone(self.name, why="failures")


class Asked(Protocol):
    """A member that can be asked how it is."""

    @property
    def vitals(self) -> Vitals: ...
    def send(self, outbound: Outbound) -> AbstractAsyncContextManager[UpstreamAnswer]: ...


class Checks:
    """Asks every member by *health*'s clock, until it is closed."""

    def __init__(self, members: Sequence[Asked], health: Health, *, host: str) -> None:
        self._members = members
        self._health = health
        head = f"GET {health.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: vestibule-health\r\n\r\n"
        self._question = Outbound(method="GET", head=head.encode("ascii"))
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._ask_for_ever(member)) for member in members]

    async def close(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask_for_ever(self, member: Asked) -> None:
        while True:
            await self.ask(member)
            await asyncio.sleep(self._health.interval)

    async def ask(self, member: Asked) -> None:
        """Ask *member* once: it is well where it answers 2xx or 3xx in time."""
        status = 0
        with suppress(Exception):  # what nobody foresaw is no answer either, and the asking goes on
            async with asyncio.timeout(self._health.timeout), member.send(self._question) as answer:
                status = answer.head.status
        if 200 <= status < 400:
            member.vitals.found_well()
        else:
            member.vitals.found_ill()

"""A thread that works for the event loop, one piece after another, in as few trips as may be.

Laws: whatever is asked within one turn of the loop, or while a trip is under way, goes along on the
next; nothing is answered by work that began before it was asked; who is no longer waited for is
passed over.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Generic, NamedTuple, Protocol, TypeVar, cast

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Asked_contra = TypeVar("Asked_contra", contravariant=True)
Answer_co = TypeVar("Answer_co", covariant=True)


class Hand(Protocol[Asked_contra, Answer_co]):
    """What works in the thread, and is known there alone."""

    def do(self, asked: Asked_contra, /) -> Answer_co:
        """Return the answer, or raise."""

    def close(self) -> None:
        """Let go of everything; never raises."""


class Strand(Generic[Asked, Answer]):
    """Lets *hand* work in a thread of its own, which begins with the first question."""

    def __init__(self, hand: Hand[Asked, Answer], *, name: str) -> None:
        self._hand = hand
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._asked: list[_Errand[Asked, Answer]] = []
        self._trips: SimpleQueue[Sequence[_Errand[Asked, Answer]] | None] = SimpleQueue()
        self._under_way = False
        self._thread: Thread | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()

    def ask(self, asked: Asked) -> "asyncio.Future[Answer]":
        """Return what will be the answer; cancelled before its trip, it is not asked for at all."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._asked.append(_Errand(asked, answer))
        if not self._under_way:
            self._under_way = True
            self._loop.call_soon(self._depart)
        return answer

    def end(self) -> "asyncio.Future[None]":
        """Work no more; the answer comes once the thread has let go. Repeatable."""
        if self._thread is None and not self._ended.done():
            self._ended.set_result(None)
        self._trips.put(None)
        return self._ended

    def _depart(self) -> None:
        trip, self._asked = self._asked, []
        if self._thread is None:
            # It must not hold up the end of a process whose disk hangs.
            self._thread = Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._trips.put(trip)

    def _arrive(self, outcomes: "Sequence[_Outcome[Answer]]") -> None:
        self._under_way = bool(self._asked)
        if self._asked:
            self._depart()
        for outcome in outcomes:
            outcome.settle()

    # What the thread does.

    def _work(self) -> None:
        while (trip := self._trips.get()) is not None:
            outcomes = [self._outcome(errand) for errand in trip if not errand.answer.done()]
            self._tell(partial(self._arrive, outcomes))
        self._hand.close()
        self._tell(partial(_settle, self._ended))

    def _outcome(self, errand: "_Errand[Asked, Answer]") -> "_Outcome[Answer]":
        try:
            return _Outcome(errand.answer, found=self._hand.do(errand.asked))
        except BaseException as error:  # whatever it is, somebody waits for it
            return _Outcome(errand.answer, error=error)

    def _tell(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # nobody listens any more: the loop is closed
            self._loop.call_soon_threadsafe(what)


class _Errand(NamedTuple, Generic[Asked, Answer]):
    asked: Asked
    answer: "asyncio.Future[Answer]"


class _Outcome(Generic[Answer]):
    __slots__ = ("_answer", "_error", "_found")

    def __init__(
        self,
        answer: "asyncio.Future[Answer]",
        *,
        found: Answer | None = None,
        error: BaseException | None = None,
    ) -> None:
        self._answer = answer
        self._found = found
        self._error = error

    def settle(self) -> None:
        """Tell whoever still waits."""
        if self._answer.done():
            return
        if self._error is not None:
            self._answer.set_exception(self._error)
        else:
            self._answer.set_result(cast("Answer", self._found))


def _settle(ended: "asyncio.Future[None]") -> None:
    if not ended.done():
        ended.set_result(None)

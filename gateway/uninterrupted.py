"""Work that goes on to its end whoever stops waiting for it: a client that hangs up half-finishes nothing."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(work: "Coroutine[Any, Any, T] | asyncio.Future[T]") -> T:
    """Return what *work* returns; a cancellation meanwhile is raised once *work* is done."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: the cancellation outranks it
        raise

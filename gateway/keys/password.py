"""Passwords become argon2id hashes (RFC 9106), and are compared with them, beside the event loop.

Laws: a comparison costs one hash, whether there is something to compare with or not; at most
`workers` hashes are made at once and a bounded number wait, so that a flood of logins takes neither
every core nor the memory; traffic goes first on a core that both want, but where the cores are never
free one hash at a time takes a small share of one, so that a busy machine lets people in; a password is
hashed whole, in one spelling (NFKC, NIST SP 800-63B).
"""

import asyncio
import os
import secrets
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError

from gateway.errors import Unavailable
from gateway.model.cores import usable_cores

LONGEST = 1024  # bytes of a password, as sent
WAITING = 32  # hashes that may wait for each worker
LAST = 19  # the niceness that takes a core only where nobody else wants it
MODEST = 5  # the niceness that takes about a quarter of a core that another wants
STARVED = 0.5  # seconds in which no hash is finished because others have every core

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one hash costs: *memory* in KiB, *passes* over it, *lanes* in parallel."""

    memory: int
    passes: int
    lanes: int = 1


OWASP = Profile(memory=19 * 1024, passes=2)
"""The least that OWASP's Password Storage Cheat Sheet asks of argon2id: 19 MiB and about 30 ms."""

_MOST = Profile(memory=256 * 1024, passes=16, lanes=16)


def prepared(password: str) -> bytes | None:
    """Return the bytes that stand for *password*; None where it cannot be one.

    That is an empty one, one above `LONGEST` bytes, and one with NUL or lone surrogates.
    """
    if "\0" in password or not 0 < len(password) <= LONGEST:
        return None
    try:
        raw = password.encode()
    except UnicodeEncodeError:
        return None
    return normalize("NFKC", password).encode() if len(raw) <= LONGEST else None


def is_hash(text: str) -> bool:
    """Say whether *text* is an argon2id hash whose comparison stays within reason."""
    try:
        found = extract_parameters(text)
    except InvalidHashError:
        return False
    cost = (found.memory_cost, found.time_cost, found.parallelism)
    most = (_MOST.memory, _MOST.passes, _MOST.lanes)
    shape = found.type is Type.ID and found.version == 19 and found.salt_len >= 8
    within = all(1 <= asked <= limit for asked, limit in zip(cost, most, strict=True))
    return shape and within and 16 <= found.hash_len <= 64


class Passwords:
    """Hashes and compares in threads of its own; `close` ends them."""

    def __init__(
        self, *, profile: Profile = OWASP, workers: int = 0, waiting: int = WAITING, starved: float = STARVED
    ) -> None:
        """*workers* is by default one less than there are cores to use, so that one is left for traffic.

        Where they finish nothing for *starved* seconds, what they should have made is made beside them.
        """
        workers = workers or max(1, usable_cores() - 1)
        self._hasher = PasswordHasher(
            time_cost=profile.passes, memory_cost=profile.memory, parallelism=profile.lanes
        )
        self._nobodys = _nobodys(profile)
        self._pool = ThreadPoolExecutor(
            max_workers=workers, thread_name_prefix="password", initializer=_give_way
        )
        self._modest = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="password", initializer=_take_a_share
        )
        self._starved = starved
        self._most = workers * (1 + waiting)
        self._taken = 0
        self._finished = 0
        self._lock = threading.Lock()

    def check_room(self) -> None:
        """Raise Unavailable where too many wait already, before anything is spent on one more."""
        with self._lock:
            self._check_room()

    async def hash(self, password: bytes) -> str:
        """Return a new hash of a `prepared` *password*. Raises Unavailable where too many wait."""
        return await self._beside(lambda: self._hasher.hash(password))

    async def matches(self, stored: str | None, password: bytes | None) -> bool:
        """Say whether *stored* is a hash of *password*; None on either side never is, at equal cost.

        Raises Unavailable where too many wait.
        """
        against = stored if stored is not None and password is not None and is_hash(stored) else self._nobodys
        return await self._beside(lambda: _equal(self._hasher, against, password or b"-"))

    def is_outdated(self, stored: str) -> bool:
        """Say whether *stored* was made with other costs than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def close(self) -> None:
        """End the threads; what waits is dropped."""
        for pool in (self._pool, self._modest):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def _beside(self, work: Callable[[], T]) -> T:
        with self._lock:
            self._check_room()
            self._taken += 1
        future = self._pool.submit(work)
        # Also where the request is cancelled: a hash that has begun takes its worker to the end.
        future.add_done_callback(self._give_back)
        try:
            return await self._first_of(asyncio.wrap_future(future), work)
        except Argon2Error as error:
            raise Unavailable(f"no hash could be made: {type(error).__name__}") from error

    async def _first_of(self, made: "asyncio.Future[T]", work: Callable[[], T]) -> T:
        """Return what *made* brings, or *work* once more where those who make it are starved."""
        making = {made}
        try:
            if await self._is_starved(made):
                making.add(asyncio.wrap_future(self._modest.submit(work)))
            done, _ = await asyncio.wait(making, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for each in making:
                if not each.cancel() and not each.cancelled():
                    each.exception()  # whose result was wanted has been told

    async def _is_starved(self, made: "asyncio.Future[T]") -> bool:
        """Wait for *made* as long as anything is finished; say whether that has come to an end."""
        finished = -1
        while not made.done() and finished != self._finished:
            finished = self._finished
            await asyncio.wait({made}, timeout=self._starved)
        return not made.done()

    def _check_room(self) -> None:
        if self._taken >= self._most:
            raise Unavailable("too many passwords wait to be checked")

    def _give_back(self, future: "Future[T]") -> None:
        with self._lock:
            self._taken -= 1
            self._finished += not future.cancelled()


def _give_way() -> None:
    """Let whatever else wants this thread's core go first, and at once.

    A niceness alone lets a thread finish its slice of some milliseconds first. Only Linux gives a
    thread a policy of its own; elsewhere it would be the whole gateway's.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST)


def _take_a_share() -> None:
    """Let whatever else wants this thread's core have most of it."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), MODEST)


def _equal(hasher: PasswordHasher, stored: str, password: bytes) -> bool:
    try:
        return hasher.verify(stored, password)
    except VerifyMismatchError:
        return False


def _nobodys(profile: Profile) -> str:
    """Return a well-formed hash of *profile* that no password is known to have: its digest is random."""
    salt, digest = (b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={profile.memory},t={profile.passes},p={profile.lanes}${salt}${digest}"

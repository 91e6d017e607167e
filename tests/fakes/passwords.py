"""Passwords at a cost that tests can pay, with the work counted instead of timed."""

from gateway.keys.password import Passwords, Profile, prepared

CHEAP = Profile(memory=8, passes=1)
RIGHT = "correct horse battery staple"


class CountedPasswords(Passwords):
    """The real thing; `comparisons` holds what each call compared with, `hashes` counts new ones."""

    def __init__(self, profile: Profile = CHEAP, *, workers: int = 2, waiting: int = 32) -> None:
        super().__init__(profile=profile, workers=workers, waiting=waiting)
        self.comparisons: list[str | None] = []
        self.hashes = 0

    async def matches(self, stored: str | None, password: bytes | None) -> bool:
        self.comparisons.append(stored)
        return await super().matches(stored, password)

    async def hash(self, password: bytes) -> str:
        self.hashes += 1
        return await super().hash(password)

    async def of(self, password: str) -> str:
        """Return a hash of *password*, uncounted."""
        raw = prepared(password)
        if raw is None:
            raise ValueError("this cannot be a password")
        return await super().hash(raw)


async def hash_of(password: str = RIGHT, profile: Profile = CHEAP) -> str:
    """Return a hash of *password* made with *profile*."""
    passwords = CountedPasswords(profile, workers=1)
    try:
        return await passwords.of(password)
    finally:
        await passwords.close()

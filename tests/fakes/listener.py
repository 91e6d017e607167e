"""Who listens to a store's news and writes all of it down."""

import asyncio


class KeptNews:
    """`told` is all news in order; `proofs` counts the moments proven; `heard` is set by each call."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []
        self.proofs = 0
        self.proven = float("-inf")
        self.heard = asyncio.Event()

    def proved(self, moment: float) -> None:
        self.proofs += 1
        self.proven = moment
        self.heard.set()

    def broke(self) -> None:
        self.told.append("broke")
        self.heard.set()

    def drop(self, key: bytes) -> None:
        self.told.append(key)

    def drop_all(self) -> None:
        self.told.append("all")

    async def wanted(self) -> None:
        """Return at once: news is always of use."""

    async def until(self, *news: bytes | str) -> None:
        """Wait until exactly *news* has been told."""
        async with asyncio.timeout(5):
            while self.told != list(news):
                self.heard.clear()
                await self.heard.wait()

    async def proof_after(self, moment: float) -> None:
        """Wait until a moment at or after *moment* is proven."""
        async with asyncio.timeout(5):
            while self.proven < moment:
                self.heard.clear()
                await self.heard.wait()

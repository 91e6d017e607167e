"""Grants in memory, for what is said of one node alone."""

from gateway.model.grant import GrantRecord


class MemoryGrants:
    """Keeps records; `down` makes every call raise it."""

    def __init__(self) -> None:
        self.records: dict[bytes, GrantRecord] = {}
        self.down: Exception | None = None

    async def keep(self, record: GrantRecord) -> None:
        self.records[record.key] = record

    async def find(self, key: bytes) -> GrantRecord | None:
        if self.down is not None:
            raise self.down
        return self.records.get(key)

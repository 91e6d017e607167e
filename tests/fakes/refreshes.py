"""Nodes that refresh on a real store, with an issuer that rotates and waits when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.errors import GrantRefused
from gateway.flows.grants import Grant, Grants
from gateway.flows.places import Places
from gateway.flows.presentation import Pace, Presentations
from gateway.flows.refresh import Refreshes
from gateway.keys.keyring import KeyRing
from gateway.model.event import AuditEvent
from gateway.model.grant import ProviderTokens, Token
from gateway.model.session import Session
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.logins import session_of

SESSION = session_of("u-1", authenticated_at=100)
PATIENCE = 60.0
QUICK = Pace(life=2.0, beat=0.05, look=0.02, doubt=0.07, writing=5.0)


def tokens(number: int) -> ProviderTokens:
    return ProviderTokens(
        access_token=Token(value=f"at-{number}", received_at=100, expires_at=4_000_000_000),
        refresh_token=f"rt-{number}",
    )


class Issuer:
    """Rotates; a token that comes back is refused. *fault* is raised instead, once its turn came."""

    def __init__(self) -> None:
        self.presented: list[str] = []
        self.revoked: list[ProviderTokens] = []
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def refresh(self, kept: ProviderTokens, *, subject: str, resource: str | None) -> ProviderTokens:
        assert subject == "ann-1"
        assert kept.refresh_token is not None
        reused = kept.refresh_token in self.presented
        self.presented.append(kept.refresh_token)
        self.asked.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        if reused:
            raise GrantRefused("reused")
        new = tokens(len(self.presented) + 1)
        return replace(kept.with_access(resource, new.access_token), refresh_token=new.refresh_token)

    async def revoke(self, kept: ProviderTokens) -> bool:
        self.revoked.append(kept)
        return True


class Node:
    """One process's refreshes; `ahead` are seconds that it believes to have passed besides."""

    def __init__(self, database: Database, clock: FakeClock, issuer: Issuer) -> None:
        ring = KeyRing([b"s" * 32], scope="https://gate.example.com")
        self.database = database
        self.ahead = 0.0
        self.counted: list[str] = []
        self.events: list[AuditEvent] = []
        self.told: list[str] = []
        self.ended: list[Session] = []
        self.written: list[tuple[Grant, ProviderTokens]] = []
        self.grants = Grants(
            database.provider_grants, sealer=ring.sealer("provider-tokens"), mac=ring.mac("refresh-token")
        )
        monotonic = asyncio.get_running_loop().time
        self.presentations = Presentations(
            self.grants,
            store=database.provider_grants,
            locks=database.locks,
            issuers={"corp": issuer},
            end=self._end,
            clock=clock,
            monotonic=monotonic,
            counts=self,
            audit=self.events.append,
            tell=lambda _level, name, _facts: self.told.append(name),
            written=lambda grant, new, _session: self.written.append((grant, new)),
            pace=QUICK,
        )
        self.refreshes = Refreshes(
            self.grants,
            self.presentations,
            store=database.provider_grants,
            places=Places(["corp"], monotonic=monotonic),
            clock=clock,
            monotonic=lambda: monotonic() + self.ahead,
            counts=self,
            pace=QUICK,
        )

    def token_refresh(self, *, provider: str, outcome: str) -> None:
        assert provider == "corp"
        self.counted.append(outcome)

    async def _end(self, session: Session) -> None:
        self.ended.append(session)

    async def grant(self) -> Grant:
        found = await self.grants.find(SESSION)
        assert found is not None
        return found

    async def refreshed(self, grant: Grant) -> Grant | None:
        return await self.refreshes.refreshed(grant, SESSION, patience=PATIENCE)

    def flight(
        self, grant: Grant, session: Session = SESSION, *, resource: str | None = None
    ) -> "asyncio.Task[Grant | None]":
        """Begin to wait for a refresh."""
        return asyncio.create_task(
            self.refreshes.refreshed(grant, session, resource=resource, patience=PATIENCE)
        )


@asynccontextmanager
async def nodes(folder: Path, count: int = 1) -> AsyncIterator[tuple[Issuer, list[Node]]]:
    """Start so many nodes on one database that holds the first grant."""
    clock, issuer = FakeClock(), Issuer()
    databases = [
        Database.open(f"sqlite:///{folder}/gateway.db", clock=clock, create=True) for _ in range(count)
    ]
    opened_ = [await each for each in databases]
    made = [Node(each, clock, issuer) for each in opened_]
    try:
        await made[0].grants.keep(SESSION, tokens(1))
        yield issuer, made
        for each in made:
            await each.refreshes.close()
    finally:
        for database in opened_:
            await database.close()

"""Providers in the console: how each issuer fares, from what this process found out by itself.

Law: looking asks nobody. Why something failed is in the log; no page carries the text of an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.model.answer import Answer
from gateway.model.issuer_health import FetchedDocument, IssuerHealth, KeyName
from gateway.web.console_door import Pass
from gateway.web.moments import moment_told
from gateway.web.pages import Pages
from gateway.web.shown import shown
from gateway.web.visit import Visit


class Party(Protocol):
    @property
    def health(self) -> IssuerHealth: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProvider:
    """A provider as configured. `party` talks to its issuer, None where there is none: passwords."""

    id: str
    name: str
    kind: str
    issuer: str = ""
    party: Party | None = None


class ConsoleProviders:
    """`/admin/providers`."""

    def __init__(self, providers: Sequence[ShownProvider], *, pages: Pages) -> None:
        self._providers = providers
        self._pages = pages

    async def show_all(self, _visit: Visit, _: Pass) -> Answer:
        """GET /admin/providers: what is known of each, without asking."""
        facts = {"here": "providers", "providers": [_row(each) for each in self._providers]}
        return self._pages.form("console_providers.html", facts, cookies=())


def _row(provider: ShownProvider) -> dict[str, object]:
    health = provider.party.health if provider.party else IssuerHealth()
    documents = [
        (name, document)
        for name, document in (("Metadata", health.metadata), ("Keys", health.key_set))
        if document is not None
    ]
    return {
        "id": provider.id,
        "name": shown(provider.name),
        "kind": provider.kind,
        "issuer": shown(provider.issuer, longest=256),
        "state": _state([document for _, document in documents]),
        "documents": [_told(name, document) for name, document in documents],
        "key_set": [_key(each) for each in health.keys],
    }


def _state(documents: Sequence[FetchedDocument]) -> str:
    """Return in a word how an issuer fares, empty where nothing is fetched of it."""
    if any(document.failures for document in documents):
        return "failing"
    if any(document.fetched_at is None for document in documents):
        return "not asked yet" if all(each.fetched_at is None for each in documents) else "answers"
    return "answers" if documents else ""


def _told(name: str, document: FetchedDocument) -> dict[str, object]:
    return {
        "name": name,
        "fetched": "" if document.fetched_at is None else moment_told(document.fetched_at),
        "failed": "" if document.failed_at is None else moment_told(document.failed_at),
        "failures": document.failures,
    }


def _key(key: KeyName) -> str:
    named = key.kid if key.kid is not None else "without a name"
    return f"{shown(named, longest=64)} ({key.algorithm or key.kind})"

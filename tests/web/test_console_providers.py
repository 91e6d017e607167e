"""Providers are shown as they fared; looking asks nobody."""

from pathlib import Path

import pytest

from gateway.model.issuer_health import FetchedDocument, IssuerHealth, KeyName
from gateway.web.console_door import Pass
from gateway.web.console_providers import ConsoleProviders, ShownProvider
from gateway.web.pages import Pages
from gateway.web.replies import Replies
from tests.fakes.administrators import HOSTILE, administered, page
from tests.fakes.site import PREFIX

PAGES = Pages(replies=Replies(secure=True), prefix=PREFIX, issuers=[])
WELL = FetchedDocument(fetched_at=1_800_000_000)
ILL = FetchedDocument(fetched_at=1_800_000_000, failed_at=1_800_003_600, failures=3)
MENDED = FetchedDocument(fetched_at=1_800_003_600, failed_at=1_800_000_000)


class Party:
    def __init__(self, health: IssuerHealth) -> None:
        self.health = health


async def shown(health: IssuerHealth, *, name: str = "Corp") -> str:
    provider = ShownProvider(
        id="corp", name=name, kind="OpenID Connect", issuer="https://i", party=Party(health)
    )
    providers = ConsoleProviders([provider], pages=PAGES)
    visit: Pass = None  # type: ignore[assignment]
    return (await providers.show_all(visit, visit)).body.decode()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("health", "state"),
    [
        (IssuerHealth(metadata=FetchedDocument(), key_set=FetchedDocument()), ">not asked yet<"),
        (IssuerHealth(metadata=WELL, key_set=FetchedDocument()), ">answers<"),
        (IssuerHealth(metadata=WELL, key_set=MENDED), ">answers<"),
        (IssuerHealth(metadata=WELL, key_set=ILL), ' bad">failing<'),
        (IssuerHealth(metadata=FetchedDocument(failed_at=1, failures=1), key_set=None), ' bad">failing<'),
    ],
)
async def test_how_an_issuer_fares_is_said_in_a_word(health: IssuerHealth, state: str) -> None:
    assert f'<span class="tag{state}' in (await shown(health)).replace('tag">', "tag>")


async def test_when_it_was_fetched_and_failed_is_said_and_where_to_look() -> None:
    text = await shown(IssuerHealth(metadata=WELL, key_set=ILL))
    assert "Metadata: fetched 15 Jan 2027, 08:00 UTC<" in text
    assert (
        "Keys: fetched 15 Jan 2027, 08:00 UTC; 3 failed since, the last 15 Jan 2027, 09:00 UTC. The log"
        in text
    )
    assert "failed before that, 15 Jan 2027, 08:00 UTC" in await shown(IssuerHealth(metadata=MENDED))
    assert "Keys: not fetched yet" in await shown(IssuerHealth(key_set=FetchedDocument()))


async def test_its_keys_are_named() -> None:
    keys = (
        KeyName(kid="k1", kind="RSA", algorithm="RS256"),
        KeyName(kid=None, kind="EC", algorithm=None),
        KeyName(kid="<b>" + "x" * 300, kind="OKP", algorithm=None),
    )
    text = await shown(IssuerHealth(metadata=WELL, key_set=WELL, keys=keys))
    assert "<code>k1 (RS256)</code>, <code>without a name (EC)</code>" in text
    assert "<b>" not in text
    assert len(text) < 30_000


async def test_S29_a_hostile_name_of_a_provider_is_a_word() -> None:
    text = await shown(IssuerHealth(), name=HOSTILE)
    assert "<script" not in text
    assert "\u202e" not in text


async def test_where_there_is_no_issuer_nothing_is_said_of_one(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        text = await page(gate, "providers")
        assert "Password <code>local</code>" in text
        assert text.count("not asked yet") == 1
        assert gate.issuers["demo"].redeemed != []
        before = len(gate.issuers["demo"].begun)
        await page(gate, "providers")
        assert len(gate.issuers["demo"].begun) == before


async def test_without_providers_it_says_so() -> None:
    providers = ConsoleProviders([], pages=PAGES)
    assert b"No provider is configured" in (await providers.show_all(None, None)).body  # type: ignore[arg-type]

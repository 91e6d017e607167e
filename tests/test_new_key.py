"""A new key waits until every worker knows it; nothing else does."""

from pathlib import Path

import pytest

from gateway.new_key import opening_only
from gateway.settings.schema import Settings
from tests.fakes.configuration import SOUND, loaded

ONE, TWO, THREE = (f"the secret number {number} of this gateway, long" for number in ("one", "two", "three"))


def settings(folder: Path, *ring: str) -> Settings:
    top, _, rest = SOUND.partition("\nsecret = ")
    written = "[" + ", ".join(f'"{each}"' for each in ring) + "]"
    return loaded(folder, f"{top}\nsecret = {written}\n" + rest.partition("\n")[2]).settings


@pytest.mark.parametrize(
    ("former", "now", "at_first"),
    [
        ([ONE], [TWO, ONE], [ONE, TWO]),
        ([ONE, TWO], [THREE, ONE, TWO], [ONE, THREE, TWO]),
        ([ONE, TWO], [THREE, ONE], [ONE, THREE]),
        ([ONE], [ONE], None),
        ([ONE], [TWO], None),
        ([ONE, TWO], [TWO, ONE], None),
        ([ONE], [ONE, TWO], None),
    ],
)
def test_B129_the_key_that_sealed_seals_on_until_the_new_one_opens_everywhere(
    tmp_path: Path, former: list[str], now: list[str], at_first: list[str] | None
) -> None:
    new = settings(tmp_path, *now)
    found = opening_only(new, former=settings(tmp_path, *former))
    ring = None if found is None else [each.decode() for each in found.secret]
    assert ring == at_first
    if found is not None:
        assert found.model_copy(update={"secret": new.secret}) == new

from pathlib import Path

import pytest

from gateway.errors import SchemaMismatch
from gateway.store.place import place_at
from gateway.store.postgres import PostgresPlace
from gateway.store.sqlite import SqlitePlace


def test_the_url_s_scheme_says_which_place_it_is(tmp_path: Path) -> None:
    assert isinstance(place_at(f"sqlite:///{tmp_path}/x.db"), SqlitePlace)
    assert isinstance(place_at("postgresql://u:p@h/n"), PostgresPlace)


@pytest.mark.parametrize("url", ["mysql://u@h/n", "sqlite://", "postgres://u@h/n", ""])
def test_what_is_no_place_is_told(url: str) -> None:
    with pytest.raises(SchemaMismatch, match="SQLite file"):
        place_at(url)

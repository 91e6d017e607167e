from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from gateway.errors import SchemaMismatch
from gateway.store.sessions import SWEEP, sessions_over
from gateway.store.sqlite import SqlitePlace
from tests.fakes.databases import file_in, hand, made_in, raw, url_in


def test_a_file_that_is_missing_or_has_nothing_in_it_is_empty(tmp_path: Path) -> None:
    place = SqlitePlace(url_in(tmp_path))
    assert place.is_empty()
    place.prepare()
    assert file_in(tmp_path).exists()
    assert place.is_empty()
    made_in(tmp_path)
    assert not place.is_empty()
    assert str(place) == str(file_in(tmp_path))


def test_work_is_one_transaction(tmp_path: Path) -> None:
    place = SqlitePlace(made_in(tmp_path))

    def half(connection: object) -> None:
        connection.execute(text("INSERT INTO audit_sweeps VALUES (7)"))  # type: ignore[attr-defined]
        raise LookupError

    with pytest.raises(LookupError):
        place.run(half, writes=True)
    assert hand(tmp_path, "SELECT * FROM audit_sweeps") == []


def test_a_row_without_its_user_is_found(tmp_path: Path) -> None:
    place = SqlitePlace(made_in(tmp_path))
    assert not place.run(place.has_orphans)
    hand(tmp_path, "INSERT INTO user_roles VALUES ('u_nobody', 'admin', '', '')")
    assert place.run(place.has_orphans)


def test_D11_a_damaged_file_is_told(tmp_path: Path) -> None:
    file_in(tmp_path).write_bytes(b"no database at all" * 100)
    place = SqlitePlace(url_in(tmp_path))
    with pytest.raises(SchemaMismatch, match="damaged"):
        place.run(place.is_sound)


@pytest.mark.parametrize("seen_before", [None, 1000])
def test_a_sweep_reads_what_is_over_and_not_every_session(tmp_path: Path, seen_before: int | None) -> None:
    made_in(tmp_path)
    connection = raw(tmp_path)
    for query in sessions_over(now=1000, begun_before=1000, seen_before=seen_before):
        compiled = query.limit(SWEEP).compile(
            dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
        )
        [(_, _, _, step)] = connection.execute(f"EXPLAIN QUERY PLAN {compiled}")
        assert step.startswith("SEARCH sessions USING INDEX"), step
    connection.close()

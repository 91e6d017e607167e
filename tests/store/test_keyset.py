"""Pages are found by where the one before ended."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select

from gateway.model.cursor import Cursor
from gateway.store.keyset import following

ROWS = st.sets(st.tuples(st.integers(0, 3), st.text("abc", min_size=1, max_size=2)), max_size=12)
LISTED = Table("listed", MetaData(), Column("moment", Integer), Column("name", String))
QUERY = select(LISTED).order_by(LISTED.c.moment.desc(), LISTED.c.name)


@given(rows=ROWS, size=st.integers(1, 4))
def test_pages_hold_each_row_once_in_order(rows: set[tuple[int, str]], size: int) -> None:
    with create_engine("sqlite://").begin() as connection:
        LISTED.create(connection)
        if rows:
            connection.execute(insert(LISTED), [{"moment": moment, "name": name} for moment, name in rows])
        seen, query = [], QUERY
        while found := connection.execute(query.limit(size)).fetchall():
            seen += [tuple(row) for row in found]
            after = Cursor(moment=found[-1].moment, id=found[-1].name)
            query = QUERY.where(following(after, LISTED.c.moment, LISTED.c.name))
    assert seen == sorted(rows, key=lambda row: (-row[0], row[1]))

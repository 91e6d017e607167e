import json

from gateway.cli.layout import as_json, as_table


def test_columns_are_as_wide_as_they_must_be_and_an_empty_cell_is_a_dash() -> None:
    assert as_table(("A", "LONG"), [("aaa", ""), ("b", "c")]).splitlines() == [
        "A    LONG",
        "aaa  -",
        "b    c",
    ]


def test_no_cell_steers_the_terminal_or_begins_a_line() -> None:
    table = as_table(("A",), [("\x1b[2Jx\ny",)])
    assert table.splitlines() == ["A", "?[2Jx?y"]


def test_json_is_json() -> None:
    assert json.loads(as_json([{"a": 1}])) == [{"a": 1}]

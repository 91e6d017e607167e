"""What the Autobahn test suite said is counted by group, and what differs is named."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench import autobahn
from tests.bench.autobahn import STRAIGHT, THROUGH, Verdicts, differing, main, table, verdicts
from tests.bench.programs import Failed


def case(behaviour: str, close: str = "OK") -> dict[str, str]:
    return {"behavior": behaviour, "behaviorClose": close}


INDEX = {
    STRAIGHT: {"4.1.5": case("OK"), "4.1.10": case("OK"), "7.1.6": case("INFORMATIONAL", "INFORMATIONAL")},
    THROUGH: {"4.1.5": case("NON-STRICT"), "4.1.10": case("OK", "UNCLEAN"), "7.1.6": case("INFORMATIONAL")},
}


def test_a_verdict_is_of_the_case_and_of_its_end() -> None:
    found = verdicts(INDEX)
    assert found["4.1.10"] == {STRAIGHT: "OK", THROUGH: "UNCLEAN"}
    assert found["7.1.6"] == {STRAIGHT: "INFORMATIONAL", THROUGH: "INFORMATIONAL"}
    assert verdicts({STRAIGHT: {"1.1.1": case("FAILED", "UNCLEAN")}})["1.1.1"] == {STRAIGHT: "FAILED/UNCLEAN"}


def test_what_differs_is_named_in_order() -> None:
    assert differing(verdicts(INDEX)) == ["4.1.5", "4.1.10"]


def test_the_table_counts_by_group() -> None:
    assert table(verdicts(INDEX)).splitlines()[2:] == [
        "| 4: opcodes | 2 | 2 OK | 1 NON-STRICT, 1 UNCLEAN |",
        "| 7: closing | 1 | 1 INFORMATIONAL | 1 INFORMATIONAL |",
    ]


def test_some_cases_are_asked_beside_what_was_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(autobahn, "FOUND", tmp_path / "var" / "autobahn.json")
    asked: list[Sequence[str]] = []

    async def ask(cases: Sequence[str]) -> Verdicts:
        asked.append(cases)
        verdict = "OK" if cases == ["*"] else "FAILED"
        return {"1.1.1": {STRAIGHT: "OK", THROUGH: "OK"}, "2.1": {STRAIGHT: "OK", THROUGH: verdict}}

    monkeypatch.setattr(autobahn, "ask", ask)
    assert main([]) == 0
    assert main(["--cases", "2.*"]) == 1
    assert asked == [["*"], ["2.*"]]
    assert "2.1: OK, through the gateway FAILED" in capsys.readouterr().out
    assert set(json.loads(autobahn.FOUND.read_text())) == {"1.1.1", "2.1"}


def test_without_the_suite_it_says_where_that_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(autobahn, "SUITE", tmp_path)
    assert main(["--cases", "1.*"]) == 2
    assert "tests/parts/install autobahn" in capsys.readouterr().err


async def test_it_asks_for_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autobahn, "REPORTS", tmp_path)
    spec = autobahn._spec(["9.*"], {STRAIGHT: 1, THROUGH: 2})
    assert (spec["cases"], spec["outdir"]) == (["9.*"], str(tmp_path))
    assert spec["servers"] == [
        {"agent": STRAIGHT, "url": "ws://localhost:1"},
        {"agent": THROUGH, "url": "ws://localhost:2"},
    ]
    monkeypatch.setattr(autobahn, "SUITE", tmp_path / "none")
    with pytest.raises(Failed):
        await autobahn.ask(["9.*"])

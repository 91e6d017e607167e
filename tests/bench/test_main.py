"""A bench asks every question, and says which has no answer."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.programs import ROOT, Failed


async def broken(_: object) -> bench.Measured:
    raise Failed("wrk is not installed")


async def wrong(_: object) -> bench.Measured:
    raise KeyError("a mistake")


async def fine(_: object) -> bench.Measured:
    return {"ratio": 2.0, "rounds": [1, 2, 3]}


async def ask(question: Callable[[object], Awaitable[bench.Measured]]) -> bench.Measured:
    return await question(None)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the bench ask what needs no stage, and return where it writes."""
    path = tmp_path / "var" / "bench.json"
    monkeypatch.setattr(bench, "OUT", path)
    monkeypatch.setattr(bench, "ask", ask)
    monkeypatch.setattr(bench, "interpreter", lambda: sys.executable)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    monkeypatch.setattr(bench, "questions", lambda _: {"broken": broken, "wrong": wrong, "fine": fine})
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    return bench.main()


def test_one_question_without_an_answer_keeps_no_other_from_being_asked(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--rounds", "7") == 1
    said = capsys.readouterr().out
    assert "broken has no answer: wrk is not installed\n" in said
    assert "KeyError: 'a mistake'" in said
    assert said.endswith("no answer: broken, wrong\n")
    measured = json.loads(out.read_text())["fine"]
    assert measured.pop("asked").items() >= {"times": 7, "seconds": 3}.items()
    assert measured == {"ratio": 2.0, "rounds": [1, 2, 3]}


def test_answers_are_kept_beside_those_of_other_questions(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out.parent.mkdir()
    out.write_text(json.dumps({"posts": {"ratio": 1.0}}))
    assert run(monkeypatch, "--only", "fine") == 0
    assert json.loads(out.read_text())["posts"] == {"ratio": 1.0}
    assert "rounds" not in capsys.readouterr().out


def test_a_question_that_nobody_knows_is_refused(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--only", "colour")
    assert "no such question: colour; there are broken, wrong, fine" in capsys.readouterr().err


def test_every_question_is_told_on_the_page() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    given = bench.arguments([])[0]
    assert not [name for name in bench.questions(given) if f"`{name}`" not in page]

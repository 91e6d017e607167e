"""`gateway sessions` lists who is signed in and ends what it is told to, and nothing else."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from time import time

import pytest
from click.testing import CliRunner, Result

from gateway.cli.sessions import command
from gateway.model.session import Session
from gateway.observe.request_line import short_hash
from gateway.sessions.strategy import public_id
from gateway.store.database import Database
from tests.fakes.configuration import SOUND, write
from tests.fakes.databases import opened, raw
from tests.fakes.logins import ANN, BOB, session_of

Run = Callable[..., Result]
DATABASE = '\n[database]\nurl = "sqlite:///gateway.db"\n'


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = write(tmp_path, SOUND + DATABASE)

    def run(verb: str, *arguments: str) -> Result:
        return CliRunner().invoke(command, [verb, "--config", str(config), *arguments])

    return run


@pytest.fixture
def sessions(tmp_path: Path) -> dict[str, Session]:
    """Two sessions of ann's and one of bob's, begun just now."""

    async def made(database: Database) -> dict[str, Session]:
        found = {}
        for login, names in ((ANN, ("ann-1", "ann-2")), (BOB, ("bob-1",))):
            async with database.users.ledger() as ledger:
                user = await ledger.create_user(login)
            for name in names:
                session = session_of(user, authenticated_at=int(time()) - 5, session_id=name)
                session = replace(session, subject=login.subject)
                await database.sign_ins.record(session, address="192.0.2.1", browser="Probe/1\x07")
                found[name] = session
        return found

    return asyncio.run(within(tmp_path, made))


async def within(
    folder: Path, act: Callable[[Database], Awaitable[dict[str, Session]]]
) -> dict[str, Session]:
    async with opened(folder, time) as database:
        return await act(database)


def over(folder: Path, sessions: dict[str, Session]) -> set[str]:
    """Return the names of the sessions that no longer hold."""

    async def judged(database: Database) -> dict[str, Session]:
        ended = {}
        for name, session in sessions.items():
            standing = await database.standing(session)
            if standing is None or standing.denied or standing.epoch != session.epoch:
                ended[name] = session
        return ended

    return set(asyncio.run(within(folder, judged)))


def test_B113_sessions_are_listed_for_people_and_for_programs(run: Run, sessions: dict[str, Session]) -> None:
    table = run("list").stdout
    assert table.splitlines()[0].split() == [
        "ID",
        "USER",
        "PROVIDER",
        "STARTED",
        "LAST",
        "SEEN",
        "ADDRESS",
        "BROWSER",
    ]
    assert len(table.splitlines()) == 4
    assert "\x07" not in table
    listed = json.loads(run("list", "--user", "ann@example.com", "--json").stdout)
    assert {shown["id"] for shown in listed} == {public_id("ann-1"), public_id("ann-2")}
    assert set(listed[0]) == {
        "id",
        "user_id",
        "provider",
        "started_at",
        "last_seen_at",
        "ends_at",
        "address",
        "browser",
    }
    assert not any(session.id in table for session in sessions.values())


@pytest.mark.parametrize(
    ("how", "ended"),
    [
        ([public_id("ann-1")], {"ann-1"}),
        (["--user", "ann@example.com"], {"ann-1", "ann-2"}),
        (["--all"], {"ann-1", "ann-2", "bob-1"}),
    ],
)
def test_B121_B112_S20_exactly_what_is_named_ends(
    run: Run, sessions: dict[str, Session], tmp_path: Path, how: list[str], ended: set[str]
) -> None:
    result = run("end", *how)
    assert result.exit_code == 0, result.output
    assert over(tmp_path, sessions) == ended
    left = {shown["id"] for shown in json.loads(run("list", "--json").stdout)}
    assert left == {public_id(name) for name in sessions.keys() - ended}


@pytest.mark.parametrize("how", [["0" * 16], ["--user", "nobody@example.com"]])
def test_who_is_not_there_is_told(
    run: Run, sessions: dict[str, Session], tmp_path: Path, how: list[str]
) -> None:
    result = run("end", *how)
    assert result.exit_code == 1
    assert "no " in result.output
    assert over(tmp_path, sessions) == set()
    assert run("list", "--user", "nobody@example.com").exit_code == 1


def test_B144_what_is_ended_is_in_the_audit_trail(
    run: Run, sessions: dict[str, Session], tmp_path: Path
) -> None:
    name = public_id("ann-1")
    for how in ([name], [name], ["--user", "ann@example.com"], ["--user", "nobody@example.com"], ["--all"]):
        run("end", *how)
    connection = raw(tmp_path)
    query = "SELECT event, reason, user_id, session_id, detail FROM audit ORDER BY id"
    found = connection.execute(query).fetchall()
    connection.close()
    ann = sessions["ann-1"].identity.user_id
    assert {event for event, *_ in found} == {"admin.sessions.end"}
    assert [facts for _, *facts in map(list, found)] == [
        ["", ann, name, ""],
        ["no_such_session", "", "", name],
        ["", ann, "", ""],
        ["no_such_user", "", "", "nobody@example.com"],
        ["", "", "", "all"],
    ]


@pytest.mark.parametrize("written", [str.lower, str.upper])
def test_B113_eight_digits_as_the_log_has_them_name_a_session(
    run: Run, sessions: dict[str, Session], tmp_path: Path, written: Callable[[str], str]
) -> None:
    result = run("end", written(short_hash("bob-1")))
    assert result.exit_code == 0, result.output
    assert public_id("bob-1") in result.stdout
    assert over(tmp_path, sessions) == {"bob-1"}


@pytest.mark.parametrize("name", [public_id("ann-1")[:7], public_id("ann-1") + "0", "%" * 8, "________"])
def test_B113_nothing_else_names_one(
    run: Run, sessions: dict[str, Session], tmp_path: Path, name: str
) -> None:
    assert run("end", name).exit_code == 1
    assert over(tmp_path, sessions) == set()


def test_B113_digits_that_name_several_end_none_and_show_them(
    run: Run, sessions: dict[str, Session], tmp_path: Path
) -> None:
    connection = raw(tmp_path)
    connection.execute("UPDATE sign_ins SET public_id = '01234567' || substr(public_id, 9)")
    connection.close()
    result = run("end", "01234567")
    assert result.exit_code == 1
    for name in sessions:
        assert "01234567" + public_id(name)[8:] in result.stderr
    assert over(tmp_path, sessions) == set()
    assert json.loads(run("end", "01234567" + public_id("ann-2")[8:], "--json").stdout)["ended"] == 1


@pytest.mark.parametrize(
    ("how", "facts"),
    [
        ([public_id("ann-1")], {"ended": 1, "session": public_id("ann-1"), "user_id": "ann"}),
        (["--user", "ann@example.com"], {"ended": 2, "user_id": "ann"}),
        (["--all"], {"ended": 3}),
    ],
)
def test_B121_programs_are_told_how_many_ended(
    run: Run, sessions: dict[str, Session], how: list[str], facts: dict[str, object]
) -> None:
    told = json.loads(run("end", *how, "--json").stdout)
    named = {"user_id": sessions["ann-1"].identity.user_id} if "user_id" in facts else {}
    assert told == {**facts, **named}


@pytest.mark.parametrize("how", [[], ["--all", "--user", "ann@example.com"], ["abc", "--all"]])
def test_one_thing_at_a_time(run: Run, sessions: dict[str, Session], tmp_path: Path, how: list[str]) -> None:
    assert run("end", *how).exit_code == 2
    assert over(tmp_path, sessions) == set()


def test_without_a_database_there_is_nothing_to_list(run: Run) -> None:
    result = run("list")
    assert result.exit_code == 1
    assert "gateway db upgrade" in result.output

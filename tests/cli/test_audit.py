"""`gateway audit list` shows what was done, by whom, and what became of it."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.audit import command
from gateway.model.event import AuditEvent
from tests.fakes.configuration import SOUND, write
from tests.fakes.databases import opened

Run = Callable[..., Result]
NOW = int(time.time())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = write(tmp_path, SOUND + '\n[database]\nurl = "sqlite:///gateway.db"\n')

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(command, ["list", "--config", str(config), *arguments])

    return run


@pytest.fixture
def ann(tmp_path: Path) -> str:
    """The id of Ann, of whom the trail tells."""

    async def put() -> str:
        async with opened(tmp_path) as database:
            user = await database.users.add("ann@example.com")
            assert user is not None
            await database.audit.append(
                [
                    (
                        NOW - 86_400,
                        AuditEvent(
                            name="auth.login.success",
                            user_id=user.id,
                            session_id="0a1b2c3d4e5f6071",
                            client_ip="192.0.2.1",
                        ),
                    ),
                    (
                        NOW - 7200,
                        AuditEvent(name="auth.login.failure", outcome="failure", reason="LoginExpired"),
                    ),
                    (
                        NOW - 60,
                        AuditEvent(
                            name="admin.users.disable", actor="root", user_id="u_gone", detail="\x1b[2J"
                        ),
                    ),
                ]
            )
        return user.id

    return asyncio.run(put())


def listed(run: Run, *arguments: str) -> list[str]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    return [entry["event"] for entry in json.loads(result.stdout)]


def test_entries_are_shown_for_people_the_newest_last(run: Run, ann: str) -> None:
    output = run().stdout
    lines = [line.split() for line in output.splitlines()]
    assert lines[0] == [
        "TIME",
        "EVENT",
        "OUTCOME",
        "REASON",
        "USER",
        "SESSION",
        "BY",
        "FROM",
        "PROVIDER",
        "DETAIL",
    ]
    assert lines[1][1:] == [
        "auth.login.success",
        "success",
        "-",
        ann,
        "0a1b2c3d4e5f6071",
        "-",
        "192.0.2.1",
        "-",
        "-",
    ]
    assert lines[3][1:7] == ["admin.users.disable", "success", "-", "u_gone", "-", "root"]
    assert "\x1b" not in output


def test_and_whole_for_programs(run: Run, ann: str) -> None:
    entry = json.loads(run("--json", "--user", ann).stdout)[0]
    assert entry == {
        "id": 1,
        "ts": NOW - 86_400,
        "event": "auth.login.success",
        "outcome": "success",
        "reason": "",
        "actor": "",
        "user_id": ann,
        "session_id": "0a1b2c3d4e5f6071",
        "provider": "",
        "route": "",
        "client_ip": "192.0.2.1",
        "request_id": "",
        "detail": "",
    }


@pytest.mark.usefixtures("ann")
def test_a_list_is_narrowed_by_user_event_time_and_number(run: Run) -> None:
    assert listed(run, "--user", "ann@example.com") == ["auth.login.success"]
    assert listed(run, "--user", "u_gone") == ["admin.users.disable"], "of somebody who is gone too"
    assert listed(run, "--event", "auth.login") == ["auth.login.success", "auth.login.failure"]
    assert listed(run, "--event", "admin.users.disable") == ["admin.users.disable"]
    assert listed(run, "--since", "3h") == ["auth.login.failure", "admin.users.disable"]
    assert listed(run, "--since", "2020-01-31") == listed(run)
    assert listed(run, "--since", "2999-01-31T08:00+01:00") == []
    assert listed(run, "--limit", "1") == ["admin.users.disable"]


@pytest.mark.usefixtures("ann")
def test_an_address_that_is_nobody_s_is_told(run: Run) -> None:
    result = run("--user", "anne@example.com")
    assert result.exit_code == 1
    assert "no user has the id or e-mail anne@example.com" in result.stderr


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("since", ["yesterday", "-1h", "2026-13-01", ""])
def test_a_time_that_is_none_is_wrong_usage(run: Run, since: str) -> None:
    result = run("--since", since)
    assert result.exit_code == 2
    assert "2026-01-31" in result.stderr


def test_without_a_database_there_is_nothing_to_list(run: Run, tmp_path: Path) -> None:
    result = run()
    assert result.exit_code == 1
    assert "does not exist" in result.stderr
    assert not (tmp_path / "gateway.db").exists()

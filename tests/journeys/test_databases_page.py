"""What docs/databases.md says is typed, typed."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.fakes.configuration import PROVIDER, ROUTE, TOP
from tests.fakes.postgres_process import postgres_process
from tests.fakes.postgres_programs import program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/databases.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def test_a_database_is_made_upgraded_copied_and_restored_as_the_page_says(
    tmp_path: Path, needs: Callable[[str], str]
) -> None:
    needs("psql")
    needs("pg_dump")
    commands = [line for block in fenced("console") for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE)]
    make, create, upgrade, check, dump, restore = commands
    [settings] = fenced("toml")
    (tmp_path / "gateway.toml").write_text(TOP + settings + PROVIDER + ROUTE)
    shim = tmp_path / "gateway"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n')
    shim.chmod(0o755)
    async with postgres_process() as server:
        await asyncio.to_thread(server.bare)
        tools = Path(program("psql") or "").parent
        environ = {
            **os.environ,
            "PATH": f"{tmp_path}:{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PGHOST": str(server.folder),
            "PGPORT": str(server.port),
            "PGUSER": "postgres",
            "DATABASE_URL": f"postgresql://gateway:use-your-own@127.0.0.1:{server.port}/gateway",
        }

        def run(command: str, status: int = 0) -> str:
            done = subprocess.run(
                command, shell=True, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == status, f"{command}: {done.stdout} {done.stderr}"
            assert "use-your-own" not in done.stdout + done.stderr
            return done.stdout + done.stderr

        run(make)
        run(create)
        assert "has no tables: run `gateway db upgrade`" in run(check, status=1)
        assert "from none to" in run(upgrade)
        run(check)
        run("gateway users add ann@example.com --name Ann --role admin")
        assert "pg_dump" in run("gateway db backup copy.db", status=1)
        run(dump)
        run("gateway users delete ann@example.com --yes")
        run(restore)
        assert "ann@example.com" in run("gateway users list --json")
        assert "admin.users.add" in run("gateway audit list --json")
        run(check)
        assert "********" in run("gateway check")

"""The search for secrets in everything that the gateways of a whole test run have logged.

A pytest plugin: it gives every process of the run one folder for logs (`VESTIBULE_TEST_LOGS`), and at
the end fails the run where a line holds a secret of the fakes, or anything that looks like one.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

FOLDER = "VESTIBULE_TEST_LOGS"


@cache
def patterns() -> Mapping[str, re.Pattern[str]]:
    """Return what each sort of secret looks like; the gateway is imported only now."""
    from tests.fakes.foreign_issuer import CLIENT_SECRET
    from tests.fakes.gateway import SECRET
    from tests.fakes.issuer import HostileIssuer
    from tests.fakes.postgres_process import PASSWORD

    clients = (HostileIssuer().client_secret, CLIENT_SECRET)
    return {
        "the gateway's secret": re.compile(re.escape(SECRET)),
        "the database's password": re.compile(f"{re.escape(PASSWORD)}|{re.escape(quote(PASSWORD))}"),
        "a client secret": re.compile("|".join(map(re.escape, clients))),
        "a token": re.compile(r"eyJ[\w-]{8,}"),
        "a credential": re.compile(r"\b(?:Bearer|Basic|DPoP) (?!\[hidden\])[\w+/=.~-]{8,}", re.IGNORECASE),
        "a value of the query": re.compile(
            r"[?&](?:code|state|iss|nonce|id_token|access_token|code_challenge|code_verifier|csrfToken)="
            r"(?!\[hidden\])[^\s\"&]"
        ),
        "a cookie": re.compile(r"\b(?:__Host-|__Secure-)?session(?:\.\d)?=(?!\[hidden\])[\w-]{8,}"),
    }


def leaks(text: str) -> Iterator[str]:
    """Yield which sorts of secrets *text* holds."""
    yield from (name for name, pattern in patterns().items() if pattern.search(text))


def search(folder: Path) -> list[str]:
    """Return a sentence for each line in *folder* that holds a secret, without the secret."""
    return [
        f"{path.name}:{number} holds {name}: {line[:80]}"
        for path in sorted(folder.glob("*.log"))
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        for name in leaks(line)
    ]


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or FOLDER in os.environ:
        return
    made = TemporaryDirectory(prefix="gateway-logs-")
    config.add_cleanup(made.cleanup)
    config.add_cleanup(lambda: os.environ.pop(FOLDER, None))
    os.environ[FOLDER] = made.name


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    found = session.config.stash[FOUND] = search(Path(os.environ[FOLDER]))
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if found := config.stash.get(FOUND, []):
        terminalreporter.section("secrets in the log", red=True)
        for sentence in found[:20]:
            terminalreporter.write_line(sentence)


FOUND = pytest.StashKey[list[str]]()

"""Libraries speak through a narrow door: their words, not their values."""

import logging
from collections.abc import Iterator, Mapping

import pytest

from gateway.observe.bridge import LIBRARIES, Bridge

CANARY = "c4n4ry-5ecret"
Heard = list[tuple[str, str, Mapping[str, object]]]


@pytest.fixture(autouse=True)
def nobody_else() -> None:
    """Let no log that another test of this process left open listen as well."""
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        for left in [handler for handler in logger.handlers if isinstance(handler, Bridge)]:
            logger.removeHandler(left)
        logger.propagate = True


@pytest.fixture
def heard() -> Iterator[Heard]:
    lines: Heard = []
    bridge = Bridge(lambda level, event, facts: lines.append((level, event, facts)))
    bridge.attach()
    yield lines
    bridge.detach()


def test_F9_arguments_and_exception_texts_stay_behind(heard: Heard) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("aiohttp.server").exception(
            "Error handling request from %s\nmore %s", CANARY, CANARY
        )
    level, event, facts = heard[0]
    assert (level, event) == ("error", "library")
    assert facts["logger"] == "aiohttp.server"
    assert facts["message"] == "Error handling request from %s"
    assert str(facts["fault"]).startswith("ValueError at ")
    assert CANARY not in str(heard)


@pytest.mark.parametrize(
    "message", [f"token={CANARY}", f"GET /x?code={CANARY}", "x" * 100_000, ValueError(CANARY)]
)
def test_F9_a_ready_made_message_is_scrubbed_and_bounded(heard: Heard, message: object) -> None:
    logging.getLogger("asyncio").warning(message)
    assert heard[0][0] == "warning"
    assert len(str(heard[0][2]["message"])) <= 256
    assert CANARY not in str(heard)


def test_nothing_below_a_warning_passes(heard: Heard) -> None:
    logger = logging.getLogger("authlib.integrations")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.debug("Using code_verifier: %r", CANARY)
    logger.info("x")
    logger.setLevel(before)
    assert heard == []


def test_nothing_reaches_the_root_while_attached(heard: Heard) -> None:
    at_root: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = at_root.append  # type: ignore[method-assign]
    logging.getLogger().addHandler(listener)
    logging.getLogger("sqlalchemy.engine").warning("hello")
    logging.getLogger().removeHandler(listener)
    assert len(heard) == 1
    assert at_root == []


def test_B147_the_last_to_leave_restores_the_libraries() -> None:
    first, second = Bridge(lambda *_: None), Bridge(lambda *_: None)
    first.attach()
    second.attach()
    first.detach()
    assert not logging.getLogger("aiohttp").propagate
    second.detach()
    assert all(logging.getLogger(name).propagate for name in LIBRARIES)

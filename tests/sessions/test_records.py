from dataclasses import replace

import pytest

from gateway.errors import SealBroken, SessionRejected, SessionTooLarge
from gateway.model.session import session_key
from gateway.sessions.records import Records, unread
from tests.fakes.session_store import VISITOR
from tests.fakes.sessions import ALICE, LOGIN, Node, sealer, user_with_long_groups

SESSION = Node().sessions.issue(LOGIN, ALICE, persistent=False)


def records(*, audience: str = "here") -> Records:
    return Records(sealer(purpose="session-record"), audience=audience)


def test_a_record_opens_to_what_was_sealed() -> None:
    record = records().record(SESSION, VISITOR)
    assert records().session(SESSION.id, record) == SESSION
    assert (record.user_id, record.ends_at, record.address) == (ALICE.id, SESSION.ends_at, "192.0.2.1")


def test_B036_S12_the_id_is_nowhere_in_it() -> None:
    record = records().record(SESSION, VISITOR)
    assert record.key == session_key(SESSION.id)
    assert SESSION.id not in repr(record)
    opened = sealer(purpose="session-record").open(record.sealed, bound=record.key + ALICE.id.encode())
    assert SESSION.id.encode() not in opened


@pytest.mark.parametrize(
    "moved", [{"key": session_key("another")}, {"user_id": "u-bob"}, {"sealed": "x"}, {"sealed": ""}]
)
def test_S13_B044_in_another_row_or_for_another_user_it_does_not_open(moved: dict[str, object]) -> None:
    record = replace(records().record(SESSION, VISITOR), **moved)  # type: ignore[arg-type]
    with pytest.raises(SealBroken):
        records().session(SESSION.id, record)


def test_S14_a_record_of_another_session_is_refused() -> None:
    kept = records()
    record = kept.record(SESSION, VISITOR)
    kept.session(SESSION.id, record)
    with pytest.raises(SessionRejected):
        kept.session("another", record)


def test_B044_a_record_of_another_gateway_is_refused() -> None:
    with pytest.raises(SessionRejected):
        records(audience="there").session(SESSION.id, records().record(SESSION, VISITOR))


def test_what_is_too_much_to_keep_says_so() -> None:
    long = Node().sessions.issue(user_with_long_groups(20_000), ALICE, persistent=True)
    with pytest.raises(SessionTooLarge, match="groups"):
        records().record(long, VISITOR)


def test_nobody_is_known_before_it_is_read() -> None:
    assert unread("x").identity.user_id == ""

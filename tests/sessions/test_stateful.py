import asyncio
from dataclasses import replace

import pytest

from gateway.errors import SessionRejected, StoreUnavailable
from gateway.model.session import session_key
from gateway.sessions.cookies import cookie_lines
from gateway.sessions.strategy import Loaded, public_id
from tests.fakes.session_store import StatefulNode
from tests.fakes.sessions import ALICE, POLICY

IDLE = replace(POLICY, idle_timeout=600)


async def test_what_was_issued_comes_back_as_the_store_has_it() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    loaded = node.load()
    assert loaded.due
    assert loaded.session is not None
    assert loaded.session.identity.user_id == ""
    assert await node.request() == session


async def test_B040_a_session_that_has_not_begun_is_unknown() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    node.store.records.clear()
    with pytest.raises(SessionRejected, match="unknown"):
        await node.sessions.renew(session)


async def test_B064_a_held_session_is_the_same_object_while_its_channel_proves_itself() -> None:
    node = StatefulNode(pushed=True)
    await node.sign_in()
    node.prove()
    await node.request()
    loaded = node.load()
    assert not loaded.due
    assert loaded is node.load()
    assert node.sessions.warm(cookie_lines(node.browser.headers())) is loaded
    node.monotonic.advance(0.041)
    assert node.load().due
    assert node.sessions.warm(cookie_lines(node.browser.headers())) is None
    assert node.store.calls["find"] == 1


async def test_B065_what_was_read_before_news_came_is_not_held_after_it() -> None:
    node = StatefulNode(pushed=True)
    session = await node.sign_in()
    node.prove()
    node.store.gate.clear()
    reading = asyncio.create_task(node.sessions.renew(session))
    await node.store.asked.wait()
    node.cache.channels[0].drop(session_key(session.id))
    node.store.gate.set()
    await reading
    assert node.load().due


async def test_B110_a_session_that_ends_here_is_refused_here_even_to_who_asked_before() -> None:
    node = StatefulNode(pushed=True)
    session = await node.sign_in()
    node.store.gate.clear()
    reading = asyncio.create_task(node.sessions.renew(session))
    await node.store.asked.wait()
    await_end = asyncio.create_task(node.sessions.end(session))
    await asyncio.sleep(0)
    node.store.gate.set()
    await await_end
    with pytest.raises(SessionRejected, match="revoked"):
        await reading
    assert node.load().rejected == "revoked"
    assert node.store.records == {}


async def test_B111_an_end_that_the_store_misses_is_raised_and_refused_here() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    node.store.down = True
    with pytest.raises(StoreUnavailable):
        await node.sessions.end(session)
    assert node.load().rejected == "revoked"
    node.store.down = False
    await node.close()
    assert node.store.records == {}


@pytest.mark.parametrize(
    ("standing", "reason"),
    [(None, "user_missing"), ({"enabled": False}, "user_disabled"), ({"epoch": 9}, "epoch")],
)
async def test_B051_whose_user_does_not_stand_is_rejected_and_removed(
    standing: dict[str, object] | None, reason: str
) -> None:
    node = StatefulNode()
    session = await node.sign_in()
    held = node.store.standing
    node.store.standing = replace(held, **standing) if held and standing else None  # type: ignore[arg-type]
    with pytest.raises(SessionRejected, match=reason):
        await node.request()
    assert node.store.records == {}
    assert node.events[-1].user_id == session.identity.user_id
    assert node.events[-1].session_id == public_id(session.id)


async def test_B102_use_is_written_when_a_tenth_of_the_limit_passed_and_by_one_request_of_many() -> None:
    node = StatefulNode(policy=IDLE)
    await node.sign_in()
    node.clock.advance(59)
    await node.request()
    node.clock.advance(1)
    for _ in range(5):
        await node.request()
    await node.close()
    assert node.store.calls["touch"] == 1
    assert [moment for _, moment in node.sightings] == [int(node.clock())]


async def test_B102_looking_is_not_using() -> None:
    node = StatefulNode(policy=IDLE)
    session = await node.sign_in()
    node.clock.advance(600)
    await node.sessions.confirm(session)
    await node.close()
    assert node.store.calls["touch"] == 0
    node.clock.advance(1)
    with pytest.raises(SessionRejected, match="idle"):
        await node.request()


async def test_B094_a_clock_that_is_wrong_removes_nothing() -> None:
    node = StatefulNode()
    await node.sign_in()
    node.clock.advance(-3600)
    with pytest.raises(SessionRejected, match="invalid"):
        await node.request()
    node.clock.advance(3600)
    assert await node.request()


async def test_B102_what_is_held_in_process_is_asked_for_where_its_use_is_to_be_written() -> None:
    node = StatefulNode(policy=IDLE, pushed=True)
    session = await node.sign_in()
    for seconds, asked in ((0, 1), (59, 1), (1, 2)):
        node.clock.advance(seconds)
        node.prove()
        await node.request()
        assert node.store.calls["find"] == asked
    await node.close()
    assert node.store.records[session_key(session.id)].seen_at == int(node.clock())


async def test_B066_no_request_uses_the_answer_to_a_question_sent_before_it_came() -> None:
    node = StatefulNode()
    await node.sign_in()
    node.store.gate.clear()
    first = asyncio.ensure_future(node.request())
    await node.store.asked.wait()
    second = asyncio.ensure_future(node.request())
    await asyncio.sleep(0)
    node.store.gate.set()
    await asyncio.gather(first, second)
    assert node.store.calls["find"] == 2


async def test_staying_connected_is_no_use_of_a_session() -> None:
    node = StatefulNode(policy=IDLE)
    session = await node.sign_in()
    node.clock.advance(60)
    await node.sessions.recheck(session, asks_for_roles=False)
    await node.sessions.confirm(session)
    await node.close()
    assert node.sightings == []
    assert node.store.records[session_key(session.id)].seen_at == session.issued_at


async def test_B144_a_session_s_life_is_told_and_what_does_not_hold_is_counted() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    await node.sessions.reissue(session, ALICE)
    await node.sessions.end(session)
    assert node.load().rejected == "revoked"
    with pytest.raises(SessionRejected, match="revoked"):
        await node.sessions.confirm(session)
    told = [(event.name, event.outcome, event.reason) for event in node.events]
    refused = ("session.rejected", "refused", "revoked")
    assert told == [
        ("session.created", "success", ""),
        ("session.reissued", "success", ""),
        ("session.ended", "success", ""),
        refused,
        refused,
    ]
    assert {event.session_id for event in node.events} == {public_id(session.id)}
    assert node.tally.rejections == {"revoked": 2}


async def test_B110_a_line_that_was_read_is_warm_until_its_session_ends_here() -> None:
    node = StatefulNode(pushed=True)
    node.prove()
    session = await node.sign_in()
    lines = cookie_lines(node.browser.headers())
    assert node.sessions.warm([]) == Loaded()
    assert node.sessions.warm(lines) is None, "never read"
    await node.request()
    node.load()
    warm = node.sessions.warm(lines)
    assert warm is not None
    assert (warm.session, warm.due, warm.presented) == (session, False, True)
    assert node.sessions.warm([*lines, b"other=1"]) is None, "two lines are read with care"
    node.endings.note(session.id, until=2**40)
    assert node.sessions.warm(lines) is None
    assert node.load().rejected == "revoked"


async def test_whoever_found_a_session_ended_does_not_remove_what_goes_on_under_the_new_epoch() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    held = node.store.standing
    node.store.standing = replace(held, epoch=9) if held else None
    node.store.gate.clear()
    asked = asyncio.ensure_future(node.request())
    await node.store.asked.wait()
    key = session_key(session.id)
    node.store.records[key] = anew = replace(node.store.records[key], sealed="kept anew")
    node.store.gate.set()
    with pytest.raises(SessionRejected, match="epoch"):
        await asked
    assert node.store.records == {key: anew}
    assert node.book.forgotten == []


@pytest.mark.parametrize("down", [False, True])
async def test_B118_what_is_let_go_is_used_from_memory_no_more_whatever_the_store_says(down: bool) -> None:
    node = StatefulNode(pushed=True)
    node.prove()
    session = await node.sign_in()
    key = session_key(session.id)
    await node.sessions.renew(session)
    assert node.cache.find(key) is not None
    node.store.down = down
    await node.sessions.let_go([key])
    assert node.cache.find(key) is None
    assert (key in node.store.records) == down


async def test_B053_twice_the_same_name_leaves_the_cookie_anew_with_its_own_end() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    node.clock.advance(100)
    headers = (*node.browser.headers(), (b"cookie", b"__Host-session=tossed"))
    loaded = node.sessions.load(headers)
    assert loaded.session is not None
    found = await node.sessions.renew(loaded.session)
    assert found.token_id != loaded.session.token_id
    [line] = node.sessions.cookies(found, headers)
    assert b"Max-Age=2591900" in line
    assert found == session


async def test_B112_ending_all_raises_the_epoch_and_removes_what_is_kept() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    await node.sign_in()
    await node.sessions.end_all(session)
    assert node.book.ended == ["u-alice"]
    assert node.store.records == {}


async def test_B112_ending_the_others_keeps_this_one_as_it_is() -> None:
    node = StatefulNode()
    await node.sign_in()
    session = await node.sign_in()
    loaded = node.load().session
    assert loaded is not None
    assert await node.sessions.end_others(loaded) == session
    assert list(node.store.records) == [session_key(session.id)]
    assert node.book.others == [("u-alice", session.id)]
    assert await node.request() == session


async def test_B105_whose_a_session_is_is_asked_only_where_it_is_not_known() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    loaded = node.load().session
    assert loaded is not None
    known = await node.sessions.identified(loaded)
    assert known == session
    assert await node.sessions.identified(known) is known
    assert node.store.calls["find"] == 1


async def test_B113_what_ended_is_listed_no_more() -> None:
    node = StatefulNode(policy=IDLE)
    session = await node.sign_in()
    node.clock.advance(601)
    with pytest.raises(SessionRejected, match="idle"):
        await node.request()
    assert node.book.forgotten == [session_key(session.id)]
    again = await node.sign_in()
    await node.sessions.end(again)
    assert again.id in node.book.denied


async def test_B114_a_session_that_is_reissued_outlives_the_raised_epoch_alone() -> None:
    node = StatefulNode()
    await node.sign_in()
    session = await node.sign_in()
    held = node.store.standing
    assert held is not None
    node.store.standing = replace(held, epoch=ALICE.epoch + 1)
    reissued = await node.sessions.reissue(session, replace(ALICE, epoch=ALICE.epoch + 1))
    assert list(node.store.records) == [session_key(session.id)]
    assert node.store.records[session_key(session.id)].browser == "Firefox/1"
    assert (await node.request()).epoch == reissued.epoch == ALICE.epoch + 1


async def test_B056_a_recheck_goes_by_the_cache_and_is_no_use_of_the_session() -> None:
    node = StatefulNode(policy=IDLE, pushed=True)
    session = await node.sign_in()
    node.prove()
    await node.request()
    node.clock.advance(60)
    for _ in range(3):
        assert await node.sessions.recheck(session, asks_for_roles=True) == session
    assert (node.store.calls["find"], node.store.calls["touch"]) == (1, 0)
    node.monotonic.advance(0.041)
    await node.sessions.recheck(session, asks_for_roles=False)
    assert (node.store.calls["find"], node.store.calls["touch"]) == (2, 0)


@pytest.mark.parametrize(("later", "reason"), [(601, "idle"), (POLICY.max_age, "absolute")])
async def test_B056_a_session_that_is_held_and_over_is_not_gone_by(later: int, reason: str) -> None:
    node = StatefulNode(policy=IDLE, pushed=True)
    session = await node.sign_in()
    node.prove()
    await node.request()
    node.clock.advance(later)
    with pytest.raises(SessionRejected, match=reason):
        await node.sessions.recheck(session, asks_for_roles=False)
    assert node.store.records == {}


async def test_B056_a_session_that_ended_here_is_refused_before_the_store_is_asked() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    await node.sessions.end(session)
    with pytest.raises(SessionRejected, match="revoked"):
        await node.sessions.recheck(session, asks_for_roles=False)
    assert node.store.calls["find"] == 0


@pytest.mark.parametrize("how", ["all", "others", "reissued", "distrusted"])
async def test_B112_B114_what_others_ended_with_it_is_used_from_memory_no_more(how: str) -> None:
    node = StatefulNode(pushed=True)
    node.prove()
    other = await node.sign_in()
    mine = await node.sign_in()
    for session in (other, mine):
        await node.sessions.renew(session)
        assert node.cache.find(session_key(session.id)) is not None
    if how == "all":
        await node.sessions.end_all(mine)
    elif how == "others":
        await node.sessions.end_others(mine)
    elif how == "reissued":
        await node.sessions.reissue(mine, ALICE)
    else:
        node.sessions.distrust()
    assert node.cache.find(session_key(other.id)) is None


async def test_B098_the_absolute_end_is_held_to_the_second_of_what_is_in_memory() -> None:
    node = StatefulNode(pushed=True)
    node.prove()
    session = await node.sign_in()
    node.clock.advance(POLICY.max_age - 1)
    await node.request()
    asked = node.store.calls["find"]
    assert await node.request() == session
    assert node.store.calls["find"] == asked
    recheck = await node.sessions.recheck(session, asks_for_roles=False)
    assert (recheck, node.store.calls["find"]) == (session, asked)
    node.clock.advance(1)
    assert node.load().due
    with pytest.raises(SessionRejected, match="absolute"):
        await node.sessions.recheck(session, asks_for_roles=False)


async def test_B102_use_that_is_not_written_yet_counts_where_it_happened() -> None:
    node, never = StatefulNode(policy=IDLE, pushed=True), asyncio.Event()
    node.prove()

    async def hang(_: object) -> None:
        await never.wait()

    node.sessions._touches._write = hang
    session = await node.sign_in()
    node.clock.advance(600)
    await node.request()
    node.cache.drop_all()
    node.clock.advance(600)
    await node.sessions.confirm(session)
    await node.sessions.recheck(session, asks_for_roles=False)
    node.clock.advance(1)
    with pytest.raises(SessionRejected, match="idle"):
        await node.sessions.recheck(session, asks_for_roles=False)
    never.set()
    await node.close()


async def test_B102_a_session_that_is_reissued_was_in_use_then() -> None:
    node = StatefulNode(policy=IDLE)
    session = await node.sign_in()
    node.clock.advance(500)
    await node.request()
    node.clock.advance(50)
    await node.sessions.reissue(session, ALICE)
    assert node.store.records[session_key(session.id)].seen_at == int(node.clock())

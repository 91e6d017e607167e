import asyncio
from dataclasses import replace

import pytest

from gateway.errors import SessionRejected, StoreUnavailable
from gateway.model.identity import AccountClaims
from gateway.model.session import Visitor
from gateway.sessions.cookies import cookie_lines
from gateway.sessions.stateless import MOST_PAYLOAD
from gateway.sessions.strategy import SKEW, Loaded, public_id
from tests.fakes.sessions import ALICE, LOGIN, POLICY, STRICT, Node, user_with_long_groups


def test_without_a_cookie_there_is_nothing() -> None:
    loaded = Node().sessions.load(((b"cookie", b"theme=dark; sessions=x"),))
    assert (loaded.session, loaded.presented, loaded.rejected, loaded.clear) == (None, False, "", ())


def test_identity_is_the_users_and_groups_and_claims_are_the_logins() -> None:
    session = Node().sign_in()
    identity = session.identity
    assert (identity.user_id, identity.email, identity.roles) == ("u-alice", "alice@example.com", ("editor",))
    assert (identity.groups, identity.claims) == (("staff",), (("department", ("it",)),))
    assert (session.provider, session.issuer_sid, session.acr, session.amr) == (
        "demo",
        "op-sid",
        "urn:mfa",
        ("pwd", "otp"),
    )


def test_T24_ids_are_long_and_never_repeat() -> None:
    node = Node()
    sessions = [node.sessions.issue(LOGIN, ALICE, persistent=True) for _ in range(50)]
    assert len({session.id for session in sessions} | {session.token_id for session in sessions}) == 100
    assert all(len(session.id) >= 43 for session in sessions)


def test_what_the_browser_holds_is_exactly_what_was_issued() -> None:
    node = Node()
    assert node.sign_in() == node.loaded()


def test_a_warm_cookie_is_the_same_object_and_its_times_are_checked_each_time() -> None:
    node = Node()
    node.sign_in()
    assert node.load().clear == ()
    assert node.load() is node.load()
    node.clock.advance(600)
    assert node.load().due
    node.clock.advance(-1)
    assert not node.load().due
    node.clock.advance(2_592_000)
    assert node.load().rejected == "absolute"


async def test_a_warm_cookie_of_an_ended_session_is_refused() -> None:
    node = Node()
    session = node.sign_in()
    node.load()
    await node.sessions.end(session)
    assert node.load().rejected == "revoked"


async def test_confirm_reads_roles_and_profile_and_mints_nothing() -> None:
    node = Node()
    session = node.sign_in()
    node.directory.change("u-alice", roles=(), email="new@example.com")
    confirmed = await node.sessions.confirm(session)
    assert (confirmed.identity.roles, confirmed.identity.email) == ((), "new@example.com")
    assert confirmed.token_id == session.token_id
    assert confirmed.identity.groups == ("staff",)
    assert replace(confirmed, identity=session.identity) == session


async def test_B012_confirm_reads_what_the_provider_said_last_and_mints_nothing() -> None:
    node = Node()
    session = node.sign_in()
    node.directory.claims["u-alice"] = AccountClaims(groups=("guests",))
    confirmed = await node.sessions.confirm(session)
    assert (confirmed.identity.groups, confirmed.identity.claims) == (("guests",), ())
    assert confirmed.token_id == session.token_id


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"enabled": False}, "user_disabled"), ({"epoch": 4}, "epoch"), (None, "user_missing")],
)
async def test_B69_confirm_refuses_whom_the_directory_refuses(
    change: dict[str, object] | None, reason: str
) -> None:
    node = Node()
    session = node.sign_in()
    if change is None:
        node.directory.users.clear()
    else:
        node.directory.change("u-alice", **change)
    with pytest.raises(SessionRejected) as rejection:
        await node.sessions.confirm(session)
    assert rejection.value.reason == reason


async def test_B077_B078_a_line_that_was_read_is_warm_for_as_long_as_its_lease_runs() -> None:
    node = Node()
    session = node.sign_in()
    lines = cookie_lines(node.browser.headers())
    assert node.sessions.warm([]) == Loaded()
    assert node.sessions.warm(lines) is None, "never read"
    node.load()
    for moment, warm in (
        (session.issued_at, True),
        (session.lease_until - 0.001, True),
        (session.lease_until, False),
        (session.issued_at - SKEW, True),
        (session.issued_at - SKEW - 0.001, False),
    ):
        node.clock.now = moment
        found = node.sessions.warm(lines)
        assert (found is not None) == warm
        assert found is None or (found.session == session and not found.due)
        assert node.sessions.warm([*lines, b"other=1"]) is None, "two lines are read with care"
    node.clock.now = session.issued_at
    await node.sessions.end(session)
    assert node.sessions.warm(lines) is None


async def test_B098_nothing_is_renewed_or_goes_on_past_its_end() -> None:
    node = Node()
    session = node.sign_in()
    node.clock.advance(POLICY.max_age)
    for again in (node.sessions.renew(session), node.sessions.recheck(session, asks_for_roles=True)):
        with pytest.raises(SessionRejected, match="absolute"):
            await again
    assert node.tally.rejections == {"absolute": 2}


async def test_confirm_refuses_a_session_past_its_end_without_a_question() -> None:
    node = Node()
    session = node.sign_in()
    node.clock.advance(2_592_000)
    with pytest.raises(SessionRejected, match="absolute"):
        await node.sessions.confirm(session)
    assert node.directory.lookups == 0


async def test_B71_confirm_during_an_outage_is_unavailable() -> None:
    node = Node()
    session = node.sign_in()
    node.directory.down = True
    with pytest.raises(StoreUnavailable):
        await node.sessions.confirm(session)


async def test_B67_confirm_never_takes_the_answer_to_an_earlier_question() -> None:
    node = Node()
    session = node.sign_in()
    node.directory.gate.clear()
    early = asyncio.create_task(node.sessions.confirm(session))
    await node.directory.asked.wait()
    node.directory.change("u-alice", roles=())
    late = asyncio.create_task(node.sessions.confirm(session))
    await asyncio.sleep(0)
    node.directory.gate.set()
    assert (await early).identity.roles == ("editor",)
    assert (await late).identity.roles == ()


async def test_a_fresh_renewal_never_takes_the_answer_to_an_earlier_question() -> None:
    node = Node()
    session = node.sign_in()
    node.clock.advance(600)
    node.directory.gate.clear()
    early = asyncio.create_task(node.sessions.renew(session))
    await node.directory.asked.wait()
    node.directory.change("u-alice", roles=())
    late = asyncio.create_task(node.sessions.renew(session, fresh=True))
    await asyncio.sleep(0)
    node.directory.gate.set()
    assert (await early).identity.roles == ("editor",)
    assert (await late).identity.roles == ()


async def test_a_session_that_ends_here_while_it_is_looked_up_is_refused() -> None:
    node = Node()
    session = node.sign_in()
    node.directory.gate.clear()
    asked = asyncio.create_task(node.sessions.confirm(session))
    await node.directory.asked.wait()
    await node.sessions.end(session)
    node.directory.gate.set()
    with pytest.raises(SessionRejected, match="revoked"):
        await asked


async def test_B144_each_thing_that_happens_is_told_once_and_tells_no_secret() -> None:
    node = Node()
    session = node.sign_in()
    assert node.events == [], "what was issued has not begun"
    await node.sessions.begin(session, Visitor(address="", browser=""))
    node.clock.advance(600)
    renewed = await node.request()
    await node.sessions.end(renewed)
    node.load()
    node.browser.plant("__Host-session", "garbage")
    node.load()
    told = [(event.name, event.outcome, event.reason) for event in node.events]
    assert told == [
        ("session.created", "success", ""),
        ("session.renewed", "success", ""),
        ("session.ended", "success", ""),
        ("session.rejected", "refused", "revoked"),
        ("session.rejected", "refused", "invalid"),
    ]
    assert {event.session_id for event in node.events[:4]} == {public_id(session.id)}
    assert {event.user_id for event in node.events[:4]} == {"u-alice"}
    secret = {session.id, session.token_id, renewed.token_id}
    assert not any(word in repr(node.events) for word in secret)
    assert (node.tally.renewals, node.tally.rejections) == (1, {"revoked": 1, "invalid": 1})


def test_clearing_leaves_nothing_whatever_was_sent() -> None:
    node = Node()
    node.browser.take(node.sessions.clear(()))
    assert "__Host-session" in node.browser.attributes
    node.sign_in()
    node.browser.plant("session", "old")
    node.browser.plant("__Secure-session.1", "old", domain="example.com")
    node.browser.take(node.sessions.clear(node.browser.headers()))
    assert node.browser.cookies == {}


def test_the_bound_on_claims_is_beyond_what_three_pieces_hold() -> None:
    assert MOST_PAYLOAD * 16 / 9 > 3 * 4096


async def test_a_strict_end_during_an_outage_is_raised_and_still_holds_here() -> None:
    node = Node(policy=STRICT)
    session = node.sign_in()
    node.directory.down = True
    with pytest.raises(StoreUnavailable):
        await node.sessions.end(session)
    assert node.load().rejected == "revoked"
    node.directory.down = False
    await node.sessions.close()
    assert session.id in node.directory.denied


async def test_G112_G114_a_session_issued_anew_outlives_a_raised_epoch_and_its_copies_do_not() -> None:
    node = Node()
    before = node.sign_in()
    node.clock.advance(60)
    node.directory.change("u-alice", epoch=4, roles=("reader",))
    after = await node.sessions.reissue(before, node.directory.users["u-alice"])
    assert (after.id, after.authenticated_at, after.ends_at) == (
        before.id,
        before.authenticated_at,
        before.ends_at,
    )
    assert (after.epoch, after.identity.roles) == (4, ("reader",))
    assert after.token_id != before.token_id
    assert after.lease_until == int(node.clock()) + 600
    assert await node.sessions.confirm(after) == after
    with pytest.raises(SessionRejected, match="epoch"):
        await node.sessions.confirm(before)


async def test_D67_what_the_directory_knows_by_itself_is_used_without_a_lookup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = Node()
    session = node.sign_in()
    monkeypatch.setattr(node.directory, "known", node.directory._standing)
    assert (await node.sessions.confirm(session)).identity.roles == ("editor",)
    node.directory.change("u-alice", roles=())
    assert (await node.sessions.confirm(session)).identity.roles == ()
    node.directory.change("u-alice", enabled=False)
    with pytest.raises(SessionRejected, match="user_disabled"):
        await node.sessions.confirm(session)
    assert node.directory.lookups == 0


async def test_C66_under_strict_every_request_asks_whatever_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(policy=STRICT)
    session = node.sign_in()
    monkeypatch.setattr(node.directory, "known", node.directory._standing)
    await node.sessions.confirm(session)
    await node.sessions.renew(session)
    assert node.directory.lookups == 2


async def test_B112_ending_all_refuses_this_one_here_at_once_and_raises_the_epoch() -> None:
    node = Node()
    session = node.sign_in()
    await node.sessions.end_all(session)
    assert node.load().rejected == "revoked"
    assert node.directory.users["u-alice"].epoch == session.epoch + 1


async def test_B112_ending_all_is_never_taken_for_done_during_an_outage() -> None:
    node = Node()
    session = node.sign_in()
    node.directory.down = True
    with pytest.raises(StoreUnavailable):
        await node.sessions.end_all(session)
    assert node.load().rejected == "revoked"


async def test_B112_ending_the_others_moves_no_end_and_no_lease() -> None:
    node = Node()
    session = node.sign_in()
    node.clock.advance(100)
    kept = await node.sessions.end_others(session)
    assert replace(kept, token_id=session.token_id, epoch=session.epoch) == session
    assert kept.epoch == session.epoch + 1
    assert kept.token_id != session.token_id
    node.clock.advance(500)
    assert (await node.sessions.renew(kept)).id == session.id
    with pytest.raises(SessionRejected, match="epoch"):
        await node.sessions.renew(session)


async def test_B112_the_others_of_a_user_who_is_gone_are_no_session() -> None:
    node = Node()
    session = node.sign_in()
    del node.directory.users["u-alice"]
    with pytest.raises(SessionRejected, match="user_missing"):
        await node.sessions.end_others(session)


async def test_B113_a_renewal_is_seen_and_a_running_lease_is_not() -> None:
    node = Node()
    seen: list[tuple[str, int]] = []
    node.sessions._seen = lambda session_id, moment: seen.append((session_id, moment))
    session = node.sign_in()
    await node.request()
    assert seen == []
    node.clock.advance(600)
    renewed = await node.request()
    assert seen == [(session.id, renewed.issued_at)]


async def test_B056_a_recheck_asks_nobody_within_the_lease_unless_it_must() -> None:
    node = Node()
    session = node.sign_in()
    assert await node.sessions.recheck(session, asks_for_roles=False) is session
    assert node.directory.lookups == 0
    node.directory.change("u-alice", roles=())
    assert (await node.sessions.recheck(session, asks_for_roles=True)).identity.roles == ()
    node.clock.advance(600)
    rechecked = await node.sessions.recheck(session, asks_for_roles=False)
    assert (rechecked.token_id, rechecked.lease_until) == (session.token_id, session.lease_until)
    assert node.directory.lookups == 2
    await node.sessions.end(session)
    with pytest.raises(SessionRejected, match="revoked"):
        await node.sessions.recheck(session, asks_for_roles=False)


async def test_B056_under_strict_a_recheck_is_as_good_as_the_directory_knows() -> None:
    node = Node(policy=STRICT)
    session = node.sign_in()
    node.directory.change("u-alice", enabled=False)
    with pytest.raises(SessionRejected, match="user_disabled"):
        await node.sessions.recheck(session, asks_for_roles=False)


async def test_B149_cookies_are_counted_by_their_pieces() -> None:
    node = Node()
    node.sign_in()
    node.sign_in(user_with_long_groups(2500))
    assert node.tally.cookies == {1: 1, 2: 1}

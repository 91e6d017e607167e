"""From cookies to a session that may be trusted, over real sealed cookies."""

from dataclasses import replace

import pytest

from gateway.errors import StoreUnavailable
from gateway.flows.resume import NOBODY, Resume
from gateway.model.inbound import Inbound
from gateway.model.session import Session
from tests.fakes.dressing import inbound
from tests.fakes.sessions import STRICT, Node


def resume(node: Node) -> Resume:
    return Resume(node.sessions)


def visit(node: Node) -> Inbound:
    return inbound(headers=node.browser.headers())


async def asked(node: Node, *, roles: bool = False) -> tuple[str, ...]:
    """Who is calling, why not, and how many cookies are left, after as little I/O as it takes."""
    known = resume(node).at_once(visit(node), asks_for_roles=roles)
    if known is None:
        known = await resume(node).resume(visit(node), asks_for_roles=roles)
    who = known.session.identity.user_id if known.session else "nobody"
    return who, known.rejected, str(len(known.leave))


async def test_without_a_cookie_nobody_calls_and_nothing_is_left() -> None:
    node = Node()
    assert resume(node).at_once(visit(node), asks_for_roles=True) is NOBODY
    assert node.directory.lookups == 0


async def test_a_warm_session_is_known_without_asking() -> None:
    node = Node()
    node.sign_in()
    assert await asked(node) == ("u-alice", "", "0")
    assert node.directory.lookups == 0


async def test_a_session_over_its_lease_is_renewed_and_its_cookie_left() -> None:
    node = Node()
    first = node.sign_in()
    node.clock.advance(601)
    assert resume(node).at_once(visit(node), asks_for_roles=False) is None
    resumed = await resume(node).resume(visit(node), asks_for_roles=False)
    assert resumed.session is not None
    assert (resumed.session.id, resumed.session.token_id != first.token_id) == (first.id, True)
    assert len(resumed.leave) == 1
    assert node.directory.lookups == 1


async def test_strict_asks_each_time_and_mints_nothing() -> None:
    node = Node(policy=STRICT)
    node.sign_in()
    assert await asked(node) == ("u-alice", "", "0")
    assert await asked(node) == ("u-alice", "", "0")
    assert node.directory.lookups == 2


async def test_roles_are_read_now_where_a_route_asks_for_them() -> None:
    node = Node()
    node.sign_in()
    node.directory.change("u-alice", roles=("admin",))
    resumed = await resume(node).resume(visit(node), asks_for_roles=True)
    assert resumed.session is not None
    assert resumed.session.identity.roles == ("admin",)
    assert resumed.leave == ()


async def test_a_session_that_does_not_hold_is_cleared() -> None:
    node = Node()
    node.sign_in()
    node.clock.advance(601)
    node.directory.change("u-alice", enabled=False)
    assert await asked(node) == ("nobody", "user_disabled", "1")
    node.browser.plant("__Host-session", "garbage")
    who, why, left = await asked(node)
    assert (who, why) == ("nobody", "invalid")
    assert int(left) >= 1


@pytest.mark.parametrize("roles", [True, False])
async def test_an_outage_neither_clears_nor_extends(roles: bool) -> None:
    node = Node()
    node.sign_in()
    node.clock.advance(601)
    node.directory.down = True
    with pytest.raises(StoreUnavailable):
        await asked(node, roles=roles)
    node.directory.down = False
    assert (await asked(node))[0] == "u-alice"


async def test_live_asks_the_store_whatever_the_lease_says() -> None:
    node = Node()
    signed_in = node.sign_in()
    live = await resume(node).live(visit(node))
    assert live is not None
    assert (live.id, live.token_id) == (signed_in.id, signed_in.token_id)
    assert node.directory.lookups == 1
    node.directory.change("u-alice", enabled=False)
    assert await resume(node).live(visit(node)) is None
    assert await resume(node).live(inbound()) is None
    node.directory.down = True
    with pytest.raises(StoreUnavailable):
        await resume(node).live(visit(node))


async def test_B067_a_known_session_is_not_enough_where_a_route_asks_for_roles() -> None:
    node = Node()
    node.sign_in()
    known = resume(node).at_once(visit(node), asks_for_roles=False)
    assert known is not None
    assert known.session is not None
    assert resume(node).at_once(visit(node), asks_for_roles=True) is None
    warm = resume(node).warm(visit(node), asks_for_roles=False)
    assert warm is not None
    assert warm.session is known.session
    assert resume(node).warm(visit(node), asks_for_roles=True) is None


async def test_what_still_holds_is_the_very_same_session() -> None:
    node = Node()
    node.sign_in()
    known = resume(node).at_once(visit(node), asks_for_roles=False)
    assert known is not None
    assert known.session is not None
    assert resume(node).still(visit(node), known.session)
    assert not resume(node).still(visit(node), replace(known.session, id="another"))
    assert not resume(node).still(visit(node), None)


@pytest.mark.parametrize("roles", [True, False])
async def test_B053_what_lies_beside_a_session_that_holds_is_cleared(roles: bool) -> None:
    node = Node()
    node.sign_in()
    node.browser.plant("__Host-session.2", "left of a longer one")
    assert await asked(node, roles=roles) == ("u-alice", "", "1")


@pytest.mark.parametrize("roles", [True, False])
async def test_what_a_renewal_reads_is_as_fresh_as_the_route_asks(roles: bool) -> None:
    node = Node()
    node.sign_in()
    node.clock.advance(601)
    asked_for: list[bool] = []
    renew = node.sessions.renew

    async def renewed(session: Session, *, fresh: bool) -> Session:
        asked_for.append(fresh)
        return await renew(session, fresh=fresh)

    node.sessions.renew = renewed  # type: ignore[method-assign,assignment]
    await resume(node).resume(visit(node), asks_for_roles=roles)
    assert asked_for == [roles]

"""Admission: public routes know nobody, what holds is not asked for, and what is due is."""

import pytest

from gateway.admission import Admission, told_of
from gateway.errors import AccessDenied, LoginRequired, MethodRefused, NoRoute, RequestRejected
from gateway.flows.resume import NOBODY, Resumed
from gateway.model.inbound import Inbound
from gateway.model.route import Access, Rate, Route, Rules
from gateway.model.session import Session
from gateway.passage import Passage
from gateway.routing.table import Table
from tests.fakes.dressing import inbound, session, told_route
from tests.fakes.known import Known

PUBLIC = told_route("/open", access=Access.PUBLIC)
OPTIONAL = told_route("/maybe", access=Access.OPTIONAL)
PEOPLE = told_route("/")
ROLES = told_route("/roles", asks_for_roles=True, allow=Rules(roles=frozenset({"admin"})))
ALL = (PUBLIC, OPTIONAL, PEOPLE, ROLES)
NOW = 1_800_000_000.0
SOMEBODY = Resumed(session=session())
PREFLIGHT = (b"Access-Control-Request-Method", b"PUT")


def admission(known: Known, *routes: Route, renewed: list[Session] | None = None) -> Admission:
    return Admission(
        table=Table(routes or ALL),
        resume=known,  # type: ignore[arg-type]
        clock=lambda: NOW,
        renewed=(renewed if renewed is not None else []).append,
    )


def at(path: str, **facts: object) -> Inbound:
    return inbound(target=path.encode(), path=path, query=None, **facts)


def passage(to: Inbound) -> Passage:
    return Passage(request_id="r", peer="p", started=0.0, inbound=to)


async def told(known: Known, to: Inbound) -> Session | None:
    """Return the session that the app would be told of."""
    ours = passage(to)
    return told_of(await admission(known).authorize(ours, to), ours)


async def test_an_optional_route_tells_whom_it_knows() -> None:
    assert await told(Known(SOMEBODY), at("/maybe")) == SOMEBODY.session
    assert await told(Known(), at("/maybe")) is None


async def test_a_public_route_asks_nobody_and_tells_nobody() -> None:
    known = Known(SOMEBODY)
    assert await told(known, at("/open")) is None
    assert known.asked == []


async def test_a_preflight_carries_nobody() -> None:
    known = Known(SOMEBODY)
    assert await told(known, at("/maybe", method="OPTIONS", headers=(PREFLIGHT,))) is None
    assert known.asked == []


async def test_io_is_awaited_only_where_something_is_due_and_then_told() -> None:
    warm, due = Known(SOMEBODY), Known(None, SOMEBODY)
    renewed: list[Session] = []
    for known in (warm, due):
        to = at("/page")
        await admission(known, renewed=renewed).authorize(passage(to), to)
    assert (warm.asked, due.asked) == (["at once"], ["at once", "later"])
    assert renewed == [SOMEBODY.session]


async def test_roles_are_those_of_now_where_a_route_asks() -> None:
    promoted = Resumed(session=session(roles=("admin",)))
    demoted = Resumed(session=session(roles=()))
    assert await told(Known(demoted, promoted), at("/roles")) == promoted.session
    with pytest.raises(AccessDenied):
        await told(Known(promoted, demoted), at("/roles"))


async def test_no_route_is_told_as_such() -> None:
    to = at("/page")
    with pytest.raises(NoRoute):
        await admission(Known(), PUBLIC).authorize(passage(to), to)


async def test_a_spelling_that_its_route_does_not_allow_goes_nowhere() -> None:
    to = inbound(target=b"/open//b", path="/open//b", spellings=frozenset({"//"}))
    with pytest.raises(RequestRejected):
        await admission(Known()).authorize(passage(to), to)
    allowing = told_route("/open", access=Access.PUBLIC, allow_in_path=frozenset({"//"}))
    assert (await admission(Known(), allowing).authorize(passage(to), to)).name == allowing.name


async def test_a_method_that_no_rule_takes_is_refused_before_anybody_is_asked() -> None:
    known, to = Known(SOMEBODY), at("/", method="PUT")
    reading = told_route("/", methods=frozenset({"GET", "POST"}))
    with pytest.raises(MethodRefused) as refused:
        await admission(known, reading).authorize(passage(to), to)
    assert (refused.value.allow, known.asked) == (("GET", "POST"), [])


@pytest.mark.parametrize("path", ["/page", "/maybe", "/open"])
@pytest.mark.parametrize("who", [SOMEBODY, NOBODY], ids=["somebody", "nobody"])
async def test_at_once_is_decided_as_ever_and_nobody_is_told(path: str, who: Resumed) -> None:
    to = at(path)
    ours, theirs = passage(to), passage(to)
    now, then = admission(Known(who)), admission(Known(who))
    if who is NOBODY and path == "/page":
        with pytest.raises(LoginRequired):
            now.at_once(ours, to)
        with pytest.raises(LoginRequired):
            await then.authorize(theirs, to)
    else:
        assert now.at_once(ours, to) == await then.authorize(theirs, to)
    for fact in ("route", "session", "decision", "reason"):
        assert getattr(ours, fact) == getattr(theirs, fact)


def test_what_is_counted_is_not_decided_at_once() -> None:
    counted, to = told_route("/", rate=Rate(requests=1, per=1.0)), at("/")
    ours = passage(to)
    assert admission(Known(SOMEBODY), counted).at_once(ours, to) is None
    assert (ours.session, ours.decision) == (None, "")


def test_where_somebody_has_to_be_asked_nothing_is_decided_at_once() -> None:
    to = at("/roles")
    ours = passage(to)
    assert admission(Known(SOMEBODY)).at_once(ours, to) is None
    assert (ours.session, ours.decision) == (None, "")


@pytest.mark.parametrize(
    ("path", "now", "holds"),
    [
        ("/open", None, True),
        ("/page", SOMEBODY, True),
        ("/page", Resumed(session=session()), False),
        ("/page", None, False),
    ],
    ids=["public", "the same", "an equal one", "cold"],
)
def test_a_session_holds_while_it_is_the_very_same(path: str, now: Resumed | None, holds: bool) -> None:
    to, known = at(path), Known(SOMEBODY)
    first, ours = admission(known), passage(to)
    route = first.at_once(ours, to)
    assert route is not None
    known.at_hand = now
    assert first.still(route, to, ours.session, first.credential(route, to)) is holds

import io

from msgspec.json import decode

from gateway.model.upstream import Health, Member, Upstream
from gateway.observe.log import configure
from gateway.observe.metrics import Metrics
from gateway.pools import Roll, close_pool, pool_for
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.members import Members
from gateway.upstream.pool import Pool
from gateway.upstream.reserved import Reserved

PLACES = (Member(host="one", port=80), Member(host="two", port=80))


def upstream(*places: Member, health: Health | None = None) -> Upstream:
    return Upstream(name="wiki", members=places, audience="wiki", health=health)


async def test_one_place_is_asked_directly_and_several_are_chosen_from() -> None:
    log = configure(form="json", level="info", stream=io.BytesIO(), clock=lambda: 0.0)
    health = Health(path="/", interval=60.0, timeout=1.0)
    for of, kind in (
        (upstream(PLACES[0]), Pool),
        (upstream(PLACES[0], health=health), Members),
        (upstream(*PLACES), Members),
    ):
        heads, metrics = AnswerHeads(Reserved(()).answers), Metrics(version="1")
        pool = pool_for(of, heads=heads, monotonic=lambda: 0.0, log=log, metrics=metrics)
        assert type(pool) is kind
        await close_pool(pool)
    log.close()


def test_log_and_metrics_tell_which_members_come_and_go() -> None:
    stream, metrics = io.BytesIO(), Metrics(version="1")
    log = configure(form="json", level="info", stream=stream, clock=lambda: 0.0)
    roll = Roll(upstream(*PLACES), log=log, metrics=metrics)
    series = b'gateway_upstream_member_up{member="http://two",upstream="wiki"} %d.0'
    assert series % 1 in metrics.exposition()
    roll.gone("http://two", why="health")
    assert series % 0 in metrics.exposition()
    roll.back("http://two")
    assert series % 1 in metrics.exposition()
    stream.close = lambda: None  # type: ignore[method-assign]
    log.close()
    gone, back = map(decode, stream.getvalue().splitlines())
    assert (gone["event"], gone["level"], gone["member"]) == ("upstream.member_gone", "warning", "http://two")
    assert (gone["upstream"], gone["reason"], back["event"]) == ("wiki", "health", "upstream.member_back")

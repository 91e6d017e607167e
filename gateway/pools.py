"""The connections to each upstream, and what is told of its members."""

from collections.abc import Callable

from gateway.model.upstream import Upstream
from gateway.observe.log import Log
from gateway.observe.metrics import Metrics
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.members import Members
from gateway.upstream.pool import Pool


class Roll:
    """Tells log and metrics which members of one upstream may be asked."""

    def __init__(self, upstream: Upstream, *, log: Log, metrics: Metrics) -> None:
        self._name = upstream.name
        self._log = log
        self._metrics = metrics
        for member in upstream.members:
            metrics.upstream_member(upstream=self._name, member=member.url, asked=True)

    def gone(self, member: str, *, why: str) -> None:
        """*member* is asked no more, because of its `health` or of `failures` in a row."""
        self._metrics.upstream_member(upstream=self._name, member=member, asked=False)
        facts = {"upstream": self._name, "member": member, "reason": why}
        self._log.event("warning", "upstream.member_gone", facts)

    def back(self, member: str) -> None:
        """*member* is asked again."""
        self._metrics.upstream_member(upstream=self._name, member=member, asked=True)
        self._log.event("info", "upstream.member_back", {"upstream": self._name, "member": member})


def pool_for(
    upstream: Upstream,
    *,
    heads: AnswerHeads,
    monotonic: Callable[[], float],
    log: Log,
    metrics: Metrics,
) -> Pool | Members:
    """Return the connections to *upstream*, within a running event loop.

    Where there is but one place to ask, and nobody asks how it is, nothing is chosen. Raises OSError
    where the files of its trust cannot be used.
    """
    if len(upstream.members) == 1 and upstream.health is None:
        return Pool(upstream, upstream.members[0], heads=heads)
    heard = Roll(upstream, log=log, metrics=metrics)
    return Members(upstream, heads=heads, monotonic=monotonic, heard=heard)


async def close_pool(pool: Pool | Members) -> None:
    """Close every connection, at once, and return when they are gone."""
    await pool.close()

"""The bounds that are promised, as numbers (rule G6), so that nobody changes one unseen.

That each of them holds is tested where it lives, by the name of its constant.
"""

import pytest

from gateway.flows import bearers, exchange, forwarding, places, targets, transactions
from gateway.flows.presentation import Pace
from gateway.front.limits import Limits
from gateway.keys import password, seal
from gateway.model.upstream import Timeouts
from gateway.observe import limit, request_line
from gateway.relying_party import (
    claim_sources,
    discovery,
    fetched,
    http,
    id_token,
    jwks,
    opaque_token,
    revocation,
    shared_calls,
)
from gateway.sessions import pieces
from gateway.store import engine, locks, postgres_server, provider_grants, reader, redis_server
from gateway.upstream import answer, identity

KIB = 1024
FRONT = Limits()
UPSTREAM = Timeouts()


@pytest.mark.parametrize(
    ("bound", "promised"),
    [
        ((FRONT.request_line, FRONT.field, FRONT.head, FRONT.fields), (8 * KIB, 16 * KIB, 32 * KIB, 100)),
        ((answer.HEAD_LIMIT, answer.FIELDS_LIMIT), (64 * KIB, 256)),
        ((FRONT.head_time, FRONT.keepalive, FRONT.body_idle, FRONT.write_idle), (10, 60, 30, 60)),
        ((FRONT.body_rate, FRONT.body_grace, FRONT.pipelined), (256, 10, 8)),
        ((FRONT.linger_time, FRONT.linger_bytes), (1, 256 * KIB)),
        ((UPSTREAM.connect, UPSTREAM.first_byte, UPSTREAM.idle), (5, 60, 60)),
        ((http.MEBIBYTE, http.DEADLINE, discovery.DEADLINE, http.CALLS_AT_ONCE), (KIB * KIB, 10, 5, 50)),
        ((http.LONGEST_WAIT, revocation.DEADLINE), (2, 2)),
        ((jwks.LARGEST_SET, jwks.MOST_KEYS, fetched.FORCED_EVERY), (512 * KIB, 64, 60)),
        ((id_token.LARGEST, id_token.MOST_CANDIDATES, seal.MAX_SEALED), (16 * KIB, 4, 16 * KIB)),
        ((claim_sources.MOST_SOURCES, claim_sources.DEADLINE), (4, 10)),
        ((pieces.PIECE, pieces.MOST_PIECES), (4 * KIB, 3)),
        ((identity.HEADERS_LIMIT,), (8 * KIB,)),
        ((redis_server.DEADLINE, engine.BUSY, reader.DEADLINE, postgres_server.DEADLINE), (0.25,) * 4),
        ((transactions.MOST, transactions.LIFE, targets.LONGEST), (7, 900, 2 * KIB)),
        ((password.LONGEST,), (KIB,)),
        ((shared_calls.AT_ONCE, shared_calls.MOST, shared_calls.LONGEST_WAIT), (20, 200, 2)),
        ((places.AT_ONCE, places.FAILURES, places.PAUSE), (8, 3, 5)),
        ((opaque_token.REFUSED_FOR, bearers.MOST, exchange.MOST, forwarding.MOST), (10, *(10_000,) * 3)),
        ((forwarding.HELD, forwarding.SHORT, forwarding.RECENT, provider_grants.KEPT), (30, 2, 15, 60)),
        ((locks.LIFE, locks.BEAT, Pace().life, Pace().beat), (5, 1.5, 5, 1.5)),
        ((request_line.LONGEST_LINE, limit.PER_SECOND), (4 * KIB, 50)),
    ],
)
def test_a_bound_is_the_number_that_was_promised(
    bound: tuple[float, ...], promised: tuple[float, ...]
) -> None:
    assert bound == promised

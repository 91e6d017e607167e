"""How many files and sockets the process may have open."""

import resource

MOST = 1_048_576
"""More are never asked for: some systems allow so many that reserving them would take long."""

RESERVED = 256
"""For the database, the log, issuers, the admin port, and whatever a library opens."""


def raise_limit() -> int:
    """Take as many descriptors as the system lets this process have, and return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return MOST if soft == resource.RLIM_INFINITY else soft


def room_for_connections(descriptors: int) -> int:
    """Return how many clients fit: each may need a descriptor of its own and one for its upstream."""
    return max(16, (descriptors - RESERVED) // 2)

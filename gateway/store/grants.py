"""Roles that providers granted by rules which are in the configuration no more."""

from collections.abc import Collection

from sqlalchemy import delete, select, tuple_

from gateway.store.engine import open_for_migration, sqlite_file
from gateway.store.outage import outages_told
from gateway.store.tables import BY_HAND, user_roles


def drop_grants_without(url: str, rules: Collection[tuple[str, str]]) -> int:
    """Take the roles that providers granted by a rule that is not among *rules*; return how many.

    A rule is a provider and a role. What was granted by hand stays. For a start: it blocks, and
    writes only where there is something to take. Raises StoreUnavailable.
    """
    kinds = (user_roles.c.source, user_roles.c.role)
    granted = select(*kinds).where(user_roles.c.source != BY_HAND).distinct()
    engine = open_for_migration(sqlite_file(url))
    with outages_told("roles cannot be taken back"):
        with engine.execution_options(writes=False).begin() as connection:
            found = {(source, role) for source, role in connection.execute(granted)}
        gone = sorted(found - set(rules))
        if not gone:
            return 0
        with engine.begin() as connection:
            return connection.execute(delete(user_roles).where(tuple_(*kinds).in_(gone))).rowcount

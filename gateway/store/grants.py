"""Roles that providers granted by rules which are in the configuration no more."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select, tuple_

from gateway.model.role import EarnedRole
from gateway.store.outage import outages_told
from gateway.store.place import place_at
from gateway.store.tables import BY_HAND, user_roles


def drop_grants_without(url: str, rules: Collection[tuple[str, EarnedRole]]) -> int:
    """Take the roles that providers granted by a rule that is not among *rules*; return how many.

    A rule is a provider and the role that it grants. What was granted by hand stays. For a start: it
    blocks, and writes only where there is something to take. Raises StoreUnavailable.
    """
    kinds = (user_roles.c.source, user_roles.c.role, user_roles.c.rule)
    kept = {(provider, earned.role, earned.rule) for provider, earned in rules}
    granted = select(*kinds).where(user_roles.c.source != BY_HAND).distinct()
    place = place_at(url)

    def found(connection: Connection) -> set[tuple[str, str, str]]:
        return {(source, role, rule) for source, role, rule in connection.execute(granted)}

    with outages_told("roles cannot be taken back"):
        gone = sorted(place.run(found) - kept)
        if not gone:
            return 0
        taking = delete(user_roles).where(tuple_(*kinds).in_(gone))
        return place.run(lambda connection: connection.execute(taking).rowcount, writes=True)

"""Resume: from the cookies of a request to a session that may be trusted, and the cookie to leave."""

import msgspec

from gateway.errors import SessionRejected
from gateway.model.inbound import Inbound
from gateway.model.session import Session
from gateway.sessions.strategy import Loaded, Strategy


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """The session, if one holds; the Set-Cookie values that any answer must carry.

    `rejected` is the reason where a session was presented that does not hold.
    """

    session: Session | None = None
    leave: tuple[bytes, ...] = ()
    rejected: str = ""


NOBODY = Resumed()


class Resume:
    """Finds out who is calling, without I/O where nothing is due."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def at_once(self, inbound: Inbound, *, asks_for_roles: bool) -> Resumed | None:
        """Return what can be said without I/O, or None where the store has to be asked."""
        loaded = self._strategy.load(inbound.headers)
        if loaded.session is None:
            return _without_session(loaded)
        if loaded.due or asks_for_roles:
            return None
        return Resumed(session=loaded.session, leave=loaded.clear)

    def warm(self, inbound: Inbound, *, asks_for_roles: bool) -> Resumed | None:
        """Return what was found out before and still holds; None where there is anything to find out.

        Tells nobody, so that it can be asked in vain.
        """
        loaded = self._strategy.warm(inbound.cookies)
        if loaded is None or (asks_for_roles and loaded.session is not None):
            return None
        return Resumed(session=loaded.session)

    def still(self, inbound: Inbound, session: Session | None) -> bool:
        """Say whether `warm` would return *session*, the very same."""
        loaded = self._strategy.warm(inbound.cookies)
        return loaded is not None and loaded.session is session

    async def resume(self, inbound: Inbound, *, asks_for_roles: bool) -> Resumed:
        """Return who is calling, renewed where due, with roles as they are now where asked for.

        Raises StoreUnavailable; the cookie is then neither cleared nor extended.
        """
        loaded = self._strategy.load(inbound.headers)
        if loaded.session is None:
            return _without_session(loaded)
        try:
            session = await self._asked(loaded.session, due=loaded.due, asks_for_roles=asks_for_roles)
        except SessionRejected as rejection:
            return Resumed(leave=self._strategy.clear(inbound.headers), rejected=rejection.reason)
        if session.token_id == loaded.session.token_id:
            return Resumed(session=session, leave=loaded.clear)
        return Resumed(session=session, leave=self._strategy.cookies(session, inbound.headers))

    async def _asked(self, session: Session, *, due: bool, asks_for_roles: bool) -> Session:
        if due:
            return await self._strategy.renew(session, fresh=asks_for_roles)
        return await self._strategy.confirm(session) if asks_for_roles else session

    async def live(self, inbound: Inbound) -> Session | None:
        """Return the presented session if it passes the store's lookup at this moment, else None.

        Renews nothing. Raises StoreUnavailable.
        """
        loaded = self._strategy.load(inbound.headers)
        if loaded.session is None:
            return None
        try:
            return await self._strategy.confirm(loaded.session)
        except SessionRejected:
            return None


def _without_session(loaded: Loaded) -> Resumed:
    if not loaded.presented:
        return NOBODY
    return Resumed(leave=loaded.clear, rejected=loaded.rejected)

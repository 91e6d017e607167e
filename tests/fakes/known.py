"""Who calls, by an answer that the test names."""

from dataclasses import dataclass, field

from gateway.errors import StoreUnavailable
from gateway.flows.resume import NOBODY, Resumed
from gateway.model.inbound import Inbound
from gateway.model.session import Session


@dataclass
class Known:
    """Says who calls: at once, later, or not at all while the store is down."""

    at_hand: Resumed | None = NOBODY
    later: Resumed = NOBODY
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def at_once(self, inbound: Inbound, *, asks_for_roles: bool) -> Resumed | None:
        self.asked.append("at once")
        return None if asks_for_roles else self.at_hand

    def warm(self, inbound: Inbound, *, asks_for_roles: bool) -> Resumed | None:
        return None if asks_for_roles else self.at_hand

    def still(self, inbound: Inbound, session: Session | None) -> bool:
        return self.at_hand is not None and self.at_hand.session is session

    async def resume(self, inbound: Inbound, *, asks_for_roles: bool) -> Resumed:
        self.asked.append("later")
        if self.down:
            raise StoreUnavailable("down")
        return self.later

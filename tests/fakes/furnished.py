"""The rooms of a gateway on an open database, without its process."""

import io
import time

from gateway.assembly.routes import build_routes
from gateway.front.ledger import RequestLedger
from gateway.lasting import Tenure
from gateway.observe.log import configure
from gateway.observe.metrics import Metrics
from gateway.rooms import Rooms, Surroundings
from gateway.routing.table import Table
from gateway.settings.schema import Settings
from gateway.store.database import Database


def furnished(settings: Settings, database: Database, tenure: Tenure) -> Rooms:
    log = configure(form="json", level="info", stream=io.BytesIO(), clock=time.time)
    log.close()
    metrics = Metrics(version="0", dropped=lambda: 0)
    return Rooms(
        settings,
        Surroundings(log=log),
        table=Table(build_routes(settings)),
        database=database,
        metrics=metrics,
        ledger=RequestLedger(log=log, counts=metrics, trail=lambda event: None, monotonic=time.monotonic),
        tenure=tenure,
    )


async def closed(rooms: Rooms) -> None:
    for close in reversed(rooms.closing):
        await close()

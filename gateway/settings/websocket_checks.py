"""What routes say about WebSockets must be able to happen."""

from collections.abc import Iterator

from gateway.settings.notation import KeyPath
from gateway.settings.refusal import Finding
from gateway.settings.routes import RouteSettings, WebSocketLimitSettings
from gateway.settings.schema import Settings

_USUAL = WebSocketLimitSettings()


def websockets(settings: Settings) -> Iterator[Finding]:
    """Yield what of a route's WebSockets cannot stand."""
    for index, route in enumerate(settings.routes):
        if route.websocket and route.methods and "GET" not in route.methods:
            yield Finding(
                path=("routes", index, "websocket"),
                message="can never open: it begins with a GET, which the route's methods leave out",
                suggestion="add GET to methods, or leave websocket out",
                because=(("routes", index, "methods"),),
            )
        yield from _websocket_terms(("routes", index), route)


def _websocket_terms(path: KeyPath, route: RouteSettings) -> Iterator[Finding]:
    """How a WebSocket is carried means something where one may open, and a ping before it is given up."""
    said = {
        "websocket_limits": route.websocket_limits != _USUAL,
        "websocket_ping": route.websocket_ping is not None,
    }
    for key, is_said in said.items():
        if is_said and not route.websocket:
            yield Finding(
                path=(*path, key),
                message="means nothing where no WebSocket may open",
                suggestion="write websocket = true, or leave it out",
                because=((*path, "websocket"),),
            )
    ping, idle = route.websocket_ping, route.websocket_limits.idle
    if ping is not None and idle is not None and ping >= idle:
        yield Finding(
            path=(*path, "websocket_ping"),
            message="is not shorter than the time after which an idle one is closed",
            suggestion="make it a few times shorter than websocket_limits.idle",
            because=((*path, "websocket_limits", "idle"),),
        )

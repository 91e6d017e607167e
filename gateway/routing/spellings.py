"""Spellings of a path that apps read in several ways: whichever way, the same route must govern.

A route allows them by name (`allow_in_path`); elsewhere they are refused, never repaired.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from gateway.errors import RequestRejected
from gateway.model.inbound import Inbound
from gateway.model.route import Route
from gateway.routing.table import Table


def check_spellings(table: Table, inbound: Inbound, route: Route) -> None:
    """Refuse what *route*, which governs *inbound* as we read it, does not allow, or would not govern if it
    were read otherwise. Raises RequestRejected."""
    for spelling in inbound.spellings:
        allowed = spelling in route.allow_in_path
        if not allowed and spelling != ";":
            raise RequestRejected(f"{spelling} in a path that does not allow it")
        if allowed and spelling == ";":
            continue
        reading = _OTHERWISE_READ[spelling](inbound)
        if next(table.candidates(inbound.host, reading), None) is not route:
            raise RequestRejected(f"{spelling} read otherwise would choose another route")


def _without_parameters(inbound: Inbound) -> str:
    """Return the path with `;…` cut from every segment, as some servers read it."""
    return "/".join([segment.partition(";")[0] for segment in inbound.path.split("/")])


def _with_single_slashes(inbound: Inbound) -> str:
    """Return the path with `//` read as one slash, as some servers do."""
    return re.sub("/+", "/", inbound.path)


def _with_opaque_slashes(inbound: Inbound) -> str:
    """Return the path with `%2f` left alone: part of a segment's name, as some servers read it."""
    raw = inbound.target.partition(b"?")[0].decode("ascii")
    return unquote(re.sub("%2f", "%252f", raw, flags=re.IGNORECASE))


# Whatever the app makes of a spelling, the same rule must govern what it then serves.
_OTHERWISE_READ: Mapping[str, Callable[[Inbound], str]] = {
    ";": _without_parameters,
    "//": _with_single_slashes,
    "%2f": _with_opaque_slashes,
}

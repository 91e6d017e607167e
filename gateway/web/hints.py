"""What a client may add to a login: who it is about, what the issuer's page shows, in which language
(OpenID Connect Core 3.1.2.1).

Law: nothing of it changes anybody's standing. The strength and age of a login are asked for by routes
alone (rules B4, O18), and how each of these must be written is for the relying party to say.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.web.query import Fields

NAMES = ("login_hint", "prompt", "ui_locales")


def hints(query: Fields) -> Mapping[str, str]:
    """Return what *query* adds, by name. Raises RequestRejected where one comes twice."""
    return {name: value for name in NAMES if (value := query.one(name))}


def as_query(hinted: Mapping[str, str]) -> str:
    """Return what makes an address without a query say the same, `?` and all; nothing for nothing."""
    return f"?{urlencode(hinted)}" if hinted else ""

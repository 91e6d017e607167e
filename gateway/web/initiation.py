"""Login initiated by a third party (OpenID Connect Core 4): a portal or the issuer itself sends the
browser here to be signed in.

Laws: whoever sends it chooses nothing but among what is ours. `iss` is an issuer of the provider that
the address names, to the letter: its own, or one that its answers may name. `target_link_uri` is a target
like any other; of the rest `login_hint` alone goes along. Only a whole window may come: what ends in a
frame is nobody's wish. What begins is an ordinary login, with a transaction of this browser, so that
nobody else's answer can end it.
"""

from collections.abc import Mapping

from gateway.errors import InitiationRefused, NoSuchPage, RequestRejected
from gateway.flows.login import Logins
from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from gateway.model.inbound import Inbound
from gateway.web.home import Home
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.visit import Visit

_NAMES = frozenset({"iss", "target_link_uri", "login_hint"})


class Initiation:
    """`/initiate/{provider}`, by GET or POST."""

    def __init__(self, *, logins: Logins, targets: ReturnTargets, home: Home, replies: Replies) -> None:
        self._logins = logins
        self._issuers: Mapping[str, frozenset[str]] = {
            each.id: each.tenants | {each.issuer} for each in logins.providers
        }
        self._targets = targets
        self._home = home
        self._replies = replies

    async def follow(self, visit: Visit) -> Answer:
        """GET /initiate/{provider}: a link was followed."""
        return await self._begin(visit, visit.query)

    async def receive(self, visit: Visit) -> Answer:
        """POST /initiate/{provider}: a form was sent, from wherever; there is no token to ask for.

        On another host of ours it goes on at home, as a link does.
        """
        fields = await visit.fields()
        if self._home.is_here(visit):
            return await self._begin(visit, fields)
        known = [pair for pair in fields.pairs if pair[0] in _NAMES]
        return self._replies.redirect(self._home.address(visit, known))

    async def _begin(self, visit: Visit, fields: Fields) -> Answer:
        issuers = self._issuers.get(visit.tail)
        if issuers is None:
            raise NoSuchPage("no such provider")
        if not _is_window(visit.inbound):
            raise RequestRejected("a login that a frame or a script of another site began")
        if fields.one("iss") not in issuers:
            raise InitiationRefused("iss is missing, or not that of the provider")
        target = fields.one("target_link_uri")
        hint = fields.one("login_hint")
        departure = await self._logins.start(
            visit.tail,
            inbound=visit.inbound,
            return_to=self._targets.check(target) if target is not None else "/",
            hints={"login_hint": hint} if hint else {},
        )
        return self._replies.redirect(departure.location, cookies=departure.cookies)


def _is_window(inbound: Inbound) -> bool:
    """Say whether the answer fills a window, as far as the browser says what it is for (Fetch Metadata)."""
    modes, places = inbound.values(b"sec-fetch-mode"), inbound.values(b"sec-fetch-dest")
    return modes in ([], [b"navigate"]) and places in ([], [b"document"])

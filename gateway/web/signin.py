"""Sign-in: the page of buttons, the start at a provider, and the way back from it."""

from collections.abc import Mapping
from urllib.parse import quote

from gateway.errors import LoginFailed, NoSuchPage, Unavailable
from gateway.flows.login import Departure, Logins
from gateway.flows.resume import Resume
from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from gateway.model.inbound import Inbound
from gateway.web.csrf import Csrf
from gateway.web.destination import destination
from gateway.web.home import Home
from gateway.web.pages import Pages
from gateway.web.person import display_name
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.visit import Visit

# Of what a client may add to the issuer's address, only what changes no one's standing: the
# strength and age of a login are asked for by routes alone (rules B4, O18).
_HINTS = ("login_hint", "prompt", "ui_locales")


class SignIn:
    """The pages and endpoints of a login. *root* is `public_url` + prefix."""

    def __init__(
        self,
        *,
        logins: Logins,
        resume: Resume,
        targets: ReturnTargets,
        home: Home,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        root: str,
    ) -> None:
        self._logins = logins
        self._resume = resume
        self._targets = targets
        self._home = home
        self._csrf = csrf
        self._pages = pages
        self._replies = replies
        self._root = root

    async def choose(self, visit: Visit) -> Answer:
        """GET /signin: one button a provider; with one provider straight on to its issuer."""
        return_to = destination(visit.query, self._targets, host=visit.inbound.host)
        if not self._logins.providers:
            raise NoSuchPage("nobody signs in here")
        if len(self._logins.providers) > 1:
            return self._page(visit.inbound, return_to)
        return await self._depart(self._logins.providers[0].id, visit, return_to or "/")

    async def follow(self, visit: Visit) -> Answer:
        """GET /signin/{provider}: our own redirect names a target and starts; anybody else chooses."""
        return_to = destination(visit.query, self._targets, host=visit.inbound.host)
        if visit.tail not in [provider.id for provider in self._logins.providers]:
            raise NoSuchPage("no such provider")
        if return_to is None:
            return self._page(visit.inbound, None)
        return await self._depart(visit.tail, visit, return_to)

    async def start(self, visit: Visit) -> Answer:
        """POST /signin/{provider}: the button was pressed."""
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        if not visit.wants_url(fields):
            departure = await self._begin(visit, fields)
            return self._replies.redirect(departure.location, cookies=departure.cookies)
        try:
            departure = await self._begin(visit, fields)
        except (LoginFailed, Unavailable) as error:
            return self._replies.next_url(f"{self._root}/error?error={quote(error.code)}")
        return self._replies.next_url(departure.location, cookies=departure.cookies)

    async def callback(self, visit: Visit) -> Answer:
        """GET /callback/{provider}: the issuer sends the browser back."""
        try:
            departure = await self._logins.finish(visit.tail, visit.query.pairs, inbound=visit.inbound)
        except LoginFailed:
            visit.passage.leave = self._logins.leftovers(visit.query.pairs, inbound=visit.inbound)
            raise
        return self._replies.redirect(departure.location, cookies=departure.cookies)

    async def _begin(self, visit: Visit, fields: Fields) -> Departure:
        if not self._home.is_here(visit):
            return Departure(location=self._home.signin(visit, fields))
        return await self._logins.start(
            visit.tail,
            inbound=visit.inbound,
            return_to=destination(fields, self._targets, host=visit.inbound.host) or "/",
            persistent=_is_persistent(fields),
            hints=_hints(visit.query),
        )

    async def _depart(self, provider_id: str, visit: Visit, return_to: str) -> Answer:
        departure = await self._logins.start(
            provider_id,
            inbound=visit.inbound,
            return_to=return_to,
            persistent=_is_persistent(visit.query),
            hints=_hints(visit.query),
        )
        return self._replies.redirect(departure.location, status=302, cookies=departure.cookies)

    def _page(self, inbound: Inbound, return_to: str | None) -> Answer:
        resumed = self._resume.at_once(inbound, asks_for_roles=False)
        token = self._csrf.issue(inbound.headers)
        facts = {
            "providers": self._logins.providers,
            "return_to": return_to,
            "csrf": token.text,
            "name": display_name(resumed.session.identity) if resumed and resumed.session else "",
        }
        return self._pages.form("signin.html", facts, cookies=token.cookies, departs=True)


def _is_persistent(fields: Fields) -> bool:
    return fields.one("remember") != "false"


def _hints(query: Fields) -> Mapping[str, str]:
    return {name: value for name in _HINTS if (value := query.one(name))}

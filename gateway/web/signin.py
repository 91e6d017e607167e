"""Sign-in: the page of form and buttons, the start at a provider, and the way back from it."""

from urllib.parse import quote, urlencode

from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    LoginFailed,
    MethodRefused,
    NoSuchPage,
    Unavailable,
)
from gateway.flows.login import Departure, Logins
from gateway.flows.password import Claimed, PasswordLogins
from gateway.flows.resume import Resume
from gateway.flows.step_up import StepUps
from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from gateway.web.csrf import Csrf
from gateway.web.errors import explaining
from gateway.web.hints import hints
from gateway.web.home import Home
from gateway.web.pages import Pages
from gateway.web.purpose import Purpose, Purposes
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.signin_page import SignInPage
from gateway.web.visit import Visit


class SignIn:
    """The pages and endpoints of a login. *root* is `public_url` + prefix."""

    def __init__(
        self,
        *,
        logins: Logins,
        passwords: PasswordLogins | None,
        step_ups: StepUps,
        resume: Resume,
        targets: ReturnTargets,
        home: Home,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        root: str,
    ) -> None:
        self._logins = logins
        self._passwords = passwords
        self._purposes = Purposes(step_ups=step_ups, resume=resume, targets=targets)
        self._targets = targets
        self._home = home
        self._csrf = csrf
        self._page = SignInPage(
            providers=logins.providers,
            passwords=passwords.provider if passwords else None,
            purposes=self._purposes,
            resume=resume,
            csrf=csrf,
            pages=pages,
        )
        self._replies = replies
        self._root = root

    async def choose(self, visit: Visit) -> Answer:
        """GET /signin: the form and a button a provider; with one issuer alone straight on to it.

        Whoever has to prove once more who they are does so where they did before.
        """
        purpose = await self._purposes.of(visit, visit.query)
        issuers = [provider.id for provider in self._logins.providers]
        if self._passwords is None and not issuers:
            raise NoSuchPage("nobody signs in here")
        if purpose.session is not None and purpose.session.provider in issuers:
            return await self._depart(purpose.session.provider, visit, purpose)
        if self._passwords is not None or len(issuers) > 1:
            return self._page.show(visit, purpose)
        return await self._depart(issuers[0], visit, purpose)

    async def follow(self, visit: Visit) -> Answer:
        """GET /signin/{provider}: our own redirect names a target and starts; anybody else chooses."""
        purpose = await self._purposes.of(visit, visit.query)
        if self._is_for_passwords(visit):
            return self._page.show(visit, purpose)
        if visit.tail not in [provider.id for provider in self._logins.providers]:
            raise NoSuchPage("no such provider")
        if purpose.return_to is None:
            return self._page.show(visit, purpose)
        return await self._depart(visit.tail, visit, purpose)

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
        if self._is_for_passwords(visit):  # where the form's answer stood, reloaded
            return self._replies.redirect(f"{self._root}/signin")
        try:
            departure = await self._logins.finish(visit.tail, visit.query.pairs, inbound=visit.inbound)
        except LoginFailed:
            visit.passage.leave = self._logins.leftovers(visit.query.pairs, inbound=visit.inbound)
            raise
        return self._replies.redirect(departure.location, cookies=departure.cookies)

    async def receive(self, visit: Visit) -> Answer:
        """POST /callback/{provider}: the password form was sent, or an issuer's page posts its answer."""
        if self._logins.takes_posts(visit.tail):
            return await self._lead_on(visit)
        if self._passwords is None or not self._is_for_passwords(visit):
            raise MethodRefused("no form comes back from this provider", allow=("GET", "HEAD"))
        try:
            self._passwords.check_room()
        except Unavailable as error:
            return self._turned_away(visit, error)
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        if not self._home.is_here(visit):
            return self._replies.redirect(self._home.signin(visit, fields))
        claimed = Claimed(name=fields.one("username") or "", password=fields.one("password") or "")
        purpose = await self._purposes.of(visit, fields)
        try:
            departure = await self._passwords.sign_in(
                claimed,
                inbound=visit.inbound,
                return_to=purpose.return_to or "/",
                persistent=purpose.persists(fields),
                step_up=purpose.step_up_at(visit.tail),
            )
        except (LoginFailed, Unavailable) as error:
            return self._refused(visit, fields, purpose, error)
        if visit.wants_url(fields):
            return self._replies.next_url(self._absolute(departure.location), cookies=departure.cookies)
        return self._replies.redirect(departure.location, cookies=departure.cookies)

    async def _lead_on(self, visit: Visit) -> Answer:
        """Send what another site posted to the callback's address, as one's own cookies come along there."""
        fields = await visit.fields()
        departure = await self._logins.receive(visit.tail, fields.pairs, inbound=visit.inbound)
        return self._replies.redirect(departure.location)

    def _refused(
        self, visit: Visit, fields: Fields, purpose: Purpose, error: LoginFailed | Unavailable
    ) -> Answer:
        """Return the form once more, or tell a script; other ends than a wrong password are raised."""
        visit.passage.code = error.code
        if visit.wants_url(fields):
            return self._replies.document(
                {"url": self._explained(error)}, status=error.status, headers=explaining(error)
            )
        if not isinstance(error, CredentialsRefused) or not visit.inbound.wants_html:
            raise error
        return self._page.show(visit, purpose, refused=error, typed=fields)

    def _turned_away(self, visit: Visit, error: Unavailable) -> Answer:
        """Answer a login of which nothing was read, so that nobody knows what its script asks for."""
        visit.passage.code = error.code
        if visit.inbound.wants_html:
            raise error
        told = {"error": error.code, "request_id": visit.passage.request_id, "url": self._explained(error)}
        return self._replies.document(told, status=error.status, headers=explaining(error))

    def _explained(self, error: GatewayError) -> str:
        """Return the page about *error*, in the form in which Auth.js clients read it."""
        return f"{self._root}/error?{urlencode({'error': error.code, 'code': _auth_js_code(error)})}"

    def _is_for_passwords(self, visit: Visit) -> bool:
        return self._passwords is not None and visit.tail == self._passwords.provider.id

    def _absolute(self, location: str) -> str:
        return self._targets.origin(self._targets.host) + location if location.startswith("/") else location

    async def _begin(self, visit: Visit, fields: Fields) -> Departure:
        if self._is_for_passwords(visit) or not self._home.is_here(visit):
            return Departure(location=self._home.signin(visit, fields))
        return await self._start(visit.tail, visit, fields, await self._purposes.of(visit, fields))

    async def _depart(self, provider_id: str, visit: Visit, purpose: Purpose) -> Answer:
        departure = await self._start(provider_id, visit, visit.query, purpose)
        return self._replies.redirect(departure.location, status=302, cookies=departure.cookies)

    async def _start(self, provider_id: str, visit: Visit, fields: Fields, purpose: Purpose) -> Departure:
        return await self._logins.start(
            provider_id,
            inbound=visit.inbound,
            return_to=purpose.return_to or "/",
            persistent=purpose.persists(fields),
            hints=hints(visit.query),
            route=purpose.route,
            step_up=purpose.step_up_at(provider_id),
        )


def _auth_js_code(error: GatewayError) -> str:
    """Return the `code` that Auth.js clients read beside `error`: `credentials` is a wrong password."""
    return "credentials" if isinstance(error, CredentialsRefused) else error.code

"""The console over real users and sessions, joined for tests of pages."""

from gateway.flows.administration import Administration
from gateway.flows.resume import Resume
from gateway.keys.keyring import KeyRing
from gateway.model.cookies import CookieNames
from gateway.model.event import AuditEvent, Clock
from gateway.model.issuer_health import FetchedDocument, IssuerHealth
from gateway.model.role import rule_of
from gateway.model.route import Route, Rules
from gateway.sessions.strategy import Strategy
from gateway.store.database import Database
from gateway.web.again import SignInAgain
from gateway.web.console import Console
from gateway.web.console_audit import ConsoleAudit
from gateway.web.console_door import ConsoleDoor
from gateway.web.console_people import People
from gateway.web.console_providers import ConsoleProviders, ShownProvider
from gateway.web.console_routes import ConsoleRoutes
from gateway.web.console_sessions import ConsoleSessions
from gateway.web.console_users import ConsoleUsers
from gateway.web.csrf import Csrf
from gateway.web.home import Home
from gateway.web.pages import Pages
from gateway.web.replies import Replies

CONSOLE_CSRF = "console-csrf"
RULES = {("demo", rule_of("groups", "admins")): "groups = admins"}

ROUTES = [
    Route(
        name="wiki",
        host="wiki.example.com",
        path="/",
        upstream=None,
        allow=Rules(roles=frozenset({"editor", "<b>"})),
    ),
    *(Route(name=f"r{number}", host=None, path=f"/r{number}", upstream=None) for number in range(120)),
]


class Unasked:
    """An issuer that nobody had to ask yet."""

    health = IssuerHealth(metadata=FetchedDocument(), key_set=FetchedDocument())


PROVIDERS = [
    ShownProvider(
        id="demo", name="Demo", kind="OpenID Connect", issuer="https://demo.example", party=Unasked()
    ),
    ShownProvider(id="local", name="Password", kind="Passwords"),
]


class Tallies:
    """Counts what administrators do."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def administered(self, *, action: str, outcome: str) -> None:
        self.seen.append((action, outcome))


def console(
    *,
    database: Database,
    sessions: Strategy,
    again: SignInAgain,
    home: Home,
    ring: KeyRing,
    names: CookieNames,
    pages: Pages,
    replies: Replies,
    events: list[AuditEvent],
    clock: Clock,
    prefix: str,
) -> Console:
    """Return the console of the gateway that consists of these."""
    door = ConsoleDoor(
        resume=Resume(sessions),
        csrf=Csrf(mac=ring.mac(CONSOLE_CSRF), names=names, scheme="https"),
        home=home,
        again=again,
        clock=clock,
        prefix=prefix,
    )
    administration = Administration(
        database.users,
        endings=database.endings,
        sign_ins=database.sign_ins,
        changed=sessions.distrust,
        counts=Tallies(),
        audit=events.append,
    )
    people = People(providers={"demo": "Demo", "corp": "Corp"}, rules=RULES)
    return Console(
        door=door,
        users=ConsoleUsers(
            door=door,
            users=database.users,
            user_pages=database.user_pages,
            sign_ins=database.sign_ins,
            administration=administration,
            people=people,
            pages=pages,
            replies=replies,
            clock=clock,
            max_age=2_592_000,
            prefix=prefix,
        ),
        sessions=ConsoleSessions(
            door=door,
            sign_ins=database.sign_ins,
            users=database.user_pages,
            administration=administration,
            people=people,
            pages=pages,
            replies=replies,
            clock=clock,
            max_age=2_592_000,
            prefix=prefix,
        ),
        audit=ConsoleAudit(
            trail=database.audit,
            finder=database.users,
            users=database.user_pages,
            pages=pages,
            prefix=prefix,
        ),
        routes=ConsoleRoutes(ROUTES, pages=pages, prefix=prefix),
        providers=ConsoleProviders(PROVIDERS, pages=pages),
        replies=replies,
        prefix=prefix,
    )

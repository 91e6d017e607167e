"""Everything that we answer: which method on which path is which handler, and nothing more."""

from collections.abc import Mapping

from gateway.errors import MethodRefused, NoSuchPage, RequestRejected
from gateway.model.answer import Answer
from gateway.model.inbound import Inbound
from gateway.passage import Passage
from gateway.web.account import AccountPage
from gateway.web.client_jwks import ClientJwks
from gateway.web.console import Console
from gateway.web.forward_auth import ForwardAuth
from gateway.web.home import Handler, Home
from gateway.web.initiation import Initiation
from gateway.web.issuer_logout import IssuerLogoutEndpoints
from gateway.web.own_paths import OwnPaths
from gateway.web.password import PasswordPage
from gateway.web.personal import TokensPage
from gateway.web.programs import Programs
from gateway.web.query import parse_fields
from gateway.web.resources import ProtectedResources
from gateway.web.signin import SignIn
from gateway.web.signout import SignOut
from gateway.web.visit import ReadBody, Visit

Methods = Mapping[str, Handler]


class Endpoints:
    """Dispatches requests under *prefix*, which is canonical: a slash in front, none at the end."""

    def __init__(
        self,
        *,
        prefix: str,
        home: Home,
        signin: SignIn,
        initiation: Initiation,
        signout: SignOut,
        account: AccountPage,
        password: PasswordPage,
        tokens: TokensPage,
        programs: Programs,
        issuer_logout: IssuerLogoutEndpoints,
        forward_auth: ForwardAuth,
        resources: ProtectedResources,
        client_jwks: ClientJwks,
        console: Console,
    ) -> None:
        self._resources = resources
        self._prefix = prefix
        self._forward_auth = forward_auth
        self._own = OwnPaths(prefix)
        self.opening = f"{prefix}/"
        self._exact: Mapping[str, Methods] = {
            "/signin": {"GET": home.starts(signin.choose)},
            "/signout": {"GET": signout.ask, "POST": signout.leave},
            "/account": {"GET": home.only(account.show)},
            "/account/unlink": {"POST": account.unlink},
            "/account/password": {"GET": home.only(password.show), "POST": password.choose},
            "/account/tokens": {"GET": home.only(tokens.show), "POST": tokens.make},
            "/session": {"GET": programs.session, "POST": programs.reread},
            "/csrf": {"GET": programs.csrf},
            "/providers": {"GET": programs.providers},
            "/jwks.json": {"GET": programs.jwks},
            "/error": {"GET": programs.error},
            **console.exact,
        }
        self._named: Mapping[str, Methods] = {
            "/signin": {"GET": home.starts(signin.follow), "POST": signin.start},
            "/callback": {"GET": home.only(signin.callback), "POST": signin.receive},
            "/initiate": {"GET": home.only(initiation.follow), "POST": initiation.receive},
            "/account/link": {"POST": account.link},
            "/account/sessions": {"POST": account.end},
            "/account/tokens": {"POST": tokens.revoke},
            "/backchannel-logout": {"POST": issuer_logout.backchannel},
            "/client-jwks": {"GET": client_jwks.show},
            "/frontchannel-logout": {"GET": issuer_logout.frontchannel},
            **console.named,
        }

    def covers(self, path: str) -> bool:
        """Say whether *path*, in any spelling, is under our prefix: then no upstream ever sees it.

        So is what is well known about routes that take bearers, in its one spelling.
        """
        return self._resources.covers(path) or self._own.cover(path)

    async def handle(self, inbound: Inbound, read_body: ReadBody, passage: Passage) -> Answer:
        """Answer *inbound*. Raises GatewayErrors; cookies that any answer must carry are in *passage*."""
        if self._forward_auth.is_asked(inbound):  # what follows its path is another request's
            return await self._forward_auth.answer(inbound, passage)
        if self._resources.covers(inbound.path):  # a route's path may hold what is escaped in a target
            return self._resources.handle(inbound)
        if inbound.spellings or inbound.target.partition(b"?")[0] != inbound.path.encode():
            raise RequestRejected("our own paths have one spelling")
        methods, tail = self._find(inbound.path)
        method = "GET" if inbound.method == "HEAD" else inbound.method
        handler = methods.get(method)
        if handler is None:
            raise MethodRefused(inbound.method, allow=_allowed(methods))
        visit = Visit(
            inbound=inbound,
            passage=passage,
            read_body=read_body,
            query=parse_fields(inbound.query),
            tail=tail,
        )
        return await handler(visit)

    def _find(self, path: str) -> tuple[Methods, str]:
        local = path.removeprefix(self._prefix)
        methods = self._exact.get(local)
        if methods is not None:
            return methods, ""
        head, _, tail = local.rpartition("/")
        methods = self._named.get(head)
        if local == path or methods is None or not tail:
            raise NoSuchPage(path)
        return methods, tail


def _allowed(methods: Methods) -> tuple[str, ...]:
    return (
        ("GET", "HEAD", *[name for name in methods if name != "GET"]) if "GET" in methods else tuple(methods)
    )

"""The console: which method on which path below `/admin` is which page, each behind the same door."""

from collections.abc import Mapping

from gateway.model.answer import Answer
from gateway.web.console_audit import ConsoleAudit
from gateway.web.console_door import ConsoleDoor
from gateway.web.console_providers import ConsoleProviders
from gateway.web.console_routes import ConsoleRoutes
from gateway.web.console_sessions import ConsoleSessions
from gateway.web.console_users import ConsoleUsers
from gateway.web.home import Handler
from gateway.web.replies import Replies
from gateway.web.visit import Visit


class Console:
    """What administrators see and do. `exact` are handlers by path, `named` those whose path goes on with
    the name of what they are about."""

    def __init__(
        self,
        *,
        door: ConsoleDoor,
        users: ConsoleUsers,
        sessions: ConsoleSessions,
        audit: ConsoleAudit,
        routes: ConsoleRoutes,
        providers: ConsoleProviders,
        replies: Replies,
        prefix: str,
    ) -> None:
        self._replies = replies
        self._front = f"{prefix}/admin/"
        self.exact: Mapping[str, Mapping[str, Handler]] = {
            "/admin": {"GET": self._to_front},
            "/admin/": {"GET": door.page(users.show_all)},
            "/admin/sessions": {"GET": door.page(sessions.show_all)},
            "/admin/audit": {"GET": door.page(audit.show_all)},
            "/admin/routes": {"GET": door.page(routes.show_all)},
            "/admin/providers": {"GET": door.page(providers.show_all)},
        }
        self.named: Mapping[str, Mapping[str, Handler]] = {
            "/admin/users": {"GET": door.page(users.show)},
            "/admin/users/disable": {"POST": door.form(users.disable, back=users.page_of)},
            "/admin/users/enable": {"POST": door.form(users.enable, back=users.page_of)},
            "/admin/users/grant": {"POST": door.form(users.grant, back=users.page_of)},
            "/admin/users/revoke": {"POST": door.form(users.revoke, back=users.page_of)},
            "/admin/users/end": {"POST": door.form(users.sign_out, back=users.page_of)},
            "/admin/sessions": {"POST": door.form(sessions.end, back=sessions.page_of)},
        }

    async def _to_front(self, _: Visit) -> Answer:
        """Lead to the address that a sign-in may come back to; it is no secret that there is a console."""
        return self._replies.redirect(self._front, status=302)

"""What happened to a session, a login or a user: one fact, told to the log and the audit trail."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """A security-relevant fact. Never holds a cookie, token, code or secret.

    `name` is dotted (`auth.login.success`, `session.rejected`, `logout`); `outcome` is `success`,
    `failure` or `refused`; `reason` a stable word; `session_id` the public one. `user_id` is whom it
    is about, `actor` the administrator who did it, where it was one.
    """

    name: str
    outcome: str = "success"
    reason: str = ""
    actor: str = ""
    user_id: str = ""
    session_id: str = ""
    provider: str = ""
    route: str = ""
    client_ip: str = ""
    request_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An event in the audit trail: entries are numbered as they came; `ts` is a Unix second."""

    id: int
    ts: int
    event: AuditEvent


Audit = Callable[[AuditEvent], None]
Clock = Callable[[], float]

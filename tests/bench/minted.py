"""Many sessions of one user, each as good as a login's, made without logging in so often."""

import secrets
from dataclasses import dataclass, replace

from gateway.assembly.sessions import cookie_names, session_policy
from gateway.keys.keyring import KeyRing
from gateway.model.session import Session, SessionRecord, Visitor, session_key
from gateway.sessions.opaque import OpaqueCookies, token_id
from gateway.sessions.records import Records
from tests.bench.programs import Failed
from tests.bench.stage import Gateway
from tests.bench.stores import Kept

_VISITOR = Visitor(address="127.0.0.1", browser="Firefox on Linux")


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """Cookie headers, and the record of the login that all were made after."""

    cookies: list[str]
    like: SessionRecord


async def minted(gateway: Gateway, kept: Kept, *, count: int) -> Minted:
    """Sign in once and keep *count* sessions in all of that user."""
    settings = gateway.settings
    audience, name = session_policy(settings).audience, cookie_names(settings).session
    ring = KeyRing(settings.secret, scope=settings.public_url)
    values = OpaqueCookies(ring.mac("session-id"), audience=audience)
    records = Records(ring.sealer("session-record"), audience=audience)

    cookie = await gateway.signed_in()
    session_id = values.read(cookie.partition("=")[2].encode())
    if session_id is None:
        raise Failed("the login left a cookie that is not the gateway's")
    async with kept.opened(gateway) as store:
        found = await store.find(session_key(session_id))
    if found is None:
        raise Failed("the login left no session in the store")
    session = replace(records.session(session_id, found.record), id=session_id)
    others = [_another(session) for _ in range(count - 1)]
    await kept.add(gateway, [records.record(each, _VISITOR) for each in others])
    made = [f"{name}={values.value(each.id)}" for each in others]
    return Minted(cookies=[cookie, *made], like=found.record)


def _another(session: Session) -> Session:
    session_id = secrets.token_urlsafe(32)
    return replace(session, id=session_id, token_id=token_id(session_id))

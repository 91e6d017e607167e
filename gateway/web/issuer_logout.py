"""The two endpoints by which issuers end sessions; no form of ours leads there, so no CSRF token is asked."""

from collections.abc import Mapping

from gateway.errors import LogoutRefused, NoSuchPage, RequestRejected, SignOutIncomplete
from gateway.flows.issuer_logout import IssuerLogout
from gateway.model.answer import Answer
from gateway.web.pages import Pages
from gateway.web.replies import Replies
from gateway.web.visit import Visit


class IssuerLogoutEndpoints:
    """`/backchannel-logout/{provider}` and `/frontchannel-logout/{provider}`. *issuers* is by provider."""

    def __init__(
        self, *, logout: IssuerLogout, issuers: Mapping[str, str], pages: Pages, replies: Replies
    ) -> None:
        self._logout = logout
        self._issuers = issuers
        self._pages = pages
        self._replies = replies

    async def backchannel(self, visit: Visit) -> Answer:
        """POST /backchannel-logout/{provider}: 200 where the token was verified and obeyed, else 400.

        Raises NoSuchPage, IssuerUnavailable, StoreUnavailable (OpenID Connect Back-Channel Logout 2.8).
        """
        try:
            fields = await visit.fields()
            raw = fields.one("logout_token")
            if raw is None:
                raise LogoutRefused("no logout_token")
            await self._logout.announced(visit.tail, raw)
        except (RequestRejected, LogoutRefused) as refusal:
            visit.passage.code = LogoutRefused.code
            visit.passage.reason = str(refusal)
            told = {"error": LogoutRefused.code, "request_id": visit.inbound.request_id}
            return self._replies.document(told, status=LogoutRefused.status)
        return self._replies.document({})

    async def frontchannel(self, visit: Visit) -> Answer:
        """GET /frontchannel-logout/{provider}?iss=&sid=: an empty page for the issuer's frame.

        It looks the same whether a session ended or not. Raises NoSuchPage, RequestRejected,
        SignOutIncomplete (OpenID Connect Front-Channel Logout 3).
        """
        issuer, sid = visit.query.one("iss"), visit.query.one("sid")
        home = self._issuers.get(visit.tail)
        if home is None:
            raise NoSuchPage("no such provider")
        if not issuer or not sid:
            raise RequestRejected("iss and sid are needed")
        left = await self._logout.framed(visit.tail, issuer=issuer, sid=sid, inbound=visit.inbound)
        if not left.complete:
            visit.passage.leave = left.cookies
            raise SignOutIncomplete("the end of the session is not recorded")
        return self._pages.framed(issuer=home, cookies=left.cookies)

"""Microsoft Entra ID: groups of somebody who is in more than a token has room for.

Such a token says only that there are groups (`_claim_names` or `hasgroups`), and where they were in an
earlier interface. Law: the access token goes to Microsoft Graph of the issuer's own cloud and nowhere
that an answer names.
"""

from urllib.parse import urlsplit

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.relying_party.claims import Claims
from gateway.relying_party.http import MEBIBYTE, IssuerHttp
from gateway.relying_party.registration import Registration
from gateway.relying_party.strict_json import JsonRefused, read_object

MOST_GROUPS = 11_000
"""What Graph itself returns at most; an answer of more is not one of its."""

_GRAPHS = {
    "login.microsoftonline.com": "https://graph.microsoft.com",
    "login.microsoftonline.us": "https://graph.microsoft.us",
    "login.partner.microsoftonline.cn": "https://microsoftgraph.chinacloudapi.cn",
}
_PATH = "/v1.0/me/getMemberGroups"
_ALL = '{"securityEnabledOnly": false}'


class Entra:
    """The steps of a login at Entra; *graph* is asked instead of that of the issuer's cloud."""

    def __init__(self, *, graph: str | None = None) -> None:
        self._graph = graph

    async def completed(
        self, claims: Claims, *, access_token: str, registration: Registration, http: IssuerHttp
    ) -> Claims:
        """Return *claims* with the groups that the token had no room for, where any is read.

        Raises LoginFailed where Graph refuses or tells something else, IssuerUnavailable where it is
        out of order.
        """
        if not is_over(claims) or not registration.reads("groups"):
            return claims
        graph = self._graph or graph_of(registration.issuer)
        answer = await http.post_json(
            graph + _PATH, _ALL, headers={"Authorization": f"Bearer {access_token}"}, limit=MEBIBYTE
        )
        if answer.status >= 500 or answer.status == 429:
            raise IssuerUnavailable(f"Microsoft Graph answered {answer.status}")
        if answer.status != 200:
            raise LoginFailed(f"the claim groups: Microsoft Graph answered {answer.status}")
        return {**claims, "groups": read_groups(answer.body)}


def is_over(claims: Claims) -> bool:
    """Say whether *claims* speak of groups that they do not have."""
    names = claims.get("_claim_names")
    said = claims.get("hasgroups")
    told = said is True or said == "true" or (isinstance(names, dict) and "groups" in names)
    return told and "groups" not in claims


def graph_of(issuer: str) -> str:
    """Return Microsoft Graph of the cloud that *issuer* is in. Raises LoginFailed for any other."""
    graph = _GRAPHS.get(urlsplit(issuer).hostname or "")
    if graph is None:
        raise LoginFailed("the claim groups: the issuer is in no cloud of Entra that is known")
    return graph


def read_groups(body: bytes) -> list[str]:
    """Return the ids of groups in an answer of Graph, all of them. Raises LoginFailed."""
    try:
        document = read_object(body, limit=MEBIBYTE)
    except JsonRefused as error:
        raise LoginFailed(f"the claim groups: Microsoft Graph: {error}") from None
    listed = document.get("value")
    if not isinstance(listed, list) or len(listed) > MOST_GROUPS or "@odata.nextLink" in document:
        raise LoginFailed("the claim groups: Microsoft Graph does not list them all")
    if not all(isinstance(group, str) for group in listed):
        raise LoginFailed("the claim groups: Microsoft Graph lists something else")
    return [group for group in listed if isinstance(group, str)]

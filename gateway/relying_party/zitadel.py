"""Zitadel: the roles that somebody has in a project, which its tokens hold as an object."""

from collections.abc import Iterator

from gateway.errors import LoginFailed
from gateway.relying_party.claims import Claims
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.registration import Registration

ROLES = "urn:zitadel:iam:org:project:roles"
"""Roles of the client's own project: each name with the organizations that granted it, by id."""


class Zitadel:
    """The steps of a login at Zitadel."""

    async def completed(
        self, claims: Claims, *, access_token: str, registration: Registration, http: IssuerHttp
    ) -> Claims:
        """Return *claims* with `groups` of the roles: `ROLE`, and `ORGANIZATION/ROLE` for who granted it.

        Groups that the issuer was made to tell stay as they are. Raises LoginFailed for roles in another
        shape.
        """
        if "groups" in claims or ROLES not in claims or not registration.reads("groups"):
            return claims
        return {**claims, "groups": list(_groups(claims[ROLES]))}


def _groups(roles: object) -> Iterator[str]:
    if not isinstance(roles, dict) or not all(isinstance(each, dict) for each in roles.values()):
        raise LoginFailed(f"the claim {ROLES} is not an object of objects")
    yield from roles
    for role, organizations in roles.items():
        yield from (f"{organization}/{role}" for organization in organizations)

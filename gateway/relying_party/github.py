"""GitHub's own: the verified primary e-mail, organizations and teams, and who may sign in by them."""

import re
from collections.abc import Awaitable, Callable

from gateway.errors import LoginFailed, UserRefused
from gateway.relying_party.claims import Claims
from gateway.relying_party.registration import Registration

Ask = Callable[[str], Awaitable[object]]

PAGE = 100
MOST_PAGES = 10
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


async def completed(told: Claims, *, ask: Ask, registration: Registration) -> Claims:
    """Return what userinfo *told* with `email`, `email_verified` and `groups` as GitHub's API has them.

    Groups are organizations by name and teams as `org/team`, asked for where `scopes` has `read:org` or
    the sign-in is for `organizations` only. Raises LoginFailed, UserRefused, IssuerUnavailable.
    """
    email = _primary(await _pages(ask, "/emails"))
    facts: Claims = {**told, "email": email, "email_verified": email is not None, "groups": []}
    if not registration.organizations and "read:org" not in registration.scopes:
        return facts
    organizations = [_name(each, "login") for each in await _pages(ask, "/orgs")]
    _check_member(organizations, registration.organizations)
    teams = [_team(each) for each in await _pages(ask, "/teams")] if "read:org" in registration.scopes else []
    return {**facts, "groups": [*organizations, *teams]}


def _check_member(organizations: list[str], wanted: tuple[str, ...]) -> None:
    """Refuse whoever is in none of the organizations *wanted*; case tells no two apart."""
    if wanted and not {each.lower() for each in organizations} & {each.lower() for each in wanted}:
        raise UserRefused("a member of none of the organizations that may sign in")


async def _pages(ask: Ask, path: str) -> list[dict[str, object]]:
    """Return a whole list, page by page. Raises LoginFailed where it has no end or is no list of objects."""
    found: list[dict[str, object]] = []
    for page in range(1, MOST_PAGES + 1):
        answer = await ask(f"{path}?per_page={PAGE}&page={page}")
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise LoginFailed(f"GitHub's {path} is no list of objects")
        found += answer
        if len(answer) < PAGE:
            return found
    raise LoginFailed(f"GitHub's {path} has more than {MOST_PAGES * PAGE} entries")


def _primary(emails: list[dict[str, object]]) -> object:
    """Return the primary address if it is verified, else None."""
    verified = (each.get("email") for each in emails if each.get("primary") is True and _is_verified(each))
    return next(verified, None)


def _is_verified(email: dict[str, object]) -> bool:
    return email.get("verified") is True


def _team(team: dict[str, object]) -> str:
    organization = team.get("organization")
    if not isinstance(organization, dict):
        raise LoginFailed("a team of GitHub's is of no organization")
    return f"{_name(organization, 'login')}/{_name(team, 'slug')}"


def _name(thing: dict[str, object], key: str) -> str:
    """Return a name that has no slash, so that no organization can be taken for a team."""
    name = thing.get(key)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise LoginFailed(f"GitHub's {key} of an organization or team is no name")
    return name

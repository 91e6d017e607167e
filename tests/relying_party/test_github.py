from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import IssuerUnavailable, LoginFailed, UserRefused
from gateway.model.identity import VerifiedLogin
from gateway.relying_party.github import MOST_PAGES, PAGE
from tests.fakes.oauth_provider import OAuthProvider, party_at, response_to

PRIMARY = {"email": "ann@example.com", "primary": True, "verified": True, "visibility": "private"}
OTHER = {"email": "ann@other.example", "primary": False, "verified": True, "visibility": None}
ORGS = [{"login": "Company", "id": 1}, {"login": "friends", "id": 2}]
TEAMS = [{"slug": "admins", "name": "The admins", "organization": {"login": "Company"}}]


@pytest.fixture
async def provider() -> AsyncIterator[OAuthProvider]:
    told = {"id": 583231, "login": "ann", "email": "public@example.com", "email_verified": True}
    answers = {"/user": told, "/user/emails": [OTHER, PRIMARY], "/user/orgs": ORGS, "/user/teams": TEAMS}
    async with OAuthProvider(answers) as provider:
        yield provider


async def signed_in(provider: OAuthProvider, **changes: Any) -> VerifiedLogin:
    settled = {"scopes": ("user:email", "read:org"), "steps": "github", **changes}
    async with party_at(provider, email_verified="email_verified", **settled) as (party, pending):
        return await party.redeem(pending, response_to(pending))


async def test_groups_are_organizations_and_teams(provider: OAuthProvider) -> None:
    login = await signed_in(provider)
    assert login.subject == "583231"
    assert (login.email, login.email_verified) == ("ann@example.com", True)
    assert login.groups == ("Company", "friends", "Company/admins")


@pytest.mark.parametrize(
    "emails", [[], [OTHER], [{**PRIMARY, "verified": False}], [{**PRIMARY, "verified": 1}]]
)
async def test_an_email_that_is_not_verified_and_primary_is_none(
    provider: OAuthProvider, emails: list[object]
) -> None:
    provider.answers["/user/emails"] = emails
    login = await signed_in(provider)
    assert (login.email, login.email_verified) == (None, False)


async def test_nothing_is_asked_of_organizations_without_need(provider: OAuthProvider) -> None:
    assert (await signed_in(provider, scopes=("user:email",))).groups == ()
    assert [each.partition("?")[0] for each in provider.asked] == ["/user", "/user/emails"]


@pytest.mark.parametrize("wanted", [("company",), ("nobody", "FRIENDS")])
async def test_a_member_may_sign_in(provider: OAuthProvider, wanted: tuple[str, ...]) -> None:
    assert (await signed_in(provider, organizations=wanted)).subject == "583231"


@pytest.mark.parametrize("scopes", [("user:email",), ("user:email", "read:org")])
async def test_who_is_in_none_of_the_organizations_may_not(
    provider: OAuthProvider, scopes: tuple[str, ...]
) -> None:
    with pytest.raises(UserRefused):
        await signed_in(provider, organizations=("compan", "company/admins"), scopes=scopes)


async def test_lists_are_read_to_their_end(provider: OAuthProvider) -> None:
    many = [{"login": f"org-{number}"} for number in range(PAGE)]
    provider.answers["/user/orgs?per_page=100&page=1"] = many
    assert len((await signed_in(provider)).groups) == PAGE + 3


async def test_a_list_without_an_end_ends_the_login(provider: OAuthProvider) -> None:
    provider.answers["/user/orgs"] = [{"login": f"org-{number}"} for number in range(PAGE)]
    with pytest.raises(LoginFailed, match="more than"):
        await signed_in(provider)
    assert len([each for each in provider.asked if each.startswith("/user/orgs")]) == MOST_PAGES


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/user/emails", {"email": "ann@example.com"}),
        ("/user/emails", ["ann@example.com"]),
        ("/user/emails", b"<html>"),
        ("/user/orgs", [{"login": "company/admins"}]),
        ("/user/orgs", [{"login": 7}]),
        ("/user/teams", [{"slug": "admins"}]),
        ("/user/teams", [{"slug": "a/b", "organization": {"login": "Company"}}]),
    ],
)
async def test_a_hostile_answer_ends_the_login(provider: OAuthProvider, path: str, answer: object) -> None:
    provider.answers[path] = answer
    with pytest.raises(LoginFailed):
        await signed_in(provider)


@pytest.mark.parametrize("path", ["/user/emails", "/user/orgs", "/user/teams"])
async def test_B29_what_does_not_answer_is_an_outage(provider: OAuthProvider, path: str) -> None:
    provider.status[path] = 503
    with pytest.raises(IssuerUnavailable):
        await signed_in(provider)

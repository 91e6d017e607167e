import pytest

from gateway.errors import LoginFailed
from gateway.model.identity import VerifiedLogin
from tests.fakes.oauth_provider import OAuthProvider, party_at, response_to

PRIMARY = {"type": "email", "email": "ann@example.com", "is_primary": True, "is_confirmed": True}


async def signed_in(emails: object) -> VerifiedLogin:
    answers = {"/user": {"id": "{a}", "email": "x@example.com"}, "/user/emails": emails}
    async with (
        OAuthProvider(answers) as provider,
        party_at(provider, email_verified="email_verified", steps="bitbucket") as (party, pending),
    ):
        return await party.redeem(pending, response_to(pending))


async def test_the_email_is_the_confirmed_primary_one() -> None:
    other = {**PRIMARY, "email": "other@example.com", "is_primary": False}
    login = await signed_in({"values": [other, PRIMARY]})
    assert (login.email, login.email_verified) == ("ann@example.com", True)


@pytest.mark.parametrize(
    "emails", [[], [{**PRIMARY, "is_confirmed": False}], [{**PRIMARY, "is_primary": "true"}]]
)
async def test_without_one_there_is_none(emails: list[object]) -> None:
    login = await signed_in({"values": emails})
    assert (login.email, login.email_verified) == (None, False)


@pytest.mark.parametrize(
    "answer", [[PRIMARY], {}, {"values": {}}, {"values": ["ann@example.com"]}, b"<html>"]
)
async def test_a_hostile_answer_ends_the_login(answer: object) -> None:
    with pytest.raises(LoginFailed):
        await signed_in(answer)

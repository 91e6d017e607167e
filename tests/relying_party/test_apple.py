import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LoginFailed
from gateway.relying_party.apple import LONGEST_NAME, client_secret, posted_name, read_named_response
from gateway.relying_party.authorization import CallbackResponse
from gateway.relying_party.client_keys import ClientKey
from tests.fakes.apple_issuer import RELAY, TEAM, AppleIssuer
from tests.fakes.client_keys import pem
from tests.fakes.login import NOON, at
from tests.fakes.provider_keys import APPLE_KEY

KEY = ClientKey(pem=pem("P-256"), kid=APPLE_KEY)
SETTINGS: dict[str, Any] = {
    "client_auth": "signed_client_secret",
    "client_secret": None,
    "keys": (KEY,),
    "team": TEAM,
    "steps": "apple",
    "response_mode": "form_post",
    "scopes": ("openid", "name", "email"),
}


def told(**user: object) -> list[tuple[str, str]]:
    return [("code", "c"), ("state", "s"), ("user", json.dumps(user))]


async def test_each_request_has_a_client_secret_of_its_own_that_is_good_for_a_minute() -> None:
    async with AppleIssuer() as issuer, at(issuer, **SETTINGS) as login:
        await login.run()
        login.clock.now += 3600
        await login.run()
        first, second = issuer.secrets
        assert first == {
            "iss": TEAM,
            "sub": "gateway",
            "aud": "https://appleid.apple.com",
            "iat": int(NOON),
            "exp": int(NOON) + 60,
        }
        assert second["iat"] == int(NOON) + 3600


def test_a_client_secret_is_signed_under_the_id_that_apple_gave_the_key() -> None:
    made = client_secret(KEY, team=TEAM, client_id="gateway", now=NOON)
    assert made != client_secret(KEY, team=TEAM, client_id="gateway", now=NOON), "and no two are alike"
    assert len(made.split(".")) == 3


async def test_the_name_is_told_once_and_neither_address_nor_identity_with_it() -> None:
    async with AppleIssuer() as issuer, at(issuer, **SETTINGS) as login:
        first, second = await login.run(), await login.run()
        assert (first.name, second.name) == ("Ann Example", None)
        assert (first.subject, second.subject) == ("001234.ab12.0001",) * 2
        assert (first.email, first.email_verified) == (RELAY, True)


async def test_a_name_that_is_signed_is_never_replaced() -> None:
    async with AppleIssuer() as issuer, at(issuer, **SETTINGS) as login:
        issuer.claims = {"name": "Ann as signed"}
        assert (await login.run()).name == "Ann as signed"


@pytest.mark.parametrize(
    ("said", "verified"), [("true", True), (True, True), ("false", False), ("True", False), (1, False)]
)
async def test_an_address_is_verified_as_apple_writes_it(said: object, *, verified: bool) -> None:
    async with AppleIssuer() as issuer, at(issuer, **SETTINGS) as login:
        issuer.claims = {"email_verified": said}
        assert (await login.run()).email_verified is verified


async def test_B015_text_for_true_counts_at_no_other_issuer() -> None:
    async with AppleIssuer() as issuer, at(issuer, **{**SETTINGS, "steps": ""}) as login:
        made = await login.run()
        assert (made.email, made.email_verified, made.name) == (RELAY, False, None)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"name": {"firstName": "Ann", "lastName": "Example"}}, "Ann Example"),
        ({"name": {"firstName": "Ann", "lastName": ""}}, "Ann"),
        ({"name": {"lastName": "Example"}, "email": "a@example.com"}, "Example"),
        ({"name": {"firstName": "Zoë", "lastName": "李"}}, "Zoë 李"),
        ({"name": {"firstName": None, "lastName": None}}, None),
        ({"name": {"firstName": " ", "middleName": "M"}}, None),
        ({"name": {}}, None),
        ({"email": "a@example.com"}, None),
        ({}, None),
    ],
)
def test_a_name_is_read_of_its_two_parts_and_nothing_else(user: dict[str, object], name: str | None) -> None:
    assert read_named_response(told(**user)) == CallbackResponse(code="c", state="s", name=name)


def test_without_user_there_is_no_name() -> None:
    assert posted_name([("code", "c"), ("state", "s")]) is None


@pytest.mark.parametrize(
    "user",
    [
        "",
        "null",
        "[]",
        '"Ann"',
        '{"name": "Ann Example"}',
        '{"name": ["Ann"]}',
        '{"name": null}',
        '{"name": {"firstName": 1}}',
        '{"name": {"firstName": {"x": "Ann"}}}',
        '{"name": {"firstName": "Ann\\u0000"}}',
        '{"name": {"firstName": "Ann\\r\\nX-User-Roles: admin"}}',
        '{"name": {"firstName": "Ann\\ud800"}}',
        '{"name": {"firstName": "Ann", "firstName": "Bob"}}',
        '{"name": {"firstName": "Ann"}',
        '{"name": {"firstName": "' + "a" * (LONGEST_NAME + 1) + '"}}',
        '{"email": "' + "a" * 4096 + '"}',
        "[" * 2000,
    ],
)
def test_F3_a_name_in_any_other_shape_ends_the_login(user: str) -> None:
    with pytest.raises(LoginFailed):
        posted_name([("user", user)])


def test_two_users_are_refused() -> None:
    with pytest.raises(LoginFailed, match="user twice"):
        posted_name([("user", "{}"), ("user", "{}")])


@given(st.text(max_size=300))
def test_any_text_is_a_name_that_a_header_can_carry_or_refused(text: str) -> None:
    for value in (text, json.dumps({"name": {"firstName": text, "lastName": "x"}})):
        try:
            name = posted_name([("user", value)])
        except LoginFailed:
            continue
        assert name is None or (name.isprintable() or not any(ord(each) < 32 for each in name))
        assert len(name or "") <= LONGEST_NAME

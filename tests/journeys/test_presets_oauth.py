"""What each provider of OAuth 2.0 with a preset answers, in the shape that it is known by."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.assembly.providers import registration
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.oauth_party import OAuthParty
from gateway.settings.presets_oauth import PRESETS
from tests.fakes.configuration import ROUTE, TOP, loaded
from tests.fakes.login import Hands, pending_at
from tests.fakes.oauth_provider import OAuthProvider, response_to


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the provider answers by path, and what a login makes of it."""

    answers: Mapping[str, object]
    subject: str
    name: str = "Ann Example"
    email: str | None = "ann@example.com"
    verified: bool = True
    image: str | None = None
    groups: tuple[str, ...] = ()


SHAPES = {
    "github": Shape(
        answers={
            "/user": {
                "login": "ann",
                "id": 583231,
                "avatar_url": "https://avatars.example/u/583231",
                "name": "Ann Example",
                "email": None,
            },
            "/user/emails": [
                {"email": "ann@example.com", "primary": True, "verified": True, "visibility": "public"}
            ],
            "/user/orgs": [{"login": "company", "id": 1}],
            "/user/teams": [{"id": 1, "slug": "wiki", "organization": {"login": "company", "id": 1}}],
        },
        subject="583231",
        image="https://avatars.example/u/583231",
        groups=("company", "company/wiki"),
    ),
    "bitbucket": Shape(
        answers={
            "/user": {
                "display_name": "Ann Example",
                "links": {"avatar": {"href": "https://avatars.example/ann"}},
                "type": "user",
                "uuid": "{0d5b6ac0-7f1c-4c7c-9f5a-2d3b5c1f8a10}",
                "account_id": "557058:a",
            },
            "/user/emails": {
                "values": [
                    {"type": "email", "email": "ann@example.com", "is_primary": True, "is_confirmed": True}
                ],
                "page": 1,
            },
        },
        subject="{0d5b6ac0-7f1c-4c7c-9f5a-2d3b5c1f8a10}",
        image="https://avatars.example/ann",
    ),
    "discord": Shape(
        answers={
            "/user": {
                "id": "80351110224678912",
                "username": "ann",
                "global_name": None,
                "avatar": "8342729096ea3675442027381ff50dfe",
                "verified": True,
                "email": "ann@example.com",
            }
        },
        subject="80351110224678912",
        name="ann",
    ),
    "facebook": Shape(
        answers={
            "/user": {
                "id": "10158000000000000",
                "name": "Ann Example",
                "email": "ann@example.com",
                "picture": {"data": {"url": "https://pictures.example/ann", "is_silhouette": False}},
            }
        },
        subject="10158000000000000",
        verified=False,
        image="https://pictures.example/ann",
    ),
    "digitalocean": Shape(
        answers={
            "/user": {
                "account": {
                    "droplet_limit": 25,
                    "email": "ann@example.com",
                    "name": "Ann Example",
                    "uuid": "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
                    "email_verified": True,
                    "status": "active",
                }
            }
        },
        subject="b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
    ),
}


def test_every_preset_has_a_shape() -> None:
    assert SHAPES.keys() == PRESETS.keys()


@pytest.mark.parametrize("preset", SHAPES)
async def test_a_login_is_made_of_what_the_provider_tells(tmp_path: Path, preset: str) -> None:
    shape = SHAPES[preset]
    keys = f'id = "demo"\npreset = "{preset}"\nclient_id = "gateway"\nclient_secret = "s"\n'
    made = registration(loaded(tmp_path, f"{TOP}[[providers]]\n{keys}{ROUTE}").settings.providers[0])
    assert made.oauth is not None
    http = IssuerHttp(deadline=5.0)
    async with OAuthProvider(shape.answers) as provider:
        here = replace(made.oauth, token=f"{provider.url}/token", userinfo=f"{provider.url}/user")
        pending = pending_at(made.issuer)
        provider.expect(pending)
        party = OAuthParty(replace(made, oauth=here), http=http, clock=Hands())
        login = await party.redeem(pending, response_to(pending, iss=made.issuer))
    await http.close()
    assert (login.provider, login.issuer) == ("demo", made.issuer)
    assert (login.subject, login.name, login.image) == (shape.subject, shape.name, shape.image)
    assert (login.email, login.email_verified) == (shape.email, shape.verified)
    assert login.groups == shape.groups

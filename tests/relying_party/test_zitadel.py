from typing import Any

import pytest

from gateway.errors import LoginFailed
from gateway.relying_party.registration import Registration
from gateway.relying_party.zitadel import ROLES
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import at

GRANTED = {"admin": {"100": "company.example"}, "reader": {"100": "company.example", "200": "guests.example"}}


async def groups(claims: dict[str, Any], **changes: Any) -> tuple[str, ...]:
    async with HostileIssuer() as issuer:
        issuer.users["alice"].pop("groups")
        issuer.claims = claims
        async with at(issuer, steps="zitadel", **changes) as login:
            return (await login.run()).groups


async def test_roles_are_groups_by_name_and_by_who_granted_them() -> None:
    assert await groups({ROLES: GRANTED}) == ("admin", "reader", "100/admin", "100/reader", "200/reader")


async def test_without_roles_there_are_no_groups() -> None:
    assert await groups({}) == ()
    assert await groups({ROLES: {}}) == ()


async def test_groups_that_the_issuer_tells_stay_as_they_are() -> None:
    assert await groups({ROLES: GRANTED, "groups": ["staff"]}) == ("staff",)


async def test_roles_of_other_projects_are_none() -> None:
    assert await groups({"urn:zitadel:iam:org:project:7:roles": GRANTED}) == ()


@pytest.mark.parametrize(
    "roles", [["admin"], "admin", None, {"admin": "100"}, {"admin": ["100"]}, {"admin": None}, 1]
)
async def test_roles_in_another_shape_end_the_login(roles: object) -> None:
    with pytest.raises(LoginFailed, match="is not an object of objects"):
        await groups({ROLES: roles})


async def test_a_role_that_no_header_can_carry_ends_the_login() -> None:
    with pytest.raises(LoginFailed, match="no header can carry"):
        await groups({ROLES: {"admin\x00": {"100": "company.example"}}})


async def test_roles_that_nobody_reads_are_not_looked_at() -> None:
    assert await groups({ROLES: "?"}, groups_kept=()) == ()


def test_the_claim_is_a_path_of_its_own() -> None:
    made = Registration(id="z", name="Z", issuer="https://z.example", client_id="c", client_secret="s")
    assert not made.reads(ROLES)

"""The console is joined: it knows what providers and rules are called, and its tokens are its own."""

from pathlib import Path

from gateway.lasting import Lasting
from gateway.model.role import HeldRole, rule_of
from tests.fakes.configuration import SOUND, loaded
from tests.fakes.databases import opened
from tests.fakes.furnished import closed, furnished

RULE = '[[roles]]\nrole = "admin"\nprovider = "company"\nclaim = "groups"\nvalue = "gateway-admins"\n'


async def test_who_granted_a_role_is_told_in_the_words_of_the_configuration(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        rooms = furnished(loaded(tmp_path, SOUND + RULE).settings, database, Lasting().tenure())
        try:
            console = rooms._web._console_rooms()
            held = HeldRole(role="admin", source="company", rule=rule_of("groups", "gateway-admins"))
            row = console._people.role(held)
            assert row["rule"] == "groups = gateway-admins"
            assert console.console().named.keys() >= {"/admin/users", "/admin/sessions"}
            assert console._door._csrf is not rooms._web._csrf
        finally:
            await closed(rooms)


async def test_every_provider_is_shown_and_what_is_known_is_the_party_s_that_signs_people_in(
    tmp_path: Path,
) -> None:
    more = '[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'
    async with opened(tmp_path) as database:
        rooms = furnished(loaded(tmp_path, SOUND + more).settings, database, Lasting().tenure())
        try:
            company, local = rooms._web._console_rooms()._providers()
            assert (company.id, company.kind, company.party) == (
                "company",
                "OpenID Connect",
                rooms._parties["company"],
            )
            assert company.issuer.startswith("https://")
            assert (local.kind, local.issuer, local.party) == ("Passwords", "", None)
        finally:
            await closed(rooms)

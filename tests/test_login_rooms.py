"""Logins at issuers are joined: each issuer has one party, which lasts while nothing changes about it."""

import time
from pathlib import Path

from gateway.issuers import registrations
from gateway.lasting import Lasting
from gateway.login_rooms import parties
from gateway.relying_party.oauth_party import OAuthParty
from gateway.relying_party.provider import RelyingParty
from tests.fakes.configuration import SOUND, loaded

WITHOUT_ID_TOKENS = """
[[providers]]
id = "forge"
type = "oauth2"
client_id = "gateway"
client_secret = "not-so-secret"
authorization_endpoint = "https://forge.example/authorize"
token_endpoint = "https://forge.example/token"
userinfo_endpoint = "https://forge.example/user"
scopes = ["user:email"]
"""


async def test_a_party_lasts_over_a_reload_that_leaves_its_registration_alone(tmp_path: Path) -> None:
    lasting, tenures, found = Lasting(), [], []
    for text in (SOUND, SOUND.replace("3000", "4000"), SOUND.replace('"gateway"', '"another"')):
        tenures.append(lasting.tenure())
        made = registrations(loaded(tmp_path, text).settings)
        found.append(parties(made, tenure=tenures[-1], clock=time.time)["company"])
    assert found[0] is found[1]
    assert found[0] is not found[2]
    for tenure in tenures:
        await tenure.end()
    assert not lasting._held


async def test_who_issues_no_id_tokens_is_talked_to_as_such(tmp_path: Path) -> None:
    tenure = Lasting().tenure()
    made = registrations(loaded(tmp_path, SOUND + WITHOUT_ID_TOKENS).settings)
    found = parties(made, tenure=tenure, clock=time.time)
    assert {name: type(party) for name, party in found.items()} == {
        "company": RelyingParty,
        "forge": OAuthParty,
    }
    await tenure.end()

"""What is asked of access tokens, and what is taken from logins where nothing else is said."""

from pathlib import Path

import pytest

from gateway.assembly.bearers import trusted
from gateway.model.bearer import HELD, Callers, Trusted
from tests.fakes.configuration import SOUND, loaded

CLAIMS = 'claims = { email = "mail" }\n'


def asked(tmp_path: Path, keys: str, *, provider: str = "") -> Trusted:
    bearer = f'bearer = {{ issuer = "https://login.example.com", audience = "a"{keys} }}\n'
    settings = loaded(tmp_path, SOUND.replace("[[routes]]", f"{provider}[[routes]]") + bearer).settings
    return trusted(settings, settings.routes[0].bearer[0], named=["floor"])


def test_what_is_not_said_is_usual(tmp_path: Path) -> None:
    found = asked(tmp_path, "")
    assert (found.issuer, found.audiences, found.scopes) == ("https://login.example.com", ("a",), ())
    assert (found.callers, found.hold, found.introspection) == (Callers.ANY, HELD, None)


@pytest.mark.parametrize(("own", "email"), [("", "mail"), (', claims = { email = "e" }', "e")])
def test_claims_are_read_as_at_logins_unless_the_route_says_otherwise(
    tmp_path: Path, own: str, email: str
) -> None:
    found = dict(asked(tmp_path, own, provider=CLAIMS).claims)
    assert (found["email"], found["floor"]) == (email, "floor")


def test_who_is_asked_about_tokens_is_the_client_that_signs_people_in(tmp_path: Path) -> None:
    found = asked(tmp_path, ', introspection = { tokens = "all", hold = "30s" }').introspection
    assert found is not None
    assert (found.client_id, found.every_token, found.signed) == ("gateway", True, False)

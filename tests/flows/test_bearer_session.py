"""What stands for a token is the same for the same token, and nothing that any login could be."""

from dataclasses import dataclass, replace

from gateway.flows.bearer_session import as_user, is_bearers, session_for
from gateway.model.bearer import Trusted
from gateway.model.identity import VerifiedLogin
from gateway.model.session import Standing
from tests.fakes.sessions import Node

ISSUER = "https://issuer.example"
STANDING = Standing(
    enabled=True,
    epoch=3,
    denied=False,
    email="ann@example.com",
    email_verified=True,
    name="Ann",
    image=None,
    roles=("editor",),
)


LOGIN = VerifiedLogin(provider=ISSUER, issuer=ISSUER, subject="reports", email="r@example.com")
TRUSTED = Trusted(issuer=ISSUER, audiences=("a",), algorithms=("ES256",))


@dataclass(frozen=True, kw_only=True)
class Proof:
    login: VerifiedLogin = LOGIN
    trusted: Trusted = TRUSTED
    expires_at: int = 2000
    good_until: int = 1060
    of_client: bool = False
    issued_at: int | None = None


def test_it_lasts_as_the_token_and_counts_until_its_issuer_has_to_be_asked_again() -> None:
    session = session_for(Proof(), "bearer:x", b"\x01\x02", 1000)
    assert (session.lease_until, session.ends_at) == (1060, 2000)
    assert (session.authenticated_at, session.issued_at) == (1000, 1000)
    assert session_for(Proof(issued_at=900), "bearer:x", b"\x01\x02", 1000).authenticated_at == 900
    assert session == session_for(Proof(), "bearer:x", b"\x01\x02", 1000)


def test_it_is_known_from_a_login_and_its_provider_is_none_of_ours() -> None:
    session = session_for(Proof(), "bearer:x", b"\x01\x02", 1000)
    assert is_bearers(session)
    assert session.provider == ISSUER
    assert not is_bearers(Node().sign_in())


def test_a_user_is_who_the_database_says_whatever_the_token_does() -> None:
    session = session_for(Proof(), "u_ann", b"\x01\x02", 1000)
    known = as_user(session, STANDING)
    assert (known.identity.email, known.identity.roles) == ("ann@example.com", ("editor",))
    assert as_user(known, STANDING) is known
    assert as_user(known, replace(STANDING, roles=())).identity.roles == ()

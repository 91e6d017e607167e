import ssl
from pathlib import Path

import pytest

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.relying_party.client_tls import ClientTls
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.provider import RelyingParty
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import NOON, Hands, Login, registration
from tests.fakes.mutual_tls import MutualTlsIssuer


def login_at(issuer: HostileIssuer, tls: ClientTls, client_auth: str = "tls_client_auth") -> Login:
    clock = Hands()
    issuer.clock = clock
    registered = registration(issuer.url, client_auth=client_auth, client_secret=None, tls=tls)
    http = IssuerHttp(tls=tls.context())
    party = RelyingParty(registered, http=http, clock=clock)
    return Login(issuer=issuer, party=party, clock=clock, http=http)


@pytest.mark.parametrize("client_auth", ["tls_client_auth", "self_signed_tls_client_auth"])
async def test_our_certificate_is_shown_at_the_endpoints_for_it_and_nothing_else_is(
    tmp_path: Path, client_auth: str
) -> None:
    async with MutualTlsIssuer(clock=lambda: NOON) as issuer:
        login = login_at(issuer, issuer.write(tmp_path), client_auth)
        assert await login.run()
        await login.http.close()
        assert [endpoint for endpoint, _ in issuer.shown] == ["token", "userinfo"]
        assert len({certificate for _, certificate in issuer.shown}) == 1, "and the token is bound to it"
        form = next(form for name, _, form in issuer.requests if name == "token")
        assert form["client_id"] == "gateway"
        assert not {"client_secret", "client_assertion"} & form.keys()


async def test_a_client_without_a_certificate_keeps_to_the_usual_endpoints(tmp_path: Path) -> None:
    async with MutualTlsIssuer(clock=lambda: NOON) as issuer:
        tls = issuer.write(tmp_path)
        login = login_at(issuer, ClientTls(ca=tls.ca), "none")
        with pytest.raises(LoginFailed, match="invalid_client"):
            await login.run()
        await login.http.close()
        assert issuer.shown == [("token", "")]


async def test_an_issuer_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with MutualTlsIssuer(clock=lambda: NOON) as issuer, MutualTlsIssuer() as other:
        ours, theirs = issuer.write(tmp_path), other.write(tmp_path / "other")
        tls = ClientTls(ca=theirs.ca, certificate=ours.certificate, key=ours.key)
        login = login_at(issuer, tls)
        with pytest.raises(IssuerUnavailable):
            await login.run()
        await login.http.close()
        assert issuer.shown == []


async def test_O20_an_alias_that_is_no_address_refuses_the_issuer(tmp_path: Path) -> None:
    async with MutualTlsIssuer(clock=lambda: NOON) as issuer:
        login = login_at(issuer, issuer.write(tmp_path))
        issuer.aliases = {"token_endpoint": "file:///etc/passwd"}
        with pytest.raises(IssuerUnavailable, match="token_endpoint"):
            await login.run()
        await login.http.close()


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n"])
def test_a_file_that_is_no_certificate_is_an_error_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "cert.pem").write_text(text)
    with pytest.raises(ssl.SSLError):
        ClientTls(certificate=str(tmp_path / "cert.pem")).context()


def test_tls_is_1_2_at_least() -> None:
    assert ClientTls().context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_renewed_certificate_is_another_one() -> None:
    assert ClientTls(certificate="c", contents=b"1") != ClientTls(certificate="c", contents=b"2")

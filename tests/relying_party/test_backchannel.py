from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.http import IssuerHttp
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import NOON, registration


async def test_a_form_goes_out_with_our_authentication_and_comes_back_with_the_answer() -> None:
    async with HostileIssuer() as issuer:
        http = IssuerHttp()
        registered = registration(issuer.url, client_auth="client_secret_post", client_secret="s p")
        answer = await BackChannel(registered, http=http, clock=lambda: NOON).post(
            f"{issuer.url}/token", [("grant_type", "x"), ("a", "b c&d")]
        )
        await http.close()
        assert answer.status == 401
        _, headers, form = issuer.requests[-1]
        assert form == {"grant_type": "x", "a": "b c&d", "client_id": "gateway", "client_secret": "s p"}
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"

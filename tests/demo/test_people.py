"""Alice and Bob, as their issuer knows them."""

from gateway.demo.people import PEOPLE


def test_alice_is_among_the_admins_and_bob_is_not() -> None:
    assert PEOPLE["alice"].groups == ("gateway-admins", "staff")
    assert PEOPLE["bob"].groups == ("staff",)


def test_their_claims_are_those_of_openid_connect() -> None:
    claims = PEOPLE["alice"].claims()
    assert claims["email_verified"] is True
    assert claims["sub"] != PEOPLE["bob"].claims()["sub"]
    assert set(claims) == {"sub", "name", "email", "email_verified", "groups"}

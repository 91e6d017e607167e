from gateway.model.bearer import SESSION_PREFIX, Bearer, Trusted, outsider


def test_what_a_route_wants_is_the_sum_of_what_its_issuers_want() -> None:
    one, two = (
        Trusted(issuer=f"https://{name}", audiences=("a",), algorithms=("ES256",), scopes=scopes)
        for name, scopes in (("one", ("write", "read")), ("two", ("read",)))
    )
    assert Bearer(issuers=(one, two)).scopes == ("read", "write")
    assert Bearer(issuers=()).scopes == ()


def test_an_outsider_is_never_a_user_and_never_another_outsider() -> None:
    assert outsider("https://one", "a") == "bearer:https://one#a"
    assert outsider("https://one", "a#b").startswith(SESSION_PREFIX)

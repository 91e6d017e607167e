import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GrantRefused, IssuerUnavailable, LoginFailed
from gateway.model.grant import ProviderTokens
from gateway.relying_party.client_keys import ClientKey
from gateway.relying_party.dpop import MOST_SERVERS, DpopKey, Proofs
from gateway.relying_party.http import IssuerAnswer
from tests.fakes.client_keys import pem
from tests.fakes.login import NOON, Login, at
from tests.fakes.proving import ProvingIssuer

ALICE = "alice-at-the-issuer"
KEY = DpopKey.fresh()


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with ProvingIssuer(clock=lambda: NOON) as issuer, at(issuer, dpop=True) as login:
        yield login


def issuer_of(login: Login) -> ProvingIssuer:
    assert isinstance(login.issuer, ProvingIssuer)
    return login.issuer


async def granted(login: Login) -> ProviderTokens:
    tokens = (await login.run()).tokens
    assert tokens is not None
    return tokens


def claims_in(proof: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(urlsafe_b64decode(proof.split(".")[1] + "=="))
    return found


def test_a_proof_is_for_one_method_and_one_address_without_its_query() -> None:
    proof = claims_in(DpopKey.fresh().proof("GET", "https://a.example/x?y=1#z", now=NOON))
    assert (proof["htm"], proof["htu"], proof["iat"]) == ("GET", "https://a.example/x", int(NOON))
    assert proof.keys() == {"jti", "htm", "htu", "iat"}


def test_O34_the_key_is_in_no_repr() -> None:
    key = DpopKey.fresh()
    assert "PRIVATE" in key.text
    assert key.text not in repr(key)
    tokens = ProviderTokens(access_token=None, dpop_key=key.text)  # type: ignore[arg-type]
    assert "PRIVATE" not in repr(tokens)


def test_a_key_that_was_kept_is_the_same_key() -> None:
    key = DpopKey.fresh()
    assert DpopKey(text=key.text).thumbprint == key.thumbprint
    assert DpopKey.fresh().thumbprint != key.thumbprint


async def test_each_grant_has_a_key_of_its_own_that_is_kept_with_it(login: Login) -> None:
    first, second = await granted(login), await granted(login)
    issuer = issuer_of(login)
    assert [each["endpoint"] for each in issuer.proofs] == ["token", "userinfo"] * 2
    keys = [DpopKey(text=str(each.dpop_key)).thumbprint for each in (first, second)]
    assert [each["jkt"] for each in issuer.proofs] == [keys[0], keys[0], keys[1], keys[1]]
    assert keys[0] != keys[1]


async def test_a_refresh_on_any_node_proves_the_key_of_the_grant(login: Login) -> None:
    kept = await granted(login)
    renewed = await login.party.refresh(kept, subject=ALICE)
    assert await login.party.retold(renewed, before=kept, subject=ALICE) is not None
    assert renewed.dpop_key == kept.dpop_key
    asked = [(each["endpoint"], each["jkt"]) for each in issuer_of(login).proofs[-2:]]
    proven = DpopKey(text=str(kept.dpop_key)).thumbprint
    assert asked == [("token", proven), ("userinfo", proven)]


async def test_a_grant_from_before_gets_a_key_when_it_is_refreshed(login: Login) -> None:
    kept = replace(await granted(login), dpop_key=None)
    renewed = await login.party.refresh(kept, subject=ALICE)
    assert issuer_of(login).proofs[-1]["jkt"] == DpopKey(text=str(renewed.dpop_key)).thumbprint


@pytest.mark.parametrize("fault", ["bearer"])
async def test_O31_a_token_that_anybody_could_use_is_refused(login: Login, fault: str) -> None:
    issuer_of(login).proof_faults = {fault}
    with pytest.raises(LoginFailed, match="not of type DPoP"):
        await login.run()


async def test_O31_a_refresh_that_brings_such_a_token_is_an_outage(login: Login) -> None:
    kept = await granted(login)
    issuer_of(login).proof_faults = {"bearer"}
    with pytest.raises(IssuerUnavailable, match="not of type DPoP"):
        await login.party.refresh(kept, subject=ALICE)


async def test_O31_a_bound_token_that_nobody_asked_for_is_refused() -> None:
    async with ProvingIssuer(clock=lambda: NOON) as issuer, at(issuer) as login:
        issuer._proof = lambda *_: {"jkt": ""}  # type: ignore[method-assign]
        with pytest.raises(LoginFailed, match="not of type Bearer"):
            await login.run()


async def test_O32_a_nonce_is_taken_up_once_and_remembered_for_the_server(login: Login) -> None:
    issuer = issuer_of(login)
    issuer.nonces = ["first"]
    await login.run()
    assert [each.get("nonce") for each in issuer.proofs] == [None, "first", "first"]
    await login.run()
    assert [each.get("nonce") for each in issuer.proofs[3:]] == ["first", "first"]
    issuer.nonces = ["second", "third"]  # token endpoint and userinfo want different ones
    await login.run()
    assert [each.get("nonce") for each in issuer.proofs[5:]] == ["first", "second", "second", "third"]


async def test_O32_a_nonce_loop_ends_after_one_more_try(login: Login) -> None:
    issuer_of(login).proof_faults = {"nonce_loop"}
    with pytest.raises(LoginFailed, match="use_dpop_nonce"):
        await login.run()
    assert login.issuer.seen["token"] == 2


@pytest.mark.parametrize("fault", ["other_error", "no_nonce_given"])
async def test_O32_a_code_that_may_have_been_taken_is_never_sent_again(login: Login, fault: str) -> None:
    issuer_of(login).proof_faults = {fault}
    with pytest.raises(LoginFailed):
        await login.run()
    assert login.issuer.seen["token"] == 1


async def test_O32_a_nonce_that_is_none_is_not_repeated(login: Login) -> None:
    issuer_of(login).proof_faults = {"odd_nonce"}
    with pytest.raises(LoginFailed):
        await login.run()
    assert [each.get("nonce") for each in issuer_of(login).proofs] == [None]


async def test_O32_the_second_try_has_another_assertion() -> None:
    settings = {"dpop": True, "client_auth": "private_key_jwt", "keys": (ClientKey(pem=pem()),)}
    async with ProvingIssuer(clock=lambda: NOON) as issuer, at(issuer, **settings) as login:
        issuer._is_client = lambda *_: True  # type: ignore[method-assign]
        issuer.nonces = ["n"]
        await login.run()
        sent = [form["client_assertion"] for name, _, form in issuer.requests if name == "token"]
        first, second = (claims_in(each)["jti"] for each in sent)
        assert first != second


async def test_a_refused_refresh_is_refused_once(login: Login) -> None:
    kept = await granted(login)
    issuer_of(login).proof_faults = {"other_error"}
    before = login.issuer.seen["token"]
    with pytest.raises(GrantRefused):
        await login.party.refresh(kept, subject=ALICE)
    assert login.issuer.seen["token"] == before + 1


async def test_nonces_of_many_servers_are_bounded() -> None:
    proofs = Proofs(clock=lambda: NOON)
    key = DpopKey.fresh()

    async def call(_: str) -> IssuerAnswer:
        return IssuerAnswer(status=200, body=b"", dpop_nonce="n")

    for number in range(MOST_SERVERS * 2):
        await proofs.send(key, "GET", f"https://{number}.example/", call)
    assert len(proofs._nonces) == MOST_SERVERS


@pytest.mark.parametrize(("status", "calls"), [(200, 1), (201, 1), (400, 2), (401, 2), (403, 1), (500, 1)])
async def test_O32_only_a_refusal_is_answered_by_another_try(status: int, calls: int) -> None:
    made = []

    async def call(proof: str) -> IssuerAnswer:
        made.append(proof)
        return IssuerAnswer(status=status, body=b'{"error":"use_dpop_nonce"}', dpop_nonce="n")

    await Proofs(clock=lambda: NOON).send(KEY, "POST", "https://a.example/", call)
    assert len(made) == calls


@pytest.mark.parametrize(
    ("body", "challenge", "calls"),
    [
        (b"", "", 1),
        (b"<h1>Nonsense</h1>", "", 1),
        (b'{"error":"invalid_token"}', "", 1),
        (b"", 'DPoP error="use_dpop_nonce"', 2),
        (b"", 'Bearer, DPoP algs="ES256", error = "use_dpop_nonce"', 2),
        (b"", "DPoP error=use_dpop_nonce", 2),
        (b"", 'DPoP error="use_dpop_nonces"', 1),
        (b"", 'DPoP no_error="use_dpop_nonce"', 1),
    ],
)
async def test_O32_a_nonce_is_taken_up_only_where_its_want_is_the_error(
    body: bytes, challenge: str, calls: int
) -> None:
    made = []

    async def call(proof: str) -> IssuerAnswer:
        made.append(proof)
        return IssuerAnswer(status=401, body=body, dpop_nonce="n", challenge=challenge)

    await Proofs(clock=lambda: NOON).send(KEY, "GET", "https://a.example/", call)
    assert len(made) == calls


@given(st.sampled_from([200, 400, 401]), st.binary(max_size=60), st.text(max_size=60), st.text(max_size=20))
async def test_O32_whatever_a_server_answers_it_is_asked_twice_at_most_and_only_for_its_nonce(
    status: int, body: bytes, challenge: str, nonce: str
) -> None:
    calls = []

    async def call(proof: str) -> IssuerAnswer:
        calls.append(proof)
        return IssuerAnswer(status=status, body=body, dpop_nonce=nonce, challenge=challenge)

    await Proofs(clock=lambda: NOON).send(KEY, "GET", "https://a.example/", call)
    wanted = b"use_dpop_nonce" in body or "use_dpop_nonce" in challenge
    assert len(calls) == 1 or wanted

"""Only a clear yes of the right issuer counts (RFC 7662, RFC 9701); anything unclear is an outage."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BearerRefused, IssuerUnavailable
from gateway.model.bearer import Introspection, Trusted
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.client_keys import ClientKey, public_set
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.introspection import Introspector, Told, check_active
from gateway.relying_party.jwks import IssuerKeys
from gateway.relying_party.key_discovery import KeyDiscovery
from tests.fakes.asserted_client import AssertedClientIssuer
from tests.fakes.client_keys import pem
from tests.fakes.encrypting import ENCRYPTION_FAULTS, EncryptingIssuer
from tests.fakes.introspecting import SIGNED, IntrospectingIssuer
from tests.fakes.issuer import ABSENT, Claims
from tests.fakes.login import Hands, registration
from tests.fakes.mutual_tls import MutualTlsIssuer

UNCLEAR = [
    "asked_active_text",
    "asked_active_number",
    "asked_active_null",
    "asked_active_missing",
    "asked_twice",
    "asked_array",
    "asked_html",
    "asked_bad_json",
    "asked_huge",
    "asked_redirect",
    "asked_202",
    "asked_400",
    "asked_500",
    "asked_401",
    "asked_429",
    "asked_reset",
    "asked_gzip",
]


class AssertedIntrospectingIssuer(IntrospectingIssuer, AssertedClientIssuer):
    """Wants an assertion with each question."""


class EncryptingIntrospectingIssuer(IntrospectingIssuer, EncryptingIssuer):
    """Encrypts signed answers to its client's key."""

    def _signed(self, answer: Claims) -> str:
        return self.encrypted(super()._signed(answer).encode())


class TlsIntrospectingIssuer(IntrospectingIssuer, MutualTlsIssuer):
    """Knows its client by a certificate."""

    def _is_client(self, request: Any, form: dict[str, str]) -> bool:
        return bool(self._certificate(request)) and form.get("client_id") == self.client_id


@dataclass
class Asking:
    """Who asks *issuer*; what was counted."""

    issuer: IntrospectingIssuer
    introspector: Introspector
    trusted: Trusted
    counted: list[str] = field(default_factory=list)

    async def ask(self, raw: str) -> Told:
        return await self.introspector.ask(raw, trusted=self.trusted)


class Counted:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def introspection(self, *, issuer: str, outcome: str) -> None:
        self.outcomes.append(outcome)


@asynccontextmanager
async def asking(
    issuer: IntrospectingIssuer,
    *,
    client: Mapping[str, Any] = {},
    tls: Any = None,
    **asked: Any,
) -> AsyncIterator[Asking]:
    settled = {"client_id": issuer.client_id, **asked}
    who = registration(issuer.url, **{"client_secret": issuer.client_secret, "tls": tls, **client})
    trusted = Trusted(
        issuer=issuer.url, audiences=("https://api.example.com",), algorithms=("RS256", "ES256")
    )
    http = IssuerHttp(tls=tls.context() if tls else None)
    clock = issuer.clock
    counts = Counted()
    introspector = Introspector(
        Introspection(**settled),
        channel=BackChannel(who, http=http, clock=clock),
        http=http,
        keys=IssuerKeys(KeyDiscovery(issuer.url, http=http, clock=clock), http=http, clock=clock),
        counts=counts,
        clock=clock,
    )
    try:
        yield Asking(issuer, introspector, trusted, counts.outcomes)
    finally:
        await http.close()


@pytest.fixture
async def plain() -> AsyncIterator[Asking]:
    async with IntrospectingIssuer(clock=Hands()) as issuer, asking(issuer) as found:
        yield found


@pytest.fixture
async def signed() -> AsyncIterator[Asking]:
    async with IntrospectingIssuer(clock=Hands()) as issuer, asking(issuer, signed=True) as found:
        issuer.signs = True
        yield found


async def test_an_active_token_is_told_with_the_moment_of_the_question(plain: Asking) -> None:
    raw = plain.issuer.opaque(sub="ann")
    told = await plain.ask(raw)
    assert (told.claims["sub"], told.asked_at) == ("ann", plain.issuer.clock())
    [form] = plain.issuer.asked
    assert form == {"token": raw, "token_type_hint": "access_token"}
    assert plain.issuer.accepted == ["application/json"]
    assert plain.counted == ["active"]


async def test_a_token_that_is_not_active_is_refused(plain: Asking) -> None:
    with pytest.raises(BearerRefused) as refusal:
        await plain.ask("nobody-knows-it")
    assert refusal.value.reason == "inactive"
    assert plain.counted == ["inactive"]


@pytest.mark.parametrize("fault", UNCLEAR)
async def test_O22_T11_whatever_is_not_a_clear_answer_is_an_outage(plain: Asking, fault: str) -> None:
    raw = plain.issuer.opaque()
    plain.issuer.fault = fault
    with pytest.raises(IssuerUnavailable) as outage:
        await plain.ask(raw)
    assert raw not in str(outage.value)
    assert plain.issuer.client_secret not in str(outage.value)
    assert plain.issuer.seen["elsewhere"] == 0
    assert plain.counted == ["outage"]


@pytest.mark.parametrize("fault", ["no_introspection", "http_introspection", "discovery_wrong_issuer"])
async def test_O20_an_endpoint_that_is_none_to_call_is_an_outage(plain: Asking, fault: str) -> None:
    plain.issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        await plain.ask(plain.issuer.opaque())
    assert plain.issuer.asked == []


async def test_the_endpoint_of_the_configuration_needs_no_metadata() -> None:
    async with IntrospectingIssuer(clock=Hands()) as issuer:
        issuer.fault = "discovery_down"
        async with asking(issuer, endpoint=f"{issuer.url}/introspect") as found:
            assert (await found.ask(issuer.opaque())).claims["active"] is True
        assert issuer.seen["discovery"] == 0


async def test_those_who_ask_at_the_same_time_ask_once_and_may_hang_up(plain: Asking) -> None:
    raw = plain.issuer.opaque()
    plain.issuer.gate = asyncio.Event()
    tasks = [asyncio.create_task(plain.ask(raw)) for _ in range(10)]
    async with asyncio.timeout(10):
        await plain.issuer.arrived.wait()
    tasks[0].cancel()
    plain.issuer.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [type(each) for each in found[1:]] == [Told] * 9
    assert len(plain.issuer.asked) == 1


async def test_a_flood_of_tokens_is_no_flood_at_the_issuer() -> None:
    async with IntrospectingIssuer(clock=Hands()) as issuer, asking(issuer, calls_per_second=5) as found:
        refused = [await asyncio.gather(found.ask(f"x{n}"), return_exceptions=True) for n in range(20)]
        assert [type(each) for [each] in refused[:5]] == [BearerRefused] * 5
        assert all(isinstance(each, IssuerUnavailable) for [each] in refused[5:])
        assert len(issuer.asked) == 5
        assert found.counted == ["inactive"] * 5 + ["crowded"] * 15


async def test_a_signed_answer_is_asked_for_and_read(signed: Asking) -> None:
    told = await signed.ask(signed.issuer.opaque(sub="ann"))
    assert told.claims["sub"] == "ann"
    assert signed.issuer.accepted == [SIGNED]


async def test_a_signed_answer_may_name_the_resource_instead_of_the_client(signed: Asking) -> None:
    signed.issuer.signed_claims = {"aud": ["https://api.example.com"]}
    assert (await signed.ask(signed.issuer.opaque())).claims["active"] is True


async def test_T07_an_answer_for_one_route_is_none_for_another_that_asks_at_the_same_time(
    signed: Asking,
) -> None:
    raw, issuer = signed.issuer.opaque(), signed.issuer
    issuer.signed_claims, issuer.gate = {"aud": "https://api.example.com"}, asyncio.Event()
    other = replace(signed.trusted, audiences=("https://files.example.com",))
    first = asyncio.create_task(signed.ask(raw))
    async with asyncio.timeout(10):
        await issuer.arrived.wait()
    second = asyncio.create_task(signed.introspector.ask(raw, trusted=other))
    await asyncio.sleep(0)
    issuer.gate.set()
    found = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(each) for each in found] == [Told, IssuerUnavailable]


async def test_a_signed_no_is_a_no(signed: Asking) -> None:
    with pytest.raises(BearerRefused):
        await signed.ask("nobody-knows-it")


@pytest.mark.parametrize(
    "fault",
    [
        "asked_unsigned",
        "asked_unsigned_as_signed",
        "asked_alg_none",
        "asked_foreign_key",
        "asked_hs256",
        "asked_encrypted",
        "asked_as_unsigned",
        "asked_active_text",
        "jwks_down",
    ],
)
async def test_T01_T02_T14_where_signed_answers_were_agreed_no_other_one_is_read(
    signed: Asking, fault: str
) -> None:
    signed.issuer.fault = fault
    if fault.startswith("asked_unsigned"):
        signed.issuer.signs = False
    with pytest.raises(IssuerUnavailable):
        await signed.ask(signed.issuer.opaque())


@pytest.fixture
async def encrypted() -> AsyncIterator[Asking]:
    key = ClientKey(pem=pem(), use="enc")
    async with (
        EncryptingIntrospectingIssuer(clock=Hands()) as issuer,
        asking(issuer, client={"keys": (key,)}, signed=True, encrypted=True) as found,
    ):
        issuer.signs, issuer.to, issuer.foreign = True, key, ClientKey(pem=pem("P-384"), use="enc")
        yield found


async def test_an_encrypted_answer_is_opened_and_then_held_as_a_signed_one(encrypted: Asking) -> None:
    told = await encrypted.ask(encrypted.issuer.opaque(sub="ann"))
    assert told.claims["sub"] == "ann"
    assert encrypted.issuer.accepted == [SIGNED]
    with pytest.raises(BearerRefused):
        await encrypted.ask("nobody-knows-it")
    foreign: list[Claims] = [{"aud": "another-client"}, {"iss": "https://other.example"}]
    for encrypted.issuer.signed_claims in foreign:
        with pytest.raises(IssuerUnavailable):
            await encrypted.ask(encrypted.issuer.opaque())


@pytest.mark.parametrize(
    "fault", [*ENCRYPTION_FAULTS, "asked_alg_none", "asked_foreign_key", "asked_unsigned"]
)
async def test_T14_T15_T16_where_encrypted_answers_were_agreed_no_other_one_is_read(
    encrypted: Asking, fault: str
) -> None:
    issuer = encrypted.issuer
    assert isinstance(issuer, EncryptingIntrospectingIssuer)
    if fault in ENCRYPTION_FAULTS:
        issuer.encryption_faults = {fault}
    else:
        issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        await encrypted.ask(issuer.opaque())
    assert encrypted.counted == ["outage"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": ABSENT},
        {"aud": "another-client"},
        {"aud": ABSENT},
        {"aud": 7},
        {"aud": [["gateway"]]},
        {"iat": ABSENT},
        {"iat": "now"},
        {"iat": True},
        {"iat": 1},
        {"iat": 2**40},
        {"token_introspection": ABSENT},
        {"token_introspection": '{"active": true}'},
        {"token_introspection": [{"active": True}]},
        {"token_introspection": {}},
        {"token_introspection": {"active": "true"}},
        {"token_introspection": ABSENT, "active": True},
    ],
)
async def test_T07_T08_T10_a_signed_answer_is_from_the_issuer_for_us_and_of_now(
    signed: Asking, claims: dict[str, Any]
) -> None:
    signed.issuer.signed_claims = claims
    with pytest.raises(IssuerUnavailable):
        await signed.ask(signed.issuer.opaque())


async def test_a_signed_answer_that_is_no_ascii_is_an_outage(
    signed: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed.issuer, "_signed", lambda _: "é")
    with pytest.raises(IssuerUnavailable, match="not signed"):
        await signed.ask(signed.issuer.opaque())


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "logout+jwt", "", ABSENT, None, 7])
async def test_T13_another_kind_of_token_is_no_signed_answer(signed: Asking, typ: Any) -> None:
    signed.issuer.signed_header = {"typ": typ}
    with pytest.raises(IssuerUnavailable):
        await signed.ask(signed.issuer.opaque())


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": False}, {"kid": "x" * 300}, {"kid": ["a"]}])
async def test_T05_T06_the_header_of_a_signed_answer_is_held_as_an_id_tokens(
    signed: Asking, header: dict[str, Any]
) -> None:
    signed.issuer.signed_header = header
    with pytest.raises(IssuerUnavailable):
        await signed.ask(signed.issuer.opaque())


async def test_the_secret_is_sent_in_the_header_or_in_the_form() -> None:
    async with IntrospectingIssuer(clock=Hands(), client_secret="s3cret") as issuer:
        async with asking(issuer) as found:
            await found.ask(issuer.opaque())
        _, headers, _ = issuer.requests[-1]
        assert headers["Authorization"] == "Basic " + b64encode(b"gateway:s3cret").decode()
        async with asking(issuer, client={"client_auth": "client_secret_post"}) as found:
            await found.ask(issuer.opaque())
        assert issuer.asked[-1]["client_secret"] == "s3cret"


async def test_O33_by_assertion_each_question_has_its_own_and_it_names_the_issuer() -> None:
    async with AssertedIntrospectingIssuer(clock=Hands()) as issuer:
        async with asking(issuer, client={"client_auth": "client_secret_jwt"}) as found:
            await found.ask(issuer.opaque())
            await found.ask(issuer.opaque())
        key = ClientKey(pem=pem())
        issuer.keys = public_set([key])
        async with asking(issuer, client={"client_auth": "private_key_jwt", "keys": (key,)}) as found:
            await found.ask(issuer.opaque())
        assert [each["aud"] for each in issuer.assertions] == [issuer.url] * 3
        assert len({each["jti"] for each in issuer.assertions}) == 3


@pytest.mark.parametrize("auth", ["tls_client_auth", "self_signed_tls_client_auth"])
async def test_by_certificate_the_issuers_address_for_certificates_is_asked(
    tmp_path: Path, auth: str
) -> None:
    async with TlsIntrospectingIssuer(clock=Hands()) as issuer:
        tls = issuer.write(tmp_path)
        secure = issuer.aliases["token_endpoint"].removesuffix("/token")
        issuer.aliases = {"introspection_endpoint": f"{secure}/introspect"}
        async with asking(issuer, client={"client_auth": auth}, tls=tls) as found:
            assert (await found.ask(issuer.opaque())).claims["active"] is True


@given(
    st.dictionaries(
        st.sampled_from(["active", "Active", "sub"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.booleans()),
    )
)
def test_nothing_but_true_is_a_yes(claims: dict[str, Any]) -> None:
    try:
        check_active(claims, "https://issuer.example")
    except (BearerRefused, IssuerUnavailable):
        assert claims.get("active") is not True
    else:
        assert claims["active"] is True

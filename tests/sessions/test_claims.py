import json
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LoginFailed, SessionRejected
from gateway.model.identity import Identity
from gateway.model.session import Session
from gateway.sessions import claims

IDENTITY = Identity(
    user_id="u1",
    email="a@example.com",
    name="Zo\u00eb",
    image="https://img.example.com/a",
    roles=("admin", "dev"),
    groups=("g",),
    claims=(("department", ("it", "hr")), ("empty", ())),
)
SESSION = Session(
    id="s1",
    token_id="t1",
    identity=IDENTITY,
    issued_at=100,
    lease_until=700,
    authenticated_at=90,
    ends_at=5000,
    epoch=2,
    provider="demo",
    issuer="https://issuer.example.com",
    subject="sub",
    issuer_sid="op",
    acr="urn:a",
    amr=("pwd",),
    persistent=False,
    proved_at=80,
)
BARE = replace(
    SESSION,
    identity=Identity(user_id="u1"),
    issuer_sid=None,
    acr=None,
    amr=(),
    persistent=True,
    proved_at=None,
)


def written(session: Session = SESSION) -> bytes:
    return claims.encode(session, audience="aud", pieces=1)


def read(payload: bytes) -> Session:
    return claims.decode(payload, audience="aud", pieces=1)


def refused(payload: bytes, *, audience: str = "aud", pieces: int = 1) -> None:
    with pytest.raises(SessionRejected) as rejection:
        claims.decode(payload, audience=audience, pieces=pieces)
    assert rejection.value.reason == "invalid"


@pytest.mark.parametrize("session", [SESSION, BARE], ids=["full", "bare"])
def test_what_is_written_reads_as_the_same_session(session: Session) -> None:
    assert read(written(session)) == session


def test_B34_the_claims_are_those_of_the_contract() -> None:
    members = json.loads(written())
    named = {
        "sub",
        "email",
        "name",
        "iat",
        "exp",
        "jti",
        "sid",
        "auth_time",
        "sexp",
        "sep",
        "aud",
        "ver",
        "idp",
    }
    assert named <= set(members)
    assert members["ver"] == 1
    assert members["idp"] == {"id": "demo", "iss": "https://issuer.example.com", "sub": "sub", "sid": "op"}


REQUIRED = ("ver", "aud", "parts", "sub", "sid", "jti", "iat", "exp", "auth_time", "sexp", "sep", "idp")


@pytest.mark.parametrize("field", REQUIRED)
def test_B83_a_missing_field_is_refused(field: str) -> None:
    members = json.loads(written())
    del members[field]
    refused(msgspec.json.encode(members))


@pytest.mark.parametrize("version", [0, 2, 10**6, "1", None, 1.0])
def test_B133_C06_another_version_is_refused(version: object) -> None:
    refused(msgspec.json.encode(json.loads(written()) | {"ver": version}))


def test_B83_S04_a_foreign_audience_or_count_of_pieces_is_refused() -> None:
    refused(written(), audience="other")
    refused(written(), pieces=2)


@pytest.mark.parametrize("field", ["iat", "exp", "auth_time", "sexp"])
@pytest.mark.parametrize("time", [-1, 2**53, 2**64, 10**40, 1.5, "5", True, None])
def test_S11_a_time_that_is_nonsense_is_refused(field: str, time: object) -> None:
    refused(json.dumps(json.loads(written()) | {field: time}, separators=(",", ":")).encode())


def test_S11_the_year_2038_passes() -> None:
    late = replace(SESSION, issued_at=2**31 + 5, lease_until=2**33, ends_at=2**53 - 1)
    assert read(written(late)) == late


@pytest.mark.parametrize(
    "spoil",
    [
        lambda payload: payload.replace(b'"sub":"u1"', b'"sub":"u1","sub":"u2"'),
        lambda payload: payload.replace(b'"ver":1', b'"ver":1,"ver":1'),
        lambda payload: payload[:-1] + b',"admin":true}',
        lambda payload: payload + b" ",
        lambda payload: payload.replace(b":", b": ", 1),
        lambda payload: payload + payload,
        lambda payload: payload.replace(b"u1", b"\\u0075\\u0031", 1),
        lambda payload: payload.replace(b"u1", b"\xff", 1),
        lambda payload: payload.replace(b'"u1"', b'"\\ud800"', 1),
        lambda payload: payload.replace(b'"u1"', b"NaN", 1),
        lambda payload: b"[" * 10_000,
        lambda payload: b"null",
        lambda payload: b"",
    ],
    ids=lambda _: "spoiled",
)
def test_T11_there_is_one_encoding_and_no_other_reads(spoil: Callable[[bytes], bytes]) -> None:
    assert spoil(written()) != written()
    refused(spoil(written()))


@given(st.binary(max_size=100))
def test_F10_no_bytes_raise_anything_but_a_rejection(payload: bytes) -> None:
    refused(payload)


@given(
    st.builds(
        Identity,
        user_id=st.text(st.characters(codec="utf-8"), max_size=9),
        name=st.none() | st.text(st.characters(codec="utf-8"), max_size=9),
        roles=st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=3).map(tuple),
    )
)
def test_every_identity_survives(identity: Identity) -> None:
    session = replace(SESSION, identity=identity)
    assert read(written(session)) == session


def test_F3_a_lone_surrogate_fails_the_login_and_nothing_else() -> None:
    with pytest.raises(LoginFailed):
        written(replace(SESSION, identity=replace(IDENTITY, name="admin\ud800")))


def test_the_length_does_not_depend_on_the_count_of_pieces() -> None:
    lengths = {len(claims.encode(SESSION, audience="aud", pieces=count)) for count in (1, 2, 3)}
    assert len(lengths) == 1


def test_B126_the_largest_claims_are_named_without_their_values() -> None:
    groups = tuple(f"secret-group-{number}" for number in range(99))
    told = claims.largest(replace(SESSION, identity=replace(IDENTITY, groups=groups)))
    assert told.startswith("groups ")
    assert "secret" not in told

"""No secret leaves by its name, by its form, or inside an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.redact import HIDDEN, LONGEST, clipped, fault, is_secret, scrubbed, told

CANARY = "c4n4ry-5ecret"


SECRETS = """cookie Set-Cookie AUTHORIZATION access_token id_token client-secret code state nonce password
    demo_client_secret headers code_verifier X-Gateway-Assertion api_key query"""


@pytest.mark.parametrize("name", SECRETS.split())
def test_O34_a_secret_is_hidden_by_its_name(name: str) -> None:
    assert is_secret(name)
    assert told({name: CANARY}) == {name: HIDDEN}


@given(st.from_regex(r"[\w./-]{0,300}", fullmatch=True))
def test_O34_what_is_plain_is_told_as_it_is_and_no_secret_looks_plain(text: str) -> None:
    slowly = scrubbed(f"{text} ")  # the blank takes the way of everything that is not plain
    assert scrubbed(text)[:LONGEST] == slowly.removesuffix(" ")[:LONGEST]


@pytest.mark.parametrize("name", ["user_id", "session_id", "reason", "provider", "route", "status", "error"])
def test_what_is_no_secret_is_told(name: str) -> None:
    assert told({name: "plain"}) == {name: "plain"}


@pytest.mark.parametrize(
    "text",
    [
        f"GET /callback?code={CANARY}&state=x failed",
        f"Authorization: Bearer {CANARY}",
        f"basic {CANARY}",
        f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.sig",
        f"postgresql://user:{CANARY}@db/x",
        f"__Host-session={CANARY}; other=1",
        f"{{'access_token': '{CANARY}'}}",
        f'client_secret="{CANARY}"',
    ],
)
def test_O34_a_secret_is_hidden_by_its_form(text: str) -> None:
    assert CANARY not in scrubbed(text)


def test_F9_an_exception_is_told_by_class_and_place_only() -> None:
    def fail() -> None:
        secret = CANARY
        raise ValueError(secret)

    def fail_again() -> None:
        try:
            fail()
        except ValueError as exc:
            raise RuntimeError(CANARY) from exc

    with pytest.raises(RuntimeError) as caught:
        fail_again()
    text = fault(caught.value)
    assert text.startswith("RuntimeError at ")
    assert "< ValueError at " in text
    assert "test_redact.fail:" in text
    assert CANARY not in text
    assert told({"exc": caught.value}) == {"exc": text}


def test_F9_an_object_is_told_by_its_class() -> None:
    class Response:
        def __repr__(self) -> str:
            return CANARY

    assert told({"answer": Response(), "many": [Response(), CANARY[:3], 3]}) == {
        "answer": f"{Response.__qualname__}",
        "many": [Response.__qualname__, "c4n", 3],
    }


def test_numbers_are_told_as_they_are_unless_they_have_no_end() -> None:
    assert told({"a": 1, "b": 1.5, "c": True, "d": None}) == {"a": 1, "b": 1.5, "c": True, "d": None}
    assert told({"a": 10**5000}) == {"a": HIDDEN}


@given(st.text(st.characters(codec=None)))
def test_U27_every_text_is_bounded_and_encodable(text: str) -> None:
    for out in (clipped(text), scrubbed(text)):
        assert len(out.encode("utf-8")) <= LONGEST


@pytest.mark.parametrize("size", [LONGEST - 1, LONGEST, LONGEST + 1])
def test_U27_the_bound_is_exact(size: int) -> None:
    assert len(clipped("a" * size)) == min(size, LONGEST)
    assert len(clipped("\u00e9" * size).encode()) <= LONGEST

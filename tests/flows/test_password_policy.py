"""New passwords: long enough, and not what is tried first."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flows.password_policy import PasswordPolicy
from gateway.keys.password import LONGEST

POLICY = PasswordPolicy()
ANN = ("ann.miller@example.com", "Ann Miller")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "ovpEx2#kkW1q",
        "wir fahren nach Emden",
        "two rivers, one bridge",
        "\u043f\u0430\u0440\u043e\u043b\u044c qzvk \u0441\u043b\u043e\u0432",
        "a passphrase with a password in it",
        "x" + "y" * 3 + "tghbvokmwqe" + "\N{SNOWMAN}",
        "J7!" * 2 + "kq93zB",
    ],
)
def test_a_password_that_nobody_tries_first_is_taken(password: str) -> None:
    assert POLICY.fault(password, names=ANN) == ""


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2024!",
        "PASSWORDPASSWORD",
        "p4ssw0rd1234",
        "welcome12345",
        "Summer2025!!",
        "qwertyqwerty",
        "123456789012",
        "987654321098",
        "iloveyou1234",
        "letmeinletmein",
        "adminadmin123",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff441234",
        "1q2w3e4r5t1q2w3e",
        "abcdefghijklm",
        "vestibule2026",
    ],
)
def test_O38_what_is_tried_first_is_refused(password: str) -> None:
    assert "tried first" in POLICY.fault(password)


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "abababababab", "xyzxyzxyzxyz", "7 7 7 7 7 7 7 7"])
def test_repetition_is_not_length(password: str) -> None:
    assert "repeats" in POLICY.fault(password)


@pytest.mark.parametrize(
    "password",
    ["ann.miller@example.com", "Ann.Miller@Example.Com", "AnnMiller123", "miller-ann-1", "millermiller"],
)
def test_the_owners_name_and_address_are_refused(password: str) -> None:
    assert POLICY.fault(password, names=ANN)
    assert "tried first" not in POLICY.fault(password, names=ANN)


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("", "is empty"),
        ("ovpEx2#kkW1", "at least 12 characters"),
        ("ä" * 11, "at least 12 characters"),
        ("ovpEx2#kkW1q\0", "NUL"),
        ("v" * (LONGEST + 1), f"{LONGEST} bytes"),
    ],
)
def test_length_and_bytes_are_told(password: str, told: str) -> None:
    assert told in POLICY.fault(password)


def test_the_least_length_is_the_operators() -> None:
    assert PasswordPolicy(shortest=8).fault("ovpEx2#k") == ""
    assert "at least 20" in PasswordPolicy(shortest=20).fault("ovpEx2#kkW1q")


def test_length_counts_characters_in_the_spelling_that_is_hashed() -> None:
    assert PasswordPolicy(shortest=8).fault("\ufb03" + "qzvbk") == ""  # a ligature is three letters


@given(st.text(max_size=200), st.text(max_size=40))
def test_every_text_is_judged_in_words(password: str, name: str) -> None:
    fault = POLICY.fault(password, names=[name])
    assert not password or len(password) < 4 or password not in fault
    if len(password) < 3:
        assert fault


@given(st.text(alphabet="abcdefghijkmnpqrstuvwxyz23456789", min_size=24, max_size=64))
def test_what_a_generator_makes_is_taken_unless_it_repeats(password: str) -> None:
    fault = POLICY.fault(password)
    assert fault in ("", "repeats a few characters", "is among those that are tried first")


def test_O38_a_long_password_is_judged_in_bounded_time() -> None:
    assert POLICY.fault("password" * 128, names=ANN)
    assert POLICY.fault("qwertasdfzxcv1234567" * 50, names=ANN)


def test_the_list_is_plain() -> None:
    lines = files("gateway.flows").joinpath("common_passwords.txt").read_text(encoding="ascii").splitlines()
    words = [line for line in lines if not line.startswith("#")]
    assert len(words) == len(set(words)) > 200
    assert all(word == word.strip().lower() and len(word) >= 3 for word in words)

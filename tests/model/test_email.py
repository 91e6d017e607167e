import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.email import LONGEST, email_key


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.Lee+wiki@Example.COM", "ann.lee+wiki@example.com"),
        ("o'brien@example.ie", "o'brien@example.ie"),
        ("ann\uff20example.com", "ann@example.com"),
        ("\uff41nn@example.com", "ann@example.com"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_A22_one_spelling_stands_for_an_address(email: str, key: str) -> None:
    assert email_key(email) == key


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "victim@corp.com@evil.example",
        "victim@corp.com\uff20evil.example",
        "a@evil.example,b@corp.com",
        '"ann"@example.com',
        '"a@b"@example.com',
        "ann(comment)@example.com",
        "ann@example.com.",
        "ann@.example.com",
        "ann@example..com",
        "ann@-example.com",
        "ann@exam_ple.com",
        "ann@[127.0.0.1]",
        "ann @example.com",
        " ann@example.com",
        "ann@example.com\n",
        "ann\x00@example.com",
        "adm\u0131n@example.com",
        "ann@ex\u0430mple.com",
        "\ud800@example.com",
        "a" * 65 + "@example.com",
        "ann@" + "a" * 64 + ".com",
    ],
)
def test_O36_what_could_be_read_as_another_address_is_none(email: str) -> None:
    assert email_key(email) is None


@pytest.mark.parametrize(("extra", "kept"), [(-1, True), (0, True), (1, False)])
def test_the_longest_address_has_254_characters(extra: int, kept: bool) -> None:
    domain = ".".join(["a" * 60] * 3)
    local = "b" * (LONGEST + extra - len(domain) - 1 - 8)
    email = f"{local}@{domain}.{'c' * 7}"
    if len(local) > 64:
        email = f"{local[:64]}@{'d' * (len(local) - 65)}.{domain}.{'c' * 7}"
    assert len(email) == LONGEST + extra
    assert (email_key(email) is not None) is kept


@given(st.text())
def test_a_key_is_plain_and_its_own_key(text: str) -> None:
    key = email_key(text)
    if key is not None:
        assert key.isascii()
        assert key.isprintable()
        assert key == key.lower()
        assert key.count("@") == 1
        assert not set(key) & set('"(),:;<>[\\] ')
        assert email_key(key) == key


@given(st.emails())
def test_case_makes_no_difference(email: str) -> None:
    assert email_key(email.upper()) == email_key(email.lower())

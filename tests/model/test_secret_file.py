"""A text holds one secret as it is, or under our mark one a line; what is written is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.secret_file import MARK, secrets_in, written

# What may stand on a line: anything without line ends that is neither blank nor a comment.
lines = st.binary(min_size=1, max_size=60).filter(
    lambda each: each.strip() and not each.startswith(b"#") and not set(each) & set(b"\r\n")
)


@given(st.binary(max_size=200).filter(lambda each: not each.startswith(MARK)))
def test_any_other_text_is_one_secret_as_it_is(content: bytes) -> None:
    assert secrets_in(content) == (content,)


@given(st.lists(lines, max_size=5))
def test_what_is_written_is_read_back_in_order(secrets: list[bytes]) -> None:
    assert secrets_in(written(secrets)) == tuple(secrets)


@given(st.lists(lines, min_size=1, max_size=5), st.data())
def test_blank_lines_comments_and_other_line_ends_are_no_secrets(
    secrets: list[bytes], data: st.DataObject
) -> None:
    between = st.sampled_from([b"", b"\n", b"  \n", b"# a note\n", b"\r\n"])
    text = MARK + b"\n"
    for secret in secrets:
        text += data.draw(between) + secret + data.draw(st.sampled_from([b"\n", b"\r\n"]))
    assert secrets_in(text) == tuple(secrets)


@pytest.mark.parametrize("secret", [b"", b"  ", b"a\nb", b"a\rb", b"#a", MARK])
def test_what_cannot_stand_on_a_line_is_not_written(secret: bytes) -> None:
    with pytest.raises(ValueError, match="not a secret for one line"):
        written([b"sound", secret])


def test_a_marked_text_may_hold_none() -> None:
    assert secrets_in(written([])) == ()

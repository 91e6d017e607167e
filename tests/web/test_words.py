"""Every code that can reach a person has words and a way forward."""

import pytest

from gateway import errors
from gateway.web.words import Way, words_for

HIDDEN = {"session_rejected", "seal_broken", "schema_mismatch", "key_file_refused", "internal_error"}
PROTOCOL = {
    "expectation_failed",
    "coding_not_supported",
    "version_not_supported",
    "unsupported_media_type",
    "invalid_request",  # told to issuers alone
}
CODES = {
    kind.code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
}
HIDDEN |= {"grant_refused", "grant_foreign", "token_refused", "store_untrusted"}
HIDDEN |= {code for code in CODES if code.startswith("settings_")}


@pytest.mark.parametrize("code", sorted(CODES - HIDDEN - PROTOCOL))
def test_each_code_has_words_of_its_own(code: str) -> None:
    words = words_for(code)
    assert words is not words_for("no such code")
    assert words.title
    assert words.text.endswith(".")
    assert bool(words.label) == (words.way is not Way.NONE)


def test_an_unknown_code_gets_a_page_that_repeats_nothing() -> None:
    assert "<script>" not in words_for("<script>").title

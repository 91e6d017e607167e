import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.identity import AccountClaims
from gateway.store.account_claims import as_kept, as_read
from tests.fakes.logins import ANN

VALUES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=4).map(tuple)


@given(groups=VALUES, claims=st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_what_is_kept_is_read_as_the_login_had_it(
    groups: tuple[str, ...], claims: dict[str, tuple[str, ...]]
) -> None:
    login = replace(ANN, groups=groups, claims=tuple(claims.items()))
    read = as_read(json.dumps(as_kept(login)))
    assert read == AccountClaims(groups=login.groups, claims=login.claims)


def test_a_kept_claim_may_have_the_name_of_anything_else_that_is_kept() -> None:
    claims = tuple((name, ("x",)) for name in ("groups", "name", "email_verified", "kept"))
    kept = as_kept(replace(ANN, groups=("staff",), claims=claims))
    assert (kept["groups"], kept["name"], kept["email_verified"]) == (["staff"], "Ann", True)
    assert as_read(json.dumps(kept)) == AccountClaims(groups=("staff",), claims=claims)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "null",
        "[]",
        "{}",
        '{"groups": ["staff"], "department": ["it"]}',
        '{"groups": ["staff"], "kept": null}',
        '{"groups": "staff", "kept": {}}',
        '{"groups": [1], "kept": {}}',
        '{"groups": [], "kept": {"department": "it"}}',
        '{"groups": [], "kept": ',
    ],
)
def test_B133_what_an_earlier_release_or_a_hand_wrote_says_nothing(text: str | None) -> None:
    assert as_read(text) is None


@given(st.text())
def test_any_text_is_read_or_says_nothing(text: str) -> None:
    assert as_read(text) is None or isinstance(as_read(text), AccountClaims)

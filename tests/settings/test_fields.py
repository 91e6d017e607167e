from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.settings import fields


def takes(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


CASES: list[tuple[Any, list[object], list[object]]] = [
    (fields.Slug, ["a", "demo", "a-b_c9"], ["", "A", "a/b", "-a", "a-", "a b", "é", "a" * 65, 5]),
    (
        fields.Header,
        ["X-User-Id", "Remote-User", "X_Foo"],
        ["", "X Y", "Host", "content_length", "Transfer.Encoding", "Connection", "Cookie", "X-Forwarded-For",
         "X-Real-IP", "Authorization", "Via", "TE", "é", "X:Y", "a" * 65],
    ),
    (fields.HeaderOrOff, ["off", "X-Assertion"], ["Host", "", 5]),
    (fields.IdentityField, ["id", "email", "claims.x"], ["", "ids", "claims.", "claims.a b", "password"]),
    (fields.Words, [["a"], ["a b", "c"]], [[], [""], [" a"], ["a\n"], "a", [5]]),
    (fields.OneOrMore, ["a", ["a", "b"]], [[], "", [""], 5]),
    (fields.Scope, ["openid", "a:b/c"], ["", "a b", 'a"b', "a\\b"]),
    (fields.CookieName, ["session"], ["", "__Host-session", "__secure-x", "a b", "a;b", "a=b", "a.0"]),
    (fields.CookieDomain, ["example.com"], ["com", ".example.com", "10.0.0.1", "Example.com", "a b.c", ""]),
    (fields.Prefix, ["/.gateway", "/auth"], ["", "/", "auth", "/a/b", "/a/", "/..", "/.", "/a b", "/a?"]),
    (
        fields.RoutePath,
        ["/", "/app", "/app/x", "/é", "/a b"],
        ["", "app", "/app/", "//", "/a//b", "/a/../b", "/.", "/a?b", "/a#b", "/%61", "/a;b", "/a\\b", "/a\n"],
    ),
    (fields.Method, ["GET", "PROPFIND"], ["get", "Get", "TRACE", "TRACK", "CONNECT", "", "GE T", "M-SEARCH"]),
    (fields.Email, ["a@b.example"], ["A@b.example", "a", "a@b@c", "a @b.c", ""]),
    (fields.EmailDomain, ["example.com"], ["@example.com", "a@example.com", "Example.com", "", "a..b"]),
    (fields.ClaimName, ["department", "a-b"], ["", "a b", "roles", "provider", "a.b"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, good, _ in CASES for value in good])
def test_what_a_field_is_for_is_taken(kind: Any, value: object) -> None:
    assert takes(kind, value)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, _, bad in CASES for value in bad])
def test_C04_what_it_is_not_for_is_refused(kind: Any, value: object) -> None:
    assert not takes(kind, value)


@pytest.mark.parametrize(
    "name",
    [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Original-Method",
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "_method",
    ],
)
def test_I08_a_header_that_rewrites_the_request_is_never_an_identity(name: str) -> None:
    assert not takes(fields.Header, name)


@given(name=st.sampled_from(sorted(fields.TAKEN)), data=st.data())
def test_a_taken_header_is_refused_in_every_spelling_that_folds_to_it(name: str, data: st.DataObject) -> None:
    marks = {"-": st.sampled_from("-_.")}
    spelt = "".join(data.draw(marks.get(char, st.sampled_from([char, char.upper()]))) for char in name)
    assert not takes(fields.Header, spelt)


@given(text=st.text(max_size=20))
def test_any_text_is_taken_or_refused_by_every_field(text: str) -> None:
    for kind, _, _ in CASES:
        assert takes(kind, text) in (True, False)


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        ("/app/*", "/app"),
        ("/app/.*", "/app"),
        ("^/app", "/app"),
        ("/v1.0/users/{id}", "/v1.0/users"),
        ("/(a|b)", "/"),
        ("*", "/"),
        ("/a/<id>", "/a"),
    ],
)
def test_a_pattern_is_no_path_of_a_route(pattern: str, plain: str) -> None:
    """Taken as it is, it would govern nothing, and a rule of the route bind nobody."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(fields.RoutePath).validate_python(pattern)
    refusal = caught.value.errors()[0]["ctx"]["error"]
    assert refusal.suggestion == f'such as "{plain}"'

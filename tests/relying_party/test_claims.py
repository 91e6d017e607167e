from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LoginFailed
from gateway.model.email import email_key
from gateway.model.identity import VerifiedLogin
from gateway.model.role import rule_of
from gateway.relying_party.claims import (
    IDENTIFYING,
    LONGEST_VALUE,
    MOST_VALUES,
    SIGNED_ONLY,
    Claims,
    merged,
    verified_login,
)
from gateway.relying_party.registration import ClaimNames, RoleGrant
from tests.fakes.login import registration


def told(names: ClaimNames | None = None, **claims: Any) -> VerifiedLogin:
    return verified_login(
        {"sub": "s", **claims},
        registration=registration(claims=names or ClaimNames()),
        scope="openid",
        access_expires_at=None,
    )


def test_userinfo_goes_over_the_token_but_for_what_is_signed() -> None:
    claims = merged(
        {"iss": "i", "sub": "s", "acr": "1", "name": "old", "auth_time": 1},
        {"iss": "evil", "sub": "evil", "acr": "9", "name": "new", "auth_time": 9, "sid": "evil"},
    )
    assert claims == {"iss": "i", "sub": "s", "acr": "1", "name": "new", "auth_time": 1}


def test_a_verified_mark_stays_with_the_email_it_is_about() -> None:
    token = {"email": "mine@example.com", "email_verified": True}
    assert merged(token, {"email": "victim@example.com", "email_verified": True}) == token
    assert merged(token, {"name": "x"})["email_verified"] is True
    assert "email_verified" not in merged({"email_verified": True}, {"email": "victim@example.com"})
    assert merged({}, {"email": "x@example.com", "email_verified": True})["email_verified"] is True


def test_userinfo_s_mark_counts_for_the_token_s_email_only_where_both_name_the_same() -> None:
    token = {"email": "mine@example.com"}
    assert merged(token, {"email": "mine@example.com", "email_verified": True})["email_verified"] is True
    for told in ({"email": "mine@example.com "}, {"email": "x@example.com"}, {}):
        assert "email_verified" not in merged(token, {**told, "email_verified": True})
    denied = {**token, "email_verified": False}
    assert merged(denied, {"email": "mine@example.com", "email_verified": True})["email_verified"] is False


@pytest.mark.parametrize("claim", sorted(IDENTIFYING))
def test_what_says_who_somebody_is_comes_from_the_token_where_it_has_it(claim: str) -> None:
    assert merged({claim: "token"}, {claim: "userinfo"})[claim] == "token"


CLAIMS = st.dictionaries(
    st.sampled_from([*sorted(SIGNED_ONLY | IDENTIFYING), "name", "groups"]),
    st.text("ab", max_size=2) | st.booleans(),
)


@given(CLAIMS, CLAIMS)
def test_userinfo_never_changes_who_the_token_says_it_is(token: Claims, told: Claims) -> None:
    claims = merged(token, told)
    assert {name: claims.get(name) for name in SIGNED_ONLY} == {name: token.get(name) for name in SIGNED_ONLY}
    assert all(claims.get(name) == token[name] for name in IDENTIFYING & token.keys() - {"email_verified"})
    if "email_verified" in claims and "email_verified" not in token:
        assert claims.get("email") == told.get("email")


@pytest.mark.parametrize("mark", ["true", 1, "yes", None, False, [True]])
def test_B15_an_email_is_verified_by_the_json_value_true_alone(mark: object) -> None:
    assert told(email="a@example.com", email_verified=True).email_verified
    assert not told(email="a@example.com", email_verified=mark).email_verified
    assert not told(email_verified=True).email_verified


def test_a_claim_used_as_email_is_never_verified_by_the_mark_of_another() -> None:
    login = told(
        ClaimNames(email="upn"), upn="victim@example.com", email="a@example.com", email_verified=True
    )
    assert login.email == "victim@example.com"
    assert not login.email_verified


@given(
    st.text(max_size=40)
    | st.emails()
    | st.from_regex("[a-z.\"'@\uff20 \x00\u0131]{1,12}@[a-z.@\uff20-]{1,12}")
)
def test_B22_an_email_is_plain_or_refused(email: str) -> None:
    try:
        login = told(email=email)
    except LoginFailed:
        return
    if email == "":
        assert login.email is None
        return
    assert login.email == email
    assert email.isascii()
    assert email.count("@") == 1
    assert not set(email) & set('"\\ ,;()<>')
    assert email_key(email) is not None


@given(st.text(max_size=20))
def test_F3_a_name_is_kept_as_it_is_or_refused(name: str) -> None:
    try:
        login = told(name=name)
    except LoginFailed:
        return
    assert (login.name or "") == name
    name.encode()
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name)


@pytest.mark.parametrize("claim", ["sub", "email", "name", "sid", "acr"])
@pytest.mark.parametrize("value", [7, True, ["x"], {"x": 1}])
def test_a_value_of_another_form_is_refused_by_name_alone(claim: str, value: object) -> None:
    with pytest.raises(LoginFailed, match=claim):
        told(**{claim: value})


@pytest.mark.parametrize(
    ("groups", "taken"),
    [
        ("a,admin", ("a,admin",)),
        (["a,admin", "b;c"], ("a,admin", "b;c")),
        ([], ()),
        ("", ()),
        (None, ()),
        ([1, True], ("1", "true")),
    ],
)
def test_I12_groups_are_kept_one_by_one(groups: object, taken: tuple[str, ...]) -> None:
    assert told(groups=groups).groups == taken


@pytest.mark.parametrize("groups", [[["a"]], {"a": 1}, [None], 1.5, ["a\nb"]])
def test_I12_groups_of_another_form_are_refused(groups: object) -> None:
    with pytest.raises(LoginFailed, match="groups"):
        told(groups=groups)


def test_I12_over_the_bound_is_refused_and_never_cut() -> None:
    assert len(told(groups=["g"] * MOST_VALUES).groups) == MOST_VALUES
    with pytest.raises(LoginFailed, match="groups"):
        told(groups=["g"] * (MOST_VALUES + 1))
    assert told(name="n" * LONGEST_VALUE).name
    with pytest.raises(LoginFailed, match="name"):
        told(name="n" * (LONGEST_VALUE + 1))


def groups_of(kept: tuple[str, ...], *groups: object) -> tuple[str, ...]:
    at = registration(groups_kept=kept)
    return verified_login(
        {"sub": "s", "groups": list(groups)}, registration=at, scope="openid", access_expires_at=None
    ).groups


def test_I12_only_the_groups_that_a_session_carries_are_counted_and_kept() -> None:
    many = [f"all-{number}" for number in range(MOST_VALUES)]
    assert groups_of(("wiki-*", "staff"), *many, "wiki-a", "staff", "staff-b") == ("wiki-a", "staff")
    assert groups_of((), *many, "wiki-a") == ()
    assert groups_of(("odd*",), "odd", "odd*", "oddly") == ("odd", "odd*", "oddly")
    with pytest.raises(LoginFailed, match="groups"):
        groups_of(("wiki-*",), "wiki-a", {"no": "text"})


@given(st.lists(st.text(alphabet="ab*", min_size=1, max_size=4)), st.text(alphabet="ab*", max_size=6))
def test_a_group_is_kept_by_its_name_or_by_its_beginning(kept: list[str], group: str) -> None:
    beginnings = [each[:-1] for each in kept if each.endswith("*")]
    wanted = group in kept or any(group[: len(each)] == each for each in beginnings)
    assert registration(groups_kept=tuple(kept)).keeps_group(group) == wanted


KEPT = (("department", "department"), ("tier", "level"), ("vip", "vip"), ("missing", "missing"))


def test_configured_claims_are_kept_and_others_are_not() -> None:
    names = ClaimNames(
        groups="realm_access.roles",
        keep=KEPT,
    )
    login = told(
        names, realm_access={"roles": ["a", "b"]}, department=["it", "hr"], level=3, vip=False, other="x"
    )
    assert login.groups == ("a", "b")
    assert login.claims == (("department", ("it", "hr")), ("tier", ("3",)), ("vip", ("false",)))


@pytest.mark.parametrize(
    ("picture", "image"),
    [
        ("https://example.com/a.png", "https://example.com/a.png"),
        ("data:image/png;base64,AA", None),
        ("javascript:alert(1)", None),
        ("https://example.com/" + "x" * LONGEST_VALUE, None),
        (7, None),
    ],
)
def test_a_picture_is_a_web_address_or_none(picture: object, image: str | None) -> None:
    assert told(picture=picture).image == image


def test_what_the_token_says_about_the_login_is_kept() -> None:
    login = told(sid="s-1", acr="silver", amr=["pwd", "otp"], auth_time=1.9)
    assert (login.issuer_sid, login.acr, login.amr, login.authenticated_at) == (
        "s-1",
        "silver",
        ("pwd", "otp"),
        1,
    )


def earned(*grants: tuple[str, str], **claims: Any) -> tuple[str, ...]:
    """Return the roles of a login whose provider grants "admin" for each of *grants*."""
    roles = tuple(RoleGrant(role="admin", claim=claim, value=value) for claim, value in grants)
    login = verified_login(
        {"sub": "s", **claims}, registration=registration(roles=roles), scope="openid", access_expires_at=None
    )
    return tuple(dict.fromkeys(each.role for each in login.roles))


@pytest.mark.parametrize(
    ("claim", "value", "claims"),
    [
        ("groups", "admins", {"groups": ["staff", "admins"]}),
        ("groups", "admins", {"groups": "admins"}),
        ("realm_access.roles", "admins", {"realm_access": {"roles": ["admins"]}}),
        ("https://example.com/roles", "admins", {"https://example.com/roles": ["admins"]}),
        ("staff", "true", {"staff": True}),
        ("level", "3", {"level": 3}),
        ("mixed", "admins", {"mixed": [{"name": "x"}, None, 1.5, "admins"]}),
    ],
)
def test_B75_a_claim_that_is_or_holds_the_value_earns_the_role(
    claim: str, value: str, claims: dict[str, Any]
) -> None:
    assert earned((claim, value), **claims) == ("admin",)


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("groups", {}),
        ("groups", {"groups": None}),
        ("groups", {"groups": []}),
        ("groups", {"groups": ["Admins", "admins ", "xadmins", "admins\u200b"]}),
        ("groups", {"groups": "admins staff"}),
        ("realm.roles", {"realm": ["roles"]}),
        ("realm.roles", {"realm": {"roles": {"admins": True}}}),
        ("realm.roles", {"roles": ["admins"]}),
        ("list", {"list": [["admins"]]}),
        ("list", {"list": {"admins": "admins"}}),
    ],
)
def test_B75_whatever_else_it_holds_earns_nothing(claim: str, claims: dict[str, Any]) -> None:
    assert earned((claim, "admins"), **claims) == ()


def test_B75_a_role_is_earned_by_each_rule_and_the_claim_is_not_kept() -> None:
    roles = tuple(
        RoleGrant(role=role, claim="teams", value=value)
        for role, value in (("b", "x"), ("a", "y"), ("b", "y"))
    )
    login = verified_login(
        {"sub": "s", "teams": ["x", "y"]},
        registration=registration(roles=roles),
        scope="openid",
        access_expires_at=None,
    )
    rules = [("a", "y"), *sorted([("b", "x"), ("b", "y")], key=lambda pair: rule_of("teams", pair[1]))]
    assert [(each.role, each.rule) for each in login.roles] == [
        (role, rule_of("teams", value)) for role, value in rules
    ]
    assert (login.groups, login.claims) == ((), ())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_claim_breaks_the_mapping(value: object) -> None:
    assert earned(("odd", "admins"), odd=value) in ((), ("admin",))

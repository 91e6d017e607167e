"""Who may pass: three answers, and no reading of a rule that helps whoever it was written against."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.identity import Identity
from gateway.model.proof import Demand, Proof
from gateway.model.route import Access, Route, Rules
from gateway.routing.policy import Outcome, Verdict, admit, domain_of, folded, prepared, weigh
from tests.fakes.routes import route

ALICE = Identity(
    user_id="u1",
    email="Alice@Example.com",
    email_verified=True,
    roles=("reader",),
    groups=("staff", "wiki"),
    claims=(("department", ("it", "ops")), ("floor", ("3",))),
)
PERSONAL: list[dict[str, Any]] = [
    {"users": frozenset({"u1"})},
    {"emails": frozenset({"alice@EXAMPLE.com"})},
    {"email_domains": frozenset({"EXAMPLE.com"})},
    {"groups": frozenset({"wiki", "other"})},
    {"roles": frozenset({"admin", "reader"})},
    {"claims": (("department", frozenset({"ops"})), ("floor", frozenset({"3"})))},
]
OTHERS: list[dict[str, Any]] = [
    {"users": frozenset({"u2"})},
    {"emails": frozenset({"bob@example.com"})},
    {"email_domains": frozenset({"example.org"})},
    {"groups": frozenset({"Staff"})},
    {"roles": frozenset({"admin"})},
    {"claims": (("department", frozenset({"it"})), ("floor", frozenset({"4"})))},
]


def ask(
    governing: Route, identity: Identity | None = ALICE, *, method: str = "GET", ip: str = "192.0.2.1"
) -> Verdict:
    return admit(prepared(governing), identity, method=method, client_ip=ip)


def networks(*names: str) -> Rules:
    return Rules(networks=tuple(map(ip_network, names)))


def test_B70_anonymous_is_asked_to_sign_in_and_never_refused_by_a_personal_rule() -> None:
    for facts in (*PERSONAL, *OTHERS):
        for rules in ({"allow": Rules(**facts)}, {"deny": Rules(**facts)}):
            assert ask(route(**rules), None) == Verdict(outcome=Outcome.LOGIN, reason="anonymous")


@pytest.mark.parametrize("facts", PERSONAL)
def test_one_matching_value_inside_a_key_is_enough(facts: dict[str, Any]) -> None:
    assert ask(route(allow=Rules(**facts))).outcome is Outcome.PASS


@pytest.mark.parametrize("facts", OTHERS)
def test_B70_authenticated_but_not_allowed_is_denied_with_the_rule_named(facts: dict[str, Any]) -> None:
    verdict = ask(route(allow=Rules(**facts)))
    assert verdict.outcome is Outcome.DENY
    assert verdict.reason.partition(".")[0] in facts


def test_all_keys_hold_together() -> None:
    both = Rules(groups=frozenset({"staff"}), roles=frozenset({"admin"}))
    assert ask(route(allow=both)) == Verdict(outcome=Outcome.DENY, reason="roles")


@pytest.mark.parametrize("facts", PERSONAL)
def test_a_refusal_comes_before_a_permission(facts: dict[str, Any]) -> None:
    verdict = ask(route(allow=Rules(**facts), deny=Rules(**facts)))
    assert verdict.outcome is Outcome.DENY
    assert verdict.reason.startswith("deny.")


def test_any_one_key_of_a_refusal_refuses() -> None:
    deny = Rules(users=frozenset({"u2"}), email_domains=frozenset({"example.com"}))
    assert ask(route(deny=deny)).reason == "deny.email_domains"
    assert ask(
        route(deny=Rules(claims=(("floor", frozenset({"9"})), ("department", frozenset({"it"})))))
    ).reason == ("deny.claims.department")


def test_a_person_without_the_attribute_matches_no_rule_about_it() -> None:
    bare = Identity(user_id="u9")
    for facts in PERSONAL:
        assert ask(route(allow=Rules(**facts)), bare).outcome is Outcome.DENY
        assert ask(route(deny=Rules(**facts)), bare).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "domain", ["", "com", "ample.com", "mail.example.com", "example.com.", ".example.com"]
)
def test_O36_a_domain_rule_compares_the_whole_domain(domain: str) -> None:
    assert ask(route(allow=Rules(email_domains=frozenset({domain})))).outcome is Outcome.DENY


@pytest.mark.parametrize(
    "email", ["victim@example.com@evil", "a@evil,b@example.com", "example.com", "@", "a@", ""]
)
def test_O36_an_address_that_is_not_one_belongs_to_no_domain(email: str) -> None:
    rules = Rules(email_domains=frozenset({"example.com", "evil", ""}))
    assert (
        ask(route(allow=rules), Identity(user_id="u", email=email, email_verified=True)).outcome
        is Outcome.DENY
    )
    assert domain_of(email) is None or "," in email


@pytest.mark.parametrize("email", ["\u212aim@example.com", "\u017fam@example.com", "K\u0131m@example.com"])
def test_O36_no_case_mapping_makes_one_address_another(email: str) -> None:
    rules = Rules(emails=frozenset({"kim@example.com", "sam@example.com"}))
    assert (
        ask(route(allow=rules), Identity(user_id="u", email=email, email_verified=True)).outcome
        is Outcome.DENY
    )
    assert folded(email) == email


@pytest.mark.parametrize("key", ["emails", "email_domains"])
def test_O36_an_unverified_address_opens_nothing_and_is_refused_all_the_same(key: str) -> None:
    value = "alice@example.com" if key == "emails" else "example.com"
    typed = replace(ALICE, email_verified=False)
    rules = Rules(**{key: frozenset({value})})
    assert ask(route(allow=rules)).outcome is Outcome.PASS
    assert ask(route(allow=rules), typed).reason == key
    assert ask(route(deny=rules), typed).reason == f"deny.{key}"


def test_an_empty_string_as_a_rule_opens_nothing() -> None:
    for facts in ({"emails": frozenset({""})}, {"email_domains": frozenset({""})}):
        assert (
            ask(route(allow=Rules(**facts)), Identity(user_id="u", email=None, email_verified=True)).outcome
            is Outcome.DENY
        )


@pytest.mark.parametrize(
    ("method", "listed", "passes"),
    [
        ("GET", {"GET"}, True),
        ("HEAD", {"GET"}, True),
        ("HEAD", {"HEAD"}, True),
        ("GET", {"HEAD"}, False),
        ("HEAD", {"POST"}, False),
        ("OPTIONS", {"GET"}, False),
        ("get", {"GET"}, False),
        ("BREW", {"GET", "POST"}, False),
        ("GET", set(), False),
    ],
)
def test_P14_methods_open_themselves_and_head_by_get(method: str, listed: set[str], *, passes: bool) -> None:
    verdict = ask(route(methods=frozenset(listed)), method=method)
    assert verdict == (
        Verdict(outcome=Outcome.PASS, reason="allowed")
        if passes
        else Verdict(outcome=Outcome.DENY, reason="methods")
    )


def test_P14_a_method_rule_holds_on_public_routes_and_for_anonymous_callers() -> None:
    for access in Access:
        assert ask(route(access=access, methods=frozenset({"GET"})), None, method="POST").reason == "methods"


@pytest.mark.parametrize("access", list(Access))
def test_networks_are_decided_for_everybody_by_address(access: Access) -> None:
    inside = route(access=access, allow=networks("192.0.2.0/24", "2001:db8::/32"))
    assert ask(inside, None, ip="198.51.100.1") == Verdict(outcome=Outcome.DENY, reason="networks")
    assert ask(inside, ip="2001:db8::7").outcome is Outcome.PASS
    assert ask(route(access=access, deny=networks("192.0.2.0/24")), None).reason == "deny.networks"


def test_an_ipv4_caller_over_an_ipv6_socket_is_in_its_ipv4_network() -> None:
    assert ask(route(allow=networks("192.0.2.0/24")), ip="::ffff:192.0.2.9").outcome is Outcome.PASS
    assert ask(route(deny=networks("192.0.2.0/24")), ip="::ffff:192.0.2.9").outcome is Outcome.DENY


@pytest.mark.parametrize("ip", ["", "unix", "192.0.2", "192.0.2.1 ", "010.0.0.1"])
def test_an_address_that_cannot_be_read_never_helps_its_caller(ip: str) -> None:
    assert ask(route(allow=networks("0.0.0.0/0", "::/0")), ip=ip).outcome is Outcome.DENY
    assert ask(route(deny=networks("192.0.2.0/24")), ip=ip).outcome is Outcome.DENY


def test_optional_passes_without_identity_and_refuses_one_that_fails() -> None:
    guarded = route(access=Access.OPTIONAL, allow=Rules(roles=frozenset({"admin"})))
    assert ask(guarded, None) == Verdict(outcome=Outcome.PASS, reason="anonymous")
    assert ask(guarded) == Verdict(outcome=Outcome.DENY, reason="roles")
    assert ask(route(access=Access.OPTIONAL, deny=networks("192.0.2.0/24")), None).outcome is Outcome.DENY


def test_public_passes_whoever_calls() -> None:
    assert ask(route(access=Access.PUBLIC), None) == ask(route(access=Access.PUBLIC))


def test_a_route_without_rules_passes_whoever_is_signed_in() -> None:
    assert ask(route()) == Verdict(outcome=Outcome.PASS, reason="allowed")


@given(
    access=st.sampled_from(Access),
    allow=st.sampled_from([*PERSONAL, *OTHERS, {}]),
    deny=st.sampled_from([*PERSONAL, *OTHERS, {}]),
    known=st.booleans(),
)
def test_I09_the_first_verdict_among_the_findings_is_the_verdict(
    access: Access, allow: dict[str, Any], deny: dict[str, Any], *, known: bool
) -> None:
    governing = prepared(route(access=access, allow=Rules(**allow), deny=Rules(**deny)))
    identity = ALICE if known else None
    verdicts = [f.verdict for f in weigh(governing, identity, method="GET", client_ip="::1") if f.verdict]
    verdict = admit(governing, identity, method="GET", client_ip="::1")
    assert verdict == (verdicts[0] if verdicts else Verdict(outcome=Outcome.PASS, reason="allowed"))
    if access is Access.AUTHENTICATED and not known:
        assert verdict.outcome is Outcome.LOGIN


def test_a_route_is_plain_where_its_access_is_the_whole_rule() -> None:
    assert prepared(route()).plain
    assert not prepared(route(methods=frozenset({"GET"}))).plain
    assert not prepared(route(allow=Rules(emails=frozenset({"a@example.com"})))).plain
    assert not prepared(route(deny=Rules(users=frozenset({"u"})))).plain


RECENT = Demand(max_age=300, acr_values=("mfa",))
FRESH = Proof(age=10, acr="mfa")


def proved(governing: Route, proof: Proof, identity: Identity | None = ALICE) -> Verdict:
    return admit(prepared(governing), identity, method="GET", client_ip="192.0.2.1", proof=proof)


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        (Proof(age=400, acr="mfa"), "max_auth_age"),
        (Proof(acr="mfa"), "max_auth_age"),
        (Proof(age=10, acr="pwd"), "acr_values"),
        (Proof(age=10), "acr_values"),
    ],
)
def test_B073_a_proof_that_falls_short_is_asked_for_anew(proof: Proof, reason: str) -> None:
    assert proved(route(demand=RECENT), proof) == Verdict(outcome=Outcome.STEP_UP, reason=reason)
    assert proved(route(demand=RECENT), FRESH).outcome is Outcome.PASS


def test_B073_whoever_may_not_pass_anyhow_is_refused_without_being_asked() -> None:
    refusing = route(demand=RECENT, allow=Rules(roles=frozenset({"admin"})))
    assert proved(refusing, Proof()) == Verdict(outcome=Outcome.DENY, reason="roles")


def test_B070_B073_a_stranger_signs_in_first() -> None:
    assert proved(route(demand=RECENT), Proof(), None).outcome is Outcome.LOGIN


def test_B073_no_route_with_a_demand_is_plain() -> None:
    assert not prepared(route(demand=RECENT)).plain
    assert admit(prepared(route(demand=RECENT)), ALICE, method="GET", client_ip="").outcome is Outcome.STEP_UP

"""A security-relevant fact names itself, and is a success unless it says otherwise."""

from dataclasses import fields

from gateway.model.event import AuditEvent


def test_an_event_is_a_success_of_nobody_unless_it_says_more() -> None:
    event = AuditEvent(name="logout")
    said = {each.name: getattr(event, each.name) for each in fields(event)}
    assert said.pop("name") == "logout"
    assert said.pop("outcome") == "success"
    assert set(said.values()) == {""}


def test_an_event_has_no_room_for_a_secret() -> None:
    names = {each.name for each in fields(AuditEvent)}
    assert not names & {"cookie", "token", "code", "secret", "password", "state", "nonce"}

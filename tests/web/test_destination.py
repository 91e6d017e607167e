"""Where to go afterwards: one checked target, whatever the client calls it."""

import pytest

from gateway.errors import RequestRejected, TargetRefused
from gateway.flows.targets import ReturnTargets
from gateway.web.destination import destination
from gateway.web.query import parse_fields

TARGETS = ReturnTargets(public_url="https://gw.example.com", hosts=frozenset(), prefix="/.gateway")


@pytest.mark.parametrize("name", [b"return_to", b"callbackUrl"])
def test_L151_both_names_count(name: bytes) -> None:
    assert destination(parse_fields(name + b"=%2Fx%3Fy%3D1"), TARGETS, host="gw.example.com") == "/x?y=1"


def test_none_named_is_none() -> None:
    assert destination(parse_fields(b"a=1"), TARGETS, host="gw.example.com") is None


@pytest.mark.parametrize("raw", [b"return_to=/a&return_to=/a", b"return_to=/a&callbackUrl=/a"])
def test_more_than_one_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRejected):
        destination(parse_fields(raw), TARGETS, host="gw.example.com")


@pytest.mark.parametrize("raw", [b"return_to=", b"return_to=//evil", b"callbackUrl=https://evil.example/"])
def test_R01_a_target_that_fails_is_refused_and_not_repaired(raw: bytes) -> None:
    with pytest.raises(TargetRefused):
        destination(parse_fields(raw), TARGETS, host="gw.example.com")

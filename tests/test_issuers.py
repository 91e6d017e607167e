"""Issuers, joined: every fault of every registration, and the sets of our keys."""

from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.issuers import client_key_sets, registrations
from tests.fakes.client_keys import pem
from tests.fakes.configuration import PROVIDER, ROUTE, TOP, loaded

KEYED = """
[[providers]]
id = "{id}"
issuer = "https://{id}.example"
client_id = "x"
client_auth = "private_key_jwt"
[[providers.keys]]
key = \"\"\"{pem}\"\"\"
"""


def test_each_provider_with_keys_has_its_set(tmp_path: Path) -> None:
    text = TOP + PROVIDER + KEYED.format(id="a", pem=pem()) + ROUTE
    sets = client_key_sets(registrations(loaded(tmp_path, text).settings))
    assert list(sets) == ["a"]
    assert len(sets["a"]["keys"]) == 1  # type: ignore[arg-type]


def test_C04_every_key_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    keyed = KEYED.format(id="a", pem=pem("X25519")) + KEYED.format(id="b", pem=pem("RSA1024"))
    text = TOP + PROVIDER + keyed + ROUTE
    with pytest.raises(SettingsInvalid) as caught:
        registrations(loaded(tmp_path, text).settings)
    assert [fault.key for fault in caught.value.faults] == [
        "providers[1].keys[0].key",
        "providers[2].keys[0].key",
    ]

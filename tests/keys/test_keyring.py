import json
from itertools import permutations

import pytest

from gateway.errors import SealBroken, SettingsInvalid
from gateway.keys import base64url
from gateway.keys.keyring import MIN_SECRET, SESSION, KeyRing

OLD, NEW = b"o" * 32, b"n" * 32
SITE = "https://gw.example.com"
PURPOSES = ("session", "login", "csrf", "return", "assertion", "recent-logins")


def test_B42_a_secret_under_32_bytes_or_none_is_refused() -> None:
    for secrets in ([], [b"x" * (MIN_SECRET - 1)], [NEW, b""]):
        with pytest.raises(SettingsInvalid):
            KeyRing(secrets, scope=SITE)


def test_nodes_with_one_secret_share_every_key() -> None:
    here, there = KeyRing([NEW], scope=SITE), KeyRing([NEW], scope=SITE)
    assert there.sealer("session").open(here.sealer("session").seal(b"x")) == b"x"
    assert there.mac("csrf").holds(here.mac("csrf").tag(b"x"), b"x")
    assert there.signing_keys().jwks() == here.signing_keys().jwks()


@pytest.mark.parametrize(("made", "read"), [*permutations(PURPOSES, 2)])
def test_B132_no_value_of_one_purpose_passes_as_another(made: str, read: str) -> None:
    ring = KeyRing([NEW, OLD], scope=SITE)
    with pytest.raises(SealBroken):
        ring.sealer(read).open(ring.sealer(made).seal(b"x"))
    assert not ring.mac(read).holds(ring.mac(made).tag(b"x"), b"x")


def test_B132_every_derived_key_differs() -> None:
    ring = KeyRing([NEW, OLD], scope=SITE)
    keys = [
        ring._derive(secret, use, purpose, 32)
        for secret in (NEW, OLD)
        for use in ("jwe", "jws", "mac", "es256", "kid")
        for purpose in PURPOSES
    ]
    assert len(set(keys)) == len(keys)


def test_B44_a_value_of_a_gateway_with_another_public_url_does_not_open() -> None:
    here, there = KeyRing([NEW], scope=SITE), KeyRing([NEW], scope="https://other.example.com")
    with pytest.raises(SealBroken):
        there.sealer("session").open(here.sealer("session").seal(b"x"))
    assert not there.mac("csrf").holds(here.mac("csrf").tag(b"x"), b"x")
    assert there.signing_keys().jwks() != here.signing_keys().jwks()


def test_B129_T25_a_key_put_first_seals_and_the_old_one_still_opens() -> None:
    before, after = KeyRing([OLD], scope=SITE), KeyRing([NEW, OLD], scope=SITE)
    assert after.sealer("login").open(before.sealer("login").seal(b"x")) == b"x"
    assert KeyRing([NEW], scope=SITE).sealer("login").open(after.sealer("login").seal(b"x")) == b"x"
    assert after.signing_keys().current.kid != before.signing_keys().current.kid
    assert before.signing_keys().jwks()["keys"][0] in after.signing_keys().jwks()["keys"]


def test_B130_a_key_taken_out_opens_nothing() -> None:
    before, after = KeyRing([OLD], scope=SITE), KeyRing([NEW], scope=SITE)
    with pytest.raises(SealBroken):
        after.sealer("session").open(before.sealer("session").seal(b"x"))


def test_a_secret_listed_twice_is_one_key() -> None:
    assert len(KeyRing([NEW, NEW], scope=SITE).signing_keys().jwks()["keys"]) == 1


def test_keys_are_named_by_what_values_carry_and_in_order() -> None:
    ring = KeyRing([NEW, OLD], scope=SITE)
    new, old = ring.names()
    assert KeyRing([OLD], scope=SITE).names() == (old,)
    assert new.assertion == ring.signing_keys().current.kid
    assert [key["kid"] for key in ring.signing_keys().jwks()["keys"]] == [new.assertion, old.assertion]  # type: ignore[attr-defined]
    header = base64url.decode(ring.sealer(SESSION).seal(b"x").partition(".")[0].encode())
    assert json.loads(header)["kid"] == new.session


def test_C06_B133_what_a_release_before_sealed_tagged_and_published_holds_for_this_one() -> None:
    """Whatever enters a derivation is for ever: a change of it signs everybody out at an upgrade."""
    ring = KeyRing([b"0123456789abcdef0123456789abcdef"], scope=SITE)
    sealer, mac = ring.sealer(SESSION), ring.mac("session-id")
    free = (
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiSldUIiwia2lkIjoiaWJJREhicEMifQ..JPEX1dxfxu"
        "Klkiva.5vyWaGsKF1aDNdt582j-aaSHVmHkCNsrc5gXaVUNdCeYASUmSAp9Xhhly6byv6OOybiXzFi86hCWdp0KcrF"
        "6hv3wKSSTY30.62LJ0G-5c7zZ2tGtqLFnlA"
    )
    bound = (
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiSldUIiwia2lkIjoiaWJJREhicEMifQ..Vk9VAHmUkp"
        "C9DKTf.CFnO0TRsAiUqFR3ZOOmFTReLcWc_eMK1QcQAktWF_5Ioaa0rU_5OTa16vsd-Uvtz5LDixDHKcefTk44c4IJ"
        "6oZ-ESt06qjk.zFJjKR1rucoBTRUnM1Atlw"
    )
    assert sealer.open(free) == sealer.open(bound, bound=b"row") == b"kept"
    tag = bytes.fromhex("e8e35a3e5e1625383251c7efcc54d62b634446760bab107189fd63301e1a2f9c")
    assert mac.holds(tag, b"a", b"b")
    assert mac.tags(b"a", b"b") == (tag,)
    [names] = ring.names()
    assert (names.session, names.assertion) == (
        "ibIDHbpC",
        "dyz-_e38-lX6w65qoWShifCDwboA7oEy00OX9KLGbMo",
    )
    [shared], [public] = ring.shared_keys("wiki"), ring.ed25519_keys()
    assert shared.keyid == "v30FHrRn9jWH"
    assert public.keyid == "xIy6J_Q7X5fqndM92wcgpn-2aTvd4draL5XBwrVSI8I"

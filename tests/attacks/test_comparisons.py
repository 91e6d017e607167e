"""Row T26: what is secret is compared in constant time, and nowhere by `==`."""

import ast
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.errors import SealBroken
from gateway.keys.keyring import KeyRing
from gateway.sessions.opaque import OpaqueCookies

PACKAGE = Path(__file__).parents[2] / "gateway"
RING = KeyRing([b"k" * 32, b"o" * 32], scope="https://gw.example.com")
# Where secrets, or what proves that somebody has one, are told from forgeries.
JUDGES = (
    "keys/mac.py",
    "keys/seal.py",
    "keys/password.py",
    "web/csrf.py",
    "sessions/opaque.py",
    "flows/transactions.py",
    "flows/departures.py",
    "relying_party/authorization.py",
    "relying_party/id_token.py",
)
SECRET = {"binding", "challenge", "digest", "expected", "nonce", "signature", "state", "tag", "verifier"}


def forged_tag() -> None:
    assert not RING.mac("csrf").holds(b"x" * 32, b"value")


def forged_session_id() -> None:
    cookies = OpaqueCookies(RING.mac("session-id"), audience="here")
    value = cookies.value("i" * 43).encode()
    forged = value[:-4] + (b"AAAA" if value[-4:] != b"AAAA" else b"BBBB")
    assert cookies.read(forged) is None


def forged_cookie() -> None:
    sealed = RING.sealer("session").seal(b"payload")
    with pytest.raises(SealBroken):
        KeyRing([b"k" * 32], scope="https://gw.example.com").sealer("login").open(sealed)
    assert RING.sealer("session").open(sealed) == b"payload"


@pytest.mark.parametrize("judged", [forged_tag, forged_session_id, forged_cookie])
def test_T26_what_we_made_ourselves_is_told_from_forgeries_in_constant_time(
    monkeypatch: pytest.MonkeyPatch, judged: Callable[[], None]
) -> None:
    compared: list[int] = []

    def counted(ours: bytes, theirs: bytes) -> bool:
        compared.append(len(ours))
        return compare(ours, theirs)

    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", counted)
    judged()
    assert compared
    assert set(compared) <= {32, 43}  # an HMAC-SHA256, as bytes or as base64url


def test_T26_every_key_of_the_ring_is_compared_whichever_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    mac, compared = RING.mac("csrf"), []
    tag = mac.tag(b"value")
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or compare(a, b))
    for tried in (tag, b"x" * 32):
        compared.clear()
        mac.holds(tried, b"value")
        assert len(compared) == 2


def compared_by_operator(source: str) -> Iterator[str]:
    """Yield what of *source* compares something secret by `==` or `!=`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            names = {name for side in sides for name in _named(side)}
            if names & SECRET:
                yield ast.unparse(node)


def _named(side: ast.expr) -> Iterator[str]:
    """Yield the name under which a side is known: `x.state`, `state`, `digest(…)`."""
    if isinstance(side, ast.Call):
        side = side.func
    if isinstance(side, ast.Attribute):
        yield side.attr
    elif isinstance(side, ast.Name):
        yield side.id


@pytest.mark.parametrize("path", JUDGES)
def test_T26_no_secret_is_compared_by_an_operator(path: str) -> None:
    assert list(compared_by_operator((PACKAGE / path).read_text(encoding="utf-8"))) == []


def test_T26_the_search_finds_what_it_is_for() -> None:
    assert list(compared_by_operator("a.state == b\nif digest(x) != y: pass")) == [
        "a.state == b",
        "digest(x) != y",
    ]

"""ATTACKS R: a return target never leaves the gateway, never loops, and is never repaired."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL as Yarl

from gateway.errors import TargetRefused
from gateway.flows.targets import ReturnTargets
from tests.fakes.targets import GOOD, HOST, ROWS

TARGETS = ReturnTargets(
    public_url=f"https://{HOST}",
    hosts=frozenset({"wiki.example.com", "*.apps.example.com"}),
    prefix="/.gateway",
)


@pytest.mark.parametrize(("row", "target"), [(row, target) for row, all_ in ROWS.items() for target in all_])
def test_R01_to_R11_a_target_that_could_leave_or_loop_is_refused(row: str, target: str) -> None:
    with pytest.raises(TargetRefused):
        TARGETS.check(target)


@pytest.mark.parametrize(("target", "returned"), GOOD.items())
def test_a_good_target_passes_unchanged_and_in_origin_form_where_it_is_ours(
    target: str, returned: str
) -> None:
    assert TARGETS.check(target) == returned


PIECES = (
    r"/ \ . .. %2f %5c %2e %09 @ : ? # ; %25 %00 a // evil.example https: http: javascript: .gateway signin"
)
SPELLINGS = st.lists(st.sampled_from([*PIECES.split(), HOST, "\t", "\n", " ", "\u3002"]), max_size=9).map(
    "".join
)


@given(st.one_of(SPELLINGS, SPELLINGS.map(lambda rest: "/" + rest), st.text(max_size=40)))
def test_R_whatever_passes_stays_on_our_hosts_for_every_parser_and_is_stable(raw: str) -> None:
    try:
        target = TARGETS.check(raw)
    except TargetRefused:
        return
    assert TARGETS.check(target) == target
    assert target in (raw, raw.removeprefix(f"https://{HOST}"), "/")
    for seen in (_by_stdlib(target), _by_browser(target)):
        assert seen in (HOST, "wiki.example.com") or seen.endswith(".apps.example.com")
    path = unquote(urlsplit(target).path)
    assert not path.casefold().startswith("/.gateway/sign")
    assert "\\" not in path
    assert ".." not in path.split("/")
    assert not Yarl(target).absolute or Yarl(target).host != "evil.example"


def _by_stdlib(target: str) -> str:
    return urlsplit(target).hostname or HOST


def _by_browser(target: str) -> str:
    """Resolve as the WHATWG URL standard says for a special scheme: tabs go, backslashes turn."""
    cleaned = target.strip("".join(map(chr, range(0x21))))
    for letter in "\t\n\r":
        cleaned = cleaned.replace(letter, "")
    cleaned = cleaned.replace("\\", "/")
    scheme, colon, rest = cleaned.partition(":")
    if colon and scheme.isalpha() and "/" not in scheme:
        if scheme.lower() not in ("http", "https"):
            return scheme
        cleaned = "//" + rest.lstrip("/")
    if not cleaned.startswith("//"):
        return HOST
    authority = cleaned.lstrip("/").replace("?", "/").replace("#", "/").partition("/")[0]
    return authority.rpartition("@")[2].partition(":")[0].lower()

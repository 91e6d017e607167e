"""ATTACKS R: a return target never leaves the gateway, never loops, and is never repaired."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL as Yarl

from gateway.errors import TargetRefused
from gateway.flows.targets import ReturnTargets

HOST = "app.example.com"
TARGETS = ReturnTargets(
    public_url=f"https://{HOST}",
    hosts=frozenset({"wiki.example.com", "*.apps.example.com"}),
    prefix="/.gateway",
)

ROWS = {
    "R01": ["//evil", "///evil", "////evil", "//evil/%2e%2e", "/a//evil", "/%2fevil", "/%2Fevil"],
    "R02": ["/\\evil", "\\\\evil", "\\/evil", "/.\\evil", "/%5cevil", "/%5Cevil", "/a?x=\\", "/\\/evil"],
    "R03": ["/\t/evil", "/\n/evil", "/\r/evil", "ht\ntps://evil", "/a\t", "/%09/evil", "/%0a/evil"],
    "R04": [" /x", "\x00/x", "/\x00x", "\x01//evil", "/x\x1f", "/x\x7f", "/%00", "/%7f", "\x20//evil", "/x "],
    "R05": ["https:evil", "https:/evil", "https:///evil", "https:\\\\evil", "http:\\/evil", "https:/evil//"],
    "R06": [
        "javascript:alert(1)",
        "data:text/html,x",
        "java\nscript:x",
        "JaVaScRiPt:x",
        "mailto:a@b",
        "blob:x",
    ],
    "R07": [
        f"https://{HOST}@evil/",
        f"//{HOST}@evil",
        f"https://evil\\@{HOST}/",
        f"https://evil#@{HOST}/",
        f"https://evil?@{HOST}/",
        f"https://user:secret@{HOST}/",
        f"https://{HOST}:443@evil/",
        f"https://{HOST}%40evil/",
    ],
    "R08": [
        f"https://{HOST}.evil/",
        f"https://evil{HOST}/",
        f"https://{HOST}.evil.example/",
        f"https://{HOST}:8443/",
        f"http://{HOST}/",
        f"https://{HOST}./",
        "https://evilapps.example.com/",
        "https://apps.example.com/",
        "https://.apps.example.com/",
        "https://a..apps.example.com/",
        "https://wiki.example.com.evil/",
        f"HTTPS://{HOST}/",
    ],
    "R09": [
        "https://app\u3002example\u3002com/",
        "https://app\uff0eexample.com/",
        "/\u2215evil",
        "\uff0f\uff0fevil",
        "https://\u0430pp.example.com/",
        "/\ud800",
    ],
    "R10": ["/%0d%0aSet-Cookie:x", "/\r\nSet-Cookie: x", "/x?y=%0d%0aSet-Cookie:x", "/x#%0d%0a", "/%0D%0A"],
    "R11": [
        "/.gateway",
        "/.gateway/",
        "/.gateway/signin?return_to=/.gateway/signin",
        "/.gateway/signin",
        "/.gateway/signout",
        "/.gateway/callback/demo?code=x",
        "/.gateway/accounts",
        "/.gateway/account/link/demo",
        "/.gateway/admin",
        "/.Gateway/signin",
        "/%2egateway/signin",
        "/.gateway;x/signin",
        "/.gateway/account;x",
        f"https://{HOST}/.gateway/signin",
        "https://wiki.example.com/.gateway/signin",
    ],
    "dots": ["/a/../b", "/./a", "/%2e%2e/a", "/a/%2e", "/..;x/a", "/.."],
    "form": ["", "a", "?x", "#x", ".", "/%zz", "/%", "/\xe9", "/%ff", f"https://{HOST}?x", "/" + "a" * 2048],
}
GOOD = {
    "/": "/",
    "/wiki/Page?x=1&y=2": "/wiki/Page?x=1&y=2",
    "/a%20b?q=hello%20world": "/a%20b?q=hello%20world",
    "/caf%C3%A9": "/caf%C3%A9",
    "/a?next=https://other.example//x/../y": "/a?next=https://other.example//x/../y",
    "/a?open=100%": "/a?open=100%",
    "/app#/route?x=1": "/app#/route?x=1",
    "/gateway": "/gateway",
    "/.gateways": "/.gateways",
    "/.gateway/account": "/.gateway/account",
    "/.gateway/admin/": "/.gateway/admin/",
    "/.gateway/admin/users": "/.gateway/admin/users",
    f"https://{HOST}": "/",
    f"https://{HOST}/x?y#z": "/x?y#z",
    "https://wiki.example.com/x": "https://wiki.example.com/x",
    "https://one.apps.example.com/": "https://one.apps.example.com/",
    "/" + "a" * 2047: "/" + "a" * 2047,
}


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

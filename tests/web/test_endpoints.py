"""Dispatch: one spelling, the right methods, and nothing under our prefix goes anywhere else."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from tests.fakes.site import NAVIGATION, PREFIX, header, site


@pytest.mark.parametrize(
    "path",
    [
        "/.gateway",
        "/.gateway/",
        "/.gateway/signin",
        "/.GATEWAY/x",
        "/.gateway;a/x",
        "//.gateway/x",
        "/.gateway//x",
    ],
)
async def test_P18_every_spelling_of_our_prefix_is_ours(tmp_path: Path, path: str) -> None:
    async with site(tmp_path) as gate:
        assert gate.endpoints.covers(path)


@pytest.mark.parametrize("path", ["/", "/.gateways", "/gateway", "/x/.gateway/signin", "/.gatewa"])
async def test_other_paths_are_not(tmp_path: Path, path: str) -> None:
    async with site(tmp_path) as gate:
        assert not gate.endpoints.covers(path)


@pytest.mark.parametrize(
    "local",
    ["", "/", "/nothing", "/signin/", "/signin/nobody?return_to=/", "/callback", "/callback/a/b"],
)
async def test_an_unknown_page_is_404(tmp_path: Path, local: str) -> None:
    async with site(tmp_path) as gate:
        assert (await gate.get(PREFIX + local)).status == 404


async def test_P18_another_spelling_of_a_page_is_400(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        inbound = gate.inbound(f"{PREFIX}/signout")
        encoded = replace(inbound, target=b"/%2egateway/signout")
        assert (await gate.send(encoded)).status == 400
        doubled = replace(inbound, spellings=frozenset({"//"}))
        assert (await gate.send(doubled)).status == 400


@pytest.mark.parametrize(
    ("local", "method", "allow"),
    [
        ("/signout", "PUT", "GET, HEAD, POST"),
        ("/signin", "POST", "GET, HEAD"),
        ("/callback/demo", "POST", "GET, HEAD"),
        ("/account/link/demo", "GET", "POST"),
        ("/session", "OPTIONS", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_is_405_with_allow(tmp_path: Path, local: str, method: str, allow: str) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.send(gate.inbound(PREFIX + local, method=method))
        assert answer.status == 405
        assert header(answer, b"Allow") == allow


async def test_B054_head_is_answered_as_get(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        get = await gate.get(f"{PREFIX}/providers")
        head = await gate.send(gate.inbound(f"{PREFIX}/providers", method="HEAD"))
        assert (head.status, head.headers) == (get.status, get.headers)


async def test_a_query_that_cannot_be_read_is_400(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        assert (await gate.get(f"{PREFIX}/signin?return_to=%zz")).status == 400


FOR_OTHERS = {"/initiate", "/backchannel-logout"}
"""What other sites send forms to, each with a proof of its own or to no effect."""

WHOM = {"/signin": "demo", "/callback": "local", "/account/link": "demo"}
"""Whom or what a form is about, where that has to exist."""


async def test_S16_S24_no_form_of_ours_does_anything_without_its_token_or_from_another_site(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await gate.sign_in()
        exact, named = gate.endpoints._exact, gate.endpoints._named
        forms = [PREFIX + local for local, methods in exact.items() if "POST" in methods]
        forms += [
            f"{PREFIX}{head}/{WHOM.get(head, '0123456789abcdef')}"
            for head, methods in named.items()
            if "POST" in methods and head not in FOR_OTHERS
        ]
        assert len(forms) >= 10
        good = gate.token()
        for target in forms:
            refused = await gate.post(target, token="")
            assert (target, refused.status) in ((target, 403), (f"{PREFIX}/session", 400))
            fields = urlencode({"csrfToken": good}).encode()
            kind = (b"Content-Type", b"application/x-www-form-urlencoded")
            for said in ((b"Origin", b"https://evil.example"), (b"Sec-Fetch-Site", b"cross-site")):
                inbound = gate.inbound(target, method="POST", headers=(kind, said, *NAVIGATION))
                foreign = await gate.send(inbound, fields)
                assert (target, foreign.status) in ((target, 403), (f"{PREFIX}/session", 400))
        assert gate.signed_in
        assert (await gate.post(f"{PREFIX}/session", token=good)).status == 200

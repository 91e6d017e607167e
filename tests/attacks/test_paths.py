"""Paths, routes and methods (group P): what is decided is what is forwarded, or nothing is."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import perf_counter

import pytest

from tests.fakes.front import Door, ask, front
from tests.fakes.gateway import HOST
from tests.fakes.raw_client import get, send_raw
from tests.fakes.upstream import RecordingUpstream

# Public, but for `/admin`, which lets nobody in: what reaches the upstream passed as something else.
ADMIN = '[[routes]]\npath = "/admin"\nupstream = "{upstream}"\naccess = "public"\nmethods = ["MKACTIVITY"]\n'


def line(path: bytes) -> bytes:
    return ask(b"GET " + path + b" HTTP/1.1")


def site(folder: Path, more: str = "") -> AbstractAsyncContextManager[Door]:
    return front(folder, tables=ADMIN + more)


def route_that_allows(path: str, *, allow: str) -> str:
    keys = f'access = "public"\nallow_in_path = {allow}'
    return f'[[routes]]\npath = "{path}"\nupstream = "{{upstream}}"\n{keys}\n'


async def refused(folder: Path, *paths: bytes) -> None:
    async with site(folder) as door:
        for path in paths:
            await door.refused(line(path), 400, closes=False)


async def forwarded(door: Door, path: bytes) -> None:
    """Claim that *path* goes upstream byte for byte."""
    got = await door.passes(line(path))
    assert got.startswith(b"GET " + path + b" HTTP/1.1\r\n")


async def governed_by_admin(door: Door, path: bytes) -> None:
    answer = await door.refused(line(path), 403, 405, closes=False)
    assert answer.values("cache-control") == [b"private, no-store"]


async def test_P01_dot_segments_are_refused(tmp_path: Path) -> None:
    paths = [
        b"/public/../admin", b"/./admin", b"/..", b"/.", b"/public/..", b"/%2e%2e/admin", b"/.%2e/admin",
        b"/%2e./admin", b"/%2E%2E/admin", b"/public/%2e/admin", b"/public/..?x", b"/../.gateway/signout",
    ]  # fmt: skip
    await refused(tmp_path, *paths)


async def test_P02_doubled_slashes_are_refused(tmp_path: Path) -> None:
    await refused(tmp_path, b"//admin", b"/public//admin", b"///", b"/admin//", b"//evil.example/x")


async def test_P02_doubled_slashes_pass_where_allowed_and_nothing_else_governs(tmp_path: Path) -> None:
    async with site(tmp_path, route_that_allows("/fetch", allow='["//"]')) as door:
        await forwarded(door, b"/fetch/http://example.com//x")
        await door.refused(line(b"//fetch"), 400, closes=False)
        await door.refused(line(b"/fetch//../admin"), 400)


async def test_allowed_slashes_never_reach_what_another_route_governs(tmp_path: Path) -> None:
    keys = 'access = "public"\nallow_in_path = ["//", "%2f"]'
    async with front(tmp_path, route_keys=keys, tables=ADMIN) as door:
        await forwarded(door, b"/a//b%2fc")
        for path in (b"//admin", b"//admin/x", b"///admin", b"/%2fadmin", b"/x/../admin"):
            await door.refused(line(path), 400, closes=False)
        await door.refused(line(b"/admin%2fx"), 400, closes=False)


async def test_P03_parameters_belong_to_their_segment(tmp_path: Path) -> None:
    await refused(
        tmp_path,
        b"/public/..;/admin",
        b"/public;/../admin",
        b"/..;x=1/admin",
        b"/admin;jsessionid=1",
        b"/admin;/x",
    )
    async with site(tmp_path) as door:
        await forwarded(door, b"/public;a=1/x;b")


async def test_P03_parameters_pass_where_allowed(tmp_path: Path) -> None:
    async with site(tmp_path, route_that_allows("/matrix", allow='[";"]')) as door:
        await forwarded(door, b"/matrix/;a=1/x")
        await door.refused(line(b"/matrix/..;/admin"), 400)


async def test_P04_encoded_slashes_are_refused(tmp_path: Path) -> None:
    await refused(tmp_path, b"/public%2fadmin", b"/public%2Fadmin", b"/%2fadmin", b"/admin%2f")


async def test_P04_encoded_slashes_are_matched_decoded_and_forwarded_raw_where_allowed(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, route_that_allows("/api", allow='["%2f"]')) as door:
        await forwarded(door, b"/api/projects/a%2Fb?x=%2f")
        for path in (b"/api%2fx", b"/api/..%2fadmin", b"/api%2f..%2fadmin", b"/admin%2fx"):
            await door.refused(line(path), 400, closes=False)


async def test_P05_backslashes_are_refused(tmp_path: Path) -> None:
    await refused(tmp_path, b"/public\\admin", b"/public%5cadmin", b"/%5C..%5cadmin", b"/\\admin")


async def test_P06_encoded_controls_are_refused(tmp_path: Path) -> None:
    await refused(tmp_path, b"/a%00", b"/a%0a", b"/a%0d%0aX:1", b"/a%7f", b"/a%1f", b"/a%c2%85")


async def test_P07_what_is_encoded_twice_is_decoded_once(tmp_path: Path) -> None:
    async with site(tmp_path) as door:
        for path in (b"/%252e%252e/admin", b"/public%252fadmin", b"/%2561dmin"):
            await forwarded(door, path)


async def test_P08_overlong_and_broken_encodings_are_refused(tmp_path: Path) -> None:
    await refused(
        tmp_path, b"/%c0%ae%c0%ae/admin", b"/a%zz", b"/a%", b"/a%2", b"/%ff", b"/%ed%a0%80", b"/a%%20"
    )


async def test_P09_letters_are_compared_as_they_are(tmp_path: Path) -> None:
    async with site(tmp_path) as door:
        for path in (b"/ADMIN", b"/admi%C5%BF", b"/%E2%84%AAey", b"/%EF%BD%81dmin"):
            await forwarded(door, path)
        await governed_by_admin(door, b"/%61dmin")


async def test_P10_what_hangs_on_a_path_is_governed_by_it(tmp_path: Path) -> None:
    async with site(tmp_path) as door:
        for path in (
            b"/admin/",
            b"/admin/x.css",
            b"/admin/.css",
            b"/admin/%20",
            b"/admin/::$DATA",
            b"/admin?a.css",
        ):
            await governed_by_admin(door, path)


async def test_P11_a_prefix_ends_at_a_segment(tmp_path: Path) -> None:
    async with site(tmp_path) as door:
        for path in (b"/adminx", b"/admin.css", b"/admin%20", b"/admin-"):
            await forwarded(door, path)


async def test_P12_a_query_is_no_path(tmp_path: Path) -> None:
    async with site(tmp_path) as door:
        for path in (b"/admin?x=/public", b"/admin?/../public", b"/admin?x=//&y=%2f;"):
            await governed_by_admin(door, path)
        await forwarded(door, b"/public?x=/admin/../admin")


async def test_P13_the_most_specific_rule_governs_and_no_rule_is_404(tmp_path: Path) -> None:
    closed = '[[routes]]\npath = "/admin/open"\nupstream = "{upstream}"\naccess = "public"\n'
    other = (
        '[[routes]]\nhost = "only.example.com"\npath = "/here"\nupstream = "{upstream}"\naccess = "public"\n'
    )
    keys = f'access = "public"\nhost = "{HOST}"'
    async with front(
        tmp_path,
        route_keys=keys,
        tables=(ADMIN + closed + other).replace("[[routes]]", f'[[routes]]\nhost = "{HOST}"', 2),
    ) as door:
        await forwarded(door, b"/admin/open/x")
        await governed_by_admin(door, b"/admin/openx")
        await door.refused(get("/there", host="only.example.com"), 404, closes=False)
        await door.passes(get("/here", host="only.example.com"))


async def test_P14_a_rule_for_one_method_opens_no_other(tmp_path: Path) -> None:
    async with front(tmp_path, route_keys='access = "public"\nmethods = ["GET"]') as door:
        for method in (b"POST", b"OPTIONS", b"DELETE", b"PROPFIND", b"QUERY", b"PATCH"):
            await door.refused(ask(method + b" / HTTP/1.1"), 400, 405, closes=False)
        preflight = ask(b"OPTIONS / HTTP/1.1", b"Access-Control-Request-Method: GET", b"Origin: https://x")
        answer = await door.refused(preflight, 405, closes=False)
        assert answer.values("allow") == [b"GET"]
        await forwarded(door, b"/")
    async with front(tmp_path, route_keys='access = "public"\nmethods = ["POST"]') as door:
        for method in (b"GET", b"HEAD"):
            status = await _status(door, ask(method + b" / HTTP/1.1", b"Connection: close"))
            assert status == 405
        assert door.upstream.connections == 0


async def _status(door: Door, data: bytes) -> int:
    async with await door.open() as client:
        await client.write(data)
        return (await client.answer(head_only=True)).status


async def test_P15_no_path_is_slow_to_match(tmp_path: Path) -> None:
    nested = "".join(
        f'[[routes]]\npath = "{"/a" * depth}"\nupstream = "{{upstream}}"\naccess = "public"\n'
        for depth in range(1, 50)
    )
    async with front(tmp_path, tables=nested) as door:
        began = perf_counter()
        for path in (b"/a" * 4_000, b"/" + b"a" * 8_000, b"/a;" * 2_600, b"/%61" * 2_000):
            answer = await door.send(line(path))
            assert answer.status in (200, 400)
        assert perf_counter() - began < 1.0


async def test_P16_no_request_chooses_its_upstream(tmp_path: Path) -> None:
    async with RecordingUpstream() as other, front(tmp_path) as door:
        target = other.url.encode()
        for case in (
            ask(b"GET /" + target + b" HTTP/1.1"),
            ask(b"GET " + target + b"/ HTTP/1.1"),
            ask(b"GET /?url=" + target + b" HTTP/1.1", b"X-Forwarded-Host: " + target[7:]),
            ask(b"GET / HTTP/1.1", b"X-Original-URL: " + target, b"Forwarded: host=" + target[7:]),
            get("/", host=other.url[7:]),
        ):
            await door.send(case)
        assert other.connections == 0


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
async def test_P17_an_upgrade_passes_the_same_checks(tmp_path: Path, upgrade: bytes) -> None:
    fields = (b"Upgrade: " + upgrade, b"Connection: Upgrade")
    async with site(tmp_path) as door:
        await door.refused(ask(b"GET /public/../admin HTTP/1.1", *fields), 400)
        await door.refused(ask(b"GET /admin HTTP/1.1", *fields), 403, 405)
        await door.refused(ask(b"CONNECT /public/../admin HTTP/1.1"), 400, 405)


async def test_P18_nothing_like_our_prefix_goes_upstream(tmp_path: Path) -> None:
    paths = [
        b"/%2egateway/signout", b"/.gateway//callback", b"/.gateway%2fsignout", b"/.gateway;x/signout",
        b"/.gatewa%79/signout", b"//.gateway/signout", b"/.gateway/./signout", b"/.gateway/x/../signout",
    ]  # fmt: skip
    keys = 'access = "public"\nallow_in_path = ["//", "%2f", ";"]'
    for route_keys in ('access = "public"', keys):
        async with front(tmp_path, route_keys=route_keys) as door:
            for path in paths:
                await door.refused(line(path), 400, closes=False)
            for path in (b"/.GATEWAY/signout", b"/.Gateway", b"/.gateway/nothing", b"/.gateway/"):
                await door.refused(line(path), 404, closes=False)
            answer, _ = await send_raw(door.port, line(b"/.gateway/session"))
            assert (answer.status, answer.body) == (200, b"null")

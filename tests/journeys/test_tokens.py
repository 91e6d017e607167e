"""Provider tokens with real parts: gateways as processes that are killed, and an issuer nobody here wrote."""

import asyncio
import json
import os
import signal
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.flows.forwarding import RECENT
from tests.fakes.browser import Browser
from tests.fakes.databases import hand, made_in, url_in, use
from tests.fakes.foreign_issuer import ForeignIssuer, foreign_issuer
from tests.fakes.gateway import provider, route
from tests.fakes.ports import free_port
from tests.fakes.process import GatewayProcess, gateway_process
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.refreshing import RefreshingIssuer
from tests.fakes.scene import seen
from tests.fakes.upstream import RecordingUpstream

STATEFUL = "[session]\nstrategy = 'stateful'\n"
FORWARD = 'forward_token = "access_token"'


@asynccontextmanager
async def pair_of_processes(
    folder: Path, tables: str, environ: dict[str, str], *, workers: int = 1
) -> AsyncIterator[tuple[GatewayProcess, GatewayProcess]]:
    """Run two gateways, of *workers* each, with one public URL, one secret and the database in *folder*."""
    first, second = pair = [GatewayProcess(folder=folder / name, environ=environ) for name in ("one", "two")]
    for each in pair:
        each.folder.mkdir()
    first.configure(tables)
    shared = first.config.read_text().replace("sqlite:///gateway.db", url_in(folder))
    shared = f"workers = {workers}\n{shared}"
    first.config.write_text(shared)
    elsewhere = shared.replace(f'"127.0.0.1:{first.port}"', f'"127.0.0.1:{second.port}"')
    second.config.write_text(elsewhere.replace(f":{first.admin_port}", f":{second.admin_port}"))
    try:
        for gateway in pair:
            await gateway.start()
            await gateway.until_ready()
        yield first, second
    finally:
        for gateway in pair:
            if gateway.process is not None and gateway.process.returncode is None:
                gateway.signal()
                await gateway.ended()


def company(issuer: ForeignIssuer) -> str:
    return f"""
[[providers]]
id = "company"
issuer = "{issuer.url}"
client_id = "{issuer.client_id}"
client_secret = {{ env = "ISSUER_SECRET" }}
scopes = ["openid", "email", "profile", "offline_access"]
authorization_params = {{ prompt = "consent" }}
"""


@asynccontextmanager
async def one_process(
    folder: Path, port: int, tables: str, issuer: ForeignIssuer
) -> AsyncIterator[GatewayProcess]:
    """Run one gateway that signs people in at *issuer*."""
    gateway = GatewayProcess(folder=folder, port=port, environ={"ISSUER_SECRET": issuer.client_secret})
    gateway.places[issuer.url] = issuer.port
    gateway.configure(tables)
    await gateway.start()
    try:
        await gateway.until_ready()
        yield gateway
    finally:
        gateway.signal()
        await gateway.ended()


async def asked(gateway: GatewayProcess, public: GatewayProcess, alice: Browser) -> int:
    """Ask *gateway* for a page with the session of *alice*; 0 where it hung up."""
    head = f"Cookie: session={alice.cookie(public.url, 'session')}"
    try:
        async with await RawConnection.open(gateway.port) as connection:
            await connection.write(get("/x", head, host=f"localhost:{public.port}"))
            return (await connection.answer()).status
    except (OSError, EOFError, AssertionError):
        return 0


async def signed_in(gateway: GatewayProcess, issuer: RefreshingIssuer, *, path: str = "/") -> Browser:
    gateway.places[issuer.url] = int(issuer.url.rpartition(":")[2])
    alice = gateway.browser()
    assert (await alice.navigate(gateway.url + path)).status == 200
    return alice


async def still(connection: RawConnection, request: bytes) -> int:
    """Send *request* once more over *connection*; 0 where nobody is there any more."""
    try:
        await connection.write(request)
        return (await connection.answer()).status
    except (OSError, EOFError, AssertionError):
        return 0


def caller_of(issuer: RefreshingIssuer, supervisor: int) -> int:
    """Return the worker that has a connection to *issuer* (proc(5), /proc/net/tcp)."""
    port = int(issuer.url.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if int(row[2].partition(":")[2], 16) == port}
    workers = map(int, Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split())
    [found] = [each for each in workers if sockets & set(_open_in(each))]
    return found


def _open_in(process: int) -> Iterator[str]:
    for each in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield os.readlink(each)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("strategy", "workers"),
    [("", 1), (STATEFUL, 1), ("", 2)],
    ids=["stateless", "stateful", "two workers each"],
)
async def test_B135_O25_fifty_requests_at_two_nodes_make_one_call_and_sign_nobody_out(
    tmp_path: Path, needs: Callable[[str], str], kind: str, strategy: str, workers: int
) -> None:
    if kind == "postgres":
        needs("postgres")
    use(tmp_path, kind)
    made_in(tmp_path)
    async with RefreshingIssuer() as issuer, RecordingUpstream() as app:
        issuer.lifetime = 3
        tables = strategy + provider(issuer) + route(app.url, FORWARD)
        environ = {"ISSUER_SECRET": issuer.client_secret}
        async with pair_of_processes(tmp_path, tables, environ, workers=workers) as pair:
            alice = await signed_in(pair[0], issuer)
            issuer.lifetime = 300
            await asyncio.sleep(3)
            answers = await asyncio.gather(
                *(asked(gateway, pair[0], alice) for gateway in pair for _ in range(25))
            )
            assert answers == [200] * 50
            assert (issuer.refreshes, issuer.revoked) == (1, set())
            told = {seen(each, "Authorization")[0] for each in app.requests[-50:]}
            assert told == {f"Bearer {issuer.current}"}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_B138_O25_D14_a_process_killed_before_its_token_was_taken_is_followed_by_another(
    tmp_path: Path, needs: Callable[[str], str], kind: str
) -> None:
    if kind == "postgres":
        needs("postgres")
    use(tmp_path, kind)
    made_in(tmp_path)
    async with RefreshingIssuer() as issuer, RecordingUpstream() as app:
        issuer.lifetime = 3
        tables = provider(issuer) + route(app.url, FORWARD)
        async with pair_of_processes(tmp_path, tables, {"ISSUER_SECRET": issuer.client_secret}) as pair:
            first, second = pair
            alice = await signed_in(first, issuer)
            issuer.lifetime = 300
            issuer.stalls = 1
            await asyncio.sleep(3)
            stuck = [asyncio.create_task(asked(first, first, alice)) for _ in range(25)]
            await asyncio.wait_for(issuer.stalled.wait(), 20)
            following = [asyncio.create_task(asked(second, first, alice)) for _ in range(25)]
            first.signal(signal.SIGKILL)
            await first.ended()
            assert await asyncio.gather(*stuck) == [0] * 25
            assert await asyncio.gather(*following) == [200] * 25
            assert issuer.taken == 1, "one token was taken, once"
            assert issuer.revoked == set()
            assert seen(app.requests[-1], "Authorization") == [f"Bearer {issuer.current}"]


async def test_B138_C07_D14_a_worker_killed_while_it_refreshes_is_followed_and_takes_nobody_along(
    tmp_path: Path,
) -> None:
    async with RefreshingIssuer() as issuer, RecordingUpstream() as app, AsyncExitStack() as kept:
        issuer.lifetime = 1
        tables = provider(issuer) + route(app.url, FORWARD)
        tables += f'[[routes]]\npath = "/plain"\nupstream = "{app.url}"\n'
        environ = {"ISSUER_SECRET": issuer.client_secret, "GATEWAY_WORKERS": "2"}
        async with gateway_process(tmp_path, tables, environ=environ) as gateway:
            alice = await signed_in(gateway, issuer, path="/plain")
            issuer.lifetime, issuer.stalls = 300, 1
            plain = get(
                "/plain",
                f"Cookie: session={alice.cookie(gateway.url, 'session')}",
                host=f"localhost:{gateway.port}",
            )
            others = [
                await kept.enter_async_context(await RawConnection.open(gateway.port)) for _ in range(16)
            ]
            for each in others:
                await each.write(plain)
                assert (await each.answer()).status == 200
            await asyncio.sleep(1)
            stuck = asyncio.create_task(asked(gateway, gateway, alice))
            await asyncio.wait_for(issuer.stalled.wait(), 20)
            os.kill(caller_of(issuer, gateway.pid), signal.SIGKILL)
            assert await stuck == 0
            assert await asked(gateway, gateway, alice) == 200
            assert (issuer.refreshes, issuer.taken, issuer.revoked) == (2, 1, set())
            assert seen(app.requests[-1], "Authorization") == [f"Bearer {issuer.current}"]
            answers = [await still(each, plain) for each in others]
            assert 200 in answers, "who was at the other worker is there as ever"
            assert set(answers) <= {200, 0}


async def test_B142_O26_D14_a_process_killed_after_its_token_was_taken_leads_to_a_login_and_no_loop(
    tmp_path: Path,
) -> None:
    made_in(tmp_path)
    async with RefreshingIssuer() as issuer, RecordingUpstream() as app:
        issuer.lifetime = 3
        tables = provider(issuer) + route(app.url, FORWARD) + '[[routes]]\npath = "/plain"\n'
        tables += f'upstream = "{app.url}"\n'
        async with pair_of_processes(tmp_path, tables, {"ISSUER_SECRET": issuer.client_secret}) as pair:
            first, second = pair
            alice = await signed_in(first, issuer)
            issuer.gate.clear()
            await asyncio.sleep(3)
            stuck = asyncio.create_task(asked(first, first, alice))
            await asyncio.wait_for(issuer.presented.wait(), 20)
            first.signal(signal.SIGKILL)
            await first.ended()
            await stuck
            issuer.gate.set()
            await asyncio.sleep(RECENT)  # right after a login none is asked for
            assert [await asked(second, first, alice) for _ in range(3)] == [401] * 3
            assert issuer.refreshes == 2, "tried once more, then never again"
            assert hand(tmp_path, "SELECT dead FROM provider_grants") == [("refused",)]
            alice.places[first.url] = second.port
            assert (await alice.fetch(first.url + "/plain")).status == 200, "nobody was signed out"
            assert (await alice.navigate(first.url + "/x")).status == 200, "a quiet new login"
            assert seen(app.requests[-1], "Authorization") == [f"Bearer {issuer.current}"]


async def test_an_issuer_nobody_here_wrote_makes_a_token_for_one_resource(
    tmp_path: Path, needs: Callable[[str], str]
) -> None:
    needs("node")
    made_in(tmp_path)
    async with RecordingUpstream() as app:
        port, api = free_port(), "https://api.example.com/"
        callback = f"http://localhost:{port}/.gateway/callback/company"
        async with foreign_issuer(callback, more={"resources": [api]}) as issuer:
            tables = company(issuer) + route(app.url, FORWARD)
            tables += f'[upstreams.api]\nurls = ["{app.url}"]\nresource = "{api}"\n'
            tables += f'[[routes]]\npath = "/api"\nupstream = "api"\n{FORWARD}\n'
            async with one_process(tmp_path, port, tables, issuer) as gateway:
                alice = gateway.browser()
                page = await issuer.sign_in(alice, await alice.navigate(gateway.url + "/"), "alice")
                assert page.status == 200
                plain = seen(app.requests[-1], "Authorization")
                assert (await alice.fetch(gateway.url + "/api/x")).status == 200
                (made,) = seen(app.requests[-1], "Authorization")
                payload = made.split(".")[1]
                claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
                assert (claims["aud"], claims["sub"]) == (api, "alice")
                assert (await alice.fetch(gateway.url + "/x")).status == 200
                assert seen(app.requests[-1], "Authorization") == plain


async def test_B134_an_issuer_nobody_here_wrote_rotates_and_is_followed(
    tmp_path: Path, needs: Callable[[str], str]
) -> None:
    needs("node")
    made_in(tmp_path)
    async with RecordingUpstream() as app:
        port = free_port()
        callback = f"http://localhost:{port}/.gateway/callback/company"
        async with foreign_issuer(callback, more={"accessTokenLifetime": 4}) as issuer:
            tables = company(issuer) + route(app.url, FORWARD)
            async with one_process(tmp_path, port, tables, issuer) as gateway:
                alice = gateway.browser()
                page = await issuer.sign_in(alice, await alice.navigate(gateway.url + "/"), "alice")
                assert page.status == 200
                given = [seen(app.requests[-1], "Authorization")[0]]
                for _ in range(3):
                    await asyncio.sleep(4)
                    assert (await alice.fetch(gateway.url + "/x")).status == 200
                    given.append(seen(app.requests[-1], "Authorization")[0])
                assert len(set(given)) == 4
            assert gateway.log.count('"event":"tokens.refreshed"') == 3
            assert "claims.refresh_failed" not in gateway.log

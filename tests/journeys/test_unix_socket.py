"""A real nginx in front, over the gateway's own Unix socket."""

from collections.abc import Callable
from pathlib import Path

from tests.fakes.front_proxy import DEPLOY, nginx
from tests.fakes.gateway import HOST, running_gateway
from tests.fakes.raw_client import get
from tests.fakes.upstream import RecordingUpstream


async def test_nginx_passes_on_over_it_and_is_believed(tmp_path: Path, needs: Callable[[str], str]) -> None:
    program, place = needs("nginx"), tmp_path / "gateway.sock"
    site = tmp_path / "proxy.conf"
    site.write_text(
        (DEPLOY / "nginx/proxy.conf").read_text().replace("server 127.0.0.1:8080;", f"server unix:{place};")
    )
    async with RecordingUpstream() as app:
        async with (
            running_gateway(
                tmp_path,
                upstream=app.url,
                route_keys='access = "public"\nnetworks = ["127.0.0.0/8"]',
                top='trusted_proxies = ["unix:"]\n',
                listen=f"unix:{place}",
            ) as gateway,
            nginx(tmp_path, program, site, ports={}) as proxy,
        ):
            for _ in range(3):
                async with await proxy.open() as client:
                    forged = get("/page", "X-Forwarded-For: 6.6.6.6", host=HOST)
                    await client.write(forged)
                    answer = await client.answer()
                    assert (answer.status, answer.body) == (200, b"hello")
        assert all(b"\r\nX-Forwarded-For: 127.0.0.1, unknown\r\n" in each for each in app.requests)
        assert all(b"\r\nX-Forwarded-Proto: https\r\n" in each for each in app.requests)
        assert len(app.requests) == 3
    assert {line["client_ip"] for line in gateway.events("request")} == {"127.0.0.1"}

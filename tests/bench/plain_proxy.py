"""A plain proxy on aiohttp, as one would write it: `python -m tests.bench.plain_proxy --port … --upstream …`.

It decides nothing. Bodies stream both ways, hop-by-hop fields stay behind (RFC 9110 7.6.1), connections are
kept, and it runs on uvloop where that is installed, as the gateway does.
"""

import argparse
import asyncio
import sys

from aiohttp import ClientSession, TCPConnector, web
from multidict import CIMultiDict, CIMultiDictProxy

HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
SMALL = 64 * 1024


def end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return *headers* without those that belong to the connection."""
    named = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
    left = HOP_BY_HOP | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left)


def handler(upstream: str, session: ClientSession):  # type: ignore[no-untyped-def]
    async def passed_on(request: web.Request) -> web.StreamResponse:
        body = request.content if request.body_exists else None
        sent = end_to_end(request.headers)
        async with session.request(
            request.method, upstream + request.raw_path, headers=sent, data=body, allow_redirects=False
        ) as answer:
            headers = end_to_end(answer.headers)
            if answer.content_length is not None and answer.content_length <= SMALL:
                return web.Response(status=answer.status, headers=headers, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    return passed_on


async def serve(port: int, upstream: str) -> None:
    connector = TCPConnector(limit=256)
    async with ClientSession(connector=connector, auto_decompress=False) as session:
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", handler(upstream, session))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    given = parser.parse_args()
    serving = serve(given.port, given.upstream)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)
        return
    uvloop.run(serving)


if __name__ == "__main__":
    sys.exit(main())

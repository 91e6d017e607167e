"""A key set on a free loopback port, with a server that may misbehave."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class JwksEndpoint:
    """Answers every GET with `status`, `headers` and `body`, and counts them.

    With `drips` the body is blanks, one at a time, until the client has had enough.
    """

    def __init__(self) -> None:
        self.status, self.body, self.calls, self.url = 200, b"", 0, ""
        self.headers: dict[str, str] = {}
        self.drips, self.ended = False, Event()
        self.asked, self.open = Event(), Event()
        self.open.set()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Answer nobody meanwhile, or until `open` is set; `asked` is set once somebody waits."""
        self.asked.clear()
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()


@contextmanager
def serving() -> Iterator[JwksEndpoint]:
    endpoint = JwksEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            endpoint.calls += 1
            endpoint.asked.set()
            endpoint.open.wait()
            self.send_response(endpoint.status)
            for name, value in {"Content-Length": str(len(endpoint.body)), **endpoint.headers}.items():
                self.send_header(name, value)
            with suppress(OSError):  # a client that has had enough
                self.end_headers()
                if endpoint.drips:
                    self.drip()
                self.wfile.write(endpoint.body)

        def drip(self) -> None:
            while not endpoint.ended.wait(0.02):
                self.wfile.write(b" ")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()

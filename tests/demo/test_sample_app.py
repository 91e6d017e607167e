"""The sample app over a real socket: it shows what it received and proves what it can."""

import http.client
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from gateway.demo.sample_app import SampleApp, serve_app
from gateway.verify import Verifier
from tests.fakes.assertions import AUDIENCE, ISSUER, NOW, jwks, new_key, signed

KEY = new_key()
VERIFIER = Verifier(issuer=ISSUER, audience=AUDIENCE, jwks=jwks(KEY), clock=lambda: NOW)
Get = Callable[..., tuple[int, str]]
IDENTITY = {"X-User-Id": "u-1", "X-User-Name": "Zo%C3%AB", "X-User-Email": "zoe@example.com"}


@pytest.fixture
def get() -> Iterator[Get]:
    server = serve_app(SampleApp(verifier=VERIFIER), host="127.0.0.1", port=0)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def asked(path: str = "/", headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
        connection.request(method, path, headers=headers or {})
        with connection.getresponse() as answer:
            found = answer.status, answer.read().decode()
        connection.close()
        return found

    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_greets_by_the_name_in_front_of_it(get: Get) -> None:
    status, page = get("/", IDENTITY)
    assert status == 200
    assert "Hello, Zo\u00eb!" in page
    assert "<div>Zo%C3%AB</div>" in page
    assert "/.gateway/signout" in page


def test_it_greets_by_the_address_where_there_is_no_name(get: Get) -> None:
    assert "Hello, zoe@example.com!" in get("/", {"X-User-Email": "zoe@example.com"})[1]
    assert "Hello, stranger!" in get("/")[1]


def test_B45_it_says_that_the_assertion_verifies(get: Get) -> None:
    assert "The assertion verifies" in get("/", {**IDENTITY, "X-Gateway-Assertion": signed(KEY)})[1]


@pytest.mark.parametrize(
    "headers",
    [
        {**IDENTITY, "X-Gateway-Assertion": signed(new_key())},
        {**IDENTITY, "X-Gateway-Assertion": "<b>"},
        {**IDENTITY, "X-User-Id": "u-2", "X-Gateway-Assertion": signed(KEY)},
        {"X-Gateway-Assertion": signed(KEY)},
    ],
)
def test_B47_it_says_loudly_that_one_does_not(get: Get, headers: dict[str, str]) -> None:
    page = get("/", headers)[1]
    assert "does NOT verify" in page
    assert "assertion verifies" not in page


def test_the_public_page_knows_nobody(get: Get) -> None:
    status, page = get("/public")
    assert status == 200
    assert "It sent no identity." in page
    assert "There is no assertion to verify." in page


def test_the_admin_page_trusts_the_gateway_to_keep_others_out(get: Get) -> None:
    assert "The admin page" in get("/admin", IDENTITY)[1]


def test_S29_what_it_received_is_escaped(get: Get) -> None:
    rude = "<script>alert(1)</script>"
    page = get(
        "/", {"X-User-Name": rude, "X-User-Email": rude, "X-Request-Id": rude, "X-User-Id": "%3Cscript%3E"}
    )[1]
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_what_is_not_there_is_not_found(get: Get) -> None:
    assert get("/nowhere")[0] == 404


def test_head_is_get_without_a_body(get: Get) -> None:
    assert get("/", method="HEAD") == (200, "")


def test_it_listens_on_this_machine_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve_app(SampleApp(verifier=VERIFIER), host="0.0.0.0", port=0)

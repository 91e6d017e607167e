import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relying_party.endpoint import is_endpoint, is_loopback, is_plain_http


@pytest.mark.parametrize(
    "url", ["https://issuer.example", "https://issuer.example:8443/a?b=c", "https://[2001:db8::1]/token"]
)
def test_https_is_an_endpoint(url: str) -> None:
    assert is_endpoint(url, plain_http=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_plain_http_is_one_on_this_machine_where_allowed(host: str) -> None:
    assert is_endpoint(f"http://{host}:9400/token", plain_http=True)
    assert not is_endpoint(f"http://{host}:9400/token", plain_http=False)


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "issuer.example",
        "//issuer.example",
        "https://",
        "https:///path",
        "HTTPS://issuer.example",
        "file:///etc/passwd",
        "ftp://issuer.example",
        "javascript:alert(1)",
        "http://issuer.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://2130706433",
        "https://user@issuer.example",
        "https://localhost@evil.example",
        "https://issuer.example/#fragment",
        "https://issuer.example#",
        "https://issuer.example\\@evil.example",
        "https://issuer.example/ space",
        "https://issuer.example/\n",
        "https://issuer.example/\u00e9",
        "https://issuer.example:99999",
        "https://issuer.example:0",
        "https://[::1",
        "https://[::1]evil.example/token",
        "http://[::1]evil.example/token",
        "https://issuer%2eexample",
        "https://issuer.example,evil.example",
        "https://issuer.example/" + "x" * 2048,
    ],
)
def test_O20_anything_else_is_none(url: object) -> None:
    assert not is_endpoint(url, plain_http=True)


@given(st.text())
def test_no_text_breaks_the_question(text: str) -> None:
    is_endpoint(text, plain_http=True)
    is_endpoint(f"https://{text}", plain_http=True)
    is_loopback(text)


def test_plain_http_is_told_by_the_scheme() -> None:
    assert is_plain_http("http://localhost:9400")
    assert not is_plain_http("https://localhost:9400")

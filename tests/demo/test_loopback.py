"""Nobody but this machine reaches the demo."""

import pytest

from gateway.demo.loopback import names_loopback, require_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_an_address_of_this_machine_is_fine(host: str) -> None:
    require_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.1", "example.com", "127.0.0.1.example.com", "localhost"]
)
def test_any_other_address_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        require_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9400", "127.0.0.1:9400", "[::1]:9400", "[::1]"])
def test_a_host_that_names_this_machine_is_ours(host: str) -> None:
    assert names_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:9400", "localhost.evil.example", ":9400", "::1"]
)
def test_a_host_that_names_another_is_not(host: str) -> None:
    assert not names_loopback(host)

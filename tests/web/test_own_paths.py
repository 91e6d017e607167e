"""Our own paths are ours in every spelling."""

import pytest

from gateway.web.own_paths import OwnPaths

OWN = OwnPaths("/.gateway")


@pytest.mark.parametrize(
    "path", ["/.gateway", "/.gateway/", "/.gateway/auth", "/.GATEWAY/x", "//.gateway//x", "/.gateway;a/x"]
)
def test_P18_each_spelling_is_covered(path: str) -> None:
    assert OWN.cover(path)


@pytest.mark.parametrize("path", ["/", "/.gateways", "/x/.gateway", "/gateway"])
def test_other_paths_are_not(path: str) -> None:
    assert not OWN.cover(path)

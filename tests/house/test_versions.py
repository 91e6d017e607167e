"""The versions that are installed hold the floors that our checks rely on."""

from importlib.metadata import PackageNotFoundError, version

import pytest

from gateway.app import FLOORS


def parts(text: str) -> tuple[int, ...]:
    return tuple(int(piece) for piece in text.split(".") if piece.isdigit())


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_C11_installed_versions_are_at_least_the_floors(package: str) -> None:
    assert parts(version(package)) >= parts(FLOORS[package])


@pytest.mark.parametrize("package", ["PyJWT", "python-jose", "starlette", "aioredis", "aiodns"])
def test_C11_packages_that_we_refuse_are_not_installed(package: str) -> None:
    with pytest.raises(PackageNotFoundError):
        version(package)

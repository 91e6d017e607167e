"""`gateway init --register`: an issuer is asked first, and what it gives loads."""

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.init import command
from gateway.settings.loader import load
from tests.fakes.foreign_issuer import foreign_issuer
from tests.fakes.issuer import ABSENT
from tests.fakes.registering import RegisteringIssuer

URL = "https://notes.example.com"


async def init(folder: Path, *arguments: str) -> Result:
    given = ["--config", str(folder / "gateway.toml"), *arguments]
    return await asyncio.to_thread(CliRunner().invoke, command, given)


async def test_a_registration_is_written_where_it_loads_from(tmp_path: Path) -> None:
    async with RegisteringIssuer() as issuer:
        result = await init(tmp_path, "--register", issuer.url, "--public-url", URL + "/")
    assert result.exit_code == 0, result.output
    assert "canary" not in result.output
    found = load(tmp_path / "gateway.toml", environ={})
    provider = found.settings.providers[0]
    assert found.settings.public_url == URL
    assert (provider.issuer, provider.client_id) == (issuer.url, "client 7")
    assert provider.client_secret is not None
    assert provider.client_secret.get_secret_value() == "canary-secret"
    assert issuer.registered[0]["redirect_uris"] == [f"{URL}/.gateway/callback/company"]
    for name in ("client.secret", "client.registration"):
        assert stat.S_IMODE((tmp_path / "var" / name).stat().st_mode) == 0o600
    kept = json.loads((tmp_path / "var/client.registration").read_text())
    assert kept["registration_access_token"] == "canary-token"


async def test_what_the_issuer_refuses_leaves_nothing(tmp_path: Path) -> None:
    async with RegisteringIssuer() as issuer:
        issuer.initial_token = "t"
        result = await init(tmp_path, "--register", issuer.url, "--public-url", URL)
        assert result.exit_code == 1
        assert "nothing was written" in result.output
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "token").write_text("t\n")
        token = str(tmp_path / "token")
        result = await init(
            tmp_path, "--register", issuer.url, "--public-url", URL, "--registration-token", token
        )
        assert result.exit_code == 0, result.output


async def test_where_a_file_is_there_nobody_registers(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/client.secret").touch()
    async with RegisteringIssuer() as issuer:
        result = await init(tmp_path, "--register", issuer.url, "--public-url", URL)
        assert (result.exit_code, issuer.registered) == (1, [])


def in_the_way(path: Path) -> None:
    """Put a folder where the file was, which even the superuser cannot write to."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("taken", ["var", "."])
async def test_who_cannot_write_does_not_register(tmp_path: Path, taken: str) -> None:
    folder = tmp_path / "new"
    (folder / taken).parent.mkdir(exist_ok=True)
    (folder / taken).touch()
    async with RegisteringIssuer() as issuer:
        result = await init(folder, "--register", issuer.url, "--public-url", URL)
        assert (result.exit_code, issuer.registered) == (1, [])
    assert "cannot be written: " in result.output
    assert "name another place with --config" in result.output
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / taken]


@pytest.mark.parametrize("lost", ["gateway.toml", "var/client.secret", "var/client.registration"])
async def test_what_cannot_be_written_after_all_is_registered_no_more(tmp_path: Path, lost: str) -> None:
    async with RegisteringIssuer() as issuer:
        issuer.once_registered = lambda: in_the_way(tmp_path / lost)
        result = await init(tmp_path, "--register", issuer.url, "--public-url", URL)
        assert issuer.deleted == ["/register/7"]
    assert result.exit_code == 1
    assert f"{tmp_path / lost} cannot be written: Is a directory" in result.output
    assert f"the client client 7 was deleted at {issuer.url} again, so just begin anew" in result.output
    assert "canary" not in result.output
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("how", ["no management", "refuses"])
async def test_a_registration_that_stays_without_its_secret_is_told(tmp_path: Path, how: str) -> None:
    async with RegisteringIssuer() as issuer:
        issuer.once_registered = lambda: in_the_way(tmp_path / "var/client.secret")
        issuer.deletion_status = 405
        if how == "no management":
            issuer.registration = {"registration_access_token": ABSENT}
        result = await init(tmp_path, "--register", issuer.url, "--public-url", URL)
    assert result.exit_code == 1
    assert f"{issuer.url} knows the client client 7 from now on, whose secret is lost" in result.output
    assert "delete it there by hand, then begin anew" in result.output
    assert ("answered 405" if how == "refuses" else "gave nothing to delete") in result.output
    assert "canary" not in result.output


async def test_a_registration_that_cannot_be_used_is_deleted_and_leaves_nothing(tmp_path: Path) -> None:
    async with RegisteringIssuer() as issuer:
        issuer.registration = {"redirect_uris": ["https://evil.example"]}
        result = await init(
            tmp_path, "--register", issuer.url, "--public-url", URL, "--admin", "ann@example.com"
        )
        assert issuer.deleted == ["/register/7"]
    assert "nothing was written" in result.output
    assert list(tmp_path.iterdir()) == []


async def test_a_secret_that_ends_is_told(tmp_path: Path) -> None:
    async with RegisteringIssuer() as issuer:
        issuer.registration = {"client_secret_expires_at": 1_800_000_000}
        result = await init(tmp_path, "--register", issuer.url, "--public-url", URL)
    assert "ends on 15 January 2027" in result.output


async def test_a_file_that_holds_no_token_is_wrong_usage(tmp_path: Path) -> None:
    async with RegisteringIssuer() as issuer:
        for content in (b"", b"\xff\xfe", "ü".encode(), b"a\x00b"):
            (tmp_path / "token").write_bytes(content)
            result = await init(
                tmp_path / "new",
                *("--register", issuer.url, "--public-url", URL),
                *("--registration-token", str(tmp_path / "token")),
            )
            assert (result.exit_code, "holds no token" in result.output) == (2, True)
        assert issuer.registered == []


async def test_wrong_usage_is_2(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    for arguments in (
        ["--register", "https://login.example.com"],
        ["--registration-token", str(tmp_path / "token")],
        ["--register", "http://login.example.com", "--public-url", URL],
        ["--register", "https://login.example.com", "--public-url", "notes"],
        ["--public-url", 'https://notes.example.com"'],
        ["--public-url", "https://notes.example.com/path"],
    ):
        assert (await init(tmp_path, *arguments)).exit_code == 2, arguments


async def test_a_public_url_of_ones_own_needs_no_registration(tmp_path: Path) -> None:
    result = await init(tmp_path, "--public-url", URL)
    assert result.exit_code == 0, result.output
    found = load(tmp_path / "gateway.toml", environ={"COMPANY_CLIENT_SECRET": "known to both sides"})
    assert found.settings.public_url == URL


async def test_a_certified_issuer_registers_us(tmp_path: Path, needs: Callable[[str], str]) -> None:
    needs("node")
    more = {"features": {"registration": {"enabled": True}}}
    async with foreign_issuer(f"{URL}/x", more=more) as issuer:
        result = await init(tmp_path, "--register", issuer.url, "--public-url", URL)
    assert result.exit_code == 0, result.output
    provider = load(tmp_path / "gateway.toml", environ={}).settings.providers[0]
    assert provider.client_id not in (None, "wiki", "gateway")

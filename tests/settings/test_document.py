from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Fault, SettingsUnreadable
from gateway.settings.document import LARGEST, read
from gateway.settings.refusal import Finding


def unreadable(path: Path) -> Fault:
    with pytest.raises(SettingsUnreadable) as caught:
        read(path)
    (fault,) = caught.value.faults
    return fault


def test_a_missing_file_is_unreadable_and_says_so(tmp_path: Path) -> None:
    assert "No such file" in unreadable(tmp_path / "nothing.toml").message
    assert "directory" in unreadable(tmp_path).message


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a = 1\nb = \n", 2),
        (b"a = 1\n\n[x\n", 3),
        (b"a = 1\na = 2\n", 2),
        (b'a = """\n', 2),
        (b"a = 1\n\xff = 2\n", 2),
        (b"a = 1\r\nb = [1,\r\n", 3),
    ],
)
def test_C02_what_is_no_toml_is_told_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    fault = unreadable(path)
    assert (fault.file, fault.line) == (str(path), line)


@pytest.mark.parametrize("content", [b"a = " + b"[" * 5_000 + b"]" * 5_000, b"a = " + b"9" * 5_000])
def test_what_only_burdens_the_parser_is_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    assert unreadable(path).message


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(b"#" * LARGEST)
    assert read(path).values == {}
    path.write_bytes(b"#" * (LARGEST + 1))
    assert "larger than 1 MiB" in unreadable(path).message


def test_a_finding_becomes_a_fault_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text("[session]\nlease = 1\n")
    document = read(path)
    fault = document.fault(Finding(path=("session", "lease"), message="m", suggestion="s"))
    assert str(fault) == f"{path}:2: session.lease: m (s)"
    outside = document.fault(Finding(path=("session", "lease"), message="m", place="environment X"))
    assert str(outside) == "environment X: session.lease: m"


def test_without_a_file_there_is_nothing() -> None:
    assert read(None).values == {}


@given(content=st.binary(max_size=60) | st.text("ab=[]{}\"'.#\n,1 \\", max_size=40).map(str.encode))
def test_any_bytes_are_a_document_or_unreadable(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        read(path)
    except SettingsUnreadable as error:
        assert len(error.faults) == 1  # noqa: PT017 - either outcome is fine


@pytest.mark.parametrize(
    ("content", "message", "suggestion"),
    [
        (b"\xef\xbb\xbfa = 1\n", "byte order mark", "without BOM"),
        ("a = 1\n".encode("utf-16"), "not UTF-8", "save it as UTF-8"),
        (b"# caf\xe9\n", "not UTF-8", "save it as UTF-8"),
    ],
)
def test_what_another_editor_saved_is_told_by_its_encoding(
    tmp_path: Path, content: bytes, message: str, suggestion: str
) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    fault = unreadable(path)
    assert message in fault.message
    assert suggestion in fault.suggestion

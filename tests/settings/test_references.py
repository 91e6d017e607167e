import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.secret_file import written
from gateway.settings.references import Surroundings, resolve, source, sources
from gateway.settings.refusal import Refused
from tests.fakes.configuration import SECRET, SOUND, faults_of, loaded

CANARY = "canary-that-nobody-may-ever-print"


def around(directory: Path, **environ: str) -> Surroundings:
    return Surroundings(directory=directory, environ=environ)


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_C05_a_secret_is_read_from_the_environment_a_file_or_a_credential(tmp_path: Path) -> None:
    private(tmp_path / "key", b"from-file\n")
    private(tmp_path / "cred", b"from-credential", mode=0o440)
    here = around(tmp_path, NAME="from-env", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert resolve({"env": "NAME"}, here) == b"from-env"
    assert resolve({"file": "key"}, here) == b"from-file"
    assert resolve({"file": str(tmp_path / "key")}, here) == b"from-file"
    assert resolve({"credential": "cred"}, here) == b"from-credential"
    assert resolve("literal", here) == b"literal"


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"a\n", b"a"),
        (b"a\r\n", b"a"),
        (b"a\n\n", b"a\n"),
        (b" a ", b" a "),
        (b"a", b"a"),
        (b"\xff\n", b"\xff"),
    ],
)
def test_one_trailing_newline_is_stripped_and_no_more(tmp_path: Path, content: bytes, secret: bytes) -> None:
    private(tmp_path / "key", content)
    assert resolve({"file": "key"}, around(tmp_path)) == secret


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601, 0o644, 0o666])
def test_C05_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    private(tmp_path / "key", CANARY.encode(), mode=mode)
    with pytest.raises(Refused, match=f"mode {mode:04o}") as caught:
        resolve({"file": "key"}, around(tmp_path))
    assert "chmod 600" in caught.value.suggestion
    assert CANARY not in f"{caught.value}{caught.value.suggestion}"


def test_a_missing_file_is_told_with_how_to_make_one_where_it_is_ours_to_make(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file") as caught:
        resolve({"file": "nothing"}, around(tmp_path), how="touch FILE")
    assert caught.value.suggestion == f"touch {tmp_path / 'nothing'}"
    text = SOUND.replace(f'"{SECRET}"', '{ file = "a" }').replace('"not-so-secret"', '{ file = "b" }')
    text += '[identity]\nassertion_keys = { file = "c" }\n'
    told = {fault.key: fault.suggestion for fault in faults_of(tmp_path, text)}
    assert "/dev/urandom" in told["secret"]
    assert told["providers[0].client_secret"] == ""
    assert "openssl genpkey" in told["identity.assertion_keys"]


def test_a_key_given_twice_would_rotate_nothing(tmp_path: Path) -> None:
    one = 'assertion_keys = ["PRIVATE KEY----- a", "PRIVATE KEY----- {}"]'
    for other, faults in (("a", 1), ("b", 0)):
        assert len(faults_of(tmp_path, f"{SOUND}[identity]\n{one.format(other)}\n")) == faults


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name in ("fifo", "."):
        with pytest.raises(Refused):
            resolve({"file": name}, around(tmp_path))


def test_a_file_too_large_to_be_a_secret_is_refused(tmp_path: Path) -> None:
    private(tmp_path / "exact", b"x" * 65_536)
    private(tmp_path / "larger", b"x" * 65_537)
    assert len(resolve({"file": "exact"}, around(tmp_path))) == 65_536
    with pytest.raises(Refused, match="larger than 64 KiB"):
        resolve({"file": "larger"}, around(tmp_path))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"env": "A", "file": "b"},
        {"evn": "A"},
        {"env": ""},
        {"env": 5},
        {"file": "a\0b"},
        5,
        None,
        [],
        True,
    ],
)
def test_what_is_no_reference_is_refused_with_what_is_allowed(tmp_path: Path, value: object) -> None:
    with pytest.raises(Refused) as caught:
        resolve(value, around(tmp_path))
    assert "env" in caught.value.suggestion


@pytest.mark.parametrize("name", ["../key", "a/b", ".", ".."])
def test_a_credential_is_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="plain name"):
        resolve({"credential": name}, around(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path)))


def test_what_the_environment_does_not_hold_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="NAME is not set"):
        resolve({"env": "NAME"}, around(tmp_path, NAME=""))
    with pytest.raises(Refused, match="CREDENTIALS_DIRECTORY"):
        resolve({"credential": "x"}, around(tmp_path))


@given(kind=st.sampled_from(["env", "file", "credential"]), name=st.text(min_size=1, max_size=8))
def test_where_a_secret_comes_from_is_told_by_its_name(kind: str, name: str) -> None:
    assert source({kind: name}).endswith(name)
    assert source(name) == "literal"


KEYS = [b"the newest key of all, long enough to be one", b"one of the keys that went before it, as long"]


def test_B129_a_file_of_keys_is_a_ring_in_its_order(tmp_path: Path) -> None:
    private(tmp_path / "key", written(KEYS))
    text = SOUND.replace(f'"{SECRET}"', f'[{{ file = "key" }}, "{SECRET}"]')
    assert loaded(tmp_path, text).settings.secret == (*KEYS, SECRET.encode())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (written([]), "holds no key"),
        (written([KEYS[0], b"short"]), "key 2 in it must be at least 32 bytes long, and is 5"),
        (written([b"short"]), "must be at least 32 bytes long, and is 5"),
        (written([KEYS[0], KEYS[0]]), "holds the same secret twice"),
        (written([KEYS[0], SECRET.encode()]), "holds the same secret twice"),
    ],
)
def test_a_file_of_keys_with_a_fault_is_refused_by_its_reference(
    tmp_path: Path, content: bytes, told: str
) -> None:
    private(tmp_path / "key", content)
    text = SOUND.replace(f'"{SECRET}"', f'["{SECRET}", {{ file = "key" }}]')
    [fault] = faults_of(tmp_path, text)
    assert told in fault.message
    assert fault.key == ("secret" if "twice" in told else "secret[1]")
    assert KEYS[0].decode() not in str(fault)


def test_where_each_part_of_a_ring_comes_from_is_told(tmp_path: Path) -> None:
    private(tmp_path / "key", written(KEYS))
    here = around(tmp_path, NAME="x" * 32)
    found = sources([{"file": "key"}, {"env": "NAME"}, "y" * 32], here)
    assert [(each.key, each.told, each.keys) for each in found] == [
        ("secret[0]", "file key", 2),
        ("secret[1]", "environment NAME", 1),
        ("secret[2]", "literal", 1),
    ]
    assert [each.file for each in found] == [tmp_path / "key", None, None]
    assert [each.key for each in sources({"file": "key"}, here)] == ["secret"]


def test_the_name_of_a_place_is_not_taken_for_the_secret_that_lies_there(tmp_path: Path) -> None:
    private(tmp_path / "a-file-name-of-more-than-32-bytes.key", b"x")
    here = around(tmp_path)
    for name in (
        "a-file-name-of-more-than-32-bytes.key",
        f"{tmp_path}/a-file-name-of-more-than-32-bytes.key",
    ):
        with pytest.raises(Refused, match="name of a file"):
            resolve(name, here)
    with pytest.raises(Refused, match="name of a variable"):
        resolve("${GATEWAY_SECRET_OF_MORE_THAN_32_BYTES}", here)
    for quoted in ('{ file = "/etc/vestibule/secret.key" }', '{env="GATEWAY_SECRET_OF_THIS_GATEWAY"}'):
        with pytest.raises(Refused, match="reference written as text"):
            resolve(quoted, here)
    for literal in ("no/such.file", "{x}", "/8f+kd/2", "a.b", "$x", "a\0/b", "${a}b", "x/" * 3000):
        assert resolve(literal, here) == literal.encode()


def test_a_reference_in_a_variable_is_no_secret_that_anybody_could_guess(tmp_path: Path) -> None:
    environ = {"GATEWAY_SECRET": '{ file = "/etc/vestibule/secret.key" }'}
    [fault] = faults_of(tmp_path, SOUND, environ=environ)
    assert (fault.file, fault.key) == ("environment GATEWAY_SECRET", "secret")
    assert "a variable holds the secret itself" in fault.suggestion

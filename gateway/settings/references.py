"""Secrets: where they are fetched from, and that nothing ever prints one.

Law: a message names the place a secret was looked for, never what was found there.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetPydanticSchema,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)

from gateway.model.secret_file import secrets_in
from gateway.settings.notation import nearest, one_of
from gateway.settings.refusal import Absent, Refused

KINDS = ("env", "file", "credential")
SHORTEST = 32
"""Bytes that a gateway secret must have: the strength of the keys derived from it (RFC 5869)."""

_VARIABLE = re.compile(r"\$\{\w+\}")
_WRITTEN = re.compile(rf"\s*\{{\s*(?:{'|'.join(KINDS)})\s*=")
_LARGEST = 64 * 1024
_FORM = 'write { env = "NAME" }, { file = "path" } or { credential = "name" }'
_HOW_TO_MAKE = "umask 077; head -c 48 /dev/urandom | base64 > FILE"
_HOW_TO_MAKE_A_KEY = "umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 > FILE"


Mark = tuple[int, int, int, int]
"""What tells a file from another one at its path: device, inode, size, and when it was written."""


def mark(found: os.stat_result) -> Mark:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a configuration file may refer to: its own directory and the environment.

    `files` are those that were read for it, each as it was then.
    """

    directory: Path
    environ: Mapping[str, str]
    files: dict[Path, Mark | None] = field(default_factory=dict)

    def note(self, path: Path, found: os.stat_result) -> None:
        """Note that *path* was read, and what it was."""
        self.files[path] = mark(found)


class Hidden:
    """Marks a key in the schema whose value is never shown; *usual* says that most files have it."""

    def __init__(self, *, usual: bool = True) -> None:
        self.usual = usual

    def hides(self, written: object) -> bool:
        """Say whether what is *written*, None where nothing is, is to be kept from sight."""
        return True


def resolve(value: object, around: Surroundings, *, how: str = "") -> bytes:
    """Return the secret that *value* is or refers to; raise Refused without repeating it.

    *how* is the command that makes a `FILE` of its kind, empty where somebody else gives it.
    """
    if isinstance(value, str):
        return _literal(value, around)
    if not isinstance(value, dict) or len(value) != 1:
        raise Refused("must be one reference to a secret", _FORM)
    kind, name = next(iter(value.items()))
    if kind not in KINDS:
        meant = nearest(str(kind), KINDS)
        raise Refused(
            "is not a reference to a secret",
            f'did you mean "{meant}"?' if meant else f"one of {one_of(KINDS)}",
        )
    if not isinstance(name, str) or not name or "\0" in name:
        raise Refused("must name where the secret is", _FORM)
    if kind == "env":
        return _from_environment(name, around)
    return _from_file(name, around, how) if kind == "file" else _from_credential(name, around)


def _literal(text: str, around: Surroundings) -> bytes:
    """Return *text* itself; raise Refused where it is the name of a place, which anybody can guess."""
    if _VARIABLE.fullmatch(text):
        raise Refused("is the name of a variable, which is put in nowhere here", 'write { env = "NAME" }')
    if _WRITTEN.match(text):
        raise Refused(
            "is a reference written as text",
            "no quotes around it in the file; a variable holds the secret itself",
        )
    if ("/" in text or "." in text) and os.path.isfile(around.directory / text):
        raise Refused("is the name of a file, not what is in it", 'write { file = "path" }')
    return text.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One reference of `secret`: its key, where it leads, and how many keys are there.

    `file` is the file's path, None for what is no file of ours to write.
    """

    key: str
    told: str
    file: Path | None
    keys: int


def sources(value: object, around: Surroundings) -> tuple[Source, ...]:
    """Return each reference of the ring that *value* writes, in order; raise Refused as `resolve` does."""
    several = isinstance(value, list)
    return tuple(
        Source(
            key=f"secret[{index}]" if several else "secret",
            told=source(each),
            file=around.directory / each["file"] if isinstance(each, dict) and "file" in each else None,
            keys=len(secrets_in(resolve(each, around, how=_HOW_TO_MAKE))),
        )
        for index, each in enumerate(_listed(value))
    )


def source(value: object) -> str:
    """Return in words where a secret comes from: `literal`, `environment NAME`, `file PATH`."""
    if not isinstance(value, dict):
        return "literal"
    kind, name = next(iter(value.items()))
    return f"{'environment' if kind == 'env' else kind} {name}"


def _from_environment(name: str, around: Surroundings) -> bytes:
    value = around.environ.get(name)
    if not value:
        raise Absent(f"the environment variable {name} is not set", f"set {name} before the start")
    return value.encode("utf-8", "surrogateescape")


def _from_credential(name: str, around: Surroundings) -> bytes:
    directory = around.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise Absent(
            "there is no CREDENTIALS_DIRECTORY", f"start under systemd with LoadCredential={name}:PATH"
        )
    if "/" in name or name in (".", ".."):
        raise Refused("a credential is a plain name, without a path")
    return _without_newline(_read(Path(directory) / name, around, private=False, how=""))


def _from_file(name: str, around: Surroundings, how: str) -> bytes:
    return _without_newline(_read(around.directory / name, around, private=True, how=how))


def _without_newline(content: bytes) -> bytes:
    return (
        content.removesuffix(b"\n").removesuffix(b"\r")
        if content.endswith(b"\r\n")
        else content.removesuffix(b"\n")
    )


def _read(path: Path, around: Surroundings, *, private: bool, how: str) -> bytes:
    """Return the content of a regular file; its mode is asked of the open file, so it cannot change."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            _inspect(path, found.st_mode, private=private)
            around.note(path, found)
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(_LARGEST + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        made = how.replace("FILE", str(path)) if isinstance(error, FileNotFoundError) else ""
        raise Absent(f"cannot read {path}: {error.strerror}", made) from None
    if len(content) > _LARGEST:
        raise Refused(f"{path} is larger than 64 KiB, so it is no secret")
    return content


def _inspect(path: Path, mode: int, *, private: bool) -> None:
    if not stat.S_ISREG(mode):
        raise Refused(f"{path} is not a regular file")
    if private and mode & 0o077:
        raise Refused(f"{path} can be read by others (mode {mode & 0o777:04o})", f"chmod 600 {path}")


def _keys(value: object, info: ValidationInfo) -> tuple[bytes, ...]:
    found = secrets_in(resolve(value, _surroundings(info), how=_HOW_TO_MAKE))
    if not found:
        raise Refused("holds no key", _HOW_TO_MAKE)
    for number, key in enumerate(found, start=1):
        if len(key) < SHORTEST:
            which = f"key {number} in it " if len(found) > 1 else ""
            raise Refused(f"{which}must be at least {SHORTEST} bytes long, and is {len(key)}", _HOW_TO_MAKE)
    return found


def _client_secret(value: object, info: ValidationInfo) -> SecretStr | None:
    return None if value is None else _text(value, info, how="")


def _text(value: object, info: ValidationInfo, *, how: str) -> SecretStr:
    try:
        found = resolve(value, _surroundings(info), how=how).decode()
    except UnicodeDecodeError:
        raise Refused("is not UTF-8 text") from None
    if not found:
        raise Refused("is empty", _FORM)
    return SecretStr(found)


def _shared_secret(value: object, info: ValidationInfo) -> bytes | None:
    if value is None:
        return None
    found = resolve(value, _surroundings(info), how=_HOW_TO_MAKE)
    if len(found) < SHORTEST:
        raise Refused(f"must be at least {SHORTEST} bytes long, and is {len(found)}", _HOW_TO_MAKE)
    return found


def _private_key(value: object, info: ValidationInfo) -> SecretStr:
    found = _text(value, info, how=_HOW_TO_MAKE_A_KEY)
    if "PRIVATE KEY-----" not in found.get_secret_value():
        raise Refused("is not a private key in PEM", _HOW_TO_MAKE_A_KEY)
    return found


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _at_least_one_and_distinct(found: tuple[tuple[bytes, ...], ...]) -> tuple[bytes, ...]:
    ring = tuple(chain.from_iterable(found))
    if not ring:
        raise Refused("is an empty list", _FORM)
    if len(set(ring)) != len(ring):
        raise Refused("holds the same secret twice", "rotate by putting a new one first")
    return ring


def _surroundings(info: ValidationInfo) -> Surroundings:
    if not isinstance(info.context, Surroundings):
        raise TypeError("secrets are resolved by the loader")
    return info.context


def _distinct(found: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len({each.get_secret_value() for each in found}) != len(found):
        raise Refused("holds the same key twice", "rotate by putting a new one first")
    return found


REFERENCE: dict[str, object] = {
    "anyOf": [
        {"type": "string", "writeOnly": True},
        *(
            {
                "type": "object",
                "properties": {kind: {"type": "string"}},
                "required": [kind],
                "additionalProperties": False,
            }
            for kind in KINDS
        ),
    ]
}

_References = tuple[Annotated[tuple[bytes, ...], BeforeValidator(_keys)], ...]
SecretRing = Annotated[
    tuple[bytes, ...],
    # Each reference may hold several keys; the ring is all of them.
    GetPydanticSchema(lambda _, handler: handler.generate_schema(_References)),
    BeforeValidator(_listed),
    AfterValidator(_at_least_one_and_distinct),
    Hidden(),
    WithJsonSchema({"anyOf": [REFERENCE, {"type": "array", "items": REFERENCE, "minItems": 1}]}),
]
ClientSecret = Annotated[
    SecretStr | None, BeforeValidator(_client_secret), Hidden(), WithJsonSchema(REFERENCE)
]
SharedSecret = Annotated[
    bytes | None,
    BeforeValidator(_shared_secret),
    Hidden(usual=False),
    WithJsonSchema(REFERENCE),
]
PrivateKey = Annotated[SecretStr, BeforeValidator(_private_key), Hidden(), WithJsonSchema(REFERENCE)]

_PrivateReferences = tuple[Annotated[SecretStr, BeforeValidator(_private_key)], ...]
PrivateKeys = Annotated[
    _PrivateReferences,
    BeforeValidator(_listed),
    AfterValidator(_distinct),
    Hidden(usual=False),
    WithJsonSchema({"anyOf": [REFERENCE, {"type": "array", "items": REFERENCE}]}),
]

"""Files that a configuration names: found from its own directory, and readable when it is loaded.

What each one was when it was read is noted, so that it can be told when it has become another.
"""

import os
import stat
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core.core_schema import ValidationInfo

from gateway.settings.references import Mark, Surroundings, mark
from gateway.settings.refusal import Refused


def _readable(text: str, info: ValidationInfo) -> str:
    if not text or "\0" in text:
        raise Refused("must be the path of a file")
    around = info.context if isinstance(info.context, Surroundings) else None
    path = around.directory / text if around else Path(text)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            regular = stat.S_ISREG(found.st_mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from None
    if not regular:
        raise Refused(f"{path} is not a regular file")
    if around:
        around.note(path, found)
    return str(path)


def mark_of(path: Path) -> Mark | None:
    """Return what tells the file that lies at *path* now from another one; None where none can be seen."""
    try:
        return mark(path.stat())
    except OSError:
        return None


ReadableFile = Annotated[str, AfterValidator(_readable), WithJsonSchema({"type": "string"})]
"""The path of a regular file that can be opened for reading, resolved."""

"""Files that a configuration names: found from its own directory, and readable when it is loaded."""

import os
import stat
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core.core_schema import ValidationInfo

from gateway.settings.references import Surroundings
from gateway.settings.refusal import Refused


def _readable(text: str, info: ValidationInfo) -> str:
    if not text or "\0" in text:
        raise Refused("must be the path of a file")
    path = info.context.directory / text if isinstance(info.context, Surroundings) else text
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from None
    if not regular:
        raise Refused(f"{path} is not a regular file")
    return str(path)


ReadableFile = Annotated[str, AfterValidator(_readable), WithJsonSchema({"type": "string"})]
"""The path of a regular file that can be opened for reading, resolved."""

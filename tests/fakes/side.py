"""The transport under one end of a tunnel, without a socket under it."""

import asyncio
from errno import ENOTCONN
from typing import Any, cast

from gateway.front.ends import End


class Side(asyncio.Transport):
    """`taken` is what it was given, in order; an empty one is its end.

    Where it is `whole`, it knows no half ends, as TLS; where it is `patient`, a close waits for its backlog.
    Of one that is `gone` the loop has not heard yet.
    """

    def __init__(self, *, whole: bool = False, patient: bool = False, gone: bool = False) -> None:
        super().__init__()
        self.taken: list[bytes] = []
        self.backlog = 0
        self.whole = whole
        self.patient = patient
        self.gone = gone
        self.reading = True
        self.how = ""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.end = cast(End, protocol)

    def write(self, data: Any) -> None:
        assert b"" not in self.taken
        self.taken.append(bytes(data))

    def write_eof(self) -> None:
        if self.gone:
            raise OSError(ENOTCONN, "not connected")
        self.taken.append(b"")

    def can_write_eof(self) -> bool:
        return not self.whole

    def get_write_buffer_size(self) -> int:
        return self.backlog

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return bool(self.how)

    def close(self) -> None:
        if not self.patient or not self.backlog:
            self._lost("closed")

    def abort(self) -> None:
        self._lost("cut")

    def _lost(self, how: str) -> None:
        if not self.how:
            self.how = how
            asyncio.get_running_loop().call_soon(self.end.connection_lost, None)

    @property
    def whole_of_it(self) -> bytes:
        return b"".join(self.taken)

"""A connection that has left HTTP: bytes carried both ways, never changed, with backpressure both ways.

No task waits in it, and of its request it knows nothing: there may be thousands, and most of them rest. What
comes at one end is written to the other's transport. Either end may end its own direction and go on
receiving. The tunnel is over when both have ended, when one of them breaks or takes nothing any more, when
the client sends what it may not, or when nothing has moved for too long; then both ends are closed.
"""

import asyncio
from collections.abc import Callable
from math import inf

from gateway.errors import UpstreamBroken, UpstreamTimeout
from gateway.front.allowance import Allowance, NotAllowed
from gateway.front.ends import End, Far, Near
from gateway.front.frames import PING, Frames, closing
from gateway.front.limits import Limits
from gateway.model.route import WebSocketTerms

Over = Callable[[BaseException | None], None]


class Tunnel:
    """Joins its ends `near` and `far` from `begin` on, and tells *over* once that it is over, and what broke.

    *terms* say what the client may send, and for how long nothing may move; *limits* how slowly a frame may
    come. `sent` counts the bytes that the upstream sent the client, `refusal` says why the client was turned
    away, where it was. What broke is UpstreamBroken, UpstreamTimeout or a ConnectionError, if anything did.
    """

    __slots__ = (
        "_allowance",
        "_asked_at",
        "_frames",
        "_held",
        "_idle",
        "_limits",
        "_loop",
        "_moved_at",
        "_over",
        "_ping",
        "_timer",
        "_timer_at",
        "far",
        "near",
        "open",
        "refusal",
        "sent",
    )

    def __init__(self, *, terms: WebSocketTerms, limits: Limits, over: Over) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._limits = limits
        self._over = over
        self._idle = inf if terms.idle is None else terms.idle
        self._ping = inf if terms.ping is None else terms.ping
        self._frames = Frames()
        self._allowance = Allowance(
            message=terms.message,
            frames=terms.frames,
            patience=limits.body_idle,
            rate=limits.body_rate,
            now=loop.time,
        )
        self._held = b""
        self._moved_at = self._asked_at = loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self.near = Near(self)
        self.far = Far(self)
        self.open = True
        self.sent = 0
        self.refusal = ""

    def begin(self, early: bytes, said: bytes) -> None:
        """Carry what comes from now on, and first what has come already: *early* from the client, *said* by
        the upstream."""
        if not self.open:
            return
        if said:
            self.down(said)
        if early:
            self.up(early)
        if self.far.ended:
            self.ended(self.far)
        self.steer()

    def dismiss(self, code: int) -> None:
        """End it now: with *code*, where the client can be told, else by a cut."""
        if not self.open:
            self.near.close()
            return
        self._part(code)

    # What the ends tell.

    def up(self, data: bytes) -> None:
        """Send the upstream what the client said, as fast as its frames may go on.

        A client that floods is held back meanwhile.
        """
        self._moved_at = self._loop.time()
        if self._held:
            self._held += data
        else:
            self._pass_on(data)

    def down(self, data: bytes) -> None:
        """Send the client what the upstream said."""
        if not self.open:
            return
        self._moved_at = self._loop.time()
        self.sent += len(data)
        self._frames.follow(data)
        self.near.transport.write(data)

    def ended(self, end: End) -> bool:
        """Pass on that nothing more comes from *end*; say whether more may be sent there."""
        if not self.open:
            return False
        end.ended = True
        if end is self.near and self._held:
            return True
        return self._pass_end(end)

    def lost(self, end: End, exc: Exception | None) -> None:
        """Cut the other end: *end* is gone."""
        if end is self.near:
            self._break(ConnectionResetError("client is gone"))
            return
        broken = UpstreamBroken("the upgraded connection broke")
        broken.__cause__ = exc
        self._break(broken)

    def steer(self) -> None:
        """Read from each end as long as the other takes it, and from the client as it may send."""
        if not self.open:
            return
        _read(self.far, on=not self.near.full)
        on = not (self.far.full or self._held or self.near.ended)
        _read(self.near, on=on)
        self._allowance.wait_for_more(on=on)
        self._arm()

    # How it ends.

    def _pass_end(self, end: End) -> bool:
        other = self.far if end is self.near else self.near
        if other.ended or not (end.half_closes and other.half_closes):
            self._close()
            return False
        other.end()
        return True

    def _close(self) -> None:
        self.near.close()
        self.far.close()
        self._finish(None)

    def _break(self, error: BaseException) -> None:
        if self.open:
            self.near.abort()
            self.far.abort()
            self._finish(error)

    def _turn_away(self, refusal: NotAllowed) -> None:
        self.refusal = refusal.reason
        self._part(refusal.code)

    def _part(self, code: int) -> None:
        if self._say(closing(code)):
            self.near.linger(self._limits)
        else:
            self.near.abort()
        self.far.abort()
        self._finish(None)

    def _say(self, frame: bytes) -> bool:
        """Tell the client *frame*, which is ours, if it would be understood and is waited for."""
        if not self._frames.between or self.far.ended or self.near.transport.get_write_buffer_size():
            return False
        self.near.transport.write(frame)
        return True

    def _finish(self, error: BaseException | None) -> None:
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
        self._over(error)

    # What a client may send.

    def _pass_on(self, data: bytes) -> None:
        try:
            end = self._allowance.follow(data)
        except NotAllowed as refusal:
            self._turn_away(refusal)
            return
        if end:
            self.far.transport.write(data[:end])
        self._held = data[end:]
        if self._held:
            self._loop.call_later(self._allowance.wait, self._go_on)
        elif self.near.ended:
            self._pass_end(self.near)
        self.steer()

    def _go_on(self) -> None:
        if self.open:
            held, self._held = self._held, b""
            self._moved_at = self._loop.time()
            self._pass_on(held)

    # The timer. It is left running: moving a deadline later costs no timer at all.

    def _arm(self) -> None:
        due = min(
            self._moved_at + self._idle,
            self._ping_at,
            self._allowance.overdue_at,
            self.near.stalls_at,
            self.far.stalls_at,
        )
        if self._timer is not None:
            if due >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = due
        self._timer = None if due == inf else self._loop.call_at(due, self._tick)

    @property
    def _ping_at(self) -> float:
        return max(self._moved_at, self._asked_at) + self._ping

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now >= self._moved_at + self._idle:
            self._close()
        elif now >= self._allowance.overdue_at:
            self._turn_away(self._allowance.overdue())
        elif self.near.stalled(now):
            self._break(ConnectionAbortedError("client stopped reading"))
        elif self.far.stalled(now):
            self._break(UpstreamTimeout("the upstream took nothing for too long"))
        else:
            if now >= self._ping_at:
                # A client that has nothing to say answers by a pong, which goes on as all it sends.
                self._say(PING)
                self._asked_at = now
            self._arm()


def _read(end: End, *, on: bool) -> None:
    """Read on from *end*, or do not; one that has ended would say so again."""
    if end.ended:
        return
    if on:
        end.transport.resume_reading()
    else:
        end.transport.pause_reading()

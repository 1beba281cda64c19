"""When a pass stops to start work."""

import signal
import sys
import threading
from types import FrameType
from typing import Any
from weakref import WeakSet

from shared.ports import Clock

_running: "WeakSet[Deadline]" = WeakSet()


class Deadline:
    """When a pass stops to start work, so that what it started ends in time.

    Args:
        clock: tells the time.
        seconds: until the deadline.
        reserve: seconds that the longest call may take, with what ends the pass; at most half
            of the time is kept for it, since a pass that does nothing is worse than one that is
            killed, which the leases and records make harmless.
    """

    def __init__(self, clock: Clock, seconds: float, reserve: float) -> None:
        self._clock = clock
        self._start = clock.monotonic()
        self._whole = seconds - min(reserve, seconds / 2) if seconds > 0 else 0.0
        _running.add(self)

    def end(self) -> None:
        """Let it be over now, since the platform is about to end the process."""
        self._whole = 0.0

    def left(self, kept_back: float = 0.0) -> bool:
        """Tell whether work may still be started when a part of the time is kept back."""
        return self.remaining(kept_back) > 0

    def spent(self) -> float:
        """Tell how many seconds have passed."""
        return self._clock.monotonic() - self._start

    def remaining(self, kept_back: float = 0.0) -> float:
        """Tell how many seconds are left."""
        return self._whole * (1 - kept_back) - self.spent()


def end_on_sigterm() -> None:
    """From now on, let SIGTERM end the time of the passes under way.

    Platforms send it some seconds before they end a process; what is left goes to the next pass.
    What it did before it still does, but for ending a process in the middle of a pass. Only the
    main thread may set this; called from another it does nothing.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or isinstance(before, _End):
        return
    signal.signal(signal.SIGTERM, _End(before))


class _End:
    """Handles SIGTERM."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        running = list(_running)
        for deadline in running:
            deadline.end()
        if callable(self._before):
            self._before(number, frame)
        elif not running and self._before is signal.SIG_DFL:
            sys.exit(128 + number)


class Interrupted:
    """From now on, lets Ctrl-C end the time of the passes under way; the second time at once.

    So what was done is reported, and leases end. Only the main thread may make one.
    """

    def __init__(self) -> None:
        self.so = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        running = list(_running)
        if self.so or not running:
            raise KeyboardInterrupt
        self.so = True
        for deadline in running:
            deadline.end()

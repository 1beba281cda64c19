"""When a pass stops to start work."""

from shared.ports import Clock


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

    def left(self, kept_back: float = 0.0) -> bool:
        """Tell whether work may still be started when a part of the time is kept back."""
        return self.remaining(kept_back) > 0

    def remaining(self, kept_back: float = 0.0) -> float:
        """Tell how many seconds are left."""
        return self._whole * (1 - kept_back) - (self._clock.monotonic() - self._start)

"""A clock that stands still until it is told."""

import threading
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


class VirtualClock:
    """Time in which a test moves; implements `ports.Clock`. Any thread may move it."""

    def __init__(self, start: datetime = NOON) -> None:
        self._start, self._seconds = start, 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._seconds += seconds

    def advance(self, span: timedelta) -> None:
        self.sleep(span.total_seconds())

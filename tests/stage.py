"""Threads over virtual time: one runs at once, and time passes where all of them sleep."""

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence

from tests.clock import VirtualClock


class Stage:
    """Runs threads in the order in which their sleeps end, so that each run is the same."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._asleep: list[tuple[float, int, threading.Event]] = []
        self._order, self._ready = itertools.count(), threading.Semaphore(0)
        self._failures: list[BaseException] = []

    def play(self, parts: Sequence[Callable[[], None]]) -> None:
        """Run each part in a thread until all have ended; raise what the first of them raised."""
        for part in parts:
            threading.Thread(target=self._run, args=(part,), daemon=True).start()
            self._ready.acquire()
        while self._asleep and not self._failures:
            until, _, event = heapq.heappop(self._asleep)
            self.clock.sleep(until - self.clock.monotonic())
            event.set()
            self._ready.acquire()
        for failure in self._failures:
            raise failure

    def sleep(self, seconds: float) -> None:
        """Let a part sleep, and the others go on."""
        event = threading.Event()
        until = self.clock.monotonic() + seconds, next(self._order), event
        heapq.heappush(self._asleep, until)
        self._ready.release()
        event.wait()

    def _run(self, part: Callable[[], None]) -> None:
        try:
            self.sleep(0)
            part()
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            self._ready.release()

"""Calls that end in time, whatever the other side does.

A client's time-outs start anew with every byte, so that a server which sends one now and then
keeps a call going for ever. Here a call as a whole has an end: it goes on in a thread of its own,
which is left behind and ends with the process.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class TooSlow(Exception):
    """A call did not end in time; it may still take effect."""


def within(seconds: float, call: Callable[[], R]) -> R:
    """Make a call, and wait for so many seconds at most.

    Raises:
        TooSlow: where it does not end in time. What the call itself raises comes through.
    """
    for _, outcome in each_within(seconds, lambda _: call(), [None], 1):
        return outcome.result()
    raise AssertionError("unreachable")


class Ended(Generic[R]):
    """How one call ended."""

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self._value, self._error = value, error

    def result(self) -> R:
        """Give what it returned, or raise what it raised."""
        if self._error:
            raise self._error
        result: R = self._value
        return result


def each_within(
    seconds: float, call: Callable[[T], R], items: Sequence[T], parallel: int
) -> Iterator[tuple[T, Ended[R]]]:
    """Make a call for each item, several at once; give each with its end, in the items' order.

    All of them together have so many seconds. What has not ended by then raises `TooSlow`.
    """
    ended: queue.Queue[tuple[int, Ended[R]]] = queue.Queue()
    waiting = iter(range(len(items)))
    lock, stop = threading.Lock(), threading.Event()

    def work() -> None:
        while not stop.is_set():
            with lock:
                number = next(waiting, None)
            if number is None:
                return
            try:
                found = Ended[R](call(items[number]))
            except BaseException as error:
                found = Ended(error=error)
            ended.put((number, found))

    for _ in range(min(parallel, len(items))):
        threading.Thread(target=work, daemon=True).start()
    results: dict[int, Ended[R]] = {}
    timer = threading.Timer(max(seconds, 0.0), ended.put, [(-1, Ended())])
    timer.daemon = True
    timer.start()
    while len(results) < len(items):
        number, found = ended.get()
        if number < 0:
            break
        results[number] = found
    timer.cancel()
    stop.set()
    late = Ended[R](error=TooSlow(f"it took longer than {seconds:.0f} s"))
    for number, item in enumerate(items):
        yield item, results.get(number, late)

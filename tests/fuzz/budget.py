"""What every fuzz test goes by: how many examples, how long one may take, what a line is."""

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings

#: Seconds that one input of up to `BULK` characters may take.
SECONDS = 2.0
BULK = 100_000


def fuzz(examples: int) -> Callable[[Any], Any]:
    """Give a test so many examples, or as many as FUZZ says."""
    return settings(
        max_examples=int(os.environ.get("FUZZ", "") or examples),
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


class _TooLong(BaseException):
    """Passes through whatever is caught on the way."""


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """End what takes unbounded time.

    It is the process's own time: that of the wall has its neighbours' in it.
    """

    def ended(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, ended)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    except _TooLong:  # whose traceback, from anywhere within a line, nobody can print
        raise AssertionError(f"took over {seconds} s") from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def assert_secret(error: BaseException, secret: str) -> None:
    """Tell that neither an error nor what led to it shows a secret."""
    assert secret not in "".join(traceback.format_exception(error))


def assert_line(text: str, limit: int) -> None:
    """Tell that a text forges no line, steers no terminal, and is short."""
    assert text.isprintable(), repr(text[:500])
    assert len(text) <= limit, f"{len(text)} characters: {text[:500]!r}"

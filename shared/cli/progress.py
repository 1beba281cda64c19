"""How far long work is, on standard error: a bar on a terminal, now and then a line elsewhere."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from shared.passes.progress import Advance, Progress
from shared.text import words

log = logging.getLogger(__name__)

#: Seconds between two lines; what is shorter is told by none.
EVERY = 10.0
#: Seconds after which a bar appears, so that what is short does not flicker.
SOON = 0.4


def open_progress(*, json_log: bool) -> Progress:
    """Give a bar where somebody looks on, else lines in the log."""
    if json_log or not sys.stderr.isatty():
        return Lines()
    from rich.console import Console

    console = Console(stderr=True)
    return Lines() if console.is_dumb_terminal else Bars()


class Lines:
    """Logs a line every so many seconds of a step; implements `Progress`."""

    def __init__(self, every: float = EVERY) -> None:
        self._every = every

    @contextmanager
    def step(self, what: str, total: int = 0) -> Iterator[Advance]:
        """Begin a step."""
        done, begun, ended = 0, time.monotonic(), threading.Event()
        lock = threading.Lock()

        def advance(count: int) -> None:
            nonlocal done
            with lock:
                done += count

        def tell() -> None:
            while not ended.wait(self._every):
                far = f"{done} of {total}, " if total else ""
                spent = timedelta(seconds=round(time.monotonic() - begun))
                log.info("%s: %s%s", what, far, words(spent))

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield advance
        finally:
            ended.set()
            teller.join()


class Bars:
    """Draws a bar, which is gone when the step has ended; implements `Progress`."""

    def __init__(self, soon: float = SOON) -> None:
        self._soon = soon

    @contextmanager
    def step(self, what: str, total: int = 0) -> Iterator[Advance]:
        """Begin a step."""
        from rich import progress
        from rich.console import Console

        counts = f"{{task.completed:.0f}} of {total}" if total else ""
        bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.TextColumn(counts, markup=False),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
            redirect_stdout=False,
        )
        task = bar.add_task(what, total=total or None)
        later = threading.Timer(self._soon, bar.start)
        later.daemon = True
        later.start()
        try:
            yield lambda count: bar.advance(task, count)
        finally:
            later.cancel()
            later.join()
            bar.stop()

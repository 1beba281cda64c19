"""How far long work is, told to whoever waits; functions tell nobody."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

#: Says that so many more are done; any thread may.
Advance = Callable[[int], None]


class Progress(Protocol):
    """Is told of the steps of a pass, one after the other."""

    def step(self, what: str, total: int = 0) -> AbstractContextManager[Advance]:
        """Begin a step, such as `creating`, of so many things; 0 where that cannot be told."""


class NoProgress:
    """Tells nobody; implements `Progress`."""

    def step(self, what: str, total: int = 0) -> AbstractContextManager[Advance]:
        """Begin a step that nobody hears of."""
        return nullcontext(_unheard)


def _unheard(count: int) -> None:
    pass

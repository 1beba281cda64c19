"""How fast snapshots are created: as fast as EC2 takes them, and hardly faster.

EC2 meters CreateSnapshot by a token bucket for each account and region, which others share, the
CSI driver for one (Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API"). Its
size and rate differ by account. A call that is refused tells that the bucket is empty, so that the
calls that it took between two refusals, by the time between them, are its rate. To be a little too
slow costs little, since the bucket saves what is not taken.
"""

import bisect
import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from functions.aws.errors import THROTTLED
from shared.errors import NextPass, ProviderError

T = TypeVar("T")

#: Tries of a call that is refused for its rate, the longest wait in seconds after one, and how long
#: a call waits at most, its turns included.
TRIES, BACKOFF = 4, 4.0
PATIENCE = TRIES * BACKOFF
#: Calls a second after the first refusal, before any rate was measured. Only a beginning.
FIRST = 5.0
#: The least rate in calls a second, and the least part of the last one that a measured one is.
LEAST, SMALLEST_STEP = 0.2, 0.7
#: The same part where not one call was taken between two refusals: it is far too fast.
FAR_STEP = 0.4
#: The part of the measured rate that is begun with after a refusal.
BEGIN = 0.95
#: Seconds in which the rate doubles once it has passed the measured one: a cubic curve, flat around
#: what was measured, steep where nothing has been refused for long (RFC 9438, "CUBIC"). The second
#: is for as long as nothing was measured.
DOUBLES, DOUBLES_AT_FIRST = 10.0, 2.5
#: Calls in which it doubles at most where few are taken a second: each look ahead costs a refusal.
DOUBLES_IN = 30.0
#: Seconds without a refusal after which calls are not held back any more.
FORGET = 60.0

#: Seconds before a turn that count as its time: sums of seconds are not exact.
CLOSE = 0.001
#: Where the curve begins, as a part of the seconds in which it doubles.
_BACK: float = (1 - BEGIN) ** (1 / 3)


@dataclass
class _Scope:
    """What is known of one bucket. Before the first refusal, and long after one, no call waits."""

    rate: float = FIRST
    doubles: float = DOUBLES_AT_FIRST
    refused: float | None = None
    taken: int = 0
    next: float = float("-inf")
    waiting: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def limited(self, now: float) -> bool:
        return self.refused is not None and now - self.refused < max(FORGET, 2 * self.doubles)

    def pace(self, now: float) -> float:
        """Give the calls a second that may be sent now."""
        beyond = (now - (self.refused or 0.0)) / self.doubles - _BACK
        return max(self.rate * (1 + beyond * beyond * beyond), LEAST)


class Pacer:
    """Gives each call its turn, in each scope at the rate of that scope; any thread may ask.

    Turns are given in the order of asking, which is that of the plan: what is most urgent comes
    first, and is not put off for what came later.

    Args:
        monotonic: counts seconds that only go forward.
        sleep: lets so many seconds pass.
    """

    def __init__(self, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._monotonic, self._sleep = monotonic, sleep
        self._scopes: dict[str, _Scope] = {}
        self._lock, self._numbers = threading.Lock(), itertools.count()

    def call(self, scope: str, act: Callable[[], T]) -> T:
        """Do a call of one request in its turn; repeat it where it was refused for its rate.

        Raises:
            NextPass: where that takes longer than `PATIENCE` or more than `TRIES`.
            ProviderError: what the call raises else.
        """
        patience, failure, number = PATIENCE, _slow(scope), next(self._numbers)
        for attempt in range(1, TRIES + 1):
            patience = self._wait(scope, number, patience, failure)
            begun = self._monotonic()
            try:
                made = act()
            except ProviderError as error:
                if error.code not in THROTTLED:
                    self.taken(scope, begun)
                    raise
                self.refused(scope, begun)
                failure = error
            else:
                self.taken(scope, begun)
                return made
            if attempt < TRIES:
                backoff = BACKOFF * random.uniform(0.2, 1) * attempt / TRIES  # noqa: S311
                patience -= backoff
                self._sleep(backoff)
        raise failure

    def _wait(self, scope: str, number: int, patience: float, failure: ProviderError) -> float:
        """Wait for the next turn, and give what patience is left."""
        self.ask(scope, number)
        try:
            while seconds := self.turn(scope, number):
                if seconds > patience:
                    raise failure
                self._sleep(seconds)
                patience -= seconds
        finally:
            self.leave(scope, number)
        return patience

    def ask(self, scope: str, number: int) -> None:
        """Join those who wait for a turn; a lower number comes first."""
        known = self._of(scope)
        with known.lock:
            bisect.insort(known.waiting, number)

    def leave(self, scope: str, number: int) -> None:
        """Wait no longer."""
        known = self._of(scope)
        with known.lock:
            known.waiting.remove(number)

    def turn(self, scope: str, number: int = 0) -> float:
        """Take the next turn, for one call: 0 where it is now, else ask again in so many seconds.

        Nothing is reserved meanwhile, so that a refusal slows down those who wait as well. Who
        asked earlier and waits still (a lower `number`) comes first.
        """
        known = self._of(scope)
        with known.lock:
            now = self._monotonic()
            if not known.limited(now):
                return 0.0
            apart, before = 1 / known.pace(now), bisect.bisect_left(known.waiting, number)
            if before or known.next - now > CLOSE:
                return max(known.next - now, 0.0) + before * apart
            known.next = max(known.next + apart, now)  # who woke late is caught up with
            return 0.0

    def taken(self, scope: str, begun: float) -> None:
        """Note a call that EC2 took, whatever became of it."""
        known = self._of(scope)
        with known.lock:
            known.taken += known.refused is not None and begun > known.refused

    def refused(self, scope: str, begun: float) -> None:
        """Note a call that was refused for its rate; `begun` is when it was sent.

        Calls that were under way at the last refusal say nothing new.
        """
        known = self._of(scope)
        with known.lock:
            now = self._monotonic()
            if known.refused is not None and begun <= known.refused:
                return
            if known.limited(now):
                known.rate = _measured(known, now)
                known.doubles = max(DOUBLES, DOUBLES_IN / known.rate)
            known.refused, known.taken = now, 0
            known.next = now + 1 / known.pace(now)

    def rate(self, scope: str) -> float:
        """Tell the rate in calls a second that was last measured."""
        return self._of(scope).rate

    def _of(self, scope: str) -> _Scope:
        with self._lock:
            return self._scopes.setdefault(scope, _Scope())


def _slow(scope: str) -> ProviderError:
    message = f"{scope} takes few calls a second at present: no turn in {PATIENCE:.0f} seconds"
    return NextPass(message, "RequestLimitExceeded")


def _measured(known: _Scope, now: float) -> float:
    """Measure the rate between two refusals, within bounds, since short times measure badly."""
    since = max(now - (known.refused or 0.0), 0.001)
    least = max(known.rate * (SMALLEST_STEP if known.taken else FAR_STEP), LEAST)
    return max(least, min(known.taken / since, known.pace(now)))

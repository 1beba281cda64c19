"""What a plan goes by, beside rules and snapshots."""

from datetime import timedelta

import msgspec

from shared.planning.labels import Labels


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and circumstances of one pass, as far as they decide anything.

    `period` is the scheduler's; `max_expire` is how many snapshots that their own deltas would
    keep one pass may delete of one disk. `orphan_grace` is how long after its newest snapshot a
    disk's orphans begin to expire; None keeps them for ever. `no_deletions` says why nothing may
    be deleted in this pass; empty allows deletions. `explaining` tells of orphans by name too.
    `creating_only` is a backfill; with
    `keep_until`, a date, it takes a snapshot of every disk now, which is kept until then.
    """

    labels: Labels
    period: timedelta = timedelta(minutes=5)
    time_format: str = "%d%m%y-%H%M%S"
    max_expire: int = 5
    orphan_grace: timedelta | None = None
    allow_mass_expiry: bool = False
    no_deletions: str = ""
    creating_only: bool = False
    explaining: bool = False
    keep_until: str = ""


#: A snapshot dated further ahead than this is neither anchor nor a reason not to take the next.
CLOCK_SKEW = timedelta(minutes=10)

"""What a plan goes by, beside rules and snapshots."""

from datetime import timedelta

import msgspec

from shared.planning.labels import Labels


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and circumstances of one pass, as far as they decide anything.

    `period` is the scheduler's; `settle_after` is how far back snapshots with just the rules in
    force must reach before what former rules kept goes, and `release_holds` lets it go at once.
    `orphan_grace` is how long after its newest snapshot a
    disk's orphans begin to expire; None keeps them for ever. `no_deletions` says why nothing may
    be deleted in this pass; empty allows deletions. `explaining` tells of orphans by name too.
    `creating_only` is a backfill; with
    `keep_until`, a date, it takes a snapshot of every disk now, which is kept until then.
    """

    labels: Labels
    period: timedelta = timedelta(minutes=5)
    time_format: str = "%d%m%y-%H%M%S"
    settle_after: timedelta = timedelta(days=14)
    orphan_grace: timedelta | None = None
    release_holds: bool = False
    no_deletions: str = ""
    creating_only: bool = False
    explaining: bool = False
    keep_until: str = ""


#: A snapshot dated further ahead than this is neither anchor nor a reason not to take the next.
CLOCK_SKEW = timedelta(minutes=10)

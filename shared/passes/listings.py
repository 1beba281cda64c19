"""The listings of a pass: one for each scope."""

import logging
from collections.abc import Iterable, Sequence

from shared.bounded import Ended, TooSlow, each_within
from shared.errors import PassError
from shared.model import Snapshot
from shared.passes.progress import NoProgress, Progress
from shared.ports import Listing, Provider
from shared.text import counted

log = logging.getLogger(__name__)


def list_scopes(
    provider: Provider,
    scopes: Sequence[str],
    seconds: float,
    parallel: int,
    progress: Progress | None = None,
) -> list[Listing]:
    """List each scope once, several at once.

    Together they have so many seconds; what does not end in time is an incomplete listing. One
    after the other (`parallel` is 1) they are not bounded.

    Raises:
        PassError: where there is nothing to go by in any of them.
    """
    if not scopes:
        return []
    with (progress or NoProgress()).step("listing snapshots", len(scopes)) as advance:

        def list_one(scope: str) -> list[Listing]:
            found = provider.list([scope])
            advance(1)
            return found

        if parallel == 1:
            listings = [_listing(scope, Ended(list_one(scope))) for scope in scopes]
        else:
            ended = each_within(seconds, list_one, scopes, parallel)
            listings = [_listing(scope, outcome) for scope, outcome in ended]
    if not any(listing.complete or listing.snapshots for listing in listings):
        raise PassError(f"no snapshots could be listed: {_why(listings)}")
    for listing in listings:
        log.info("listed %s in %s", counted(len(listing.snapshots), "snapshot"), listing.scope)
        if not listing.complete:
            log.error("the listing of %s is incomplete: %s", listing.scope, listing.error)
    return listings


def _why(listings: Iterable[Listing]) -> str:
    """Say what was wrong, each thing once: without credentials it is the same everywhere."""
    scopes: dict[str, list[str]] = {}
    for listing in listings:
        scopes.setdefault(listing.error, []).append(listing.scope)
    told = [f"{', '.join(names[:3])}{'…' * (len(names) > 3)}: {error}"
            for error, names in scopes.items()]  # fmt: skip
    return "; ".join(told[:3])


def _listing(scope: str, ended: Ended[list[Listing]]) -> Listing:
    try:
        found = {listing.scope: listing for listing in ended.result()}
    except TooSlow as error:
        return Listing(scope, (), False, f"listing it, {error}")
    return found.get(scope, Listing(scope, (), False, "was not listed"))


def snapshots_of(listings: Iterable[Listing]) -> list[Snapshot]:
    """Give all snapshots of some listings."""
    return [snapshot for listing in listings for snapshot in listing.snapshots]

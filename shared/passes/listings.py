"""The listings of a pass: one for each scope."""

import logging
from collections.abc import Iterable, Sequence

from shared.errors import PassError
from shared.model import Snapshot
from shared.ports import Listing, Provider

log = logging.getLogger(__name__)


def list_scopes(provider: Provider, scopes: Sequence[str]) -> list[Listing]:
    """List each scope once.

    Raises:
        PassError: where there is nothing to go by in any of them.
    """
    if not scopes:
        return []
    listings = provider.list(scopes)
    missing = sorted(set(scopes) - {listing.scope for listing in listings})
    listings += [Listing(scope, (), False, "was not listed") for scope in missing]
    for listing in listings:
        log.info("listed %d snapshots in %s", len(listing.snapshots), listing.scope)
        if not listing.complete:
            log.error("the listing of %s is incomplete: %s", listing.scope, listing.error)
    if not any(listing.complete or listing.snapshots for listing in listings):
        errors = "; ".join(f"{listing.scope}: {listing.error}" for listing in listings[:3])
        raise PassError(f"no snapshots could be listed: {errors}")
    return listings


def snapshots_of(listings: Iterable[Listing]) -> list[Snapshot]:
    """Give all snapshots of some listings."""
    return [snapshot for listing in listings for snapshot in listing.snapshots]

"""Deleting a snapshot, and what its refusal means."""

import uuid

from google.api_core.exceptions import BadRequest, Forbidden, NotFound

from functions.gcp.calls import ComputeClients, raise_failed, sorted_errors
from functions.gcp.errors import classify, text_of
from functions.gcp.listing import GOING, get
from functions.gcp.tags import Tag
from shared.errors import NextPass, NotAllowed, Refused, StopCreating
from shared.model import Snapshot


def delete(clients: ComputeClients, snapshot: Snapshot, tag: Tag | None) -> None:
    """Delete a snapshot; one that is gone, or going already, is no error.

    Args:
        clients: Compute Engine's.
        snapshot: what goes.
        tag: of the snapshots that we may delete; None where no condition is known.

    Raises:
        ProviderError: what follows.
    """
    request = {
        "project": snapshot.disk.scope,
        "snapshot": snapshot.id,
        # A new one each time: with that of an earlier pass, whose deletion failed, Google would
        # answer that failure and do nothing.
        "request_id": str(uuid.uuid4()),
    }
    try:
        with sorted_errors():
            try:
                operation = clients.snapshots.delete_unary(request=request, **clients.how)
            except NotFound:
                return
            except BadRequest:
                if _gone(clients, snapshot):
                    return
                raise
            except Forbidden as error:
                if not tag or not isinstance(classify(error), NotAllowed):
                    raise
                # Of a snapshot that is gone no tag can be told either.
                if _gone(clients, snapshot):
                    return
                raise Refused(_untagged(error, tag), classify(error).code) from None
        raise_failed(operation)
    except StopCreating as error:  # a deletion that meets a limit waits, as a creation does
        raise NextPass(str(error), error.code) from None


def _untagged(error: Forbidden, tag: Tag) -> str:
    return (
        f"{text_of(error)}; only snapshots with the tag {tag} may be deleted, and a listing does "
        "not show tags. A snapshot from before SNAPSHOT_TAG was set, or one adopted without it, "
        "has none: adopt --apply binds it"
    )


def _gone(clients: ComputeClients, snapshot: Snapshot) -> bool:
    """Tell whether a snapshot is gone, or being deleted by an earlier call."""
    try:
        return bool(get(clients, snapshot.disk.scope, snapshot.id).status == GOING)
    except NotFound:
        return True

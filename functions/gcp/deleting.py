"""Deleting a snapshot, and what its refusal means."""

import uuid

from google.api_core.exceptions import BadRequest, NotFound

from functions.gcp.calls import ComputeClients, raise_failed, sorted_errors
from functions.gcp.listing import GOING, get
from shared.errors import NextPass, StopCreating
from shared.model import Snapshot


def delete(clients: ComputeClients, snapshot: Snapshot) -> None:
    """Delete a snapshot; one that is gone, or going already, is no error.

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
        raise_failed(operation)
    except StopCreating as error:  # a deletion that meets a limit waits, as a creation does
        raise NextPass(str(error), error.code) from None


def _gone(clients: ComputeClients, snapshot: Snapshot) -> bool:
    """Tell whether a snapshot is gone, or being deleted by an earlier call."""
    try:
        return bool(get(clients, snapshot.disk.scope, snapshot.id).status == GOING)
    except NotFound:
        return True

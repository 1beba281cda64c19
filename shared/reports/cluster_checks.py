"""Tries what WRITE_STATUS needs, by dry runs: the API judges each write and stores nothing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from shared.errors import SnapshotsError
from shared.model import Source
from shared.ports import Check
from shared.reports.cluster_requests import (
    Client,
    Missing,
    NotWritten,
    patch_status,
    post_event,
    rules_have_status,
)
from shared.reports.events import EventPost
from shared.reports.status import StatusPatch

#: No rule is called so. An API server asks for the permission before it looks for the object.
_NOBODY = Source("SnapshotRule", "default", "k8s-snapshots-check")
_STATUS, _EVENTS = "write the status of SnapshotRules", "write Events"


def check_writing(client: Client, rules: Sequence[Source]) -> Iterable[Check]:
    """Try to write a status and an Event.

    Args:
        client: the connection.
        rules: SnapshotRules that are there.
    """
    yield _check_status(client, rules[0] if rules else None)
    yield _check_events(client)


def _check_status(client: Client, rule: Source | None) -> Check:
    try:
        patch_status(client, StatusPatch(rule or _NOBODY, "", {}), dry=True)
    except Missing as error:
        if rule is None and rules_have_status(client) is not False:
            return Check(_STATUS, True, "allowed; there is no rule to try it on")
        return Check(_STATUS, False, str(error))
    except (NotWritten, SnapshotsError) as error:
        return Check(_STATUS, False, str(error))
    return Check(_STATUS, True, f"tried on {rule or _NOBODY}")


def _check_events(client: Client) -> Check:
    try:
        post_event(client, _event(), dry=True)
    except (NotWritten, SnapshotsError) as error:
        return Check(_EVENTS, False, str(error))
    return Check(_EVENTS, True, "tried in the namespace default")


def _event() -> EventPost:
    now = datetime.now(UTC)
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": _NOBODY.name, "namespace": _NOBODY.namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "PersistentVolume", "name": _NOBODY.name},
        "type": "Normal",
        "reason": "SnapshotRuleCheck",
        "message": "tried and not stored",
        "source": {"component": "k8s-snapshots"},
    }
    return EventPost(_NOBODY, _NOBODY.name, now, body)

"""Records of what was begun: how long they are kept, and when one counts as completed. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from shared.model import Snapshot
from shared.planning.actions import Began

#: How long a snapshot that was begun is watched for, so that PING_URL is told of its completion.
WATCHED = timedelta(days=7)


def settle(
    began: Mapping[str, Began], listed: Iterable[Snapshot], now: datetime
) -> tuple[dict[str, Began], int]:
    """Drop what need not be remembered any more; count what was seen completed for the first time.

    A record is remembered for the interval that it stands for, and until its snapshot was seen
    finished.
    """
    states = {snapshot.id: snapshot.state for snapshot in listed}
    left, completed = {}, 0
    for name, record in began.items():
        state = states.get(record.snapshot, "pending") if record.snapshot else "pending"
        if state != "pending" and not record.seen:
            completed += state == "completed"
            record = msgspec.structs.replace(record, seen=True)
        age = now - record.at
        watched = bool(record.snapshot) and not record.seen and age < WATCHED
        if watched or age < record.interval:
            left[name] = record
    return left, completed

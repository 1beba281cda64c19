"""What the k8s-snapshots daemon does to a cloud, by the same calls, and what it leaves behind.

Its names, labels, descriptions and filters are those of its last version: a snapshot is begun
without labels, waited for, then labelled with the author label and nothing else; after that the
disk's labelled snapshots, whoever made them and in whatever state, go by tarsnapper.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Protocol

from isodate import duration_isoformat, parse_duration
from tarsnapper.expire import expire

from tests.clock import NOON

#: Every environment variable that the daemon reads, or its documents name, with its default.
VARIABLES: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_REGION": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "CLOUD_PROVIDER": "",
    "DEBUG": "false",
    "DELTAS_ANNOTATION_KEY": "backup.kubernetes.io/deltas",
    "DIGITALOCEAN_ACCESS_TOKEN": "",
    "GCLOUD_CREDENTIALS_FILE": "~/.config/gcloud/application_default_credentials.json",
    "GCLOUD_JSON_KEYFILE_NAME": "",
    "GCLOUD_JSON_KEYFILE_STRING": "",
    "GCLOUD_PROJECT": "",
    "GOOGLE_APPLICATION_CREDENTIALS": "",
    "JSON_LOG": "false",
    "KUBE_CONFIG_FILE": "",
    "LOG_LEVEL": "INFO",
    "PING_URL": "",
    "SCHEDULE_HEARTBEAT_INTERVAL_SECONDS": "600",
    "SNAPSHOT_AUTHOR_LABEL": "k8s-snapshots",
    "SNAPSHOT_AUTHOR_LABEL_KEY": "created-by",
    "SNAPSHOT_DATETIME_FORMAT": "%d%m%y-%H%M%S",
    "STRUCTLOG_DEV": "false",
    "STRUCTLOG_JSON_INDENT": "0",
    "TZ": "UTC",
    "USE_CLAIM_NAME": "false",
    "VOLUMES": "",
    "VOLUME_{NAME}_DELTAS": "",
    "VOLUME_{NAME}_ZONE": "",
}


def parse(deltas: str) -> list[timedelta]:
    """Read deltas as the daemon does, and tarsnapper empties them: a new list each time."""
    return [parse_duration(word) for word in deltas.split(" ") if word]


def kept(backups: Mapping[str, datetime], deltas: str) -> set[str]:
    """Ask tarsnapper what it keeps."""
    return set(expire(dict(backups), parse(deltas)))


def name_of(rule: str, time: datetime) -> str:
    """Name a snapshot: the rule's name is cut, the time is not."""
    suffix = time.strftime("-%d%m%y-%H%M%S")
    return rule[: 63 - len(suffix)] + suffix


@cache
def history(deltas: str, days: int) -> tuple[timedelta, ...]:
    """Tell the ages, at the newest, of what is left after so many days, the oldest first.

    The daemon is late each time by some seconds: it looks, waits, and serves one disk at a time.
    """
    interval, end = parse(deltas)[0], timedelta(days=days)
    times: dict[str, datetime] = {}
    at, number = NOON, 0
    while at <= NOON + end:
        times[str(number)] = at
        keep = kept(times, deltas)
        times = {key: time for key, time in times.items() if key in keep}
        number += 1
        at += interval + timedelta(seconds=10 + number * 37 % 90)
    newest = max(times.values())
    return tuple(newest - time for time in sorted(times.values()))


class Calls(Protocol):
    """The daemon's calls to a cloud, for one disk."""

    def create(self, name: str, description: str) -> str:
        """Begin a snapshot, without labels; tell its id."""

    def complete(self, snapshot: str) -> None:
        """Wait until it is complete."""

    def label(self, snapshot: str, key: str, value: str) -> None:
        """Set the one label."""

    def listed(self, key: str, value: str) -> dict[str, datetime]:
        """List what bears the label, and take what is this disk's."""

    def delete(self, snapshot: str) -> None:
        """Delete a snapshot."""


@dataclass
class Daemon:
    """One rule of a daemon that runs."""

    calls: Calls
    now: Callable[[], datetime]
    rule: str
    deltas: str
    key: str = "created-by"
    author: str = "k8s-snapshots"
    made: list[str] = field(default_factory=list)

    def listed(self) -> dict[str, datetime]:
        return self.calls.listed(self.key, self.author)

    def next(self) -> datetime:
        """Tell when the next snapshot is to be made, from a fresh listing."""
        times = self.listed().values()
        return max(times) + parse(self.deltas)[0] if times else self.now()

    def begin(self) -> str:
        """Begin a snapshot: until it is complete nothing tells it from anybody's."""
        text = description(self.rule, self.deltas)
        self.made.append(self.calls.create(name_of(self.rule, self.now()), text))
        return self.made[-1]

    def finish(self, snapshot: str) -> set[str]:
        """Wait, label, and expire; tell what went."""
        self.calls.complete(snapshot)
        self.calls.label(snapshot, self.key, self.author)
        listed = self.listed()
        gone = set(listed) - kept(listed, self.deltas)
        for old in gone:
            self.calls.delete(old)
        return gone

    def tick(self) -> None:
        """Make a snapshot if it is time."""
        if self.now() >= self.next():
            self.finish(self.begin())


def description(rule: str, deltas: str) -> str:
    """Describe a snapshot as JSON of the rule; on AWS the description is the name instead."""
    fields = {
        "name": rule,
        "deltas": [duration_isoformat(delta) for delta in parse(deltas)],
        "backend": "google",
        "disk": ["gke-data", "europe-west1-b", "N/A", False],
        "source": None,
    }
    return json.dumps(fields)

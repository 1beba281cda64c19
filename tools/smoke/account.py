"""What a trial needs of a cloud, and what it saw there."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Seen(NamedTuple):
    """What the account showed of an assumption; `id` names its row in docs/assumptions.md."""

    id: str
    said: str
    ok: bool


class Found(NamedTuple):
    """A snapshot of the trial's disk, as the cloud's own listing shows it."""

    id: str
    started: datetime
    completed: bool


class Account(Protocol):
    """An account of a cloud, as far as a trial uses it."""

    #: The module of the command line.
    module: str
    #: Environment of the command line, beside the caller's own.
    environment: dict[str, str]

    def describe(self) -> str:
        """Say in which account and place the trial takes place, and as whom."""

    def make_disk(self) -> str:
        """Make a disk of 1 GiB and give its name for people."""

    def volume(self) -> dict[str, object]:
        """Give `spec` and labels of a PersistentVolume of the disk, as its CSI driver makes it."""

    def snapshots(self) -> Sequence[Found]:
        """List the snapshots of the disk, whoever made them, oldest first."""

    def observe(self) -> Sequence[Seen]:
        """Look at what only an account can settle, once the disk has snapshots."""

    def remove(self) -> Sequence[str]:
        """Delete the disk and its snapshots; name what is left. May be called again."""

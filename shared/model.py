"""The nouns that every module shares: disks, snapshots, rules and problems.

All are frozen, hashable where they serve as keys, and serialise to JSON with msgspec.
"""

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from shared.text import shorten
from shared.windows.window import Window


class Disk(msgspec.Struct, frozen=True, order=True, gc=False):
    """A cloud's volume.

    `scope` is what a listing, a lease and a rate limit belong to: one region on AWS, one project
    on Google. It is never empty: a disk whose scope cannot be told is a problem, not a guess.
    """

    provider: str
    scope: str
    name: str

    @property
    def id(self) -> str:
        """The disk in one word, as reports and `--only disks=` have it."""
        return f"{self.provider}:{self.scope}/{self.name}"


State = Literal["pending", "completed", "failed"]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A snapshot as the cloud lists it.

    `started` is aware, in UTC. `deltas` is what the snapshot says it was made under, as its label
    or description bears it; empty where it says nothing. `size` is its disk's then, in GiB; 0 where
    the cloud does not tell. `full` is how many bytes its blocks take alone, and `stored` what it
    takes beside the others of its disk; of these a cloud tells one, the other is 0. `operation`
    names the cloud's operation that makes it, where an accepted creation may still fail; `message`
    is what the cloud says of a failed one. `tier` is empty but for an archived one (`archive`).
    `cluster` is the cluster's id where the cloud keeps it beside a label that cannot hold it
    exactly. `copy` tells that it was copied from another snapshot, so that its disk and time are
    not those of its data.
    """

    id: str
    disk: Disk
    started: datetime
    state: State
    labels: dict[str, str] = {}
    deltas: str = ""
    size: int = 0
    full: int = 0
    stored: int = 0
    operation: str = ""
    message: str = ""
    tier: str = ""
    cluster: str = ""
    copy: bool = False


class OperationState(NamedTuple):
    """How an operation stands that the cloud accepted; `failed` comes with the cloud's reason."""

    state: Literal["running", "done", "failed"]
    code: str = ""
    reason: str = ""


class Source(msgspec.Struct, frozen=True, order=True):
    """The Kubernetes object that says something; `namespace` is empty for cluster-wide kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return shorten(f"{self.kind} {name}", 400)


#: Where a rule's deltas come from, the nearest first: the volume's own objects, or defaults.
Level = Literal["own", "namespace", "storageclass", "policy"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Deltas for one disk.

    `name` is upstream's rule name (`shop-pvc-data`). `deltas` is normalised text that
    `deltas.parse` accepts. `namespace`, `claim` and `volume` name what the disk is to the cluster;
    they are empty where there is no such thing. `source` is the object that says so, and `level`
    where it stands: what only defaults say is named after claim or volume. `policy` is the
    SnapshotPolicy whose deltas they are, if they are one's. `window` is when its snapshots may be
    taken; None is at any time.
    """

    name: str
    disk: Disk
    deltas: str
    source: Source
    namespace: str = ""
    claim: str = ""
    volume: str = ""
    level: Level = "own"
    policy: str = ""
    window: Window | None = None


class Uncovered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A bound volume without a rule that can be read.

    Nothing says anything of it, or `by` says `none`, or its rule is among the problems. `disk` is
    None where the volume does not tell it.
    """

    disk: Disk | None
    namespace: str
    claim: str
    volume: str
    by: Source | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with a rule, said to its owner.

    `value` is the value as it stands, shortened; `message` says what is wrong and what would be
    right. An error holds every deletion of `disk`; where the disk cannot be told, of the disks
    whose snapshots say that they were made by the rule `rule` of this source's namespace. A
    source that has no power over a disk names neither.
    """

    severity: Literal["error", "warning"]
    source: Source
    field: str
    value: str
    message: str
    disk: Disk | None = None
    rule: str = ""


class RuleSet(msgspec.Struct, frozen=True):
    """All rules of one read, with their problems.

    `skipped` counts what asks for snapshots of another cloud's or driver's volumes; `read_from`
    says where the objects were read. `held` are the disks of volumes that a problem is about which
    names no disk: it stands with a default, or a kind of object that could not be listed.
    `uncovered` are bound volumes without a rule that can be read.
    """

    rules: tuple[Rule, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: int = 0
    read_from: str = ""
    held: dict[Disk, Problem] = {}
    uncovered: tuple[Uncovered, ...] = ()

"""What the cluster is told of a pass: the status of SnapshotRules, Events about annotations. Pure.

A status is written where it differs from the one that was read beside its rule. What it says is
made so that it stands still while nothing happens: no ages, no counts of seconds, no error texts.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from shared.model import Disk, Problem, Rule, RuleSet, Snapshot, Source
from shared.objects import Object, Objects
from shared.planning.actions import DiskPlan, HoldCause, Plan, WaitCause
from shared.planning.labels import Labels
from shared.planning.policy import CLOCK_SKEW
from shared.ports import Listing
from shared.reports.applied import Applied
from shared.rules.read import source_of
from shared.text import shorten

#: Problems that a status shows at most.
MAX_PROBLEMS = 10
#: A snapshot that was just begun is due again an interval after the cloud's own time of it, which
#: only the next listing tells: so far, and a quarter of the interval, may `nextDue` be beside it.
ROUGHLY = timedelta(minutes=10)
#: An API server takes 1,024 bytes in an Event; a character has four at most.
EVENT_TEXT = 240

Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Ready = tuple[Literal["True", "False"], str, str]


class Condition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False
):
    """A condition as Kubernetes has them."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: Time
    observed_generation: int | None = None


class LastSnapshot(msgspec.Struct, frozen=True, gc=False):
    """The newest completed snapshot of a disk."""

    id: str
    time: Time


class Trouble(msgspec.Struct, frozen=True, gc=False):
    """A problem as a status shows it."""

    severity: str
    field: str
    message: str


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`status` of a SnapshotRule; the definition in manifests/crd.yaml describes each field."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()
    last_snapshot: LastSnapshot | None = None
    next_due: Time | None = None
    snapshots: int | None = None
    problems: tuple[Trouble, ...] = ()


class StatusPatch(NamedTuple):
    """One status to write: `status` is the merge patch of it, null for what is to go."""

    source: Source
    status: dict[str, Any]


class EventPost(NamedTuple):
    """One Event to write, of the time `at`. Its name says which problem of which object it is."""

    source: Source
    name: str
    at: datetime
    body: dict[str, Any]


class _Seen(NamedTuple):
    generation: int | None
    status: Status


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""
    generation: Any = None


class _Manifest(msgspec.Struct):
    metadata: _Metadata
    status: msgspec.Raw = msgspec.Raw(b"null")


def statuses(
    objects: Objects,
    ruleset: RuleSet,
    plan: Plan,
    listings: Iterable[Listing],
    applied: Applied,
    labels: Labels,
) -> list[StatusPatch]:
    """List the statuses that are not what they should be, by source.

    Left alone are rules of another cloud, of disks that are not of this pass, and of scopes whose
    listing was cut short: what is not known is not said.

    Args:
        objects: as the cluster itself gave them, with the status that each rule has.
        ruleset: what was read from them.
        plan: of the pass.
        listings: that it went by.
        applied: what became of it.
        labels: tell which snapshots are ours.
    """
    rules = {r.source: r for r in ruleset.rules if r.source.kind == "SnapshotRule"}
    problems = _problems(plan, {"SnapshotRule"})
    known = {r.disk for r in rules.values()} | {
        p.disk for entries in problems.values() for p in entries if p.disk
    }
    told = _Pass(plan, listings, applied, labels, known)
    patches = []
    for manifest in objects.manifests:
        seen = _seen(manifest)
        if seen is None:
            continue
        source, before = seen
        status = told.status(rules.get(source), problems.get(source, []), before)
        if status is not None and status != before.status:
            patches.append(StatusPatch(source, _whole(status)))
    return sorted(patches, key=lambda patch: patch.source)


def events(objects: Objects, plan: Plan) -> list[EventPost]:
    """List an Event for each problem with an annotation, by source.

    The name is made of the object's uid and the problem, so that the same is the same Event.
    """
    problems = _problems(plan, {"PersistentVolume", "PersistentVolumeClaim"})
    annotated: list[Object] = [*objects.volumes, *objects.claims] if problems else []
    posts = []
    for item in annotated:
        source, uid = source_of(item), item.metadata.uid
        posts += [_event(source, uid, p, plan.now) for p in problems.get(source, ()) if uid]
    return sorted(posts, key=lambda post: (post.source, post.name))


def _event(source: Source, uid: str, problem: Problem, now: datetime) -> EventPost:
    text = f"{shorten(problem.field, 80)}: {_text(problem)}"
    said = "\n".join([uid, problem.severity, problem.field, problem.value, problem.message])
    digest = hashlib.sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    name = f"{source.name[:200].rstrip('-.')}.{digest}"
    # The events of what belongs to no namespace are kept in this one.
    namespace = source.namespace or "default"
    time = f"{now:%FT%TZ}"
    involved = {"apiVersion": "v1", "kind": source.kind, "name": source.name, "uid": uid}
    if source.namespace:
        involved["namespace"] = source.namespace
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": involved,
        "type": "Warning",
        "reason": "SnapshotRuleProblem",
        "message": shorten(text, EVENT_TEXT),
        "source": {"component": "k8s-snapshots"},
        "reportingComponent": "k8s-snapshots",
        "reportingInstance": "k8s-snapshots",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
    return EventPost(source, name, now, body)


class _Pass:
    """What a pass knows of its disks."""

    def __init__(
        self,
        plan: Plan,
        listings: Iterable[Listing],
        applied: Applied,
        labels: Labels,
        known: Collection[Disk],
    ) -> None:
        listings = list(listings)
        self.now = plan.now.replace(microsecond=0)
        self.disks = {account.disk: account for account in plan.disks}
        self.incomplete = {listing.scope for listing in listings if not listing.complete}
        self.newest = _newest(listings, labels, known, plan.now)
        self.holds: dict[Disk, HoldCause] = {}
        for hold in sorted(plan.holds, key=lambda hold: hold.cause):
            self.holds.setdefault(hold.snapshot.disk, hold.cause)
        self.waits = {wait.disk: wait.cause for wait in plan.waits}
        self.created = applied.created_disks
        self.failed = {f.disk: f.code for f in applied.failures if f.action == "create"}
        self.deferred = {d.disk for d in applied.deferred if d.action == "create"}
        gone = {(done.disk, done.snapshot) for done in applied.deletions}
        self.gone = Counter(
            d.snapshot.disk
            for d in plan.deletes
            if d.snapshot.state == "completed" and (d.snapshot.disk.id, d.snapshot.id) in gone
        )

    def status(self, rule: Rule | None, problems: Sequence[Problem], seen: _Seen) -> Status | None:
        """Give the status that a rule should have; None where this pass cannot tell."""
        if rule is None and not problems:
            return None  # another cloud's
        disk = rule.disk if rule else next((p.disk for p in problems if p.disk), None)
        account = self.disks.get(disk) if disk else None
        wrong = rule is None or any(p.severity == "error" for p in problems)
        if disk and (account is None or (disk.scope in self.incomplete and not wrong)):
            return None
        ready = self._ready(rule, account, problems[0] if wrong else None)
        status = Status(
            observed_generation=seen.generation,
            conditions=(self._condition(ready, seen),),
            problems=tuple(_trouble(p) for p in problems[:MAX_PROBLEMS]),
        )
        if account is None:
            return status
        before = seen.status
        if account.disk.scope in self.incomplete:
            return msgspec.structs.replace(
                status,
                last_snapshot=before.last_snapshot,
                next_due=before.next_due,
                snapshots=before.snapshots,
            )
        newest = self.newest.get(account.disk)
        return msgspec.structs.replace(
            status,
            last_snapshot=newest and LastSnapshot(newest.id, _second(newest.started)),
            next_due=self._next_due(account, before.next_due),
            snapshots=self._count(account),
        )

    def _ready(self, rule: Rule | None, account: DiskPlan | None, wrong: Problem | None) -> _Ready:
        if wrong or rule is None or account is None:
            text = f"{shorten(wrong.field, 80)}: {_text(wrong)}" if wrong else ""
            return "False", "Problem", text
        disk = account.disk
        if account.late and disk.id not in self.created:
            since = f"the last one is of {account.newest:%F %R} UTC" if account.newest else (
                "there is none yet"
            )  # fmt: skip
            return "False", "Overdue", f"a snapshot is overdue: {since}{self._why(disk)}"
        if not self._count(account):
            return "False", "Pending", "no snapshot is completed yet"
        taken = f"{shorten(disk.id)} is snapshotted by {shorten(rule.deltas)}"
        if cause := self.holds.get(disk):
            return "True", "Held", f"{taken}; deletions are held ({cause}), see the pass's report"
        return "True", "Snapshotting", taken

    def _why(self, disk: Disk) -> str:
        if disk.id in self.failed:
            code = shorten(self.failed[disk.id], 80) or "see the pass's report"
            return f"; the next one could not be begun: {code}"
        if disk.id in self.deferred:
            return "; the next one was left to a later pass"
        return f"; {_WAITS[self.waits[disk]]}" if disk in self.waits else ""

    def _condition(self, ready: _Ready, seen: _Seen) -> Condition:
        since = next(
            (
                c.last_transition_time
                for c in seen.status.conditions
                if (c.type, c.status) == ("Ready", ready[0])
            ),
            self.now,
        )
        return Condition(
            type="Ready",
            status=ready[0],
            reason=ready[1],
            message=ready[2],
            last_transition_time=since,
            observed_generation=seen.generation,
        )

    def _count(self, account: DiskPlan) -> int:
        return account.states.get("completed", 0) - self.gone[account.disk]

    def _next_due(self, account: DiskPlan, before: datetime | None) -> datetime | None:
        """Tell when the next one is due; a disk that has none is due at any time, which is none."""
        if account.interval is None:
            return None
        due = account.next_due if account.newest else None
        if account.disk.id in self.created:
            due = self.now + account.interval
        if due and before and abs(due - before) < min(ROUGHLY, account.interval / 4):
            return before
        return due and _second(due)


_WAITS: dict[WaitCause, str] = {
    "incomplete-listing": "the listing is incomplete",
    "pending": "one is still pending",
    "failing": "the last ones failed, and the next is tried once per interval",
    "recorded": "one was begun that the listing does not show yet",
}


def _newest(
    listings: Iterable[Listing], labels: Labels, disks: Collection[Disk], now: datetime
) -> dict[Disk, Snapshot]:
    """Find the newest completed snapshot of each disk, as the plan counts them."""
    newest: dict[Disk, Snapshot] = {}
    for listing in listings:
        ours = [s for s in listing.snapshots if s.disk in disks and labels.ours(s)]
        # One that a listing shows twice, in two states, is as finished as the less finished.
        unfinished = {s.id for s in ours if s.state != "completed"}
        for snapshot in ours:
            if snapshot.id in unfinished or snapshot.started > now + CLOCK_SKEW:
                continue
            best = newest.get(snapshot.disk)
            if best is None or (best.started, best.id) < (snapshot.started, snapshot.id):
                newest[snapshot.disk] = snapshot
    return newest


def _problems(plan: Plan, kinds: Collection[str]) -> Mapping[Source, list[Problem]]:
    """Group the problems with objects of some kinds: errors first, each once."""
    found: dict[Source, list[Problem]] = {}
    problems = {(p.severity, p.field, p.message, p.value, p.source): p for p in plan.problems}
    for key in sorted(problems):
        problem = problems[key]
        if problem.source.kind in kinds:
            found.setdefault(problem.source, []).append(problem)
    return found


def _trouble(problem: Problem) -> Trouble:
    return Trouble(problem.severity, shorten(problem.field), _text(problem))


def _text(problem: Problem) -> str:
    value = f"'{shorten(problem.value, 60)}': " if problem.value else ""
    return shorten(f"{value}{problem.message}", 300)


def _seen(manifest: msgspec.Raw | bytes) -> tuple[Source, _Seen] | None:
    """Read generation and status of a rule; a status that is none counts as empty."""
    try:
        found = msgspec.json.decode(manifest, type=_Manifest)
    except _UNREADABLE:
        return None
    metadata, generation = found.metadata, found.metadata.generation
    source = Source("SnapshotRule", metadata.namespace, metadata.name)
    try:
        status = msgspec.json.decode(found.status, type=Status | None) or Status()
    except _UNREADABLE:
        status = Status()
    return source, _Seen(generation if type(generation) is int else None, status)


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _whole(status: Status) -> dict[str, Any]:
    """Make the merge patch that leaves just this status, whatever was there."""
    written: dict[str, Any] = msgspec.to_builtins(status)
    return dict.fromkeys(Status.__struct_encode_fields__) | written


def _second(time: datetime) -> datetime:
    return time.replace(microsecond=0)

"""One pass: read rules, list snapshots, plan, apply, report."""

import gzip
import logging
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from shared.bucket.lease import Leases
from shared.bucket.storage import Shelf
from shared.errors import BucketError, PassError
from shared.model import Disk, RuleSet, Snapshot, State
from shared.passes.apply import Deadline, apply
from shared.passes.leases import Held
from shared.passes.reporting import answer
from shared.passes.trust import PATIENCE, Reader, Reading
from shared.planning.actions import Plan
from shared.planning.explain import explain
from shared.planning.explanation import Explanation
from shared.planning.labels import Encoding, Labels
from shared.planning.plan import plan, rules_in_force
from shared.planning.policy import Policy
from shared.ports import Clock, Listing, Provider, RulesSource
from shared.reports.applied import Applied, foresee
from shared.reports.cluster_writer import StatusWriter
from shared.reports.pings import beat, send
from shared.reports.schema import Awaited, Report
from shared.request import Request
from shared.rules.disks import disks_of, relocate, scopes_of
from shared.rules.read import Options, read_rules
from shared.settings import Settings

log = logging.getLogger(__name__)

#: Calls under way at once, over all scopes.
WORKERS = 8
#: Seconds that the end of a pass is given, for the writes to the bucket.
CLOSING = 20.0
#: Seconds between two looks at what is pending: at first, and at last.
POLL, LONGEST_POLL = 10.0, 60.0


class SystemClock:
    """The machine's time; implements `ports.Clock`."""

    def now(self) -> datetime:
        """Tell the time of day, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Count seconds that only go forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        time.sleep(seconds)


class Ports(NamedTuple):
    """The world of one pass.

    `source` is where rules are read from; on `shelf` stands the mirror, and beside it lie leases
    and reports. `scopes` are listed beside those that rules name. `status` tells the cluster.
    """

    source: RulesSource
    provider: Provider
    labels: Labels
    clock: Clock = SystemClock()
    scopes: Sequence[str] = ()
    workers: int = WORKERS
    shelf: Shelf | None = None
    status: StatusWriter | None = None


class Outcome(NamedTuple):
    """What a pass leaves: the report for everybody, rules and plan for who asks in detail."""

    report: Report
    plan: Plan
    ruleset: RuleSet


def run(
    request: Request, settings: Settings, ports: Ports, seconds: float | None = None
) -> Outcome:
    """Run one pass.

    Args:
        request: what the invocation asks for.
        settings: what the environment configures.
        ports: the world.
        seconds: until the deadline; None is PASS_DEADLINE.

    Raises:
        PassError: where the pass cannot do its work; some disks failing is no such thing.
    """
    return _Pass(request, settings, ports, seconds).run()


def read_rules_of(settings: Settings, ports: Ports) -> Reading:
    """Read the rules as a plan would, changing nothing.

    Raises:
        ClusterError: where neither cluster nor mirror gives them.
    """
    return _Pass(Request(mode="plan"), settings, ports, None).read()


class _Pass:
    def __init__(
        self, request: Request, settings: Settings, ports: Ports, seconds: float | None
    ) -> None:
        self.id = str(uuid.uuid4())
        self.request, self.settings, self.ports = request, settings, ports
        self.started = ports.clock.now()
        self.seconds = settings.pass_deadline.total_seconds() if seconds is None else seconds
        longest = ports.provider.longest_call
        self.deadline = Deadline(ports.clock, self.seconds, longest + CLOSING)
        self.changing = request.mode in ("reconcile", "backfill")
        self.held = Held()

    def run(self) -> Outcome:
        reading = self.read()
        named = scopes_of(reading.ruleset, self.ports.scopes)
        scopes = [scope for scope in named if self.request.only.scope(scope)]
        self._take(scopes)
        mine = [scope for scope in scopes if scope not in self.held.skipped]
        try:
            return self._in_scopes(reading, mine)
        except BaseException:
            self.held.release((), Applied(), (), self.ports.clock.now())
            raise

    def _in_scopes(self, reading: Reading, scopes: list[str]) -> Outcome:
        """Run the pass in the scopes that no other pass holds."""
        ports = self.ports
        listings = _list(ports.provider, scopes)
        listed = [snapshot for listing in listings for snapshot in listing.snapshots]
        planned = self._plan(reading, listings, listed)
        log.info(
            "planned %d creations, %d deletions, %d held",
            len(planned.creates), len(planned.deletes), len(planned.holds),
        )  # fmt: skip
        applied, completed = self._apply(planned, listed), 0
        if self.changing:
            now = ports.clock.now()
            completed = self.held.release(planned.creates, applied, listed, now)
        awaited = self._await(planned, applied, listed) if self.request.wait else ()
        report = answer(
            pass_id=self.id,
            mode=self.request.mode,
            provider=ports.provider.name,
            cluster=ports.labels.cluster,
            reading=reading,
            started=self.started,
            finished=ports.clock.now(),
            listings=listings,
            skipped=sorted(self.held.skipped),
            plan=planned,
            applied=applied,
            awaited=awaited,
            forced=self.request.force,
            explanations=self._explain(reading, planned, listed),
        )
        if report.summary.overdue:
            log.warning("%d disks are overdue; the worst is %s", report.summary.overdue,
                        report.summary.worst_disk)  # fmt: skip
        if self.changing:
            self._tell(report, completed)
        if ports.status and reading.objects and self.request.mode == "reconcile":
            ports.status.tell(reading.objects, reading.ruleset, planned, listings, applied,
                              ports.labels, self.deadline.left)  # fmt: skip
        return Outcome(report.cut(), planned, reading.ruleset)

    def read(self) -> Reading:
        """Read the rules, and find the disks that volumes did not place."""
        ports, settings, shelf = self.ports, self.settings, self.ports.shelf
        options = Options(
            deltas_annotation_key=settings.deltas_annotation_key,
            use_claim_name=settings.use_claim_name,
            disk_rule_namespaces=settings.disk_rule_namespaces,
        )
        reading = Reader(
            ports.source,
            shelf if shelf and ports.source.live else None,
            lambda objects: read_rules(objects, ports.provider.volumes, options),
            max_age=settings.mirror_max_age,
            lapse=3 * settings.schedule_period + PATIENCE,
            writing=self.changing,
        ).read()
        ruleset = reading.ruleset
        ruleset = relocate(ruleset, ports.provider.locate(disks_of(ruleset)))
        log.info(
            "rules from %s: %d, with %d problems",
            ruleset.read_from, len(ruleset.rules), len(ruleset.problems),
        )  # fmt: skip
        objects = reading.objects if ports.status else None  # they may be large
        return reading._replace(ruleset=ruleset, objects=objects)

    def _take(self, scopes: Sequence[str]) -> None:
        ports, shelf = self.ports, self.ports.shelf
        if shelf is None:
            return
        leases = Leases(shelf.bucket, shelf.folder, self.id)
        if self.changing:
            seconds = self.seconds + ports.provider.longest_call
            self.held.take(leases, ports.provider.name, scopes, seconds)
        else:
            self.held.peek(leases, ports.provider.name, scopes)

    def _plan(
        self, reading: Reading, listings: Sequence[Listing], listed: Sequence[Snapshot]
    ) -> Plan:
        now, only = self.ports.clock.now(), self.request.only
        if self.held.skipped:
            if not listings:
                return Plan(now=now)
            only = msgspec.structs.replace(only, scopes=tuple(x.scope for x in listings))
        return plan(
            reading.ruleset,
            listed,
            now,
            policy_of(self.settings, self.ports.labels, self.request, now, reading.no_deletions),
            incomplete={x.scope: x.error or "cut short" for x in listings if not x.complete},
            unleased=self.held.failed,
            began=self.held.began,
            only=only,
        )

    def _apply(self, planned: Plan, listed: Sequence[Snapshot]) -> Applied:
        if not self.changing:
            return foresee(planned)
        ports = self.ports
        barred = self.held.record(planned.creates, ports.clock.now())
        return apply(planned, ports.provider, self.deadline, ports.workers, barred)

    def _await(
        self, planned: Plan, applied: Applied, listed: Sequence[Snapshot]
    ) -> tuple[Awaited, ...]:
        """Stay until what was begun, by this call or before, is completed or has failed."""
        ports, disks = self.ports, {account.disk for account in planned.disks}
        states: dict[tuple[Disk, str], State] = {
            (s.disk, s.id): s.state
            for s in listed
            if s.state == "pending" and s.disk in disks and ports.labels.ours(s)
        }
        states |= dict.fromkeys(applied.begun.items(), "pending")
        pause = POLL
        while pending := {disk.scope for (disk, _), s in states.items() if s == "pending"}:
            if self.deadline.remaining() < pause:
                break
            ports.clock.sleep(pause)
            pause = min(1.5 * pause, LONGEST_POLL)
            seen = [s for found in ports.provider.list(sorted(pending)) for s in found.snapshots]
            states |= {(s.disk, s.id): s.state for s in seen if (s.disk, s.id) in states}
            counts = Counter(states.values())
            log.info("completed %d, pending %d", counts["completed"], counts["pending"])
        return tuple(
            Awaited(disk=disk.id, snapshot=name, state=state)
            for (disk, name), state in sorted(states.items())
        )

    def _explain(
        self, reading: Reading, planned: Plan, listed: Sequence[Snapshot]
    ) -> tuple[Explanation, ...]:
        if self.request.mode != "explain":
            return ()
        policy = policy_of(self.settings, self.ports.labels, self.request, planned.now)
        rules = rules_in_force(reading.ruleset, listed, planned.now, policy)
        return explain(planned, rules, listed, policy, self.request.only)

    def _tell(self, report: Report, completed: int) -> None:
        """Leave the whole report in the bucket, and tell the watchers."""
        shelf, settings = self.ports.shelf, self.settings
        if shelf and not self.held.failed:
            name = f"{shelf.folder}/reports/{report.started:%Y/%m/%d/%H%M%S}-{self.id}.json.gz"
            try:
                shelf.bucket.put(name, gzip.compress(msgspec.json.encode(report)), None)
            except BucketError as error:
                log.error("the report could not be written: %s", error)
        if completed:
            send("PING_URL", settings.ping_url)
        if self.request.mode == "reconcile" and self.request.only.whole_scopes():
            beat(settings.heartbeat_url, report)


def labels_of(settings: Settings, encoding: Encoding, cluster: str) -> Labels:
    """Give the labels of this installation; `cluster` names it where the settings do not."""
    return Labels(
        encoding=encoding,
        author_key=settings.snapshot_author_label_key,
        author=settings.snapshot_author_label,
        cluster=settings.cluster_id or settings.cluster_name or cluster,
        keep_key=settings.keep_label,
    )


def policy_of(
    settings: Settings, labels: Labels, request: Request, now: datetime, no_deletions: str = ""
) -> Policy:
    """Give what else the plan goes by."""
    until = (now + request.keep_for).date().isoformat() if request.force else ""
    return Policy(
        labels=labels,
        period=settings.schedule_period,
        time_format=settings.snapshot_datetime_format,
        max_expire=settings.max_expire,
        orphan_grace=settings.orphan_grace if settings.orphans == "expire" else None,
        allow_mass_expiry=request.allow_mass_expiry,
        no_deletions=no_deletions,
        creating_only=request.mode == "backfill",
        explaining=request.mode == "explain",
        keep_until=until,
    )


def _list(provider: Provider, scopes: Sequence[str]) -> list[Listing]:
    """List each scope; raise where there is nothing to go by in any of them."""
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

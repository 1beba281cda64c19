"""One pass: read rules, list snapshots, plan, apply, report."""

import gzip
import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from shared.bucket.lease import Leases
from shared.errors import BucketError
from shared.model import Disk, RuleSet, Snapshot
from shared.passes.apply import apply
from shared.passes.deadline import Deadline
from shared.passes.doubts import doubted, refused
from shared.passes.journal import AttemptJournal
from shared.passes.known_rules import Absence, KnownRules, not_accepted
from shared.passes.listings import list_scopes, snapshots_of
from shared.passes.operations import ask_operations
from shared.passes.reporting import Facts, report_of
from shared.passes.scope_leases import ScopeLeases
from shared.passes.trust import PATIENCE, READING, RulesReader, TrustedRules
from shared.passes.world import Ports, options_of, policy_of
from shared.planning.actions import Attempt, Plan
from shared.planning.attempts import Failed, Review, review
from shared.planning.copies import copies_of
from shared.planning.explanation import Explanation
from shared.planning.histories import by_disk
from shared.planning.plan import plan
from shared.planning.situation import rules_in_force
from shared.ports import Listing
from shared.reports.applied import Applied, foresee
from shared.reports.entries import Awaited
from shared.reports.pings import beat, send
from shared.reports.schema import Report
from shared.request import Request
from shared.rules.disks import disks_of, relocate, scopes_of
from shared.rules.read import read_rules
from shared.settings import Settings
from shared.text import counted

log = logging.getLogger(__name__)

#: Seconds that the end of a pass is given, for the writes to the bucket.
CLOSING = 20.0
#: The parts of what is left of a pass's time that reading the cluster, the leases and listing may
#: take.
READ, LEASES, LISTING = 0.5, 0.25, 0.5
#: Seconds that each has at least: a pass that has looked at nothing has nothing to say.
AT_LEAST = 2.0
#: Seconds that leases and listing have at least, and the part of a short pass's time that they
#: have instead.
LEAST, SHORT = 30.0, 0.125


class Outcome(NamedTuple):
    """What a pass leaves: the report for everybody, the rest for who asks in detail.

    `snapshots` are those that were listed.
    """

    report: Report
    plan: Plan
    ruleset: RuleSet
    snapshots: Sequence[Snapshot] = ()


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


def read_rules_of(
    settings: Settings, ports: Ports, writing: bool = False, seconds: float = READING
) -> TrustedRules:
    """Read the rules that a pass trusts, and find the disks that volumes did not place.

    `writing` says whether the mirror may be written; reading the cluster has so many seconds.

    Raises:
        ClusterError: where neither cluster nor mirror gives them.
    """
    options, storage = options_of(settings), ports.storage
    reader = RulesReader(
        ports.source,
        storage if storage and ports.source.live else None,
        lambda objects: read_rules(objects, ports.provider.volumes, options),
        max_age=settings.mirror_max_age,
        lapse=3 * settings.schedule_period + PATIENCE,
        writing=writing,
        seconds=seconds if ports.workers > 1 else None,
    )
    with ports.progress.step("reading the rules"):
        trusted = reader.read()
        ruleset = trusted.ruleset
        found = ports.provider.locate(disks_of(ruleset), doubted(ruleset))
    ruleset = relocate(ruleset, found)
    log.info(
        "rules from %s: %d, with %s",
        ruleset.read_from, len(ruleset.rules), counted(len(ruleset.problems), "problem"),
    )  # fmt: skip
    objects = trusted.objects if ports.status else None  # they may be large
    return trusted._replace(ruleset=ruleset, objects=objects)


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
        self.leases = ScopeLeases(ports.clock, ports.provider.name)
        self.journal: AttemptJournal | None = None
        self.lost = 0

    def run(self) -> Outcome:
        reading = min(READING, max(self.deadline.remaining() * READ, AT_LEAST))
        trusted = read_rules_of(self.settings, self.ports, self.changing, reading)
        trusted = self._noticed(trusted)
        named = scopes_of(trusted.ruleset, self.ports.scopes)
        scopes = [scope for scope in named if self.request.only.scope(scope)]
        self._take(scopes)
        mine = [scope for scope in scopes if scope not in self.leases.skipped]
        try:
            return self._in_scopes(trusted, mine)
        except BaseException:
            if self.journal:
                self.journal.close()
            else:
                self.leases.release(self.leases.attempts)
            raise

    def _noticed(self, trusted: TrustedRules) -> TrustedRules:
        """Add what is missing since earlier passes to the rules' own problems."""
        storage, labels = self.ports.storage, self.ports.labels
        window, accept = self.settings.settle_after, self.request.accept_rules
        if storage is None:
            return trusted
        if trusted.in_use and accept:
            found = Absence((not_accepted("the cluster could not be read"),))
        else:
            # What was missing before is so still, though the mirror tells nothing new.
            known, writing = KnownRules(storage, labels.cluster, window, accept), self.changing
            now = self.ports.clock.now()
            found = known.look(trusted.ruleset, now, writing and not trusted.in_use)
        self.lost = found.lost
        problems = (*trusted.ruleset.problems, *found.problems)
        ruleset = msgspec.structs.replace(trusted.ruleset, problems=problems)
        return trusted._replace(ruleset=ruleset)

    def _take(self, scopes: Sequence[str]) -> None:
        """Take the lease of each scope; a pass that changes nothing only looks."""
        ports, storage = self.ports, self.ports.storage
        if storage is None:
            self.leases.attempts = dict(ports.memory or {})
            return
        leases = Leases(storage.bucket, storage.folder, self.id)
        within = self._share(LEASES)
        # Where the time is not enough for all, later passes begin elsewhere.
        first = crc32(self.started.isoformat().encode()) % max(len(scopes), 1)
        turned = [*scopes[first:], *scopes[:first]]
        if self.changing:
            seconds = self.seconds + ports.provider.longest_call
            self.leases.take(leases, turned, seconds, within)
        else:
            self.leases.peek(leases, turned, within)

    def _share(self, part: float) -> float:
        """Give a part of the time that is left, in seconds."""
        least = max(min(LEAST, self.seconds * SHORT), AT_LEAST)
        return max(self.deadline.remaining() * part, least)

    def _in_scopes(self, trusted: TrustedRules, scopes: list[str]) -> Outcome:
        """Run the pass in the scopes that no other pass holds."""
        seconds = self._share(LISTING)
        listings = list_scopes(
            self.ports.provider, scopes, seconds, self.ports.workers, self.ports.progress
        )
        listed = snapshots_of(listings)
        reviewed = self._review(trusted.ruleset, listings, listed)
        closed = refused(trusted.ruleset, listings, self.ports.scopes)
        trusted = trusted._replace(ruleset=relocate(trusted.ruleset, closed.disks))
        listings = [listing for listing in listings if listing.scope not in closed.scopes]
        planned = self._plan(trusted, listings, listed, reviewed.attempts)
        log.info(
            "planned %s, %s, %d held",
            counted(len(planned.creates), "creation"), counted(len(planned.deletes), "deletion"),
            len(planned.holds),
        )  # fmt: skip
        applied = self._apply(planned, reviewed)
        report = self._report(trusted, listings, listed, planned, applied, reviewed.failed)
        if report.summary.overdue:
            verb = "is" if report.summary.overdue == 1 else "are"
            log.warning("%s %s overdue; the worst is %s", counted(report.summary.overdue, "disk"),
                        verb, report.summary.worst_disk)  # fmt: skip
        if self.changing:
            self._tell(report, reviewed.completed)
        if self.ports.status and trusted.objects and self.request.mode == "reconcile":
            self.ports.status.tell(trusted.objects, trusted.ruleset, planned, listings, applied,
                                   self.ports.labels, self.deadline.left)  # fmt: skip
        outcome = Outcome(report.cut(), planned, trusted.ruleset, listed)
        self._write_page(outcome)
        return outcome

    def _write_page(self, outcome: Outcome) -> None:
        """Leave the page in the bucket, where this pass saw all that is to be told."""
        page, only = self.ports.page, self.request.only
        seen = only.whole_scopes() and not self.leases.skipped and not self.leases.failed
        if page is None or self.request.mode != "reconcile" or not seen:
            return
        from shared.passes.html_report import TAKES, page_of

        if self.deadline.remaining() > TAKES:
            page.write(
                only.scopes,
                self.ports.clock.now(),
                lambda before: page_of(outcome, self.settings, self.ports.labels, before),
            )

    def _review(
        self, ruleset: RuleSet, listings: Sequence[Listing], listed: Sequence[Snapshot]
    ) -> Review:
        """Find out what became of the attempts of earlier passes."""
        ports, attempts = self.ports, self.leases.attempts
        owner = ports.labels.owner
        mine = [s for s in listed if s.disk in attempts and not s.copy and owner(s) != "other"]
        reviewed = review(
            attempts,
            by_disk(mine, ports.labels),
            ports.clock.now(),
            ask_operations(attempts, mine, ports.provider, self.deadline, ports.workers),
            [listing.scope for listing in listings if not listing.complete],
            disks_of(ruleset),
        )
        for failed in reviewed.failed:
            log.error("an earlier snapshot of %s failed: %s", failed.disk.id, failed.reason)
        return reviewed

    def _plan(
        self,
        trusted: TrustedRules,
        listings: Sequence[Listing],
        listed: Sequence[Snapshot],
        attempts: Mapping[Disk, Attempt],
    ) -> Plan:
        now, only = self.ports.clock.now(), self.request.only
        if self.leases.skipped:
            if not listings:
                return Plan(now=now)
            only = msgspec.structs.replace(only, scopes=tuple(x.scope for x in listings))
        return plan(
            trusted.ruleset,
            listed,
            now,
            policy_of(self.settings, self.ports.labels, self.request, now, trusted.no_deletions),
            incomplete={x.scope: x.error or "cut short" for x in listings if not x.complete},
            unleased=self.leases.failed,
            attempts=attempts,
            remembered=self.leases.remembered,
            only=only,
            scopes=self.ports.scopes,
        )

    def _apply(self, planned: Plan, reviewed: Review) -> Applied:
        """Carry the plan out, and remember what was begun."""
        if not self.changing:
            return foresee(planned)
        ports = self.ports
        memory = None if ports.storage else ports.memory
        self.journal = AttemptJournal(ports.clock, self.leases, reviewed.attempts, memory)
        applied = apply(
            planned, ports.provider, self.deadline, ports.workers, self.journal, ports.progress
        )
        self.journal.close()
        return applied

    def _report(
        self,
        trusted: TrustedRules,
        listings: Sequence[Listing],
        listed: Sequence[Snapshot],
        planned: Plan,
        applied: Applied,
        failed: Sequence[Failed],
    ) -> Report:
        ports, request = self.ports, self.request
        awaited: tuple[Awaited, ...] = ()
        if request.wait:
            from shared.passes.awaiting import wait_for

            awaited = wait_for(planned, applied, listed, ports, self.deadline)
        return report_of(
            Facts(
                pass_id=self.id,
                mode=request.mode,
                provider=ports.provider.name,
                cluster=ports.labels.cluster,
                trusted=trusted,
                started=self.started,
                finished=ports.clock.now(),
                listings=listings,
                skipped=sorted(self.leases.skipped),
                plan=planned,
                applied=applied,
                failed=failed,
                rules_lost=self.lost,
                copies=copies_of(listed, ports.labels),
                awaited=awaited,
                forced=request.force,
                explanations=self._explain(trusted, planned, listed),
            )
        )

    def _explain(
        self, trusted: TrustedRules, planned: Plan, listed: Sequence[Snapshot]
    ) -> tuple[Explanation, ...]:
        if self.request.mode != "explain":
            return ()
        from shared.planning.explain import explain

        policy = policy_of(self.settings, self.ports.labels, self.request, planned.now)
        rules = rules_in_force(trusted.ruleset, listed, planned.now, policy)
        return explain(planned, rules, listed, policy, self.request.only)

    def _tell(self, report: Report, completed: int) -> None:
        """Leave the whole report in the bucket, and tell the watchers."""
        storage, settings = self.ports.storage, self.settings
        if storage and not self.leases.broken:
            name = f"{storage.folder}/reports/{report.started:%Y/%m/%d/%H%M%S}-{self.id}.json.gz"
            try:
                storage.bucket.put(name, gzip.compress(msgspec.json.encode(report)), None)
            except BucketError as error:
                log.error("the report could not be written: %s", error)
        if completed:
            send("PING_URL", settings.ping_url)
        if self.request.mode == "reconcile" and self.request.only.whole_scopes():
            beat(settings.heartbeat_url, report, self.request.only.scopes)

"""The report and the metrics: what a pass says of itself adds up and fits into an answer."""

import json
import re
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import jsonschema
import msgspec
import pytest

from shared.errors import DiskFailed, NextPass
from shared.model import Disk, Problem, RuleSet, Snapshot, Source
from shared.passes.reporting import Facts, report_of
from shared.passes.run import run
from shared.passes.trust import TrustedRules
from shared.planning.actions import Create, Delete, Hold, Orphans, Plan, Wait
from shared.ports import Listing
from shared.reports import metrics
from shared.reports.applied import Applied, foresee
from shared.reports.schema import MAX_ENTRIES, Report, json_schema, to_builtins
from shared.request import Request
from shared.settings import Settings
from tests.shared.builders import DAY, HOUR, NOW, OURS, disk, hourly, snapshot
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import by_disk, snapshot_rule

#: A Lambda's answer (AWS Lambda, "Quotas": invocation payload, synchronous).
SIX_MB = 6 * 1024 * 1024

#: What the design says of metrics.
TABLE = {
    "PassCompleted": "Count",
    "PassFailed": "Count",
    "PassSkipped": "Count",
    "PassDuration": "Milliseconds",
    "Rules": "Count",
    "Disks": "Count",
    "DisksOverdue": "Count",
    "WorstOverdue": "None",
    "SnapshotsCreated": "Count",
    "SnapshotsDeleted": "Count",
    "SnapshotsFailed": "Count",
    "DeletionsHeld": "Count",
    "DeletionsUnsettled": "Count",
    "Notes": "Count",
    "RulesLost": "Count",
    "Deferred": "Count",
    "Problems": "Count",
    "Orphans": "Count",
    "DisksUncovered": "Count",
    "MirrorInUse": "Count",
    "MirrorAge": "Seconds",
    "TwoKeyDisagreements": "Count",
}


def make(plan: Plan, applied: Applied, listings: Sequence[Listing] = (), **more: Any) -> Report:
    """Put a report together; it began at NOW and took two seconds."""
    fields: dict[str, Any] = {
        "mode": "reconcile",
        "provider": "aws",
        "cluster": "demo",
        "pass_id": str(uuid.UUID(int=0)),
        "trusted": TrustedRules(RuleSet(read_from="cluster")),
        "skipped": (),
        "started": NOW,
        "finished": NOW + timedelta(seconds=2),
    }
    facts = Facts(listings=listings, plan=plan, applied=applied, **fields | more)
    return report_of(facts).cut()


def volume(number: int) -> Disk:
    return disk(f"vol-{number:017x}")


def rule(number: int, deltas: str = "P1D P7D", name: str = "") -> dict[str, Any]:
    spec = by_disk(volume(number).name)
    return snapshot_rule(name or f"rule-{number}", deltas=deltas, **spec)


def busy() -> tuple[FakeCloud, FakeCluster]:
    """Make a world in which a pass does, fails, holds and defers, in two scopes."""
    cloud = FakeCloud(
        [
            *hourly(40, NOW - DAY, DAY, disk=volume(1), deltas="P1D P7D"),
            *hourly(40, NOW - DAY, DAY, disk=volume(2), deltas="P1D P30D"),
            *hourly(12, NOW - DAY, DAY, disk=volume(3)),
            *hourly(3, NOW - 2 * DAY, DAY, disk=volume(8)),
            snapshot("snap-pending", NOW - 2 * HOUR, disk=volume(5), state="pending"),
        ],
        incomplete={"us-east-1": "RequestLimitExceeded"},
    )
    oldest = min(cloud.snapshots.values(), key=lambda s: (s.started, s.disk))
    cloud.failing[oldest.id] = DiskFailed("no", "Broken")
    cloud.failing[volume(4).name] = DiskFailed("gone", "InvalidVolume.NotFound")
    cloud.failing[volume(3).name] = NextPass("too fast", "RateExceeded")
    elsewhere = by_disk(volume(6).name, "us-east-1")
    rules = [*(rule(number) for number in (1, 2, 3, 4)), rule(5, "PT1H P1D")]
    cluster = FakeCluster(
        *rules,
        snapshot_rule("elsewhere", deltas="P1D P7D", **elsewhere),
        rule(7, "P1D P1O"),
        snapshot_rule("google", deltas="P1D P7D", backend="google", disk={"name": "d"}),
    )
    return cloud, cluster


@pytest.mark.parametrize("mode", ["plan", "reconcile"])
def test_counts_add_up(mode: Any) -> None:
    """Each planned action is counted once: done, failed or left; lists are as long as that."""
    cloud, cluster = busy()

    report, plan, ruleset, _ = run(Request(mode=mode), Settings(), ports(cluster, cloud))

    counts = report.summary
    planned = len(plan.creates) + len(plan.deletes)
    assert counts.created + counts.deleted + counts.failed + counts.deferred == planned > 40
    lists = {
        "created": report.creations,
        "deleted": report.deletions,
        "failed": report.failures,
        "deferred": report.deferred,
        "held": report.holds,
        "waiting": report.waiting,
        "problems": report.problems,
    }
    assert {name: getattr(counts, name) for name in lists} == {k: len(v) for k, v in lists.items()}
    assert counts.orphans == sum(orphan.count for orphan in report.orphans) == 3
    assert counts.snapshots == sum(scope.snapshots for scope in report.scopes)
    assert (counts.rules, counts.skipped) == (len(ruleset.rules), ruleset.skipped) == (6, 1)
    assert counts.disks == len(plan.disks) == 7
    completed = sum(disk.states.get("completed", 0) for disk in plan.disks)
    assert counts.kept + len(plan.deletes) + counts.held == completed
    assert report.omitted == {}


def test_plan_and_reconcile_count_under_the_same_names() -> None:
    """Where nothing fails, a plan's summary is that of the pass which carries it out."""
    cloud, cluster = busy()
    cloud.failing.clear()
    world = ports(cluster, cloud)

    planned = run(Request(mode="plan"), Settings(), world).report
    assert cloud.calls == []
    done = run(Request(), Settings(), world).report

    names = ("created", "deleted", "failed", "deferred", "held", "waiting", "problems", "kept")
    assert [getattr(planned.summary, n) for n in names] == [getattr(done.summary, n) for n in names]
    assert [d.disk for d in planned.creations] == [d.disk for d in done.creations]
    assert [d.snapshot for d in planned.deletions] == [d.snapshot for d in done.deletions]


def test_a_pass_that_failed_anywhere_is_partial() -> None:
    """A failed action or an incomplete listing makes the outcome partial; what waits does not."""
    missed = Applied()
    missed.missed("create", "d", "", DiskFailed("no", "Broken"))
    put_off = Applied()
    put_off.missed("create", "d", "", NextPass("later"))
    cut = Listing("eu-west-1", (), False, "cut short")

    assert make(Plan(now=NOW), missed).outcome == "partial"
    assert make(Plan(now=NOW), Applied(), [cut]).outcome == "partial"
    assert make(Plan(now=NOW), put_off, [Listing("eu-west-1")]).outcome == "completed"


def test_lists_end_at_2000_and_counts_do_not() -> None:
    """Of 2,005 entries the last 5 are omitted, and said to be."""
    holds = [
        Hold(snapshot=snapshot(f"snap-{n}", NOW), cause="two-key", reason="x")
        for n in range(MAX_ENTRIES + 5)
    ]

    report = make(Plan(now=NOW, holds=tuple(holds)), Applied())

    assert (len(report.holds), report.summary.held) == (2_000, 2_005)
    assert report.omitted == {"holds": 5}
    assert [hold.snapshot for hold in report.holds] == [h.snapshot.id for h in holds[:2_000]]


NAMESPACE, NAME, TEXT = "n" * 63, "m" * 253, "x" * 300
SOURCE = Source("PersistentVolumeClaim", NAMESPACE, NAME)


def worst() -> tuple[Plan, Applied]:
    """Make 2,000 of everything, all of it as long as it may be."""
    project = "p" * 30
    long = Disk("google", project, f"zones/northamerica-northeast1-a/disks/{'d' * 63}")
    borne = Snapshot(id="s" * 63, disk=long, started=NOW, state="completed", labels=OURS)
    create = Create(
        disk=long,
        name="s" * 63,
        labels={},
        description="",
        rules=(f"{NAMESPACE}-rule-{NAME}",) * 8,
        overdue=1.0,
        reason="the last one began 100 d 20 h ago; interval 100 d",
    )
    problem = Problem(
        severity="error",
        source=SOURCE,
        field="metadata.annotations[backup.kubernetes.io/deltas]",
        value="v" * 120,
        message=TEXT,
        disk=long,
        rule=f"{NAMESPACE}-pvc-{NAME}",
    )
    reason = f"{SOURCE} has a problem: {TEXT} (would go: {'y' * 100})"
    orphans = Orphans(
        disk=long, count=10**6, newest=NOW, age=9999 * DAY, deletes=0, holds=0, reason="z" * 80
    )
    plan = Plan(
        now=NOW,
        creates=(create,) * MAX_ENTRIES,
        deletes=(Delete(snapshot=borne, reason="y" * 100),) * MAX_ENTRIES,
        holds=(Hold(snapshot=borne, cause="rule-problem", reason=reason),) * MAX_ENTRIES,
        waits=(Wait(disk=long, cause="incomplete-listing", reason=TEXT),) * MAX_ENTRIES,
        orphans=(orphans,) * MAX_ENTRIES,
        problems=(problem,) * MAX_ENTRIES,
    )
    applied = foresee(plan)
    for _ in range(MAX_ENTRIES):
        applied.missed("delete", long.id, "s" * 63, DiskFailed(TEXT, "c" * 40))
        applied.missed("delete", long.id, "s" * 63, NextPass(TEXT))
    return plan, applied


def test_the_longest_report_fits_into_an_answer() -> None:
    """With 2,000 entries in every list, long names and messages, the answer stays under 6 MB.

    Whole it would have more than 15 MB, and Lambda would fail a pass that did its work.
    """
    plan, applied = worst()
    listings = [Listing(f"region-{n}", (), False, TEXT) for n in range(40)]

    report = make(plan, applied, listings)

    assert len(json.dumps(to_builtins(report))) < SIX_MB
    lists = ("creations", "deletions", "failures", "deferred", "holds", "waiting", "problems")
    shown = {name: len(getattr(report, name)) for name in lists}
    assert len(set(shown.values())) == 1
    assert {name: shown[name] + report.omitted[name] for name in lists} == dict.fromkeys(
        lists, MAX_ENTRIES
    )
    assert min(shown.values()) >= 500


def test_a_usual_report_is_not_cut() -> None:
    """2,000 creations and 2,000 deletions of usual length are all there."""
    plan, _ = worst()
    creates = [msgspec.structs.replace(plan.creates[0], rules=("shop-pvc-data",))] * MAX_ENTRIES
    usual = Plan(now=NOW, creates=tuple(creates), deletes=plan.deletes)
    assert make(usual, foresee(usual)).omitted == {}


class TestSchema:
    def test_every_report_fits_it(self) -> None:
        """The schema holds for an empty pass and for one in which everything happens."""
        cloud, cluster = busy()
        schema = json_schema()
        jsonschema.Draft202012Validator.check_schema(schema)

        for report in (
            make(Plan(now=NOW), Applied()),
            run(Request(), Settings(), ports(cluster, cloud)).report,
        ):
            answered = json.loads(json.dumps(to_builtins(report)))
            jsonschema.validate(answered, schema, jsonschema.Draft202012Validator)
            assert msgspec.convert(answered, Report) == report

    def test_names_every_field(self) -> None:
        """What a report holds is in the schema by its name, `pass` being the id of the pass."""
        found = json_schema()["$defs"]["Report"]["properties"]
        answered = to_builtins(make(Plan(now=NOW), Applied()))
        assert found.keys() == answered.keys()
        assert re.fullmatch(r"[0-9a-f-]{36}", answered["pass"])


class TestMetrics:
    def test_are_those_of_the_design(self) -> None:
        """A pass that ended has each metric of the table once, in its unit."""
        reading = TrustedRules(RuleSet(read_from="the mirror"), "stale", True, HOUR)
        found = metrics.of_report(make(Plan(now=NOW), Applied(), trusted=reading))

        assert {metric.name: metric.unit for metric in found} == TABLE
        assert len(found) == len(TABLE)
        assert (metrics.NAMESPACE, metrics.DIMENSION) == ("K8sSnapshots", "cluster")

    def test_count_what_the_report_counts(self) -> None:
        """Values come from the summary; failed snapshots are the creations that failed."""
        cloud, cluster = busy()
        report = run(Request(), Settings(), ports(cluster, cloud)).report

        values = {metric.name: metric.value for metric in metrics.of_report(report)}

        counts = report.summary
        assert values["SnapshotsCreated"] == counts.created == 2
        assert values["SnapshotsDeleted"] == counts.deleted > 0
        assert (values["SnapshotsFailed"], counts.failed) == (1, 2)
        assert values["DeletionsHeld"] == counts.held - counts.unsettled
        assert values["DeletionsUnsettled"] == counts.unsettled > 0
        assert values["Notes"] == counts.notes
        assert values["Deferred"] == counts.deferred + counts.waiting == 3
        assert values["Problems"] == counts.problems == 1
        assert values["Orphans"] == counts.orphans == 3
        assert values["DisksOverdue"] == counts.overdue > 0
        assert values["WorstOverdue"] == counts.worst_overdue
        assert (values["PassCompleted"], values["PassFailed"]) == (1, 0)

    def test_tell_how_long_the_pass_took(self) -> None:
        """PassDuration is from the start of the reading to the end of the last call."""
        found = {m.name: m.value for m in metrics.of_report(make(Plan(now=NOW), Applied()))}
        assert found["PassDuration"] == 2000

    def test_a_plan_has_none(self) -> None:
        """A plan did nothing, and must not look like a pass to an alarm on missing passes."""
        assert metrics.of_report(make(Plan(now=NOW), Applied(), mode="plan")) == []

    def test_a_failed_pass_has_one(self) -> None:
        """What could not do its work says just that."""
        assert metrics.of_failure() == [metrics.Metric("PassFailed", "Count", 1)]

"""Snapshots of persistent disks: the provider contract, and what only Google has."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.errors import (
    DiskFailed,
    NextPass,
    NotAllowed,
    ProviderError,
    StopCreating,
    Unanswered,
)
from shared.model import Disk, OperationState, Snapshot
from tests.contract.cloud import DELTAS, MemoryRules, existing, order, rule, seed
from tests.contract.passes import BRIDGE, DAY, HOUR, PERIOD, counts, one_pass
from tests.contract.provider import ProviderContract, listed
from tests.emulators.gce import ALWAYS
from tests.functions.gcp.cloud import (
    ELSEWHERE,
    OTHER_ZONE,
    PAGES,
    PROJECT,
    REGION,
    ZONE,
    GCECloud,
)


def inserts(cloud: GCECloud) -> list[str]:
    """Tell the request ids of the insertions."""
    return [call.params["requestId"] for call in cloud.gce.calls_of("snapshots.insert")]


class TestDisks(ProviderContract):
    """Persistent disks keep the contract of all providers."""


class TestCreating:
    def test_sets_everything_in_one_body(self, cloud: GCECloud, disk: Disk) -> None:
        """Name, source disk, labels and description, and no storage location or flush unasked."""
        asked = order(cloud, disk)
        cloud.provider.create(asked)
        (call,) = cloud.gce.calls
        assert call.body == {
            "name": asked.name,
            "sourceDisk": f"projects/{PROJECT}/{disk.name}",
            "labels": asked.labels,
            "description": asked.description,
        }

    def test_labels_are_lowercase_and_cut(self, cloud: GCECloud, disk: Disk) -> None:
        """Other characters become dashes, long values end in a hash: Google takes them all."""
        claim = "Data." * 50 + "x"
        labels = cloud.labels.for_snapshot("x", [msgspec.structs.replace(rule(disk), claim=claim)])
        cloud.provider.create(msgspec.structs.replace(order(cloud, disk), labels=labels))
        (record,) = cloud.gce.snapshots(PROJECT)
        assert record.labels == {
            "created-by": "k8s-snapshots",
            "k8s-snapshots-cluster": "projects-p-locations-europe-west1-clusters-demo-c9ea55da",
            "k8s-snapshots-namespace": "shop",
            "k8s-snapshots-claim": labels["k8s-snapshots-claim"],
            "k8s-snapshots-volume": "pvc-0c1d",
            "k8s-snapshots-rule": "shop-pvc-data-0",
            "k8s-snapshots-deltas": "pt1h-p1d-p30d",
        }
        cut = record.labels["k8s-snapshots-claim"]
        assert (len(cut), cut[:54]) == (63, "data-" * 10 + "data")

    def test_the_description_has_the_exact_values(self, cloud: GCECloud, disk: Disk) -> None:
        """Deltas, names and cluster stand there as they are, and the deltas are read again."""
        made = cloud.provider.create(order(cloud, disk))
        (record,) = cloud.gce.snapshots(PROJECT)
        assert json.loads(record.description) == {
            "cluster": cloud.labels.cluster,
            "namespace": "shop",
            "claim": "Data.0",
            "volume": "pvc-0C1D",
            "rules": ["shop-pvc-Data.0"],
            "deltas": DELTAS,
        }
        assert [s.deltas for s in listed(cloud, PROJECT)] == [DELTAS] == [made.deltas]

    def test_stores_where_it_is_told(self, cloud: GCECloud, disk: Disk) -> None:
        """STORAGE_LOCATION goes with the body (trap: the default may be forbidden)."""
        cloud.gce.locations = {REGION}
        with pytest.raises(DiskFailed, match="resourceLocations"):
            cloud.provider.create(order(cloud, disk))
        cloud.disks(storage_location=REGION).create(order(cloud, disk))
        assert cloud.gce.snapshots(PROJECT)[0].storage_locations == (REGION,)

    def test_flushes_guests_only_where_asked(self, cloud: GCECloud, disk: Disk) -> None:
        """GUEST_FLUSH goes with the body (trap: it fails on some guests)."""
        cloud.provider.create(order(cloud, disk, "a"))
        cloud.disks(guest_flush=True).create(order(cloud, disk, "b"))
        bodies = [call.body for call in cloud.gce.calls]
        assert [body.get("guestFlush") for body in bodies] == [None, True]

    @pytest.mark.parametrize("place", [ZONE, REGION])
    def test_snapshots_disks_of_other_projects(self, cloud: GCECloud, place: str) -> None:
        """The snapshot is made in the disk's project, whichever is the function's."""
        disk = cloud.add_disk(ELSEWHERE, "data", place)
        made = cloud.provider.create(order(cloud, disk))
        assert [s.name for s in cloud.gce.snapshots(ELSEWHERE)] == [made.id]
        assert cloud.gce.snapshots(PROJECT) == []

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("QUOTA_EXCEEDED", StopCreating),
            ("RESOURCE_OPERATION_RATE_EXCEEDED", NextPass),
            ("INTERNAL_ERROR", DiskFailed),
        ],
    )
    def test_reads_the_error_of_an_operation_that_is_done(
        self, cloud: GCECloud, disk: Disk, code: str, kind: type[ProviderError]
    ) -> None:
        """An answer of 200 may be a failure (trap: DONE can carry an error)."""
        cloud.gce.fault("snapshots.insert", operation_error=code, at_once=True)
        with pytest.raises(kind) as caught:
            cloud.provider.create(order(cloud, disk))
        assert (type(caught.value), caught.value.code) == (kind, code)
        assert cloud.calls() == {"create": 1}

    def test_never_waits_for_the_operation(self, cloud: GCECloud, disk: Disk) -> None:
        """One that fails later leaves nothing, and the next pass finds the disk due."""
        cloud.gce.fault("snapshots.insert", operation_error="INTERNAL_ERROR")
        made = cloud.provider.create(order(cloud, disk))
        assert made.state == "pending"
        assert listed(cloud, PROJECT) == []
        assert cloud.calls() == {"create": 1, "list": 1}

    @pytest.mark.parametrize("trouble", ["throttled", "down", "cut off", "lost"])
    def test_retries_bear_the_same_id_and_make_one(
        self, cloud: GCECloud, disk: Disk, trouble: Any
    ) -> None:
        """Whatever happened to the first tries, there is exactly one snapshot (trap: three)."""
        cloud.trouble("create", trouble, times=2)
        made = cloud.provider.create(order(cloud, disk))
        assert existing(cloud) == {made.id}
        assert len(inserts(cloud)) == 3
        assert len({*inserts(cloud)}) == 1

    def test_another_pass_bears_another_id(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Ids are used again by retries within a pass only, and differ between disks."""
        rules.add(disk, cloud.add_disk(PROJECT))
        cloud.gce.fault("snapshots.insert", "notFound", times=2)
        for _ in range(2):
            one_pass(cloud, rules)
            cloud.clock.advance(PERIOD)
        assert len({*inserts(cloud)}) == len(inserts(cloud)) == 4
        assert len(existing(cloud)) == 2

    def test_a_name_that_is_taken_is_success_for_the_same_disk(
        self, cloud: GCECloud, disk: Disk
    ) -> None:
        """409: somebody, such as an overlapping pass, has made just this snapshot."""
        asked = order(cloud, disk)
        started = cloud.clock.now() - timedelta(seconds=1)
        cloud.seed(disk, started, asked.labels, name=asked.name)
        made = cloud.provider.create(asked)
        assert (made.id, made.disk, made.started) == (asked.name, disk, started)
        assert existing(cloud) == {asked.name}

    @pytest.mark.parametrize(
        "labels",
        [
            {},
            {"created-by": "k8s-snapshots"},
            {"created-by": "k8s-snapshots", "k8s-snapshots-cluster": "another"},
        ],
    )
    def test_a_name_that_another_took_is_a_failure(
        self, cloud: GCECloud, disk: Disk, labels: dict[str, str]
    ) -> None:
        """409 for the disk's snapshot by hand or by another cluster: it may go at any time."""
        asked = order(cloud, disk)
        cloud.seed(disk, cloud.clock.now(), labels, name=asked.name)
        with pytest.raises(DiskFailed, match="do not say that this cluster made it") as caught:
            cloud.provider.create(asked)
        assert caught.value.code == "alreadyExists"

    @pytest.mark.parametrize("place", [(PROJECT, OTHER_ZONE), (ELSEWHERE, ZONE)])
    def test_a_name_that_another_disk_took_is_a_failure(
        self, cloud: GCECloud, disk: Disk, place: tuple[str, str]
    ) -> None:
        """409 for another disk's snapshot: nothing was made, and the report must not say so."""
        asked, (project, zone) = order(cloud, disk), place
        name = disk.name.rpartition("/")[2]
        source = f"projects/{project}/zones/{zone}/disks/{name}"
        cloud.gce.add_snapshot(PROJECT, source, started=cloud.clock.now(), name=asked.name)
        with pytest.raises(DiskFailed, match="of another disk") as caught:
            cloud.provider.create(asked)
        assert caught.value.code == "alreadyExists"

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_answer(self, cloud: GCECloud, disk: Disk, page: str) -> None:
        """Whether Google ever saw the call is not known, and no success is reported."""
        cloud.gce.fault("snapshots.insert", times=ALWAYS, **PAGES[page])
        with pytest.raises(Unanswered):
            cloud.provider.create(order(cloud, disk))

    def test_one_client_serves_all(self, cloud: GCECloud, disk: Disk) -> None:
        """Clients are dear: one, whatever the projects and threads."""
        cloud.provider.list(cloud.scopes)
        made = cloud.provider.create(order(cloud, disk))
        cloud.complete()
        cloud.provider.delete(made)
        assert cloud.made == ["SnapshotsClient"]


class TestOperations:
    """What became of an accepted creation, which may fail minutes later."""

    def test_is_running_until_the_snapshot_is_done(self, cloud: GCECloud, disk: Disk) -> None:
        """Its name comes with the creation."""
        made = cloud.provider.create(order(cloud, disk))
        assert cloud.provider.operation(PROJECT, made.operation) == OperationState("running")
        cloud.complete()
        assert cloud.provider.operation(PROJECT, made.operation) == OperationState("done")

    @pytest.mark.parametrize(
        "code",
        ["QUOTA_EXCEEDED", "REGION_QUOTA_EXCEEDED", "RATE_LIMIT_EXCEEDED", "INTERNAL_ERROR",
         "RESOURCE_OPERATION_RATE_EXCEEDED"],
    )  # fmt: skip
    def test_tells_why_it_failed(self, cloud: GCECloud, disk: Disk, code: str) -> None:
        """By Google's code and in its words, once it has; until then it is under way."""
        late = timedelta(minutes=3)
        cloud.gce.fault("snapshots.insert", operation_error=code, late=late, message="So it is.")
        made = cloud.provider.create(order(cloud, disk))
        assert cloud.provider.operation(PROJECT, made.operation).state == "running"
        cloud.clock.advance(late)
        failed = OperationState("failed", code, f"{code}: So it is.")
        assert cloud.provider.operation(PROJECT, made.operation) == failed
        assert existing(cloud) == set()

    def test_tells_why_a_snapshot_is_failed(self, cloud: GCECloud, disk: Disk) -> None:
        """The snapshot that the listing shows as failed has no reason of its own."""
        made = cloud.provider.create(order(cloud, disk))
        cloud.fail(made.id)
        assert cloud.provider.operation(PROJECT, made.operation).state == "failed"

    def test_a_full_quota_is_told_by_the_operation(self, cloud: GCECloud, disk: Disk) -> None:
        """Google accepts the insert, and its operation has no room (case gcp-quota)."""
        cloud.gce.quota = 0
        made = cloud.provider.create(order(cloud, disk))
        cloud.clock.advance(HOUR)
        found = cloud.provider.operation(PROJECT, made.operation)
        assert (found.state, found.code) == ("failed", "QUOTA_EXCEEDED")
        assert "Quota 'SNAPSHOTS' exceeded" in found.reason

    def test_one_that_is_forgotten_counts_as_done(self, cloud: GCECloud) -> None:
        """Google keeps operations for some days only."""
        assert cloud.provider.operation(PROJECT, "operation-1") == OperationState("done")

    def test_says_where_it_cannot_be_told(self, cloud: GCECloud, disk: Disk) -> None:
        """Without the permission it is not taken for done."""
        made = cloud.provider.create(order(cloud, disk))
        cloud.gce.denied.add("compute.globalOperations.get")
        with pytest.raises(NotAllowed, match=r"compute\.globalOperations\.get"):
            cloud.provider.operation(PROJECT, made.operation)

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_answer(self, cloud: GCECloud, disk: Disk, page: str) -> None:
        """Nothing is known of it then."""
        made = cloud.provider.create(order(cloud, disk))
        cloud.gce.fault("globalOperations.get", times=ALWAYS, **PAGES[page])
        with pytest.raises(Unanswered):
            cloud.provider.operation(PROJECT, made.operation)


class TestWhatGoogleDoesNotHave:
    """A project or zone that Compute Engine does not know is one rule's trouble, and no other's."""

    @pytest.mark.parametrize("denied", [False, True])
    def test_a_project(self, cloud: GCECloud, rules: MemoryRules, denied: bool) -> None:
        """404, or 403 where it is another's: its rule's problem; the pass is nobody else's."""
        good, aged = cloud.add_disk(PROJECT), cloud.add_disk(PROJECT)
        lost = Disk("google", "no-such-project", f"zones/{ZONE}/disks/data")
        rules.add(good, aged, lost)
        old = seed(cloud, aged, 400 * DAY)
        seed(cloud, aged, BRIDGE)
        seed(cloud, aged, HOUR / 2)
        if denied:
            cloud.gce.projects.add(lost.scope)
            cloud.gce.denied.add(f"{lost.scope}:compute.snapshots.list")
        report = one_pass(cloud, rules)
        assert [done.disk for done in report.creations] == [good.id]
        assert [done.snapshot for done in report.deletions] == [old]
        assert ("completed", [PROJECT]) == (report.outcome, [s.scope for s in report.scopes])
        assert [("spec.disk.project", lost.scope)] == [(p.field, p.value) for p in report.problems]

    def test_a_zone(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """No creation is tried; the project's others are served."""
        good = cloud.add_disk(PROJECT)
        lost = Disk("google", PROJECT, "zones/europe-west9-z/disks/data")
        rules.add(good, lost)
        report = one_pass(cloud, rules)
        assert [done.disk for done in report.creations] == [good.id]
        assert [("spec.disk.zone", "europe-west9-z")] == [
            (p.field, p.value) for p in report.problems
        ]
        assert cloud.calls()["create"] == 1


class TestInFlight:
    """A project has so many operations under way; an insert's is, until its snapshot is done."""

    @pytest.fixture(autouse=True)
    def small(self, cloud: GCECloud) -> None:
        cloud.gce.in_flight = 5

    def test_is_not_tried_again(self, cloud: GCECloud) -> None:
        """No try within seconds helps: snapshots take minutes."""
        for number in range(5):
            cloud.provider.create(order(cloud, cloud.add_disk(PROJECT), f"snap-{number}"))
        with pytest.raises(StopCreating) as caught:
            cloud.provider.create(order(cloud, cloud.add_disk(PROJECT)))
        assert caught.value.code == "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"
        assert cloud.calls() == {"create": 6}

    def test_the_rest_of_the_project_waits(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """Other projects go on, the next passes take the rest, and no disk is left out."""
        rules.add(*(cloud.add_disk(PROJECT) for _ in range(12)))
        rules.add(elsewhere := cloud.add_disk(ELSEWHERE))
        made = list[str]()
        for number in range(3):
            report = one_pass(cloud, rules)
            made += [done.disk for done in report.creations]
            assert report.summary.created <= 5 + (number == 0)
            cloud.complete()
            cloud.clock.advance(PERIOD)
        assert elsewhere.id in made
        assert len(made) == len({*made}) == 13

    def test_few_calls_meet_the_limit(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """One is enough to know: what is under way beside it, no more."""
        rules.add(*(cloud.add_disk(PROJECT) for _ in range(40)))
        report = one_pass(cloud, rules)
        assert report.summary.created == 5
        assert report.summary.failed <= 8  # calls at once
        assert report.summary.failed + report.summary.deferred == 35

    def test_deletions_get_their_turn(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """They are tried, and where they meet the limit too they are left to a later pass."""
        aged = cloud.add_disk(PROJECT)
        rules.add(aged, *(cloud.add_disk(PROJECT) for _ in range(5)))
        old = [seed(cloud, aged, (400 + n) * DAY) for n in range(2)]
        seed(cloud, aged, BRIDGE)
        seed(cloud, aged, HOUR / 2)
        report = one_pass(cloud, rules)
        assert report.summary.created == 5
        assert {(x.action, x.snapshot) for x in report.deferred} == {("delete", s) for s in old}
        cloud.complete()
        cloud.clock.advance(PERIOD)
        assert {done.snapshot for done in one_pass(cloud, rules).deletions} == {*old}


class TestDeleting:
    def test_a_failed_deletion_is_tried_again_by_the_next_pass(
        self, cloud: GCECloud, snapshot: Snapshot
    ) -> None:
        """Each pass asks anew, and is not answered with the earlier operation's failure."""
        cloud.gce.fault("snapshots.delete", operation_error="INTERNAL_ERROR", at_once=True)
        with pytest.raises(DiskFailed, match="INTERNAL_ERROR"):
            cloud.provider.delete(snapshot)
        assert existing(cloud) == {snapshot.id}
        cloud.provider.delete(snapshot)
        assert existing(cloud) == set()

    def test_a_snapshot_that_is_being_made_waits(self, cloud: GCECloud, disk: Disk) -> None:
        """What Google is not ready to delete is left to the next pass."""
        made = cloud.provider.create(order(cloud, disk))
        with pytest.raises(NextPass, match="not ready"):
            cloud.provider.delete(made)

    @pytest.mark.parametrize("status", ["DELETING", "gone"])
    def test_a_deletion_that_ends_meanwhile_is_done(
        self, cloud: GCECloud, snapshot: Snapshot, status: str
    ) -> None:
        """An earlier pass's, which Google refuses to begin anew, may end before we look."""
        cloud.gce.fault("snapshots.delete", "resourceNotReady")
        if status == "gone":
            cloud.gce.fault("snapshots.get", "notFound")
        else:
            cloud.gce.delete_snapshot(PROJECT, snapshot.id)
        cloud.provider.delete(snapshot)
        assert [call.method for call in cloud.gce.calls] == ["snapshots.delete", "snapshots.get"]

    def test_deletes_in_the_disks_project(self, cloud: GCECloud) -> None:
        """A snapshot of the same name elsewhere stays."""
        disk = cloud.add_disk(ELSEWHERE)
        labels, now = order(cloud, disk).labels, cloud.clock.now()
        for project in (PROJECT, ELSEWHERE):
            cloud.gce.add_snapshot(project, disk.name, started=now, labels=labels, name="same")
        (found,) = listed(cloud, ELSEWHERE)
        cloud.provider.delete(found)
        assert [s.disk.scope for s in cloud.snapshots()] == [PROJECT]

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_success(
        self, cloud: GCECloud, snapshot: Snapshot, page: str
    ) -> None:
        """The snapshot is still there, and is not reported as deleted."""
        cloud.gce.fault("snapshots.delete", times=ALWAYS, **PAGES[page])
        with pytest.raises(Unanswered):
            cloud.provider.delete(snapshot)
        assert existing(cloud) == {snapshot.id}


class TestPasses:
    def test_counts_its_calls(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """A pass over 12 disks and 8 snapshots that go: the pages, and one call for each."""
        rules.add(*(cloud.add_disk(PROJECT) for _ in range(12)))
        aged = cloud.add_disk(PROJECT)
        rules.add(aged)
        seed(cloud, aged, BRIDGE)
        for n in range(8):
            seed(cloud, aged, (400 + n) * DAY)
        seed(cloud, aged, HOUR / 2)
        assert counts(one_pass(cloud, rules)) == {"created": 12, "deleted": 8}
        assert cloud.calls() == {"list": 2, "create": 12, "delete": 8}

    def test_a_quota_stops_one_project_only(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """Its error is in the operation; deletions and the other project go on (trap)."""
        aged, fine = cloud.add_disk(PROJECT), cloud.add_disk(ELSEWHERE)
        rules.add(aged, fine, *(cloud.add_disk(PROJECT) for _ in range(20)))
        seed(cloud, aged, HOUR / 2)
        seed(cloud, aged, BRIDGE)
        old = seed(cloud, aged, 400 * DAY)
        cloud.trouble("create", "full", scope=PROJECT)
        report = one_pass(cloud, rules)
        assert [done.disk for done in report.creations] == [fine.id]
        assert [done.snapshot for done in report.deletions] == [old]
        assert {failure.code for failure in report.failures} == {"QUOTA_EXCEEDED"}
        assert report.summary.failed + report.summary.deferred == 20
        assert report.summary.deferred > 0

    def test_the_hold_until_settled_reads_the_description(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Labels hold no exact deltas here: those of the description keep what a typo drops."""
        for n in range(12):
            seed(cloud, disk, n * HOUR + HOUR / 2)
        rules.add(disk, deltas="PT1H PT2H")
        report = one_pass(cloud, rules)
        assert {hold.cause for hold in report.holds} == {"unsettled"}
        assert report.summary.deleted == 0
        assert report.summary.held > 5

    def test_the_daemons_snapshots_bear_no_deltas(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Those that say nothing are held by their number: more than 5, and more than half."""
        author = {"created-by": "k8s-snapshots"}
        for n in range(12):
            cloud.seed(disk, cloud.clock.now() - n * HOUR - HOUR / 2, author)
        rules.add(disk, deltas="PT1H PT2H")
        assert counts(one_pass(cloud, rules))["held"] > 5

    def test_too_many_of_one_disk_are_left_to_the_next_pass(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Google's limit on one disk's operations is nothing wrong (trap)."""
        rules.add(disk)
        cloud.gce.fault("snapshots.insert", operation_error="RESOURCE_OPERATION_RATE_EXCEEDED",
                        at_once=True)  # fmt: skip
        report = one_pass(cloud, rules)
        assert counts(report) == {"deferred": 1, "overdue": 1}
        cloud.clock.advance(PERIOD)
        assert counts(one_pass(cloud, rules)) == {"created": 1}

    def test_eight_rules_of_the_longest_names_fit(self, cloud: GCECloud, disk: Disk) -> None:
        """A description holds 2,048 characters: names are left out, the deltas never."""
        name = "x" * 253
        long = [
            msgspec.structs.replace(
                rule(disk, f"PT1H P{n}D P{n}Y"), name=f"{name[:-1]}{n}-pvc-{name}",
                namespace="n" * 63, claim=name, volume=name,
            )
            for n in range(1, 9)
        ]  # fmt: skip
        description = cloud.labels.description("x", long)
        assert len(description) <= 2048
        said = json.loads(description)
        assert said["rules"] == [r.name for r in long[: len(said["rules"])]]
        assert said["rules"]
        cloud.provider.create(msgspec.structs.replace(order(cloud, disk), description=description))
        assert listed(cloud, PROJECT)[0].deltas == said["deltas"]

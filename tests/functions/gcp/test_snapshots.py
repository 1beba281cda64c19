"""Snapshots of persistent disks: the provider contract, and what only Google has."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from functions.gcp.listing import manager_of
from functions.gcp.snapshots import PAGE
from shared.errors import (
    DiskFailed,
    NextPass,
    NotAllowed,
    ProviderError,
    StopCreating,
    Unanswered,
    UnknownDisk,
)
from shared.model import Disk, Snapshot
from shared.planning.labels import GOOGLE, Labels
from tests.clock import VirtualClock
from tests.contract.adopt import AdoptContract
from tests.contract.cloud import DELTAS, MemoryRules, existing, order, rule, seed
from tests.contract.passes import DAY, HOUR, PERIOD, counts, one_pass
from tests.contract.provider import ProviderContract, list_one, listed
from tests.emulators.gce import ALWAYS, GCE
from tests.functions.gcp.cloud import PROJECT, ZONE, GCECloud

ELSEWHERE = GCECloud.scopes[1]
REGION = "europe-west1"
OTHER_ZONE = "europe-west1-c"
PAGES: dict[str, dict[str, Any]] = {
    "page with status 200": {"html": True, "status": 200},
    "page with status 502": {"html": True, "status": 502},
    "JSON of another kind": {"html": "[]", "status": 200},
    "JSON that says nothing": {"html": "{}", "status": 200},
    "empty": {"html": " ", "status": 200},
}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[GCECloud]:
    """Let Google's client wait between retries in virtual time."""
    clock = VirtualClock()
    for module in ("retry_unary", "retry_base"):
        monkeypatch.setattr(f"google.api_core.retry.{module}.time", clock)
    with GCE() as gce:
        yield GCECloud(gce, clock)


@pytest.fixture
def disk(cloud: GCECloud) -> Disk:
    return cloud.add_disk(PROJECT)


@pytest.fixture
def rules(cloud: GCECloud) -> MemoryRules:
    return MemoryRules(cloud)


@pytest.fixture
def snapshot(cloud: GCECloud, disk: Disk) -> Snapshot:
    seed(cloud, disk, HOUR)
    return cloud.snapshots()[0]


def remake(cloud: GCECloud, disk: Disk) -> None:
    """Delete the disk, and make one of the same name."""
    name = disk.name.rpartition("/")[2]
    cloud.gce.delete_disk(disk.scope, ZONE, name)
    cloud.gce.add_disk(disk.scope, ZONE, name)


def inserts(cloud: GCECloud) -> list[str]:
    """Tell the request ids of the insertions."""
    return [call.params["requestId"] for call in cloud.gce.calls_of("snapshots.insert")]


class TestDisks(ProviderContract):
    """Persistent disks keep the contract of all providers."""


class TestAdopting(AdoptContract):
    """And that of all adopters; Google has schedules that make snapshots and delete them."""

    def test_names_the_schedule_that_manages_a_snapshot(self) -> None:
        """By what Google writes on it (a resource policy would delete it)."""
        policy = "projects/p/regions/r/resourcePolicies/nightly"
        item = SimpleNamespace(source_snapshot_schedule_policy=policy, auto_created=True)
        assert manager_of(item) == "the snapshot schedule nightly"
        item = SimpleNamespace(source_snapshot_schedule_policy="", auto_created=True)
        assert manager_of(item) == "the snapshot schedule (unnamed)"
        for text, manager in (("", ""), ('{"velero.io/backup": "b"}', "Velero")):
            item = SimpleNamespace(
                source_snapshot_schedule_policy="", auto_created=False, description=text
            )
            assert manager_of(item) == manager

    def test_an_earlier_disk_of_the_name_is_another(self, cloud: GCECloud, disk: Disk) -> None:
        """Its snapshots are not those of the disk that rules mean."""
        cloud.seed(disk, cloud.clock.now() - 2 * HOUR, {})
        remake(cloud, disk)
        now = cloud.seed(disk, cloud.clock.now() - HOUR, {})
        assert [now] == [s.snapshot.id for s in cloud.provider.strangers([disk])]


class TestListing:
    def test_asks_for_pages_of_500(self, cloud: GCECloud) -> None:
        """501 snapshots are two calls, and each is listed once (trap: more than 500)."""
        cloud.gce.page_size = None
        gone = cloud.missing_disk(PROJECT)
        made = {seed(cloud, gone, n * HOUR) for n in range(1, PAGE + 2)}
        found = listed(cloud, PROJECT)
        assert {s.id for s in found} == made
        # Without the disk the stand-in gives each snapshot a disk's id of its own.
        assert len({s.disk for s in found}) == len(made)
        sizes = [call.params["maxResults"] for call in cloud.gce.calls]
        assert sizes == ["500", "500"]

    def test_filters_by_the_label_as_google_has_it(self, cloud: GCECloud, disk: Disk) -> None:
        """An author with capitals and dots is asked for, and found, in encoded form."""
        labels = Labels(GOOGLE, author_key="made_by", author="Team.Backup/EU", cluster="demo")
        provider = cloud.disks()
        vars(provider)["_labels"] = cloud.labels = labels
        cloud.provider = provider
        made = seed(cloud, disk, HOUR)
        assert [s.id for s in listed(cloud, PROJECT)] == [made]
        (call,) = cloud.gce.calls
        assert call.params["filter"] == "labels.made_by=team-backup-eu"
        assert labels.ours(listed(cloud, PROJECT)[0])

    def test_a_page_with_a_warning_is_incomplete(self, cloud: GCECloud, disk: Disk) -> None:
        """What was listed is kept, and known not to be all (trap: a listing cut short)."""
        seed(cloud, disk, HOUR)
        cloud.gce.fault("snapshots.list", warning="UNREACHABLE")
        listing = list_one(cloud, PROJECT)
        assert (len(listing.snapshots), listing.complete) == (1, False)
        assert "may be incomplete" in listing.error

    def test_a_region_that_cannot_be_reached_makes_it_incomplete(
        self, cloud: GCECloud, disk: Disk
    ) -> None:
        """Snapshots that are stored in a location which is down are missing (trap)."""
        seed(cloud, disk, HOUR)
        cloud.gce.unreachable.add("eu")
        listing = list_one(cloud, PROJECT)
        assert (listing.snapshots, listing.complete) == ((), False)

    def test_a_page_that_is_empty_is_complete(self, cloud: GCECloud) -> None:
        """A warning which only says that a page has no results is nothing that is missing."""
        cloud.gce.fault("snapshots.list", warning="NO_RESULTS_ON_PAGE")
        assert listed(cloud, PROJECT) == []

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_listing(self, cloud: GCECloud, disk: Disk, page: str) -> None:
        """What is not Google's answer is incomplete (trap: an empty region, all due)."""
        seed(cloud, disk, HOUR)
        cloud.gce.fault("snapshots.list", times=ALWAYS, **PAGES[page])
        listing = list_one(cloud, PROJECT)
        assert not listing.complete
        assert listing.error

    @pytest.mark.parametrize("place", [ZONE, REGION])
    def test_reads_the_source_disk_from_its_url(self, cloud: GCECloud, place: str) -> None:
        """Zonal and regional disks, in the project of a domain, are told from the URL."""
        project = cloud.scopes[2]
        disk = cloud.add_disk(project, "data", place)
        seed(cloud, disk, HOUR)
        assert [s.disk for s in listed(cloud, project)] == [disk]

    def test_a_snapshot_of_another_projects_disk_is_none_of_that_disk(
        self, cloud: GCECloud, rules: MemoryRules
    ) -> None:
        """It lies in the listed project, where alone it could be deleted: another's orphan."""
        there = cloud.add_disk(ELSEWHERE)
        rules.add(there, cloud.add_disk(PROJECT))
        made = order(cloud, there)
        source = f"projects/{ELSEWHERE}/{there.name}"
        for age in (HOUR / 2, 400 * DAY):
            cloud.gce.add_snapshot(
                PROJECT, source, started=cloud.clock.now() - age, labels=made.labels
            )
        report = one_pass(cloud, rules)
        assert counts(report) == {"created": 2}
        assert [o.disk for o in report.orphans] == [f"google:{PROJECT}/{source}"]

    def test_what_is_being_deleted_is_no_backup(
        self, cloud: GCECloud, rules: MemoryRules, snapshot: Snapshot
    ) -> None:
        """A snapshot with the status DELETING is neither counted nor waited for."""
        rules.add(snapshot.disk)
        cloud.provider.delete(snapshot)
        assert listed(cloud, PROJECT) == []
        assert counts(one_pass(cloud, rules)) == {"created": 1}

    @pytest.mark.parametrize("status", ["CREATING", "UPLOADING"])
    def test_what_is_being_made_is_pending(self, cloud: GCECloud, disk: Disk, status: str) -> None:
        """Neither is a backup yet."""
        labels = order(cloud, disk).labels
        now = cloud.clock.now()
        cloud.gce.add_snapshot(PROJECT, disk.name, started=now, status=status, labels=labels)
        assert [s.state for s in listed(cloud, PROJECT)] == ["pending"]

    @pytest.mark.parametrize(
        "description",
        ["", "made by k8s-snapshots", "null", "[]", '{"deltas": 5}', '{"deltas": "PT1H P1D',
         '{"x": ' + "[" * 2000, "{}", '{"rules": []}'],
    )  # fmt: skip
    def test_a_description_that_is_not_ours_says_no_deltas(
        self, cloud: GCECloud, disk: Disk, description: str
    ) -> None:
        """The daemon's snapshots, and whatever else stands there, have none and are listed."""
        made = cloud.seed(disk, cloud.clock.now(), order(cloud, disk).labels, description)
        assert [(s.id, s.deltas) for s in listed(cloud, PROJECT)] == [(made, "")]


class TestAnotherDiskOfTheName:
    """A disk was deleted, and made anew under the same name: its `sourceDiskId` differs."""

    @pytest.fixture
    def old(self, cloud: GCECloud, disk: Disk) -> list[str]:
        made = [seed(cloud, disk, age * DAY) for age in (1, 400, 401)]
        remake(cloud, disk)
        return made

    def test_the_earlier_disks_snapshots_are_orphans(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules, old: list[str]
    ) -> None:
        """Once the new disk has a snapshot those of the earlier one are another disk's."""
        rules.add(disk)
        new = seed(cloud, disk, HOUR / 2)
        report = one_pass(cloud, rules)
        assert counts(report) == {}
        (orphans,) = report.orphans
        assert orphans.count == len(old)
        assert orphans.disk.startswith(f"{disk.id}#")
        assert existing(cloud) == {new, *old}

    def test_a_failed_snapshot_already_tells_them_apart(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules, old: list[str]
    ) -> None:
        """Whatever became of it, the newest snapshot bears the id of the disk that is there."""
        rules.add(disk)
        seed(cloud, disk, HOUR / 2, "failed")
        report = one_pass(cloud, rules)
        assert counts(report) == {"created": 1}
        assert [orphans.count for orphans in report.orphans] == [len(old)]

    def test_until_its_first_snapshot_the_earlier_ones_count(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Known limit: only snapshots tell the disk's id, so that the new one waits its turn.

        Its first snapshot comes when the earlier disk's next would have, and until then the
        earlier's expire by the rule, the newest never.
        """
        newest, old = seed(cloud, disk, HOUR / 2), seed(cloud, disk, 400 * DAY)
        remake(cloud, disk)
        rules.add(disk)
        assert counts(one_pass(cloud, rules)) == {"deleted": 1}
        assert newest in existing(cloud)
        assert old not in existing(cloud)
        cloud.clock.advance(HOUR / 2)
        assert counts(one_pass(cloud, rules)) == {"created": 1}
        cloud.complete()
        cloud.clock.advance(PERIOD)
        assert [orphans.count for orphans in one_pass(cloud, rules).orphans] == [1]

    def test_two_disks_before_this_one_are_two(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules, old: list[str]
    ) -> None:
        """Each earlier disk has its own account."""
        rules.add(disk)
        seed(cloud, disk, HOUR)
        remake(cloud, disk)
        seed(cloud, disk, HOUR / 2)
        report = one_pass(cloud, rules)
        assert sorted(orphans.count for orphans in report.orphans) == [1, len(old)]


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
            "k8s-snapshots-cluster": "projects-p-locations-europe-west1-clusters-demo",
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


class TestLabels:
    def test_adds_labels_by_their_fingerprint(self, cloud: GCECloud, snapshot: Snapshot) -> None:
        """What is there stays; the labels are written in a request that knows the last ones."""
        cloud.provider.adopt(snapshot, {"a": "b"})
        assert cloud.snapshots()[0].labels == {**snapshot.labels, "a": "b"}
        assert [call.method for call in cloud.gce.calls] == ["snapshots.get", "snapshots.setLabels"]

    def test_asks_once_more_where_labels_changed_meanwhile(
        self, cloud: GCECloud, snapshot: Snapshot
    ) -> None:
        """412 is answered by a second look, and a second 412 is an error."""
        cloud.gce.fault("snapshots.setLabels", "conditionNotMet")
        cloud.provider.adopt(snapshot, {"a": "b"})
        assert cloud.snapshots()[0].labels["a"] == "b"
        cloud.gce.fault("snapshots.setLabels", "conditionNotMet", times=2)
        with pytest.raises(DiskFailed):
            cloud.provider.adopt(snapshot, {"a": "c"})
        assert cloud.snapshots()[0].labels["a"] == "b"

    def test_reads_the_error_of_its_operation(self, cloud: GCECloud, snapshot: Snapshot) -> None:
        """An operation that is done and failed is no success (trap)."""
        cloud.gce.fault("snapshots.setLabels", operation_error="INTERNAL_ERROR", at_once=True)
        with pytest.raises(DiskFailed):
            cloud.provider.adopt(snapshot, {"a": "b"})


class TestLocate:
    """Disks of which the cluster tells the name only."""

    def lost(self, name: str = "data", project: str = PROJECT) -> Disk:
        return Disk("google", project, f"disks/{name}")

    def why(self, cloud: GCECloud, disk: Disk) -> str:
        found = cloud.provider.locate([disk])[disk]
        assert isinstance(found, UnknownDisk)
        assert (found.field, found.value) == ("zone", disk.name.removeprefix("disks/"))
        return str(found)

    def test_finds_all_by_one_list_for_each_project(self, cloud: GCECloud) -> None:
        """Zonal and regional disks of two projects are found by two calls (issue 3)."""
        places = {("a", ZONE), ("b", OTHER_ZONE), ("c", REGION)}
        expected = {
            self.lost(name, project): cloud.add_disk(project, name, place)
            for name, place in places
            for project in (PROJECT, ELSEWHERE)
        }
        cloud.gce.page_size = None
        assert cloud.provider.locate(expected) == expected
        methods = [(call.method, call.project) for call in cloud.gce.calls]
        assert sorted(methods) == [
            ("disks.aggregatedList", ELSEWHERE),
            ("disks.aggregatedList", PROJECT),
        ]
        assert {call.params["maxResults"] for call in cloud.gce.calls} == {"500"}

    def test_reads_all_pages(self, cloud: GCECloud) -> None:
        """The disk may be on any of them (trap: a listing cut short)."""
        for n in range(7):
            cloud.add_disk(PROJECT, f"other-{n}")
        disk = cloud.add_disk(PROJECT, "zz")
        assert cloud.provider.locate([self.lost("zz")]) == {self.lost("zz"): disk}
        assert len(cloud.gce.calls) == 2

    def test_asks_nothing_for_disks_whose_place_is_known(self, cloud: GCECloud, disk: Disk) -> None:
        """Volumes that tell their zone cost no call."""
        assert cloud.provider.locate([disk]) == {}
        assert cloud.gce.calls == []

    def test_does_not_choose_between_disks_of_a_name(self, cloud: GCECloud) -> None:
        """Names are unique in a zone only: a problem that names the places, never a guess."""
        for place in (ZONE, OTHER_ZONE, REGION):
            cloud.add_disk(PROJECT, "data", place)
        why = self.why(cloud, self.lost())
        assert all(f"{kind}/{place}" in why for kind, place in
                   (("zones", ZONE), ("zones", OTHER_ZONE), ("regions", REGION)))  # fmt: skip

    def test_says_that_there_is_none(self, cloud: GCECloud) -> None:
        """A name that the project does not have is a problem that names the project."""
        cloud.add_disk(ELSEWHERE, "data")
        assert PROJECT in self.why(cloud, self.lost())

    @pytest.mark.parametrize("fault", [{"reason": "forbidden"}, {"timeout_before": True},
                                       {"warning": "UNREACHABLE"}])  # fmt: skip
    def test_says_why_the_disks_could_not_be_listed(
        self, cloud: GCECloud, fault: dict[str, Any]
    ) -> None:
        """One project's failure is said of its disks, and the other's are found."""
        disk = cloud.add_disk(ELSEWHERE, "data")
        cloud.add_disk(PROJECT, "data")
        cloud.gce.fault("disks.aggregatedList", project=PROJECT, times=ALWAYS, **fault)
        there = self.lost(project=ELSEWHERE)
        found = cloud.provider.locate([self.lost(), there])
        assert found[there] == disk
        assert isinstance(found[self.lost()], UnknownDisk)
        assert "has no disk" not in str(found[self.lost()])

    def test_believes_no_list_that_misses_a_zone(self, cloud: GCECloud) -> None:
        """The disk that is shown may be another zone's of the same name, which is down."""
        cloud.add_disk(PROJECT, "data", ZONE)
        cloud.add_disk(PROJECT, "data", OTHER_ZONE)
        cloud.gce.unreachable.add(ZONE)
        assert ZONE in self.why(cloud, self.lost())


class TestPasses:
    def test_counts_its_calls(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """A pass over 12 disks and 8 snapshots that go: the pages, and one call for each."""
        rules.add(*(cloud.add_disk(PROJECT) for _ in range(12)))
        aged = cloud.add_disk(PROJECT)
        rules.add(aged)
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
        old = seed(cloud, aged, 400 * DAY)
        cloud.trouble("create", "full", scope=PROJECT)
        report = one_pass(cloud, rules)
        assert [done.disk for done in report.creations] == [fine.id]
        assert [done.snapshot for done in report.deletions] == [old]
        assert {failure.code for failure in report.failures} == {"QUOTA_EXCEEDED"}
        assert report.summary.failed + report.summary.deferred == 20
        assert report.summary.deferred > 0

    def test_the_hold_for_mistakes_reads_the_description(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Labels hold no exact deltas here: those of the description keep what a typo drops."""
        for n in range(12):
            seed(cloud, disk, n * HOUR + HOUR / 2)
        rules.add(disk, deltas="PT1H PT2H")
        report = one_pass(cloud, rules)
        assert {hold.cause for hold in report.holds} == {"mass-expiry"}
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


class TestCheck:
    def test_asks_of_a_regional_disk_too(self, cloud: GCECloud) -> None:
        """A disk of a region is another client's."""
        disk = cloud.add_disk(PROJECT, "data", REGION)
        found = list(cloud.provider.check(PROJECT, order(cloud, disk), None))
        assert [(check.name, check.ok) for check in found] == [
            (f"compute.snapshots.list in {PROJECT}", True),
            ("compute.disks.createSnapshot of data", True),
        ]

    def test_labels_need_a_permission_of_their_own(
        self, cloud: GCECloud, snapshot: Snapshot
    ) -> None:
        """Insertion with labels needs compute.snapshots.setLabels as well."""
        cloud.gce.denied.add("compute.snapshots.setLabels")
        found = cloud.provider.check(PROJECT, order(cloud, snapshot.disk), snapshot)
        (missing,) = (check for check in found if not check.ok)
        assert "setLabels" in missing.detail
        with pytest.raises(NotAllowed):
            cloud.provider.create(order(cloud, snapshot.disk))

    def test_a_disk_that_is_gone_is_told(self, cloud: GCECloud) -> None:
        """What is asked for on a disk that does not exist is not granted."""
        asked = order(cloud, cloud.missing_disk(PROJECT))
        missing = [c for c in cloud.provider.check(PROJECT, asked, None) if not c.ok]
        assert len(missing) == 1
        assert "notFound" in missing[0].detail


def test_times_are_googles(cloud: GCECloud, disk: Disk) -> None:
    """Google prints Pacific time; the start is that instant, in UTC."""
    started = datetime.fromisoformat("2026-03-08T09:30:00.123+00:00")
    cloud.seed(disk, started, order(cloud, disk).labels)
    assert [s.started for s in listed(cloud, PROJECT)] == [started]
    assert listed(cloud, PROJECT)[0].started.utcoffset() == timedelta(0)

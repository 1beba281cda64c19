"""Listing on Google Cloud: pages, projects, and disks that share a name."""

from datetime import datetime, timedelta

import pytest

from functions.gcp.listing import PAGE
from shared.model import Disk, Snapshot
from shared.planning.labels import GOOGLE, Labels
from tests.contract.cloud import MemoryRules, existing, order, seed
from tests.contract.passes import BRIDGE, DAY, HOUR, PERIOD, counts, one_pass
from tests.contract.provider import list_one, listed
from tests.emulators.gce import ALWAYS
from tests.functions.gcp.cloud import ELSEWHERE, PAGES, PROJECT, REGION, ZONE, GCECloud, remake


class TestListing:
    def test_says_what_a_snapshot_takes_beside_the_others(
        self, cloud: GCECloud, disk: Disk
    ) -> None:
        """Once it is completed."""
        seed(cloud, disk, HOUR)
        (found,) = listed(cloud, PROJECT)
        assert (2**20, 0) == (found.stored, found.full)

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

    @pytest.mark.parametrize("age", [HOUR, 2 * HOUR, 3 * HOUR])
    def test_a_missing_id_splits_no_history(
        self, cloud: GCECloud, disk: Disk, age: timedelta
    ) -> None:
        """The field is optional: whichever snapshot lacks it, all are this disk's."""
        labels = order(cloud, disk).labels
        for one in (HOUR, 2 * HOUR, 3 * HOUR):
            number = "" if one == age else None
            cloud.seed(disk, cloud.clock.now() - one, labels, disk_id=number)
        assert [s.disk for s in listed(cloud, PROJECT)] == [disk] * 3

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
        assert counts(report) == {"created": 1, "overdue": 1}
        assert [orphans.count for orphans in report.orphans] == [len(old)]

    def test_until_its_first_snapshot_the_earlier_ones_count(
        self, cloud: GCECloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Known limit: only snapshots tell the disk's id, so that the new one waits its turn.

        Its first snapshot comes when the earlier disk's next would have, and until then the
        earlier's expire by the rule, the newest never.
        """
        newest, old = seed(cloud, disk, HOUR / 2), seed(cloud, disk, 400 * DAY)
        seed(cloud, disk, BRIDGE)
        remake(cloud, disk)
        rules.add(disk)
        assert counts(one_pass(cloud, rules)) == {"deleted": 1}
        assert newest in existing(cloud)
        assert old not in existing(cloud)
        cloud.clock.advance(HOUR / 2)
        assert counts(one_pass(cloud, rules)) == {"created": 1}
        cloud.complete()
        cloud.clock.advance(PERIOD)
        assert [orphans.count for orphans in one_pass(cloud, rules).orphans] == [2]

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


def test_times_are_googles(cloud: GCECloud, disk: Disk) -> None:
    """Google prints Pacific time; the start is that instant, in UTC."""
    started = datetime.fromisoformat("2026-03-08T09:30:00.123+00:00")
    cloud.seed(disk, started, order(cloud, disk).labels)
    assert [s.started for s in listed(cloud, PROJECT)] == [started]
    assert listed(cloud, PROJECT)[0].started.utcoffset() == timedelta(0)

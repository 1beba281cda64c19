"""Where disks are of which the cluster tells the name only."""

from typing import Any

import pytest

from shared.errors import (
    UnknownDisk,
)
from shared.model import Disk
from tests.emulators.gce import ALWAYS
from tests.functions.gcp.cloud import (
    ELSEWHERE,
    OTHER_ZONE,
    PROJECT,
    REGION,
    ZONE,
    GCECloud,
    disk_of,
)


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


class TestDoubted:
    """Disks that nothing but a rule names: whoever writes one may write anything."""

    def said(self, cloud: GCECloud, *disks: Disk) -> dict[str, str]:
        found = cloud.disks(projects=()).locate(disks, disks)
        assert all(isinstance(place, UnknownDisk) for place in found.values())
        return {disk.id: str(place) for disk, place in found.items()}

    def test_projects_that_are_not_there_or_closed(self, cloud: GCECloud) -> None:
        """404 and 403 are the rule's; a project that is down, or there, is believed."""
        bogus, closed = disk_of("d", ZONE, "bogus-project"), disk_of("d", ZONE, ELSEWHERE)
        assert self.said(cloud, bogus, closed).keys() == {bogus.id}
        cloud.gce.denied.add(f"{ELSEWHERE}:compute.snapshots.list")
        assert "forbidden" in self.said(cloud, closed)[closed.id]
        cloud.gce.denied.clear()
        cloud.gce.fault("snapshots.list", "backendError", project=ELSEWHERE, times=ALWAYS)
        assert self.said(cloud, closed) == {}

    def test_zones_that_are_not_there(self, cloud: GCECloud) -> None:
        """A list that is incomplete tells of none."""
        bogus, good = disk_of("d", "atlantis-south9-z"), cloud.add_disk(PROJECT)
        assert self.said(cloud, bogus, good).keys() == {bogus.id}
        cloud.gce.unreachable.add(ZONE)
        assert self.said(cloud, bogus, good) == {}

    def test_what_volumes_or_settings_name_is_not_asked_for(self, cloud: GCECloud) -> None:
        there = disk_of("d", ZONE, ELSEWHERE)
        odd = [disk_of("e", ZONE, ELSEWHERE), disk_of("e", ZONE, PROJECT)]
        assert cloud.disks(projects=()).locate([there, *odd], odd) == {}
        assert cloud.gce.calls == []

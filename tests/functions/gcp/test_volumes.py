"""Which persistent disk stands behind a Kubernetes object."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.gcp.volumes import PersistentDisks
from shared.errors import UnknownDisk
from shared.kinds import PersistentVolume
from shared.model import Disk
from tests.shared.objects_builders import Json, affinity, volume

PROJECT = "home-project"
ZONE = "topology.kubernetes.io/zone"
GKE_ZONE = "topology.gke.io/zone"
OLD_ZONE = "failure-domain.beta.kubernetes.io/zone"
KEYS = [ZONE, GKE_ZONE, OLD_ZONE]
DRIVERS = ["pd.csi.storage.gke.io", "gce-pd.csi.storage.gke.io"]
A, B, C = (f"europe-west1-{letter}" for letter in "abc")
LOST = "projects/UNSPECIFIED/zones/UNSPECIFIED/disks/data"
ZONES = [A, "us-central1-ai1a", "europe-west12-c", "northamerica-northeast1-b", "me-central2-a",
         "u-germany-northeast1-a"]  # fmt: skip

BACKEND = PersistentDisks(PROJECT)


def disk_of(item: Json, backend: PersistentDisks = BACKEND) -> Disk | None:
    return backend.from_volume(msgspec.convert(item, PersistentVolume))


def csi(handle: str, driver: str = DRIVERS[0]) -> Json:
    return {"csi": {"driver": driver, "volumeHandle": handle}}


def in_tree(name: Any = "data") -> Json:
    return {"gcePersistentDisk": {"pdName": name}}


def bare(spec: Json, **labels: str) -> Json:
    """Make a volume without node affinity."""
    return volume(spec=spec, zones=(), labels=labels)


def placed(spec: Json, labels: Json, *zones: str) -> Json:
    """Make a volume with labels, and a node affinity for these zones."""
    item = volume(spec=spec, zones=(), labels=labels)
    if zones:
        item["spec"]["nodeAffinity"] = affinity(GKE_ZONE, *zones)
    return item


def here(name: str, project: str = PROJECT) -> Disk:
    return Disk("google", project, name)


def problem_of(item: Json, backend: PersistentDisks = BACKEND) -> UnknownDisk:
    with pytest.raises(UnknownDisk) as caught:
        disk_of(item, backend)
    return caught.value


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("project", "name"),
    [
        ("some-project", f"zones/{A}/disks/pvc-0c1d"),
        ("some-project", "regions/europe-west1/disks/pvc-0c1d"),
        ("example.com:proj-1", f"zones/{A}/disks/a"),
        ("example.com:proj-1", "regions/us-east4/disks/" + "x" * 63),
    ],
)
def test_tells_disks_of_both_drivers(driver: str, project: str, name: str) -> None:
    """Zonal and regional handles of both names of the driver, domain-scoped projects (trap 10)."""
    assert here(name, project) == disk_of(bare(csi(f"projects/{project}/{name}", driver)))


@pytest.mark.parametrize("zone", ZONES)
def test_knows_every_form_of_a_zone(zone: str) -> None:
    """Regions of two digits, sovereign ones and AI zones are zones in handle, label and rule."""
    disk = here(f"zones/{zone}/disks/data")
    assert disk == disk_of(bare(csi(f"projects/{PROJECT}/zones/{zone}/disks/data")))
    assert disk == disk_of(bare(in_tree(), **{ZONE: zone}))
    assert disk == BACKEND.from_spec({"name": "data", "zone": zone})


def test_believes_a_handle_before_labels() -> None:
    """A handle that tells the place is the disk's own address."""
    item = placed(csi(f"projects/p-12345/zones/{A}/disks/data"), {ZONE: B}, C)
    assert here(f"zones/{A}/disks/data", "p-12345") == disk_of(item)


@pytest.mark.parametrize("spec", [in_tree(), csi(LOST)], ids=["in-tree", "unspecified"])
class TestPlaces:
    """Volumes whose own address tells neither project nor zone."""

    @pytest.mark.parametrize("key", KEYS)
    def test_takes_the_zone_from_a_label(self, spec: Json, key: str) -> None:
        """Old and new topology labels tell the zone (trap 10)."""
        assert here(f"zones/{A}/disks/data") == disk_of(placed(spec, {key: A}))

    @pytest.mark.parametrize("key", KEYS)
    def test_takes_the_zone_from_the_node_affinity(self, spec: Json, key: str) -> None:
        """Where there is no label the node affinity tells the zone."""
        item = bare(spec)
        item["spec"]["nodeAffinity"] = affinity(key, A)
        assert here(f"zones/{A}/disks/data") == disk_of(item)

    def test_takes_what_all_agree_on(self, spec: Json) -> None:
        """Labels and node affinity that say the same are one place."""
        item = placed(spec, {ZONE: A, OLD_ZONE: A}, A)
        assert here(f"zones/{A}/disks/data") == disk_of(item)

    @pytest.mark.parametrize(
        ("labels", "zones"),
        [
            ({OLD_ZONE: f"{A}__{B}"}, ()),
            ({ZONE: f"{B}__{A}"}, ()),
            ({}, (A, B)),
            ({ZONE: f"{A}__{B}", OLD_ZONE: f"{B}__{A}"}, (B, A)),
        ],
    )
    def test_tells_regional_disks_by_their_zones(
        self, spec: Json, labels: Json, zones: tuple[str, ...]
    ) -> None:
        """`zone-a__zone-b` in a label, or two zones in the affinity, are a regional disk's."""
        item = placed(spec, labels, *zones)
        assert here("regions/europe-west1/disks/data") == disk_of(item)

    def test_takes_two_terms_for_two_zones(self, spec: Json) -> None:
        """The provisioner writes a term for each zone of a regional disk."""
        item = bare(spec)
        terms = [affinity(GKE_ZONE, zone)["required"]["nodeSelectorTerms"][0] for zone in (A, B)]
        item["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
        assert here("regions/europe-west1/disks/data") == disk_of(item)

    @pytest.mark.parametrize("kept_away", [False, True])
    def test_leaves_the_place_open_where_nothing_tells_it(
        self, spec: Json, kept_away: bool
    ) -> None:
        """With nothing said, or only where it is not, the disk is one that is looked up later."""
        item = bare(spec)
        if kept_away:
            item["spec"]["nodeAffinity"] = affinity(ZONE, A, operator="NotIn")
        assert here("disks/data") == disk_of(item)

    @pytest.mark.parametrize(
        ("labels", "zones"),
        [
            ({ZONE: A, OLD_ZONE: B}, ()),
            ({ZONE: A}, (B,)),
            ({ZONE: A}, (A, B)),
            ({ZONE: f"{A}__{B}"}, (A,)),
            ({ZONE: f"{A}__{B}", OLD_ZONE: f"{A}__{C}"}, ()),
            ({ZONE: f"{A}__{B}"}, (A, C)),
            ({ZONE: f"{A}__us-east4-b"}, ()),
            ({}, (A, "us-east4-b")),
            ({ZONE: A}, ("us-east4-b",)),
        ],
    )
    def test_does_not_choose_where_they_disagree(
        self, spec: Json, labels: Json, zones: tuple[str, ...]
    ) -> None:
        """Different zones are a problem that names what each says, never a guess."""
        problem = problem_of(placed(spec, labels, *zones))
        assert "disagree" in str(problem)
        told = {zone for label in labels.values() for zone in label.split("__")} | {*zones}
        assert all(zone in str(problem.value) for zone in told)

    @pytest.mark.parametrize(
        "zone", ["europe-west1", "europe-west1-", "europe-west1-a\n", "europe-west1-ab", "eu",
                 "EUROPE-WEST1-A", f"{A}__", f"__{A}", f"{A}_{B}", "x" * 100_000]
    )  # fmt: skip
    def test_refuses_what_is_no_zone(self, spec: Json, zone: str) -> None:
        """A label that is no zone of Google's is a problem, whatever else is said."""
        problem = problem_of(placed(spec, {ZONE: zone}, A))
        assert (problem.field, problem.value) == (f"metadata.labels[{ZONE}]", zone)
        assert "is not a zone" in str(problem)

    def test_needs_a_project(self, spec: Json) -> None:
        """Without a project of the function's own there is a problem, never an empty one."""
        problem = problem_of(placed(spec, {ZONE: A}), PersistentDisks(""))
        assert (problem.field, problem.value) == ("project", "")
        assert "GCLOUD_PROJECT" in str(problem)


@pytest.mark.parametrize(
    ("handle", "labels", "disk"),
    [
        (f"projects/UNSPECIFIED/zones/{A}/disks/d", {}, here(f"zones/{A}/disks/d")),
        (f"projects/UNSPECIFIED/zones/{A}/disks/d", {ZONE: B}, here(f"zones/{A}/disks/d")),
        ("projects/other-1/zones/UNSPECIFIED/disks/d", {ZONE: A},
         here(f"zones/{A}/disks/d", "other-1")),
        ("projects/other-1/zones/UNSPECIFIED/disks/d", {}, here("disks/d", "other-1")),
        ("projects/UNSPECIFIED/regions/UNSPECIFIED/disks/d", {OLD_ZONE: f"{A}__{B}"},
         here("regions/europe-west1/disks/d")),
    ],
)  # fmt: skip
def test_fills_in_what_a_handle_leaves_open(handle: str, labels: Json, disk: Disk) -> None:
    """Only the part that is UNSPECIFIED comes from elsewhere."""
    assert disk == disk_of(placed(csi(handle), labels))


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "data",
        "projects/some-project/zones//disks/data",
        "projects/some-project/global/disks/data",
        "projects/some-project/zones/multi-zone/disks/data",
        "projects/some-project/zones/europe-west1/disks/data",
        f"projects/some-project/regions/{A}/disks/data",
        f"projects/some-project/zones/{A}/snapshots/data",
        f"projects/some-project/zones/{A}/disks/data/",
        f"/projects/some-project/zones/{A}/disks/data",
        f"https://www.googleapis.com/compute/v1/projects/some-project/zones/{A}/disks/data",
        "unspecified/unspecified/unspecified",
    ],
)
def test_refuses_what_is_no_handle(handle: str) -> None:
    """A handle that is no disk's is a problem that names field and value."""
    problem = problem_of(bare(csi(handle)))
    assert (problem.field, problem.value) == ("spec.csi.volumeHandle", handle)


NO_NAMES = [
    "",
    "Data",
    "1data",
    "-data",
    "data-",
    "da_ta",
    "da.ta",
    "x" * 64,
    "../../data",
    "da%2f",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_refuses_what_is_no_name(name: str) -> None:
    """A name that Compute Engine would not allow is a problem, wherever it stands."""
    problem = problem_of(bare(in_tree(name), **{ZONE: A}))
    assert (problem.field, problem.value) == ("spec.gcePersistentDisk.pdName", name)
    with pytest.raises(UnknownDisk) as caught:
        BACKEND.from_spec({"name": name, "zone": A})
    assert (caught.value.field, caught.value.value) == ("name", name)


def test_names_a_projects_number_as_such() -> None:
    """Compute Engine takes it, and answers with the ID, so that no snapshot would be the disk's."""
    problem = problem_of(bare(csi(f"projects/123456789012/zones/{A}/disks/data")))
    assert "is a project's number, and its ID is needed (GCLOUD_PROJECT" in str(problem)
    with pytest.raises(UnknownDisk, match="gcloud projects describe"):
        PersistentDisks("123456789012").from_spec({"name": "data", "zone": A})


@pytest.mark.parametrize(
    "project",
    ["p", "Some-Project", "123456789012", "some_project", "a" * 31, "example.com:", ":proj-1",
     "-abcde", "example.com:x:proj-1", "some-project\n"],
)  # fmt: skip
def test_refuses_what_is_no_project(project: str) -> None:
    """A project that cannot be is a problem, in a handle and in a rule."""
    problem = problem_of(bare(csi(f"projects/{project}/zones/{A}/disks/data")))
    assert (problem.field, problem.value) == ("project", project)
    with pytest.raises(UnknownDisk):
        BACKEND.from_spec({"name": "data", "zone": A, "project": project})


@pytest.mark.parametrize(
    "source",
    [
        csi("vol-0123456789abcdef0", "ebs.csi.aws.com"),
        csi("x", "filestore.csi.storage.gke.io"),
        csi("x", "pd.csi.storage.gke.io.evil.example"),
        {"awsElasticBlockStore": {"volumeID": "vol-0123456789abcdef0"}},
        {"hostPath": {"path": "/data"}},
        {},
    ],
)
def test_leaves_other_drivers_alone(source: Json) -> None:
    """A volume of another cloud or driver is none of ours, and no problem."""
    assert disk_of(bare(source)) is None


@pytest.mark.parametrize(
    ("spec", "disk"),
    [
        ({"name": "data", "zone": A}, here(f"zones/{A}/disks/data")),
        ({"name": "data", "region": "europe-west1"}, here("regions/europe-west1/disks/data")),
        ({"name": "data", "zone": A, "region": None}, here(f"zones/{A}/disks/data")),
        ({"name": "data", "zone": A, "project": None}, here(f"zones/{A}/disks/data")),
        ({"name": "data", "zone": A, "project": ""}, here(f"zones/{A}/disks/data")),
        (
            {"name": "data", "zone": A, "project": "example.com:proj-1"},
            here(f"zones/{A}/disks/data", "example.com:proj-1"),
        ),
    ],
)
def test_takes_a_disk_from_a_rule(spec: Json, disk: Disk) -> None:
    """`{name, zone}` and `{name, region}`, perhaps with a project (trap 9: it never validated)."""
    assert disk == BACKEND.from_spec(spec)


WRONG = [5, 0, True, False, ["x"], [], {"name": A}, {}, "", "x" * 100_000, "europe-west1-a\n"]


@pytest.mark.parametrize("field", ["name", "zone", "region", "project"])
@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
def test_refuses_a_wrong_field_of_a_disk(field: str, value: object) -> None:
    """Each field of `spec.disk` that is of a wrong type or form is named, with its value."""
    if (field, value) == ("project", ""):
        return
    place = {"region": value} if field == "region" else {"zone": A}
    with pytest.raises(UnknownDisk) as caught:
        BACKEND.from_spec({"name": "data"} | place | {field: value})
    assert (caught.value.field, caught.value.value) == (field, value)


@pytest.mark.parametrize(
    "spec", [{}, {"name": "data"}, {"name": "data", "zone": A, "region": "europe-west1"},
             {"name": "data", "zone": None, "region": None}, {"zone": A}]
)  # fmt: skip
def test_needs_a_name_and_one_place(spec: Json) -> None:
    """Neither zone nor region, or both, or no name: a problem, never a guess."""
    with pytest.raises(UnknownDisk):
        BACKEND.from_spec(spec)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.sampled_from([A, "europe-west1", "data", PROJECT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
FIELDS = st.sampled_from(["name", "zone", "region", "project"]) | st.text()


@given(st.dictionaries(FIELDS, JSON))
def test_any_json_is_a_disk_or_a_problem(spec: dict[str, Any]) -> None:
    """Whatever stands in `spec.disk`, it is a whole address or an UnknownDisk, nothing else."""
    try:
        disk = BACKEND.from_spec(spec)
    except UnknownDisk:
        return
    assert disk.scope
    assert disk.name.startswith(("zones/", "regions/"))

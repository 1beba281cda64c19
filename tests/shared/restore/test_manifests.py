"""From a snapshot back to a claim: which snapshot, which manifests, and nothing that lives."""

import json
import re
import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from functions.gcp.volumes import PersistentDisks
from shared.errors import RequestError, UnknownDisk
from shared.model import Disk, Snapshot, State
from shared.objects import decode_list
from shared.planning.labels import AWS, CLAIM, CLUSTER, GOOGLE, NAMESPACE, VOLUME, Labels
from shared.restore.choose import find, scopes_of
from shared.restore.manifests import Restore, restore, to_builtins, to_yaml
from shared.restore.origins import Origin, RestoreRequest, parse_restore, read_origins
from shared.sources.file import RulesFile
from shared.sources.mirror import Mirror
from tests.shared import objects_builders as objects
from tests.shared.builders import DAY, HOUR, NOW, OURS, disk, snapshot
from tests.shared.fake_bucket import FakeBucket

ROOT = Path(__file__).parents[3]
DOC = ROOT / "docs" / "restore.md"
LABELS = Labels(AWS, cluster="demo")
ON_GOOGLE = Labels(GOOGLE, cluster="demo")
GOOGLE_DISK = Disk("google", "acme-data", "zones/europe-west1-b/disks/pvc-1")
SHOP_DATA = {NAMESPACE: "shop", CLAIM: "data"}
ID = "snap-0b7c2d9e4f61a8350"
DATA = RestoreRequest(namespace="shop", claim="data")
SPEC = {
    "accessModes": ["ReadWriteOncePod"],
    "capacity": {"storage": "200Gi"},
    "storageClassName": "gp3",
    "volumeMode": "Block",
    "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": objects.VOL},
}


def origins(*items: objects.Json) -> list[Origin]:
    return read_origins(objects.decode(*items), EBSVolumes())


#: The claim shop/data, bound to a volume of 200Gi.
BOUND = origins(objects.volume(spec=SPEC), objects.claim())


def of_data(
    id: str = ID,  # noqa: A002
    age: timedelta = HOUR,
    *,
    on: Disk = objects.DISK,
    state: State = "completed",
    labels: Mapping[str, str] = SHOP_DATA,
) -> Snapshot:
    """Make a snapshot that says it is of the claim shop/data."""
    return snapshot(id, NOW - age, disk=on, state=state, labels={**OURS, **labels})


def made(
    request: RestoreRequest = DATA,
    found: Snapshot | None = None,
    known: list[Origin] = BOUND,
    labels: Labels = LABELS,
    **more: Any,
) -> Restore:
    return restore(request, found or of_data(), known, labels, NOW, **{"size": "200Gi"} | more)


def claim_of(found: Restore) -> dict[str, Any]:
    assert [m["kind"] for m in found.manifests] == [
        "VolumeSnapshotContent",
        "VolumeSnapshot",
        "PersistentVolumeClaim",
    ]
    return found.manifests[2]


def storage(found: Restore) -> str:
    size: str = claim_of(found)["spec"]["resources"]["requests"]["storage"]
    return size


def said(found: Restore, word: str) -> list[str]:
    return [note for note in found.notes if word in note]


# What is asked for


def test_claim_volume_or_disk_is_named() -> None:
    assert DATA == parse_restore(NOW, claim="shop/data")
    assert RestoreRequest(volume="pv-data") == parse_restore(NOW, volume="pv-data")
    assert RestoreRequest(disk="vol-0a") == parse_restore(NOW, disk="vol-0a")


def test_a_time_without_a_zone_is_utc() -> None:
    at = "2026-06-14T18:00"
    for text in (at, f"{at}Z", f"{at}z", "2026-06-14 20:00+02:00", f" {at} "):
        asked = parse_restore(NOW, claim="shop/data", at=text)
        assert asked.at == datetime.fromisoformat(f"{at}:00+00:00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing given"),
        ({"claim": "a/b", "volume": "c"}, "--claim and --volume given"),
        ({"claim": "data"}, "write NAMESPACE/NAME"),
        ({"claim": "a/b/c"}, "write NAMESPACE/NAME"),
        ({"claim": "a.b/c"}, "write NAMESPACE/NAME"),
        ({"claim": "shop/da\nta"}, r"shop/da\nta: write"),
        ({"claim": "shop/" + "x" * 254}, "write NAMESPACE/NAME"),
        ({"volume": "$(reboot)"}, "is no name that Kubernetes takes"),
        ({"disk": " "}, "--disk is empty"),
        ({"claim": "a/b", "snapshot": ""}, "--snapshot is empty"),
        ({"claim": "a/b", "snapshot": ID, "at": "2026-06-14"}, "give one of them"),
        ({"claim": "a/b", "at": "yesterday"}, "is no time; write it as"),
        ({"claim": "a/b", "at": "0001-01-01T00:00+23:59"}, "is no time"),
        ({"claim": "a/b", "at": "2026-06-15T12:00:01Z"}, "lies ahead; it is 2026-06-15 12:00:00"),
        ({"claim": "a/b", "name": "B"}, "--name B: is no name"),
        ({"claim": "a/b", "into": "a.b"}, "--namespace a.b: is no name"),
        ({"claim": "a/b", "size": "200 GB"}, "--size 200 GB: is no size"),
        ({"claim": "a/b", "size": "0"}, "is no size"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)):
        parse_restore(NOW, **arguments)


# Which snapshot


def test_the_newest_completed_one_is_restored() -> None:
    old, newest = of_data("snap-old", DAY), of_data("snap-new", HOUR)
    pending = of_data("snap-pending", timedelta(0), state="pending")
    failed = of_data("snap-failed", timedelta(0), state="failed")
    ahead = of_data("snap-ahead", -HOUR)
    listed = [newest, ahead, pending, old, failed]
    assert newest == find(DATA, listed, BOUND, LABELS, NOW)


def test_a_time_chooses_the_newest_begun_by_then() -> None:
    listed = [of_data(f"snap-{days}", days * DAY) for days in range(1, 6)]
    asked = parse_restore(NOW, claim="shop/data", at=(NOW - 3 * DAY).isoformat())
    assert find(asked, listed, BOUND, LABELS, NOW).id == "snap-3"
    early = parse_restore(NOW, claim="shop/data", at="2026-01-01")
    with pytest.raises(RequestError, match=r"nearest are snap-5 .*, snap-4 .*, snap-3 [^,]*$"):
        find(early, listed, BOUND, LABELS, NOW)


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("snap-nowhere", "is not there, or does not bear our label; the newest are snap-good"),
        ("snap-pending", "is still pending; wait until it is completed; the newest"),
        ("snap-failed", "failed: it is no backup; the newest are snap-good"),
        ("snap-other", "is of disk aws:eu-west-1/vol-0a, not of claim shop/data; the newest"),
    ],
)
def test_a_snapshot_that_would_not_do_says_what_would(id: str, message: str) -> None:  # noqa: A002
    listed = [
        of_data("snap-good"),
        of_data("snap-pending", state="pending"),
        of_data("snap-failed", state="failed"),
        of_data("snap-other", on=disk(), labels={}),
    ]
    asked = parse_restore(NOW, claim="shop/data", snapshot=id)
    with pytest.raises(RequestError, match=re.escape(message)):
        find(asked, listed, BOUND, LABELS, NOW)


def test_a_certain_snapshot_is_found_by_its_id() -> None:
    listed = [of_data("snap-a", DAY), of_data("snap-b")]
    asked = parse_restore(NOW, claim="shop/data", snapshot="snap-a")
    assert listed[0] == find(asked, listed, BOUND, LABELS, NOW)


def test_no_completed_snapshot_says_what_there_is() -> None:
    pending = of_data(state="pending")
    with pytest.raises(RequestError, match="no completed snapshot of claim shop/data: 1 pending"):
        find(DATA, [pending], BOUND, LABELS, NOW)
    with pytest.raises(RequestError, match="check region or project, and the author label"):
        find(DATA, [], BOUND, LABELS, NOW)


def test_snapshots_without_our_label_do_not_count() -> None:
    foreign = snapshot("snap-x", NOW - HOUR, disk=objects.DISK, labels=SHOP_DATA)
    with pytest.raises(RequestError, match="no completed snapshot"):
        find(DATA, [foreign], BOUND, LABELS, NOW)


def test_the_daemons_snapshots_are_found_by_their_disk() -> None:
    daemon = snapshot("snap-x", NOW, disk=objects.DISK, labels={"created-by": "k8s-snapshots"})
    assert daemon == find(DATA, [daemon], BOUND, LABELS, NOW)


def test_labels_tell_where_no_object_does() -> None:
    assert find(DATA, [of_data()], [], LABELS, NOW).id == ID
    volume = of_data(labels={VOLUME: "pv-data"})
    assert find(RestoreRequest(volume="pv-data"), [volume], [], LABELS, NOW) == volume
    for name in (objects.VOL, objects.DISK.id):
        assert find(RestoreRequest(disk=name), [volume], [], LABELS, NOW) == volume


def test_another_clusters_claim_of_the_same_name_is_another_claim() -> None:
    other = of_data(labels=SHOP_DATA | {CLUSTER: "staging"})
    with pytest.raises(RequestError, match="but of cluster staging: set CLUSTER_ID"):
        find(DATA, [other], [], LABELS, NOW)
    # Its disk, though, is the proof that it is ours.
    assert other == find(DATA, [other], BOUND, LABELS, NOW)


def test_without_a_cluster_of_our_own_only_one_may_be_meant() -> None:
    nobody = Labels(AWS)
    one, two = of_data("snap-1"), of_data("snap-2", labels=SHOP_DATA | {CLUSTER: "staging"})
    assert one == find(DATA, [one], [], nobody, NOW)
    with pytest.raises(RequestError, match="several clusters have a claim shop/data: demo, stag"):
        find(DATA, [one, two], [], nobody, NOW)


def test_a_claim_that_names_a_strangers_volume_gets_nothing_of_it() -> None:
    known = origins(
        objects.volume(spec=SPEC, claimed_by=("bank", "ledger")),
        objects.claim("ledger", "bank"),
        objects.claim("data", "shop", volume="pv-data"),
    )
    ledger = of_data(labels={NAMESPACE: "bank", CLAIM: "ledger"})
    with pytest.raises(RequestError, match="no completed snapshot of claim shop/data"):
        find(DATA, [ledger], known, LABELS, NOW)


@given(objects.clusters(), objects.NAMESPACES, objects.NAMES)
def test_no_claim_gets_the_data_of_another_namespace(
    cluster: tuple[list[objects.Json], dict[Disk, str]], namespace: str, name: str
) -> None:
    """Whatever claims say that they are bound to, a disk's namespace is its volume's claimRef's."""
    items, owners = cluster
    known = origins(*items)
    listed = [of_data(f"snap-{on.name}", on=on, labels={}) for on in sorted(owners)]
    request = RestoreRequest(namespace=namespace, claim=name)
    try:
        chosen = find(request, listed, known, LABELS, NOW)
    except RequestError:
        return
    assert owners[chosen.disk] == namespace
    size = RestoreRequest(namespace=namespace, claim=name, size="1Gi")
    assert claim_of(made(size, chosen, known, size=None))["metadata"]["namespace"] == namespace


def test_the_present_disk_comes_before_an_earlier_one() -> None:
    earlier = objects.volume("pv-old", objects.OTHER_VOL, claim_uid="stale")
    known = origins(earlier, objects.volume(spec=SPEC), objects.claim())
    old = of_data("snap-old", HOUR, on=objects.OTHER_DISK)
    present = of_data("snap-present", 2 * HOUR)
    assert present == find(DATA, [old, present], known, LABELS, NOW)
    # Before the present disk there was only the earlier one.
    assert old == find(DATA, [old], known, LABELS, NOW)
    found = made(found=old, known=known)
    assert said(found, "Check: this is an earlier disk; now it is aws:eu-west-1/" + objects.VOL)


def test_the_disk_of_a_claim_that_was_made_anew_is_said_to_be_so() -> None:
    known = origins(objects.volume(claim_uid="stale"), objects.claim(volume=""))
    found = made(found=find(DATA, [of_data()], known, LABELS, NOW), known=known)
    assert said(found, "Check: the disk is that of an earlier claim of the same name.")


def test_on_google_names_that_are_written_alike_are_told_apart_by_the_cluster() -> None:
    items = [
        {"kind": "PersistentVolume", "metadata": {"name": f"pv-{n}"}, "spec": {
            "csi": {"driver": "pd.csi.storage.gke.io",
                    "volumeHandle": f"projects/acme-data/zones/europe-west1-b/disks/{n}"},
            "claimRef": {"namespace": "shop", "name": claim, "uid": "u"}}}
        for n, claim in (("one", "a.b"), ("two", "a-b"))
    ]  # fmt: skip
    listed = [
        of_data(n, on=Disk("google", "acme-data", f"zones/europe-west1-b/disks/{n}"),
                labels={NAMESPACE: "shop", CLAIM: "a-b"})
        for n in ("one", "two")
    ]  # fmt: skip
    known = read_origins(objects.decode(*items), PersistentDisks("acme-data"))
    for n, claim in (("one", "a.b"), ("two", "a-b")):
        asked = RestoreRequest(namespace="shop", claim=claim)
        assert find(asked, listed, known, ON_GOOGLE, NOW).id == n
    asked = RestoreRequest(namespace="shop", claim="a.b")
    found = made(asked, find(asked, listed, [], ON_GOOGLE, NOW), [], ON_GOOGLE)
    assert said(found, "Check: labels are not exact here")


# Where snapshots lie


def test_scopes_are_those_of_the_disks_that_are_asked_for() -> None:
    known = origins(objects.volume(spec=SPEC), objects.claim())
    assert ["eu-west-1"] == scopes_of(DATA, known)
    assert [] == scopes_of(DATA, [])
    assert [] == scopes_of(RestoreRequest(namespace="shop", claim="other"), known)
    assert ["eu-west-1"] == scopes_of(RestoreRequest(disk=objects.VOL), known)
    assert ["us-east-1"] == scopes_of(RestoreRequest(disk="aws:us-east-1/vol-0a"), [])
    assert ["acme-data"] == scopes_of(RestoreRequest(disk=GOOGLE_DISK.id), [])


def test_disks_that_objects_do_not_place_are_located() -> None:
    handle = "projects/UNSPECIFIED/zones/UNSPECIFIED/disks/{}"
    items = [
        {"kind": "PersistentVolume", "metadata": {"name": n}, "spec": {
            "csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": handle.format(n)}}}
        for n in ("found", "lost")
    ]  # fmt: skip
    lost, here = (Disk("google", "acme-data", f"disks/{n}") for n in ("lost", "found"))
    place = Disk("google", "acme-data", "zones/europe-west1-b/disks/found")

    def locate(disks: Any) -> dict[Disk, Disk | UnknownDisk]:
        assert disks == {lost, here}
        return {here: place, lost: UnknownDisk("zone", "", "gone")}

    known = read_origins(objects.decode(*items), PersistentDisks("acme-data"), locate)
    assert {"found": place, "lost": None} == {o.volume: o.disk for o in known}


def test_no_objects_and_no_readable_volume_are_no_failure() -> None:
    assert [] == read_origins(None, EBSVolumes())
    (known,) = origins(objects.volume(handle="not-a-volume", spec=None))
    assert known.disk is None
    assert [] == origins(objects.volume(spec={"csi": {"driver": "nfs", "volumeHandle": "x"}}))


# What is made


def test_the_manifests_are_whole() -> None:
    found = made()
    name = "data-restored-260615-110000"
    assert [
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotContent",
            "metadata": {"name": f"shop.{name}"},
            "spec": {
                "deletionPolicy": "Retain",
                "driver": "ebs.csi.aws.com",
                "source": {"snapshotHandle": ID},
                "sourceVolumeMode": "Block",
                "volumeSnapshotRef": {
                    "apiVersion": "snapshot.storage.k8s.io/v1",
                    "kind": "VolumeSnapshot",
                    "namespace": "shop",
                    "name": name,
                },
            },
        },
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"source": {"volumeSnapshotContentName": f"shop.{name}"}},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {
                "accessModes": ["ReadWriteOncePod"],
                "resources": {"requests": {"storage": "200Gi"}},
                "storageClassName": "gp3",
                "volumeMode": "Block",
                "dataSource": {
                    "apiGroup": "snapshot.storage.k8s.io",
                    "kind": "VolumeSnapshot",
                    "name": name,
                },
            },
        },
    ] == list(found.manifests)
    assert not said(found, "Assumed") + said(found, "Check")


def test_on_google_the_handle_is_the_snapshots_path() -> None:
    found = made(found=of_data("shop-data-1", on=GOOGLE_DISK), known=[], labels=ON_GOOGLE)
    spec = found.manifests[0]["spec"]
    assert spec["source"]["snapshotHandle"] == "projects/acme-data/global/snapshots/shop-data-1"
    assert spec["driver"] == "pd.csi.storage.gke.io"


@pytest.mark.parametrize("driver", ["ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"])
def test_the_volumes_own_driver_makes_the_disk(driver: str) -> None:
    spec = SPEC | {"csi": {"driver": driver, "volumeHandle": objects.VOL}}
    found = made(known=origins(objects.volume(spec=spec), objects.claim()))
    assert found.manifests[0]["spec"]["driver"] == driver


def test_an_in_tree_volume_is_restored_by_the_csi_driver() -> None:
    spec = {"awsElasticBlockStore": {"volumeID": objects.VOL}, "storageClassName": "gp2"}
    known = origins(objects.volume(spec=spec), objects.claim())
    found = made(known=known)
    assert found.manifests[0]["spec"]["driver"] == "ebs.csi.aws.com"
    assert said(found, "gp2 must have the provisioner ebs.csi.aws.com")


def test_from_a_snapshot_alone_what_is_assumed_is_said() -> None:
    found = made(known=[])
    spec = claim_of(found)["spec"]
    assert spec["accessModes"] == ["ReadWriteOnce"]
    assert not {"storageClassName", "volumeMode"} & spec.keys()
    assert "sourceVolumeMode" not in found.manifests[0]["spec"]
    assert len(said(found, "Assumed: ")) == 3
    assert said(found, "Its provisioner must be ebs.csi.aws.com")
    assert said(found, "Found by its labels")


def test_a_claim_tells_what_its_volume_does_not() -> None:
    wanted = objects.claim(volume="")
    wanted["spec"] = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "30Gi"}},
        "storageClassName": "fast",
    }
    spec = claim_of(made(known=origins(wanted), size=None))["spec"]
    assert spec["accessModes"] == ["ReadWriteMany"]
    assert spec["resources"] == {"requests": {"storage": "30Gi"}}
    assert spec["storageClassName"] == "fast"


@pytest.mark.parametrize(
    ("told", "asked", "size"),
    [
        ("100Gi", "", "200Gi"),  # the volume was enlarged since
        ("300Gi", "", "300Gi"),
        (None, "", "200Gi"),
        ("nonsense", "", "200Gi"),
        ("100Gi", "150Gi", "150Gi"),
        ("100Gi", "1Ti", "1Ti"),
    ],
)
def test_the_size_holds_both_snapshot_and_volume(told: str | None, asked: str, size: str) -> None:
    request = RestoreRequest(namespace="shop", claim="data", size=asked)
    found = made(request, size=told)
    assert storage(found) == size
    assert bool(said(found, "Assumed: size")) == (told in (None, "nonsense"))


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [("200G", "200Gi"), ("1023Mi", "1Gi"), ("214748364799", "200Gi"), ("1500m", "2"),
     ("0.5Ti", "513Gi"), ("1e9", "1Gi"), ("999", "1k"), ("9E", "9Ei")],
)  # fmt: skip
def test_sizes_are_compared_as_kubernetes_does(smaller: str, larger: str) -> None:
    spec = SPEC | {"capacity": {"storage": smaller}}
    known = origins(objects.volume(spec=spec), objects.claim())
    assert storage(made(known=known, size=larger)) == larger
    request = RestoreRequest(namespace="shop", claim="data", size=smaller)
    with pytest.raises(RequestError, match=f"--size {smaller} is less than {larger}"):
        made(request, known=known, size=larger)


def test_a_size_that_nothing_tells_is_asked_for() -> None:
    with pytest.raises(RequestError, match="say it with --size"):
        made(known=[], size=None)
    request = RestoreRequest(namespace="shop", claim="data", size="5Gi")
    assert storage(made(request, known=[], size=None)) == "5Gi"


@pytest.mark.parametrize("junk", [None, 7, True, -1, 10**400, "x", [], {}, [[]], {"storage": []}])
def test_what_objects_say_may_be_anything(junk: Any) -> None:
    spec = dict.fromkeys(SPEC, junk) | {"csi": SPEC["csi"], "capacity": {"storage": junk}}
    claim = objects.claim()
    claim["spec"] |= {"resources": junk, "accessModes": junk, "storageClassName": junk}
    found = made(known=origins(objects.volume(spec=spec), claim))
    assert claim_of(found)["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert storage(found) == "200Gi"
    assert yaml.safe_load_all(to_yaml(found))


# Never what lives


@pytest.mark.parametrize("known", [BOUND, []])
def test_the_live_claims_name_is_refused(known: list[Origin]) -> None:
    for asked in (
        RestoreRequest(namespace="shop", claim="data", name="data"),
        RestoreRequest(namespace="shop", claim="data", name="data", into="shop"),
        RestoreRequest(volume="pv-data", name="data"),
        RestoreRequest(disk=objects.VOL, name="data"),
    ):
        with pytest.raises(RequestError, match="claim shop/data is not to be touched"):
            made(asked, known=known)


def test_no_other_live_claims_name_either() -> None:
    known = [*BOUND, *origins(objects.claim("cache", volume=""))]
    with pytest.raises(RequestError, match="claim shop/cache is not to be touched"):
        made(RestoreRequest(namespace="shop", claim="data", name="cache"), known=known)


def test_another_namespace_may_have_the_name() -> None:
    found = made(RestoreRequest(namespace="shop", claim="data", name="data", into="drill"))
    assert claim_of(found)["metadata"] == {"namespace": "drill", "name": "data"}
    assert found.manifests[0]["metadata"] == {"name": "drill.data"}


def test_the_same_question_has_the_same_answer() -> None:
    known = [*BOUND, *origins(objects.claim("data-restored-260615-110000", volume=""))]
    assert made() == made(known=known)
    assert to_yaml(made()) == to_yaml(made(known=known))


def test_a_disk_that_nobody_claimed_needs_a_namespace() -> None:
    etcd = of_data(labels={})
    asked = RestoreRequest(disk=objects.VOL)
    with pytest.raises(RequestError, match="name one with --namespace"):
        made(asked, etcd, [])
    asked = RestoreRequest(disk=objects.VOL, into="kube-system")
    metadata = claim_of(made(asked, etcd, []))["metadata"]
    assert metadata["name"] == f"{objects.VOL}-restored-260615-110000"


def test_a_cloud_without_a_csi_driver_is_refused() -> None:
    with pytest.raises(RequestError, match="no CSI driver is known for disks of other"):
        made(found=of_data(on=Disk("other", "x", "y")))


# Safe to print

TEXTS = st.text(max_size=300)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", fullmatch=True)
DOTTED = st.lists(NAMES, min_size=1, max_size=4).map(
    lambda words: ".".join(words)[:253].strip(".-")
)
VALID = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DISKS = st.sampled_from([objects.DISK, GOOGLE_DISK])


@given(
    namespace=NAMES,
    claim=st.one_of(NAMES, DOTTED, st.sampled_from(["1e3", "0o7", "y", "null", "on", "0x1f"])),
    name=st.one_of(st.just(""), NAMES, DOTTED),
    into=st.one_of(st.just(""), NAMES),
    id=TEXTS.filter(bool),
    on=DISKS,
    junk=TEXTS,
    seconds=st.integers(0, 10**8),
)
def test_anything_makes_valid_manifests_that_touch_nothing(
    namespace: str,
    claim: str,
    name: str,
    into: str,
    id: str,  # noqa: A002
    on: Disk,
    junk: str,
    seconds: int,
) -> None:
    """Names are valid, YAML reads back as it was, the handle is exact, and Retain always."""
    request = RestoreRequest(namespace=namespace, claim=claim, name=name, into=into)
    labels = {NAMESPACE: junk, CLAIM: junk, VOLUME: junk, CLUSTER: junk}
    chosen = of_data(id, timedelta(seconds=seconds), on=on, labels=labels)
    if (into or namespace, name) == (namespace, claim):
        with pytest.raises(RequestError, match="is not to be touched"):
            made(request, chosen, [])
        return
    found = made(request, chosen, [], missing=junk)
    content, volume_snapshot, made_claim = found.manifests
    expected = id if on.provider == "aws" else f"projects/acme-data/global/snapshots/{id}"
    assert content["spec"]["source"] == {"snapshotHandle": expected}
    assert content["spec"]["deletionPolicy"] == "Retain"
    for manifest in found.manifests:
        assert VALID.fullmatch(manifest["metadata"]["name"])
        assert len(manifest["metadata"]["name"]) <= 253
    given_to = {"namespace": into or namespace, "name": made_claim["metadata"]["name"]}
    assert volume_snapshot["metadata"] == made_claim["metadata"] == given_to
    assert given_to != {"namespace": namespace, "name": claim}
    reference = content["spec"]["volumeSnapshotRef"]
    assert {key: reference[key] for key in given_to} == given_to
    assert volume_snapshot["spec"]["source"] == {
        "volumeSnapshotContentName": content["metadata"]["name"]
    }
    text = to_yaml(found)
    assert list(yaml.safe_load_all(text)) == list(found.manifests)
    assert all(line.isprintable() for line in text.splitlines())
    head = text.partition("---\n")[0].splitlines()
    assert all(line.startswith("# ") for line in head)
    assert json.loads(json.dumps(to_builtins(found)))["manifests"]["items"] == list(found.manifests)


@given(claim=TEXTS, volume=TEXTS, namespace=TEXTS)
def test_labels_that_anybody_wrote_make_valid_names_or_are_refused(
    claim: str, volume: str, namespace: str
) -> None:
    labels = {NAMESPACE: namespace, CLAIM: claim, VOLUME: volume}
    try:
        found = made(RestoreRequest(disk=objects.VOL), of_data(labels=labels), [])
    except RequestError:
        assert not VALID.fullmatch(namespace) or len(namespace) > 63 or "." in namespace
        return
    name = claim_of(found)["metadata"]["name"]
    assert VALID.fullmatch(name)
    assert len(name) <= 63
    assert (namespace, name) != (namespace, claim)


@pytest.mark.parametrize("word", ["y", "N", "yes", "null", "1e3", "0o7", "0x1f", "123", "1.5", ""])
def test_texts_that_other_readers_take_for_something_else_are_quoted(word: str) -> None:
    found = made(found=of_data(word))
    assert f'snapshotHandle: "{word}"\n' in to_yaml(found)


def test_names_that_were_cut_stay_distinct() -> None:
    def name(claim: str) -> str:
        request = RestoreRequest(namespace="shop", claim=claim)
        found: str = claim_of(made(request, known=[]))["metadata"]["name"]
        return found

    assert len(name("x" * 60 + "a")) == 63
    long = RestoreRequest(namespace="n" * 63, claim="data", name="x" * 253)
    assert len(made(long, known=[]).manifests[0]["metadata"]["name"]) == 253
    assert name("x" * 60 + "a") != name("x" * 60 + "b")
    assert name("x" * 60 + "a").endswith("-restored-260615-110000")


def test_a_command_quotes_nothing_that_a_shell_obeys() -> None:
    found = made(found=of_data("snap; reboot"))
    assert not [how for _, how in found.commands if "reboot" in how]
    (keep, *_) = [how for _, how in made().commands]
    assert shlex.split(keep)[-1] == "Key=k8s-snapshots-keep,Value=true"
    on_google = made(found=of_data("s-1", on=GOOGLE_DISK), known=[], labels=ON_GOOGLE)
    keep = on_google.commands[0][1]
    assert keep.startswith(
        "gcloud compute snapshots add-labels s-1 --project=acme-data --labels=k8s-"
    )


def test_a_listing_that_lacks_some_is_said_to() -> None:
    assert said(made(missing="no permission"), "newer ones too: no permission")


def test_a_snapshot_dated_a_little_ahead_is_said_to_be() -> None:
    assert said(made(found=of_data(age=-timedelta(minutes=5))), "dated ahead of now")


# The mirror, the examples and the document


def test_the_mirror_tells_all_that_the_cluster_does() -> None:
    """What the mirror keeps is enough: the manifests are the same with the cluster gone."""
    read = RulesFile(str(ROOT / "examples" / "demo-cluster.yaml")).read()
    mirror = Mirror(FakeBucket(), "rules.json", "s3://b/rules.json", objects.KEY)
    mirrored = decode_list(mirror.encode(read), "the mirror")
    assert read_origins(read, EBSVolumes()) == read_origins(mirrored, EBSVolumes())


def example(provider: str) -> str:
    """Restore the first claim of the demo cluster."""
    google = provider == "google"
    file = f"demo-cluster{'-google' if google else ''}.yaml"
    read = RulesFile(str(ROOT / "examples" / file)).read()
    known = read_origins(read, PersistentDisks("acme-data") if google else EBSVolumes())
    labels = ON_GOOGLE if google else LABELS
    (on,) = [o.disk for o in known if o.claim == "postgres-data" and o.disk]
    id = "shop-pvc-postgres-data-150626-110000" if google else ID  # noqa: A001
    request = parse_restore(NOW, claim="shop/postgres-data")
    chosen = find(request, [of_data(id, on=on, labels={})], known, labels, NOW)
    return to_yaml(restore(request, chosen, known, labels, NOW, size="200Gi"))


@pytest.mark.parametrize("provider", ["aws", "google"])
def test_the_examples_are_what_is_printed(provider: str) -> None:
    assert (ROOT / "examples" / "restore" / f"{provider}.yaml").read_text() == example(provider)


def test_the_document_shows_what_is_printed() -> None:
    assert f"```yaml\n{example('aws')}```\n" in DOC.read_text()

"""Which snapshot is restored: the newest that fits, of what is asked for and of nothing else."""

import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given

from functions.gcp.volumes import PersistentDisks
from shared.errors import RequestError
from shared.model import Disk, Snapshot
from shared.planning.labels import (
    AWS,
    CLAIM,
    CLUSTER,
    NAMESPACE,
    TAKEN,
    VOLUME,
    Labels,
    taken,
)
from shared.restore.choose import find, passed_over, scopes_of
from shared.restore.request import RestoreRequest, parse_restore
from shared.restore.volumes import read_cluster_volumes
from tests.shared import objects_builders as objects
from tests.shared.builders import DAY, HOUR, NOW, disk, snapshot
from tests.shared.restore.builders import (
    BOUND,
    DATA,
    GOOGLE_DISK,
    ID,
    LABELS,
    ON_GOOGLE,
    SHOP_DATA,
    SPEC,
    claim_of,
    made,
    of_data,
    origins,
    said,
)


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
        ("snap-nowhere", "is not there, or does not have our label; the newest are snap-good"),
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
    known = read_cluster_volumes(objects.decode(*items), PersistentDisks("acme-data"))
    for n, claim in (("one", "a.b"), ("two", "a-b")):
        asked = RestoreRequest(namespace="shop", claim=claim)
        assert find(asked, listed, known, ON_GOOGLE, NOW).id == n
    asked = RestoreRequest(namespace="shop", claim="a.b")
    found = made(asked, find(asked, listed, [], ON_GOOGLE, NOW), [], ON_GOOGLE)
    assert said(found, "Check: labels are not exact here")


def test_scopes_are_those_of_the_disks_that_are_asked_for() -> None:
    known = origins(objects.volume(spec=SPEC), objects.claim())
    assert ["eu-west-1"] == scopes_of(DATA, known)
    assert [] == scopes_of(DATA, [])
    assert [] == scopes_of(RestoreRequest(namespace="shop", claim="other"), known)
    assert ["eu-west-1"] == scopes_of(RestoreRequest(disk=objects.VOL), known)
    assert ["us-east-1"] == scopes_of(RestoreRequest(disk="aws:us-east-1/vol-0a"), [])


def test_a_disk_that_only_a_rule_names_is_looked_for_where_it_says() -> None:
    """Kubernetes knows no volume of it, as of the disks of kops' etcd."""
    rule = objects.snapshot_rule(**objects.by_disk(objects.OTHER_VOL, "ap-east-1"))
    broken = objects.snapshot_rule("broken", backend="aws", disk={"volumeId": objects.OTHER_VOL})
    other = objects.snapshot_rule("other", backend="google", disk={"name": "d", "zone": "z"})
    strange = objects.with_spec("text", "strange")
    known = origins(objects.volume(), objects.claim(), rule, broken, other, strange)

    wanted = RestoreRequest(disk=objects.OTHER_VOL)
    assert ["ap-east-1"] == scopes_of(wanted, known)
    there = of_data(on=Disk("aws", "ap-east-1", objects.OTHER_VOL), labels={NAMESPACE: "shop"})
    assert there == find(wanted, [there], known, LABELS, NOW)
    assert made(wanted, there, known).manifests[2]["metadata"]["namespace"] == "shop"
    assert ["eu-west-1"] == scopes_of(DATA, known)


def test_a_disk_on_google_is_looked_for_where_its_id_says() -> None:
    assert ["acme-data"] == scopes_of(RestoreRequest(disk=GOOGLE_DISK.id), [])


def test_a_disk_on_google_by_its_bare_name() -> None:
    """As `--only disks=` has it; where two zones or projects have the name, both are told."""
    asked = RestoreRequest(disk="pvc-1")
    here = of_data(on=GOOGLE_DISK)
    other = Disk("google", "acme-data", "zones/europe-west1-c/disks/pvc-1")
    there, strange = of_data("snap-there", on=other), of_data("snap-x", on=other, labels={})
    assert here == find(asked, [here], [], ON_GOOGLE, NOW)
    assert here == find(asked, [here, msgspec.structs.replace(strange, labels={})], [], ON_GOOGLE,
                        NOW)  # fmt: skip
    with pytest.raises(RequestError, match=f"2 disks are called pvc-1: {GOOGLE_DISK.id}, .*-c/"):
        find(asked, [here, there], [], ON_GOOGLE, NOW)
    assert there == find(RestoreRequest(disk=other.id), [here, there], [], ON_GOOGLE, NOW)


# Copies and archived snapshots


def copy(
    id: str = "snap-copy",  # noqa: A002
    age: timedelta = timedelta(0),
    data: timedelta | None = None,
    label: str = "",
) -> Snapshot:
    """Make a copy of a snapshot of shop/data, its volume's id one that a claim has, by chance."""
    text = label if data is None else (NOW - data).isoformat()
    made = of_data(id, age, labels=SHOP_DATA | ({TAKEN: text} if text else {}))
    return msgspec.structs.replace(made, copy=True)


def archived(made: Snapshot) -> Snapshot:
    return msgspec.structs.replace(made, tier="archive")


def test_an_original_goes_before_its_copy() -> None:
    """At the same time of the data, and whatever the time of copying."""
    original = of_data("snap-a", DAY)
    for data in (DAY, 2 * DAY, None):
        assert original == find(DATA, [copy(data=data), original], BOUND, LABELS, NOW)


def test_a_copy_is_restored_where_nothing_else_is() -> None:
    """By its labels; its time is that of its data."""
    found = find(DATA, [copy("snap-1", data=3 * DAY), copy("snap-2", data=2 * DAY), copy()],
                 BOUND, LABELS, NOW)  # fmt: skip
    assert (found.id, found.started, found.copy) == ("snap-2", NOW - 2 * DAY, True)
    assert find(DATA, [copy()], BOUND, LABELS, NOW).id == "snap-copy"


def test_a_time_chooses_copies_by_their_data() -> None:
    """One that does not say of when its data is answers no time."""
    asked = parse_restore(NOW, claim="shop/data", at=(NOW - 3 * DAY).isoformat())
    listed = [copy("snap-1", data=4 * DAY), copy("snap-2", data=2 * DAY), copy("snap-3", 9 * DAY)]
    assert find(asked, listed, BOUND, LABELS, NOW).id == "snap-1"
    with pytest.raises(RequestError, match="no completed snapshot"):
        find(asked, listed[1:], BOUND, LABELS, NOW)


@pytest.mark.parametrize("label", ["", "yesterday", "0001-01-01T00:00:00+14:00", "2026-06-31"])
def test_a_label_that_tells_no_time_is_none(label: str) -> None:
    made = copy("snap-1", HOUR, label=label)
    assert taken(made) is None
    assert find(DATA, [made], BOUND, LABELS, NOW).started == NOW - HOUR


def test_a_copy_is_of_no_disk() -> None:
    """Its volume's id may be that of a volume which lives."""
    stray = msgspec.structs.replace(copy(), labels={"created-by": "k8s-snapshots"})
    with pytest.raises(RequestError, match="no completed snapshot of claim shop/data"):
        find(DATA, [stray], BOUND, LABELS, NOW)
    for request in (parse_restore(NOW, disk=objects.VOL, snapshot="snap-copy"),
                    parse_restore(NOW, claim="shop/other", snapshot="snap-copy")):  # fmt: skip
        with pytest.raises(RequestError, match="snap-copy is a copy, and its labels do not name"):
            find(request, [copy()], BOUND, LABELS, NOW)
    asked = parse_restore(NOW, claim="shop/data", snapshot="snap-copy")
    assert find(asked, [copy()], BOUND, LABELS, NOW).id == "snap-copy"


def test_what_is_there_at_once_goes_before_the_archive() -> None:
    """And what is newer and archived is named; alone it is restored all the same."""
    old, new = of_data("snap-old", DAY), archived(of_data("snap-new", HOUR))
    listed = [old, new, archived(of_data("snap-older", 2 * DAY)), copy(data=timedelta(0))]
    chosen = find(DATA, listed[:3], BOUND, LABELS, NOW)
    assert chosen == old
    assert [new] == passed_over(DATA, chosen, listed[:3], BOUND, LABELS, NOW)
    assert ["snap-copy"] == [s.id for s in passed_over(DATA, chosen, listed, BOUND, LABELS, NOW)]
    assert new == find(DATA, [new], BOUND, LABELS, NOW)
    asked = parse_restore(NOW, claim="shop/data", snapshot="snap-new")
    assert new == find(asked, listed, BOUND, LABELS, NOW)
    assert [] == passed_over(asked, new, listed, BOUND, LABELS, NOW)

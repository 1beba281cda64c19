"""The mirror: what it holds, what is read of it, and when it is written."""

import gzip
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access.connect import kubeconfig_client
from shared.errors import ClusterError
from shared.kinds import GROUP, WINDOW
from shared.objects import Objects
from shared.sources.cluster import Cluster
from shared.sources.mirror import Mirror
from tests.emulators.kube import Kube
from tests.shared.fake_bucket import KEY, MIRROR, FakeBucket, storage_in
from tests.shared.objects_builders import (
    DELTAS,
    annotated,
    by_disk,
    claim,
    clusters,
    decode,
    namespace,
    rules_of,
    snapshot_policy,
    snapshot_rule,
    storage_class,
    uid,
    volume,
    with_spec,
)

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def mirror(bucket: FakeBucket | None = None) -> Mirror:
    return storage_in(bucket or FakeBucket()).mirror


def reread(objects: Objects) -> Objects:
    bucket = FakeBucket()
    bucket.put(MIRROR, mirror().encode(objects), None)
    return mirror(bucket).read()


def rules(objects: Objects) -> list[Any]:
    found = rules_of(objects)
    return [found.rules, [(p.severity, p.source, p.disk, p.rule) for p in found.problems],
            found.skipped]  # fmt: skip


ITEMS = [
    volume(deltas="PT1H P1D", labels={"topology.kubernetes.io/zone": "eu-west-1a", "team": "a"}),
    claim(deltas="PT1H P2D"),
    snapshot_rule(deltas="P1D P7D", persistentVolumeClaim="data"),
    snapshot_rule("mangled", deltas=["P1D"], persistentVolumeClaim="data"),
    with_spec("nonsense", "broken"),
    claim("unbound", volume="", deltas="PT1H P1D"),
    {"kind": "PersistentVolumeClaim", "metadata": {"name": "odd", "namespace": "shop"}, "spec": 5},
    {"kind": "PersistentVolume", "metadata": {"name": "pv-odd"}, "spec": {"csi": "x"}},
    {"kind": "Namespace", "metadata": {"name": "odd", "annotations": 5}},
    {"kind": "StorageClass", "metadata": {"name": "odd", "annotations": 5}},
    {"kind": "SnapshotPolicy", "metadata": {"name": "odd", "annotations": 5}, "spec": {}},
]


def test_gives_the_same_rules_and_problems() -> None:
    """What is read of the mirror is what was read of the cluster, malformed objects too."""
    objects = decode(*ITEMS)
    assert rules(objects) == rules(reread(objects))


@given(clusters(), st.data())
@settings(max_examples=100, deadline=None)
def test_gives_the_same_rules_of_any_cluster(found: Any, data: st.DataObject) -> None:
    """Whatever claims, volumes and rules say of each other; and written twice it is the same."""
    items, _ = found
    objects = decode(*items)
    again = reread(objects)
    assert rules(objects) == rules(again)
    assert mirror().encode(objects) == mirror().encode(again)


def test_holds_only_what_is_read() -> None:
    """No other annotation, label or field leaves the cluster."""
    item = volume(deltas="PT1H P1D", labels={"topology.kubernetes.io/zone": "z", "team": "secret"})
    item["metadata"]["annotations"][LAST_APPLIED] = "secret"
    item["metadata"]["resourceVersion"] = "secret"
    item["status"] = {"phase": "secret"}
    item["spec"]["csi"]["volumeAttributes"] = {"key": "secret"}
    rule = snapshot_rule(deltas="P1D P7D", persistentVolumeClaim="data", notes="secret")
    text = mirror().encode(decode(item, rule))
    assert b"secret" not in text
    found = json.loads(text)
    assert ("v1", "List") == (found["apiVersion"], found["kind"])
    assert [KEY] == list(found["items"][0]["metadata"]["annotations"])


def test_holds_windows() -> None:
    """A pass that goes by the mirror waits for the same windows."""
    fields = [{"start": "01:00", "end": "05:00"}]
    items = [
        annotated(volume(deltas=DELTAS), window="01:00-05:00"),
        annotated(claim(deltas=DELTAS), window="not 08:00-20:00"),
        snapshot_rule(window=fields, **by_disk()),
    ]
    objects = decode(*items)
    found = rules_of(objects).rules
    assert 3 == len([rule for rule in found if rule.window])
    assert found == rules_of(reread(objects)).rules


@pytest.mark.parametrize("prefix", ["topology.kubernetes.io", "failure-domain.beta.kubernetes.io"])
def test_holds_the_labels_that_place_a_volume(prefix: str) -> None:
    """An old in-tree volume without node affinity has its zone nowhere else."""
    source = {"awsElasticBlockStore": {"volumeID": "vol-0aaaaaaaaaaaaaaa1"}}
    labels = {f"{prefix}/zone": "eu-west-1a", f"{prefix}/region": "eu-west-1", "team": "a"}
    item = volume(deltas="PT1H P1D", claimed_by=None, zones=(), labels=labels, spec=source)
    objects = decode(item)
    assert ["eu-west-1"] == [rule.disk.scope for rule in rules_of(objects).rules]
    assert rules(objects) == rules(reread(objects))
    held = json.loads(mirror().encode(objects))["items"][0]["metadata"]["labels"]
    assert labels.keys() - {"team"} == held.keys()


@pytest.mark.parametrize(("age", "written"), [(0, False), (599, False), (600, True)])
def test_is_touched_where_it_is_old(age: int, written: bool) -> None:
    """Or one that stays the same would look stale."""
    bucket = FakeBucket()
    data = mirror(bucket).encode(decode(*ITEMS))
    mirror(bucket).renew(data, None, timedelta(seconds=600))
    bucket.clock.sleep(age)
    mirror(bucket).renew(data, mirror(bucket).load(), timedelta(seconds=600))
    assert 1 + written == bucket.puts().count(MIRROR)


def test_is_not_written_over_what_came_meanwhile() -> None:
    """Another pass found none either, and was quicker."""
    bucket = FakeBucket()
    bucket.put(MIRROR, b"another's", None)
    mirror(bucket).renew(b"mine", None, timedelta(seconds=600))
    assert b"another's" == bucket.objects[MIRROR][0]


def test_holds_what_restore_reads() -> None:
    """Size, class and modes of claims and volumes, whatever shape they have."""
    item = claim(deltas="PT1H P1D")
    item["spec"] |= {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}},
        "storageClassName": "gp3",
        "volumeMode": "Filesystem",
    }
    held = json.loads(mirror().encode(decode(item)))["items"][0]
    assert item["spec"] == held["spec"]
    assert uid("shop", "data") == held["metadata"]["uid"]


def test_is_compressed_by_its_name_and_read_by_its_content() -> None:
    """`.gz` writes gzip; what is read may be either, whatever it is called."""
    bucket = FakeBucket()
    packed = Mirror(bucket, "rules.json.gz", "s3://bucket/rules.json.gz", (KEY, WINDOW))
    data = packed.encode(decode(*ITEMS))
    packed.renew(data, None, msgspec.UNSET)  # type: ignore[arg-type]
    assert data == gzip.decompress(bucket.objects["rules.json.gz"][0])
    assert len(bucket.objects["rules.json.gz"][0]) < len(data) / 2
    for name in ("rules.json", "rules.json.gz"):
        for stored in (data, gzip.compress(data)):
            bucket.put(name, stored, None)
            read = Mirror(bucket, name, f"s3://bucket/{name}", (KEY, WINDOW)).read()
            assert rules(decode(*ITEMS)) == rules(read)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"kind": "List", "items": [', "not JSON"),
        (gzip.compress(b'{"items": []}', mtime=0)[:-9], "torn"),
        (b"\x1f\x8bnonsense", "torn"),
        (b"<html>log in</html>", "not JSON"),
        (b'{"kind": "ConfigMap"}', "not a List"),
        (b'{"kind": "List", "items": [{"kind": "Secret", "metadata": {}}]}', "other things"),
        (gzip.compress(b" " * 401_000_000, 1, mtime=0), "too large"),
    ],
)
def test_a_torn_or_foreign_one_is_an_error(data: bytes, why: str) -> None:
    """It is never taken for a cluster without rules."""
    bucket = FakeBucket()
    bucket.put(MIRROR, data, None)
    with pytest.raises(ClusterError, match=why):
        mirror(bucket).read()


def test_an_empty_list_is_an_empty_cluster() -> None:
    """As kubectl prints one that has neither volumes nor claims."""
    bucket = FakeBucket()
    bucket.put(MIRROR, b'{"kind": "List", "items": []}', None)
    assert 0 == mirror(bucket).read().count()


@pytest.mark.parametrize("wanted", [("namespaces",), ("storageclasses",)])
def test_claims_without_namespaces_are_an_older_versions(wanted: tuple[str, ...]) -> None:
    """No cluster is without one; but where nothing asks for them they are not there either."""
    bucket = FakeBucket()
    bucket.put(MIRROR, mirror().encode(decode(volume(), claim())), None)
    found = storage_in(bucket, defaults=wanted).mirror.read()
    assert (wanted == ("namespaces",)) == bool(found.refused)


def test_a_missing_one_says_who_writes_it() -> None:
    """Neither a pass nor a CronJob has yet."""
    with pytest.raises(ClusterError, match="CronJob"):
        mirror().read()


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
def test_reads_what_kubectl_prints(tmp_path: Path) -> None:
    """The real kubectl against an API gives the rules that the function reads there itself."""
    with Kube(tls=True) as kube:
        kube.load(Path("examples/demo-cluster.yaml"))
        config = kube.kubeconfig(tmp_path / "kubeconfig")
        names = f"pv,pvc,ns,sc,snapshotrules.{GROUP},snapshotpolicies.{GROUP}"
        done = subprocess.run(
            ["kubectl", "--kubeconfig", str(config), "get", names, "-A", "-o", "json"],
            capture_output=True, check=False, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:"
                                                   "/usr/local/bin"},
        )  # fmt: skip
        assert b"" == done.stderr
        bucket = FakeBucket()
        bucket.put(MIRROR, done.stdout, None)
        live = Cluster(lambda: kubeconfig_client(str(config))).read()
    assert rules(live) == rules(mirror(bucket).read())
    assert rules(live)[0]


def test_is_the_same_in_whatever_order_the_cluster_lists() -> None:
    """Also of objects that share a name, and cannot be read: or it would be written each time."""
    odd = [
        {"kind": kind, "metadata": {"name": "data", "namespace": "shop"}, "spec": 5}
        for kind in ("PersistentVolumeClaim", "SnapshotRule")
    ]
    items = [*odd, claim("data", "web", deltas="PT1H P1D"),
             snapshot_rule("data", "web", deltas="P1D P7D", persistentVolumeClaim="x")]  # fmt: skip
    assert mirror().encode(decode(*items)) == mirror().encode(decode(*reversed(items)))


def test_each_object_has_its_apis_version() -> None:
    """As kubectl prints it."""
    items = [volume(), claim(), namespace(deltas=DELTAS), storage_class(deltas=DELTAS),
             snapshot_rule(), snapshot_policy()]  # fmt: skip
    written = json.loads(mirror().encode(decode(*items)))["items"]
    assert {
        "PersistentVolume": "v1", "PersistentVolumeClaim": "v1", "Namespace": "v1",
        "StorageClass": "storage.k8s.io/v1", "SnapshotRule": f"{GROUP}/v1",
        "SnapshotPolicy": f"{GROUP}/v1",
    } == {item["kind"]: item["apiVersion"] for item in written}  # fmt: skip
    assert {"Namespace", "StorageClass"} == {i["kind"] for i in written if "spec" not in i}

"""The manifests as kubectl applies them, and the commands under just the rights that they grant.

Against a real kube-apiserver and etcd, with the stand-in of EC2.
"""

import base64
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import shared.sources.cluster
from shared.sources.api import API
from tests.emulators.ec2 import EC2
from tests.real_apiserver import (
    ADMIN,
    MANIFESTS,
    NEEDED,
    READER,
    RULES,
    ApiServer,
    kubectl,
    plain,
    until,
)
from tests.shared.objects_builders import VOL, claim, snapshot_policy, snapshot_rule, volume

pytestmark = NEEDED
ROOT = MANIFESTS.parent
CRDS = os.environ.get("VOLUMESNAPSHOT_CRDS", "")
VOLUMES = "/api/v1/persistentvolumes"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Serve a cluster in which kubectl has applied the CRDs, the role, and some objects."""
    with ApiServer(tmp_path_factory.mktemp("apiserver")) as served:
        admin = served.kubeconfig("admin", ADMIN)
        for name in ("crd.yaml", "rbac.yaml"):
            # An API server before 1.25 does not know the rules in CEL.
            kubectl(admin, "apply", "--validate=false", "-f", str(MANIFESTS / name))
        until(lambda: {200} == {
            served.request("GET", f"{RULES}/{kind}", token=READER)[0]
            for kind in ("snapshotrules", "snapshotpolicies")
        })  # fmt: skip
        kubectl(admin, "create", "namespace", "shop")
        bind(served)
        yield served


def bind(served: ApiServer) -> None:
    """Bind a claim to a volume of EC2, as the controllers of a cluster do."""
    wanted = claim(labels={"app": "db"})
    wanted["spec"] |= {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3",
                       "resources": {"requests": {"storage": "1Gi"}}}  # fmt: skip
    served.add("/api/v1/namespaces/shop/persistentvolumeclaims", plain(wanted))
    _, made = served.request("GET", "/api/v1/namespaces/shop/persistentvolumeclaims/data")
    bound = volume(claim_uid=made["metadata"]["uid"], storage_class="gp3")
    bound["spec"] |= {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    served.add(VOLUMES, plain(bound))
    rule = snapshot_rule(claimSelector={"matchLabels": {"app": "db"}}, deltas="PT1H P1D P30D")
    served.add(f"{RULES}/namespaces/shop/snapshotrules", plain(rule))
    served.add(f"{RULES}/snapshotpolicies", plain(snapshot_policy("gold", volumes="unclaimed")))


@pytest.fixture(scope="module")
def ec2() -> Iterator[EC2]:
    with EC2() as found:
        found.add_volume("eu-west-1", volume_id=VOL)
        yield found


class Machine:
    """A workstation with an AWS and this cluster in reach, and the function's own rights."""

    def __init__(self, api: ApiServer, ec2: EC2) -> None:
        config = str(api.kubeconfig("function", READER))
        self.environment = {"PATH": os.environ["PATH"], "KUBE_CONFIG_FILE": config}
        self.environment |= {"CLUSTER_ID": "demo", "WRITE_STATUS": "true"} | ec2.environment()

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "functions.aws", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def machine(api: ApiServer, ec2: EC2) -> Machine:
    return Machine(api, ec2)


def test_without_the_second_manifest_status_and_events_are_refused(machine: Machine) -> None:
    """`check` says which manifest grants them; a pass goes on without."""
    for said in (machine.run("check", status=2), machine.run("reconcile")):
        assert "as manifests/rbac-status.yaml does" in " ".join(said.split())


def test_every_command_runs_under_the_manifests_own_rights(
    api: ApiServer, ec2: EC2, machine: Machine, tmp_path: Path
) -> None:
    """Each command ends as documented, with just the rights that the manifests grant."""
    kubectl(api.kubeconfig("admin", ADMIN), "apply", "-f", str(MANIFESTS / "rbac-status.yaml"))
    path = f"{RULES}/namespaces/shop/snapshotrules/nightly/status?dryRun=All"
    until(lambda: api.request("PATCH", path, None, token=READER)[0] != 403)
    ec2.complete()
    ec2.age(timedelta(hours=2))
    for arguments in (
        ["check"],
        ["plan"],
        ["reconcile"],
        ["backfill", "--force", "--only", "namespaces=shop"],
        ["status"],
        ["coverage"],
        ["explain", "--claim", "shop/data"],
        ["list", "--claim", "shop/data"],
        ["html", str(tmp_path / "report.html")],
        ["metrics", "--file", str(tmp_path / "x.prom")],
        ["adopt"],
        ["restore", "--claim", "shop/data"],
    ):
        said = machine.run(*arguments)
        ec2.complete()
        if arguments == ["reconcile"]:
            ec2.age(timedelta(minutes=5))
        assert "Traceback" not in said
        assert "forbidden" not in said


def test_a_pass_writes_status_and_events(api: ApiServer, machine: Machine) -> None:
    """The rule's status tells its snapshots; a typo in an annotation is an Event on the claim."""
    admin = api.kubeconfig("admin", ADMIN)
    kubectl(admin, "-n", "shop", "annotate", "pvc", "data", "backup.kubernetes.io/deltas=P1O")
    machine.run("reconcile")
    shown = kubectl(admin, "-n", "shop", "get", "sr", "nightly", "-o", "json")
    status = json.loads(shown)["status"]
    assert status["snapshots"] >= 1
    assert "Ready" == status["conditions"][0]["type"]
    events = json.loads(kubectl(admin, "-n", "shop", "get", "events", "-o", "json"))["items"]
    assert ["data"] == [event["involvedObject"]["name"] for event in events]
    assert "P1O" in events[0]["message"]
    kubectl(admin, "-n", "shop", "annotate", "pvc", "data", "backup.kubernetes.io/deltas-")


@pytest.mark.skipif(not CRDS, reason="VOLUMESNAPSHOT_CRDS names no folder with the definitions of "
                    "kubernetes-csi/external-snapshotter")  # fmt: skip
def test_what_restore_prints_is_taken(api: ApiServer, machine: Machine) -> None:
    """VolumeSnapshotContent, VolumeSnapshot and claim are applied, and refer to each other."""
    admin = api.kubeconfig("admin", ADMIN)
    kubectl(admin, "apply", "--validate=false", "-f", CRDS)
    group = "/apis/snapshot.storage.k8s.io/v1"
    until(lambda: api.status(f"{group}/volumesnapshotcontents") == 200)
    printed = machine.run("restore", "--claim", "shop/data", "--name", "restored")
    printed = printed[printed.index("apiVersion") :]
    kubectl(admin, "apply", "--validate=false", "-f", "-", given=printed)
    kinds = {item["kind"]: item for item in yaml.safe_load_all(printed)}
    content = kinds["VolumeSnapshotContent"]
    found = kubectl(
        admin, "get", "volumesnapshotcontent", content["metadata"]["name"], "-o", "json"
    )
    assert content["spec"] == json.loads(found)["spec"]
    made = json.loads(kubectl(admin, "-n", "shop", "get", "pvc", "restored", "-o", "json"))
    assert "VolumeSnapshot" == made["spec"]["dataSource"]["kind"]


def test_a_list_that_expires_in_the_middle_is_begun_again(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compaction of etcd between two pages: 410, and all is read, each object once."""
    monkeypatch.setattr(shared.sources.cluster, "FIRST_PAGE", 2)
    for number in range(7):
        made = volume(f"pv-{number}", claimed_by=None)
        made["spec"] |= {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
        api.add(VOLUMES, plain(made))
    pages, fetch = [], API.page

    def page(self: API, path: str, resource: str, query: Any) -> Any:
        found = fetch(self, path, resource, query)
        if path == VOLUMES:
            pages.append(dict(query))
            if len(pages) == 1:
                _compact(api)
        return found

    monkeypatch.setattr(API, "page", page)
    names = [found.metadata.name for found in api.reader().read().volumes]
    assert [f"pv-{n}" for n in range(7)] + ["pv-data"] == [n for n in names if n != "pv-later"]
    assert 2 <= sum("continue" not in query for query in pages)


def _compact(api: ApiServer) -> None:
    """Let etcd forget all but now, as an API server does every five minutes."""
    made = volume("pv-later", claimed_by=None)
    made["spec"] |= {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    api.add(VOLUMES, plain(made))
    api.request("DELETE", f"{VOLUMES}/pv-later")
    key = base64.b64encode(b"x").decode()
    revision = api.etcd("range", {"key": key})["header"]["revision"]
    api.etcd("compaction", {"revision": revision, "physical": True})


def test_reads_twenty_thousand_volumes(api: ApiServer) -> None:
    """Within a hundred megabytes; they are written into etcd as the API server writes them."""
    _, one = api.request("GET", f"{VOLUMES}/pv-0")
    text = json.dumps({"kind": "PersistentVolume", "apiVersion": "v1"} | one)

    def put(number: int) -> None:
        operations = []
        for n in range(number, number + 100):
            item = text.replace("pv-0", f"pw-{n:05}").encode()
            key = base64.b64encode(f"/registry/persistentvolumes/pw-{n:05}".encode()).decode()
            value = base64.b64encode(item).decode()
            operations.append({"requestPut": {"key": key, "value": value}})
        api.etcd("txn", {"success": operations})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(0, 20_000, 100)))
    tracemalloc.start()
    objects = api.reader().read()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 20_000 == sum(v.metadata.name.startswith("pw-") for v in objects.volumes)
    assert most < 100_000_000
    assert objects.problems == []

"""A cluster with one volume on each cloud, the daemon's history of it, and passes over both."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from functions.aws import wiring as aws
from functions.gcp import wiring as gcp
from shared.model import Snapshot
from shared.passes.run import run
from shared.passes.world import Ports
from shared.planning.actions import Plan
from shared.reports.schema import Report
from shared.request import Mode, Only, Request
from shared.settings import Settings
from shared.sources.file import RulesFile
from tests.clock import VirtualClock
from tests.emulators.ec2 import EC2
from tests.emulators.gce import GCE
from tests.migrating.daemon import Calls, Daemon, description, history, name_of

Json = dict[str, Any]

KEY = "backup.kubernetes.io/deltas"
VOLUME = "pvc-01f74065-8fe9-11e6-abdd-42010af00148"
REGION, ZONE, PROJECT = "eu-west-1", "europe-west1-b", "my-project"
VOL, PD = "vol-00292b2da3d4ed1e4", "gke-data"
CREATED_BY = {"created-by": "k8s-snapshots"}
NOTHING: Mapping[str, str] = {}
#: Where a rule may stand, and the name that the daemon gives it.
PLACES = {
    "volume": f"pv-{VOLUME}",
    "claim": "shop-pvc-data",
    "rule of a claim": "shop-rule-nightly",
    "rule of a disk": "shop-rule-nightly",
}


class Site:
    """One cloud and one cluster, its rules in a file as kubectl prints them."""

    spec: ClassVar[Json]
    #: `spec.backend` and `spec.disk` of the volume's disk.
    disk: ClassVar[Json]
    #: The disk as `--only disks=` takes it.
    disk_name: str
    calls: Calls

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.clock, self.path = clock, folder / "cluster.json"
        self._built: dict[str, tuple[Settings, Ports]] = {}

    def build(self, environ: Mapping[str, str]) -> tuple[Settings, Ports]:
        raise NotImplementedError

    def seed(
        self, started: datetime, name: str, text: str, labels: Mapping[str, str] = CREATED_BY
    ) -> str:
        raise NotImplementedError

    def complete(self) -> None:
        raise NotImplementedError

    def times(self) -> dict[str, datetime]:
        """Tell all snapshots of the disk, anybody's."""
        raise NotImplementedError

    def write(self, **rules: str) -> None:
        """Write the cluster: deltas by the places of `PLACES`, blanks being underscores."""
        wanted = {place.replace("_", " "): deltas for place, deltas in rules.items()}
        volume: Json = {"name": VOLUME, "annotations": {"pv.kubernetes.io/provisioned-by": "x"}}
        claim: Json = {"name": "data", "namespace": "shop", "uid": "u-1", "annotations": {}}
        ref = {"namespace": "shop", "name": "data", "uid": "u-1"}
        items: list[Json] = [
            {"kind": "PersistentVolume", "metadata": volume, "spec": self.spec | {"claimRef": ref}},
            {"kind": "PersistentVolumeClaim", "metadata": claim, "spec": {"volumeName": VOLUME}},
        ]
        targets = {
            "rule of a claim": {"persistentVolumeClaim": "data"},
            "rule of a disk": self.disk,
        }
        for place, deltas in wanted.items():
            if place in targets:
                metadata = {"name": "nightly", "namespace": "shop"}
                spec = {"deltas": deltas} | targets[place]
                items.append({"kind": "SnapshotRule", "metadata": metadata, "spec": spec})
            else:
                {"volume": volume, "claim": claim}[place]["annotations"][KEY] = deltas
        self.write_items(*items)

    def write_items(self, *items: Json) -> None:
        self.path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*items]}))

    def leave(
        self,
        rule: str,
        deltas: str,
        days: int,
        *,
        age: timedelta = timedelta(minutes=20),
        labels: Mapping[str, str] = CREATED_BY,
    ) -> set[str]:
        """Leave behind the daemon's snapshots of so many days, the newest of this age."""
        newest = self.clock.now() - age
        return {
            self.seed(at, name_of(rule, at), description(rule, deltas), labels)
            for at in (newest - back for back in history(deltas, days))
        }

    def daemon(self, rule: str, deltas: str) -> Daemon:
        return Daemon(self.calls, self.clock.now, rule, deltas)

    def run(
        self, mode: Mode = "reconcile", allow: bool = False, environ: Mapping[str, str] = NOTHING
    ) -> Report:
        """Run a pass as the function and the command line do."""
        return self.outcome(mode, allow, environ)[0]

    def outcome(
        self, mode: Mode = "reconcile", allow: bool = False, environ: Mapping[str, str] = NOTHING
    ) -> tuple[Report, Plan]:
        key = json.dumps({**environ})
        if key not in self._built:
            settings, ports = self.build({"CLUSTER_ID": "production", **environ})
            self._built[key] = settings, ports._replace(clock=self.clock)
        only = Only(disks=(self.disk_name,)) if allow else Only()
        request = Request(mode=mode, only=only, release_holds=allow)
        done = run(request, *self._built[key])
        return done.report, done.plan

    def listed(self) -> list[Snapshot]:
        """List as a pass does."""
        ports = self.build({"CLUSTER_ID": "production"})[1]
        return [s for x in ports.provider.list([self.scope]) for s in x.snapshots]

    @property
    def scope(self) -> str:
        raise NotImplementedError


class AWS(Site):
    """An in-tree EBS volume of a cluster of that time."""

    spec: ClassVar[Json] = {
        "awsElasticBlockStore": {"volumeID": f"aws://{REGION}a/{VOL}", "fsType": "ext4"}
    }
    disk: ClassVar[Json] = {"backend": "aws", "disk": {"region": REGION, "volumeId": VOL}}
    disk_name, scope = VOL, REGION

    def __init__(self, folder: Path, clock: VirtualClock, ec2: EC2) -> None:
        super().__init__(folder, clock)
        self.ec2, self.calls = ec2, AWSCalls(ec2)
        ec2.clock = clock.now
        ec2.add_volume(REGION, volume_id=VOL)

    def build(self, environ: Mapping[str, str]) -> tuple[Settings, Ports]:
        return aws.build({**self.ec2.environment(REGION), **environ}, RulesFile(str(self.path)))

    def seed(
        self, started: datetime, name: str, text: str, labels: Mapping[str, str] = CREATED_BY
    ) -> str:
        return self.ec2.add_snapshot(REGION, VOL, started=started, tags=labels, description=name)

    def complete(self) -> None:
        self.ec2.complete()

    def times(self) -> dict[str, datetime]:
        return {s.id: s.started for s in self.ec2.snapshots(REGION)}


class AWSCalls:
    """As the daemon's backend `aws`, which lists its own region only."""

    def __init__(self, ec2: EC2) -> None:
        self.ec2, self.client = ec2, ec2.client(REGION)

    def create(self, name: str, description: str) -> str:
        return self.client.create_snapshot(VolumeId=VOL, Description=name)["SnapshotId"]

    def complete(self, snapshot: str) -> None:
        self.ec2.complete(snapshot)
        (found,) = self.client.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
        assert found["State"] == "completed"

    def label(self, snapshot: str, key: str, value: str) -> None:
        self.client.create_tags(Resources=[snapshot], Tags=[{"Key": key, "Value": value}])

    def listed(self, key: str, value: str) -> dict[str, datetime]:
        found = self.client.describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{key}", "Values": [value]}]
        )["Snapshots"]
        return {s["SnapshotId"]: s["StartTime"] for s in found if s["VolumeId"] == VOL}

    def delete(self, snapshot: str) -> None:
        self.client.delete_snapshot(SnapshotId=snapshot)


class Google(Site):
    """An in-tree persistent disk of a cluster of that time."""

    spec: ClassVar[Json] = {"gcePersistentDisk": {"pdName": PD, "fsType": "ext4"}}
    disk: ClassVar[Json] = {"backend": "google", "disk": {"name": PD, "zone": ZONE}}
    disk_name, scope = f"zones/{ZONE}/disks/{PD}", PROJECT

    def __init__(self, folder: Path, clock: VirtualClock, gce: GCE) -> None:
        super().__init__(folder, clock)
        self.gce, self.calls = gce, GoogleCalls(gce)
        gce.clock = clock.now
        gce.add_disk(PROJECT, ZONE, PD)

    def build(self, environ: Mapping[str, str]) -> tuple[Settings, Ports]:
        return gcp.build({**self.gce.environment(), **environ}, RulesFile(str(self.path)))

    def seed(
        self, started: datetime, name: str, text: str, labels: Mapping[str, str] = CREATED_BY
    ) -> str:
        return self.gce.add_snapshot(
            PROJECT, self.disk_name, started=started, labels=labels, description=text, name=name
        )

    def complete(self) -> None:
        self.gce.complete()

    def times(self) -> dict[str, datetime]:
        return {s.name: s.started for s in self.gce.snapshots(PROJECT) if s.status != "DELETING"}


class GoogleCalls:
    """As the daemon's backend `google`: its filter, and the disk out of the source's URL."""

    def __init__(self, gce: GCE) -> None:
        from google.cloud.compute_v1 import SnapshotsClient

        self.gce, self.client = gce, gce.client(SnapshotsClient)

    def create(self, name: str, description: str) -> str:
        source = f"projects/{PROJECT}/zones/{ZONE}/disks/{PD}"
        body = {"name": name, "description": description, "source_disk": source}
        request: Json = {"project": PROJECT, "snapshot_resource": body}
        operation = self.client.insert_unary(request=request)
        assert not operation.error.errors
        return name

    def complete(self, snapshot: str) -> None:
        self.gce.complete(snapshot)
        assert self.client.get(project=PROJECT, snapshot=snapshot).status == "READY"

    def label(self, snapshot: str, key: str, value: str) -> None:
        print_ = self.client.get(project=PROJECT, snapshot=snapshot).label_fingerprint
        request: Json = {"project": PROJECT, "resource": snapshot}
        body = {"labels": {key: value}, "label_fingerprint": print_}
        self.client.set_labels_unary(request=request | {"global_set_labels_request_resource": body})

    def listed(self, key: str, value: str) -> dict[str, datetime]:
        request: Json = {"project": PROJECT, "filter": f"labels.{key} eq {value}"}
        found = {}
        for item in self.client.list(request=request):
            parts = item.source_disk.split("/")
            if (parts[8], parts[-1]) == (ZONE, PD) and item.status != "DELETING":
                found[item.name] = datetime.fromisoformat(item.creation_timestamp)
        return found

    def delete(self, snapshot: str) -> None:
        self.client.delete_unary(project=PROJECT, snapshot=snapshot)

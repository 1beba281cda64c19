"""The Compute Engine of the tests as the provider contract's `Cloud`."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1

from functions.gcp.credentials import Login
from functions.gcp.resource_manager import ResourceManager
from functions.gcp.snapshots import Disks
from shared.model import Disk, Snapshot, State
from shared.planning.labels import GOOGLE, Labels
from tests.clock import VirtualClock
from tests.contract.cloud import ALWAYS, Kind, Trouble
from tests.emulators.gce import GCE, NO_LABELS, Call

PROJECT = "my-project"
ZONE, OTHER_ZONE, REGION = "europe-west1-b", "europe-west1-c", "europe-west1"
TOKEN = "ya29.c.s3cr3t-of-the-service-account"
METHODS: dict[Kind, str] = {
    "list": "snapshots.list",
    "create": "snapshots.insert",
    "delete": "snapshots.delete",
}
PERMISSIONS: dict[Kind, str] = {
    "list": "compute.snapshots.list",
    "create": "compute.disks.createSnapshot",
    "delete": "compute.snapshots.delete",
}
TROUBLES: dict[Trouble, dict[str, Any]] = {
    "throttled": {"reason": "rateLimitExceeded"},
    "full": {"reason": "quotaExceeded"},
    "down": {"reason": "backendError"},
    "cut off": {"timeout_before": True},
    "lost": {"timeout_after": True},
}
#: What Google finds out only when it has begun: its operation says so.
FULL = {"operation_error": "QUOTA_EXCEEDED", "at_once": True}
STATES: dict[str, State] = {
    "READY": "completed",
    "CREATING": "pending",
    "UPLOADING": "pending",
    "FAILED": "failed",
}
#: What a proxy may answer in place of Google.
PAGES: dict[str, dict[str, Any]] = {
    "page with status 200": {"html": True, "status": 200},
    "page with status 502": {"html": True, "status": 502},
    "JSON of another kind": {"html": "[]", "status": 200},
    "JSON that says nothing": {"html": "{}", "status": 200},
    "empty": {"html": " ", "status": 200},
}


class Token(AnonymousCredentials):
    """Credentials with a token that nothing may print."""

    def apply(self, headers: dict[str, str], token: str | None = None) -> None:
        headers["authorization"] = f"Bearer {TOKEN}"

    def before_request(self, request: Any, method: str, url: str, headers: dict[str, str]) -> None:
        self.apply(headers)


class GCECloud:
    """Persistent disks with the real google-cloud-compute on the stand-in.

    `made` names the clients that the provider had made.
    """

    scopes = (PROJECT, "another-project", "example.com:third-project")
    page_size = 5
    repeatable = True
    secrets = (TOKEN,)

    def __init__(self, gce: GCE, clock: VirtualClock) -> None:
        self.gce, self.clock = gce, clock
        gce.clock, gce.page_size = clock.now, self.page_size
        gce.projects |= {*self.scopes}
        self.labels = Labels(GOOGLE, cluster="projects/P/locations/europe-west1/clusters/Demo")
        self.made: list[str] = []
        self.manager = ResourceManager(Login({}, {}, gce.url), gce.url)
        self.provider = self.disks()
        self._number = 0

    def disks(self, **options: Any) -> Disks:
        """Make the provider with other options."""
        given = {"project": PROJECT, "projects": self.scopes, **options}
        who = lambda: "tests@example.com"  # noqa: E731
        made = Disks(self.labels, self.client, who, self.manager, **given)
        # A warm process has asked for the zones before.
        made.seen |= {f"zones/{ZONE}", f"zones/{OTHER_ZONE}", f"regions/{REGION}"}
        return made

    def client(self, kind: str) -> Any:
        self.made.append(kind)
        options = ClientOptions(api_endpoint=self.gce.url)
        token: Any = Token  # its base is untyped
        return getattr(compute_v1, kind)(credentials=token(), client_options=options)

    def add_disk(self, scope: str, name: str = "", place: str = ZONE) -> Disk:
        self._number += 1
        name = name or f"disk-{self._number}"
        self.gce.add_disk(scope, place, name)
        return disk_of(name, place, scope)

    def missing_disk(self, scope: str) -> Disk:
        return disk_of("gone", ZONE, scope)

    def spec(self, disk: Disk) -> dict[str, Any]:
        places, where, _, name = disk.name.split("/")
        return {"project": disk.scope, places.removesuffix("s"): where, "name": name}

    def seed(
        self,
        disk: Disk,
        started: datetime,
        labels: Mapping[str, str] = NO_LABELS,
        description: str = "",
        state: State = "completed",
        **details: Any,
    ) -> str:
        status = next(status for status, name in STATES.items() if name == state)
        return self.gce.add_snapshot(
            disk.scope, disk.name, started=started, status=status, labels=labels,
            description=description, **details,
        )  # fmt: skip

    def complete(self) -> None:
        self.gce.complete()

    def fail(self, snapshot_id: str) -> None:
        self.gce.fail(snapshot_id)

    def protect(self, snapshot_id: str) -> None:
        self.gce.in_use.add(snapshot_id)

    def snapshots(self) -> list[Snapshot]:
        return [
            Snapshot(
                id=record.name,
                disk=Disk("google", project, record.disk.removeprefix(f"projects/{project}/")),
                started=record.started,
                state=STATES[record.status],
                labels=dict(record.labels),
            )
            for project in sorted(self.gce.projects)
            for record in self.gce.snapshots(project)
            if record.status != "DELETING"
        ]

    def trouble(
        self,
        kind: Kind,
        trouble: Trouble,
        *,
        scope: str = "",
        disk: Disk | None = None,
        times: float = ALWAYS,
        after: int = 0,
    ) -> None:
        if trouble == "denied":
            assert (disk, times, after) == (None, ALWAYS, 0)
            self.gce.denied.add(f"{scope}:{PERMISSIONS[kind]}".removeprefix(":"))
            return
        details = FULL if (kind, trouble) == ("create", "full") else TROUBLES[trouble]
        when = _when(disk, after)
        self.gce.fault(METHODS[kind], times=times, project=scope or None, when=when, **details)

    def calm(self) -> None:
        self.gce.faults.clear()
        self.gce.denied.clear()

    def calls(self) -> Counter[str]:
        kinds: dict[str, str] = {method: kind for kind, method in METHODS.items()}
        return Counter(kinds.get(call.method, "other") for call in self.gce.calls)


ELSEWHERE = GCECloud.scopes[1]


def remake(cloud: GCECloud, disk: Disk) -> None:
    """Delete the disk, and make one of the same name."""
    name = disk.name.rpartition("/")[2]
    cloud.gce.delete_disk(disk.scope, ZONE, name)
    cloud.gce.add_disk(disk.scope, ZONE, name)


def disk_of(name: str, place: str = ZONE, project: str = PROJECT) -> Disk:
    """Tell a disk of a zone or a region."""
    kind = "zones" if place.count("-") > 1 else "regions"
    return Disk("google", project, f"{kind}/{place}/disks/{name}")


def _when(disk: Disk | None, after: int) -> Callable[[Call], bool]:
    left = after

    def when(call: Call) -> bool:
        nonlocal left
        if disk and not str(call.body.get("sourceDisk")).endswith(disk.name):
            return False
        left -= 1
        return left < 0

    return when

"""A small Compute Engine over real HTTP, which the real google-cloud-compute client speaks to.

It has disks, snapshots of them and the operations between, as far as a snapshot tool meets them,
and goes wrong on demand. Google's discovery document judges every request and every response; what
departs from it is refused, and makes the end of the context fail.
"""

from __future__ import annotations

import base64
import bisect
import itertools
import json
import math
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import unquote, urlsplit

from tests.emulators import resource_manager
from tests.emulators.gce_discovery import (
    LINK,
    Method,
    Refusal,
    Resource,
    Violation,
    check_labels,
    disk_path,
    failure,
    label,
    multi_region,
    not_found,
    parse_filter,
    route,
    stamp,
    unknown,
    warning,
)

Client = TypeVar("Client")

ALWAYS = math.inf
NO_LABELS: Mapping[str, str] = {}
PAGE = "<html><body><h1>Service Unavailable</h1></body></html>"
SCOPES = [f"zones/{zone}" for zone in ("europe-west1-b", "europe-west1-c", "us-central1-a")]
SCOPES += ["regions/europe-west1", "regions/us-central1"]
#: What an insert's body sets and the snapshot then shows as it stands.
COPIED = ("name", "description", "snapshotType", "chainName")

# From section "IAM Permissions" of each method's page, such as snapshots/setLabels, beneath
# https://cloud.google.com/compute/docs/reference/rest/v1/. The first of each is needed for what the
# URL names. The others of snapshots.insert are needed for its disk, which has a project of its own
# ("Required permissions" in https://cloud.google.com/compute/docs/disks/create-snapshots), and for
# labels, where the request has any.
PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "disks.aggregatedList": ("compute.disks.list",),
    "disks.delete": ("compute.disks.delete",),
    "disks.get": ("compute.disks.get",),
    "disks.insert": ("compute.disks.create", "compute.disks.setLabels"),
    "disks.list": ("compute.disks.list",),
    "disks.testIamPermissions": (),
    "globalOperations.get": ("compute.globalOperations.get",),
    "globalOperations.wait": ("compute.globalOperations.get",),
    "projects.get": ("compute.projects.get",),
    "regionDisks.get": ("compute.disks.get",),
    "regionDisks.list": ("compute.disks.list",),
    "regionDisks.testIamPermissions": (),
    "regionOperations.get": ("compute.regionOperations.get",),
    "snapshots.delete": ("compute.snapshots.delete",),
    "snapshots.get": ("compute.snapshots.get",),
    "snapshots.insert": (
        "compute.snapshots.create",
        "compute.disks.createSnapshot",
        "compute.snapshots.setLabels",
    ),
    "snapshots.list": ("compute.snapshots.list",),
    "snapshots.setLabels": ("compute.snapshots.setLabels",),
    "snapshots.testIamPermissions": (),
    "zoneOperations.get": ("compute.zoneOperations.get",),
}


@dataclass(frozen=True)
class Call:
    """One request: `params` are those of its path and of its query."""

    method: str
    path: str  # projects/…
    params: Mapping[str, str]
    body: Resource

    @property
    def project(self) -> str:
        return self.params["project"]


@dataclass(frozen=True)
class SnapshotRecord:
    """A snapshot as it is, whatever the listing shows."""

    id: str
    name: str
    disk: str  # projects/…/disks/…
    disk_id: str
    status: str
    started: datetime
    labels: Mapping[str, str]
    description: str
    size_gb: int
    storage_locations: tuple[str, ...]


@dataclass
class Fault:
    """What goes wrong with a method (`*` is any) for its next `times` matching requests.

    With `reason` Google refuses, and `info` is the reason that a modern error bears besides. With
    `operation_error` the request is accepted, its operation ends with that error and changes
    nothing, not before the time `late` is over; `at_once` it has ended when the request is
    answered. `warning` is a code that the page
    bears. `timeout_before` closes the connection without answer or effect, `timeout_after` when the
    call has taken effect; either waits `hang` seconds first, and `hang` alone is a
    `timeout_before`. `html` answers a proxy's page, or the text given. `delay` is how many seconds
    late all that is.
    """

    method: str
    reason: str | None = None
    message: str = "Injected by a test."
    status: int | None = None
    info: str | None = None
    times: float = 1
    when: Callable[[Call], bool] = lambda call: True
    project: str | None = None
    operation_error: str | None = None
    late: timedelta = timedelta(0)
    at_once: bool = False
    warning: str | None = None
    timeout_before: bool = False
    timeout_after: bool = False
    hang: float = 0
    delay: float = 0
    html: bool | str = False

    def strikes(self, call: Call) -> bool:
        """Tell whether the request suffers this fault, which is then used up by one."""
        meant = self.method in (call.method, "*") and self.project in (call.project, None)
        hit = meant and self.times > 0 and self.when(call)
        self.times -= hit
        return hit


class Answer(NamedTuple):
    """What goes back; where `text` is None the connection is closed."""

    status: int = 0
    text: str | None = None
    content_type: str = "application/json; charset=UTF-8"


@dataclass(eq=False)
class _Operation:
    """An operation: one step to run and one more to end, taken by polls and by the clock.

    One that `lasts` is under way until its snapshot is done. One that fails does so after `late`.
    """

    resource: Resource
    snapshot: str
    began: datetime
    end: Callable[[], object]
    error: str | None
    message: str
    late: timedelta
    lasts: bool
    steps: int = 0

    @property
    def project(self) -> str:
        return str(self.resource["selfLink"]).removeprefix(LINK).split("/")[1]


class _Shelf:
    """A project's snapshots, which are listed in the order of their names."""

    def __init__(self) -> None:
        self.items: dict[str, Resource] = {}
        self._names: list[str] | None = None

    def put(self, snapshot: Resource) -> None:
        self.items[snapshot["name"]] = snapshot
        self._names = None

    def drop(self, name: str) -> None:
        del self.items[name]
        self._names = None

    def after(self, name: str) -> Iterable[tuple[str, Resource]]:
        """Tell the snapshots behind this name, as many as are asked for."""
        if self._names is None:
            self._names = sorted(self.items)
        behind = range(bisect.bisect_right(self._names, name), len(self._names))
        return ((self._names[i], self.items[self._names[i]]) for i in behind)


class GCE:
    """Serve Compute Engine on a free port of 127.0.0.1 for as long as the context lasts.

    To be set at any time: `projects` and `scopes`, those that exist beside those of added disks;
    `page_size`, than which no page is longer; `clock`, the time of new snapshots; `step`, the time
    in which an operation takes one of its two steps, as it does with every poll, but for an
    insert's, which ends with its snapshot; `in_flight`, of operations in a project; `lag`, how many
    listings miss a snapshot made from now on; `quota`, of snapshots in a project; `hourly`, of
    snapshots of one disk; `denied`, permissions that are missing, such as
    `compute.snapshots.create` or, in one project only, `other:compute.snapshots.create`;
    `conditions`, which hold a permission to snapshots with a tag, by its key and value;
    `tag_values`, the keys of the tags that exist by their values; `tags`, those of snapshots by
    their numeric ids; `slow_bindings`, whether a binding takes an operation; `disabled`, APIs;
    `in_use`,
    names of snapshots that cannot be deleted; `fail_guest_flush`, names of disks; `locations`,
    where an organization allows snapshots to be; `unreachable`, projects, zones, regions and
    storage locations that listings miss. `calls`, `faults`, `used_permissions` and `violations` may
    be cleared.
    """

    url: str
    _now: datetime

    def __init__(self, *, project: str = "my-project", page_size: int | None = None) -> None:
        self.project, self.projects, self.scopes = project, {project}, set(SCOPES)
        self.page_size = page_size
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.step = timedelta(seconds=5)
        self.in_flight: float = 500  # "Compute Engine concurrent operation quotas", global
        self.lag: float = 0
        self.quota: float = ALWAYS
        self.hourly: float = 6  # "Create archive and standard disk snapshots", in 60 minutes
        self.denied: set[str] = set()
        self.conditions: dict[str, tuple[str, str]] = {}
        self.tag_values: dict[str, str] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.slow_bindings = False
        self.disabled: set[str] = set()
        self.used_permissions: set[str] = set()
        self.in_use: set[str] = set()
        self.fail_guest_flush: set[str] = set()
        self.locations: set[str] | None = None
        self.unreachable: set[str] = set()
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self._disks: dict[str, Resource] = {}
        self._shelves: dict[str, _Shelf] = {}
        self._operations: dict[str, _Operation] = {}
        self._running: list[_Operation] = []
        self._uploading: list[_Operation] = []
        self._answered: dict[tuple[str, ...], _Operation] = {}
        self._taken: dict[str, list[datetime]] = {}
        self._hidden: dict[str, float] = {}
        # Above 2**53, so that whoever takes them for floating point numbers is found out.
        self._ids = map(str, itertools.count(4_000_000_000_000_000_001, 9973))
        self._lock = threading.RLock()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self._stopping.clear()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.gce = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        if self.violations and kind is None:
            raise AssertionError("departed from compute v1:\n" + "\n".join(self.violations))

    def environment(self) -> dict[str, str]:
        """Tell a process, by its environment, to take this for Google, as Terraform is told."""
        names = {"GOOGLE_COMPUTE_CUSTOM_ENDPOINT": f"{self.url}/compute/v1/"}
        names |= {"GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT": f"{self.url}/v3/"}
        names |= {"GCLOUD_PROJECT": self.project, "NO_GCE_CHECK": "true"}
        return names | {"NO_PROXY": "127.0.0.1"}

    def client(self, kind: Callable[..., Client]) -> Client:
        """Make a client of one of compute_v1's classes, such as `SnapshotsClient`."""
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials

        options = ClientOptions(api_endpoint=self.url)
        anonymous: Any = AnonymousCredentials  # it is untyped
        return kind(credentials=anonymous(), client_options=options, transport="rest")

    def add_disk(
        self,
        project: str,
        zone_or_region: str,
        name: str,
        *,
        size_gb: int = 10,
        labels: Mapping[str, str] = NO_LABELS,
        replica_zones: Sequence[str] = (),
        disk_type: str = "pd-balanced",
    ) -> str:
        """Add a disk, a regional one where no zone is named, and return its numeric id."""
        kind = "zone" if re.search(r"[0-9]-[a-z0-9]+$", zone_or_region) else "region"
        scope = f"{kind}s/{zone_or_region}"
        home = f"projects/{project}/{scope}"
        zones = [f"projects/{project}/zones/{zone}" for zone in replica_zones]
        disk: Resource = {"kind": "compute#disk", "id": next(self._ids), "name": name}
        disk |= {"selfLink": f"{LINK}{home}/disks/{name}", kind: LINK + home, "status": "READY"}
        disk |= {"type": f"{LINK}{home}/diskTypes/{disk_type}", "physicalBlockSizeBytes": "4096"}
        disk |= {"creationTimestamp": stamp(self.clock()), "sizeGb": str(size_gb)}
        disk |= {"replicaZones": [LINK + zone for zone in zones]} if zones else {}
        with self._lock:
            self.projects.add(project)
            self.scopes |= {scope, *(f"zones/{zone}" for zone in replica_zones)}
            self._disks[f"{home}/disks/{name}"] = label(disk, labels)
        return str(disk["id"])

    def delete_disk(self, project: str, zone_or_region: str, name: str) -> None:
        """Delete a disk; its snapshots stay."""
        found = re.compile(rf"projects/{re.escape(project)}/\w+/{zone_or_region}/disks/{name}")
        with self._lock:
            del self._disks[next(filter(found.fullmatch, self._disks))]

    def add_snapshot(
        self,
        project: str,
        disk: str,
        *,
        started: datetime,
        status: str = "READY",
        labels: Mapping[str, str] = NO_LABELS,
        description: str = "",
        name: str | None = None,
        disk_id: str | None = None,
        storage_locations: Sequence[str] = (),
    ) -> str:
        """Add a snapshot of any date, and return its name.

        `disk` is a full or partial URL, such as `zones/Z/disks/N`; the disk may be another
        project's, be gone, or have had another id; with the id "" the snapshot tells none.
        """
        with self._lock:
            path, number = disk_path(project, disk), next(self._ids)
            gone = {"id": number, "sizeGb": "10", "selfLink": LINK + path}
            source = self._disks.get(path, gone)
            source = source | {"id": disk_id or source["id"]}
            made = self._snapshot(project, name or f"snapshot-{number}", source, started)
            made |= {"description": description} if description else {}
            if disk_id == "":
                del made["sourceDiskId"]
            made |= {"storageLocations": list(storage_locations)} if storage_locations else {}
            self.projects.add(project)
            self._shelf(project).put(label(_turn(made, status), labels))
        return str(made["name"])

    def age(self, time: timedelta) -> None:
        """Make every snapshot older."""
        with self._lock:
            for shelf in self._shelves.values():
                for snapshot in shelf.items.values():
                    started = datetime.fromisoformat(snapshot["creationTimestamp"])
                    snapshot["creationTimestamp"] = stamp(started - time)

    def complete(self, name: str | None = None) -> None:
        """Let one snapshot become READY, or all of them, and the operations on them end."""
        with self._lock:
            self._tick()
            for operation in list(self._running):
                if name in (operation.snapshot, None):
                    self._reach(operation, 2)
            for operation in list(self._uploading):
                if name in (operation.snapshot, None):
                    self._finish(operation)
            for shelf in self._shelves.values():
                for snapshot in shelf.items.values():
                    waits = snapshot["status"] in ("CREATING", "UPLOADING")
                    if waits and name in (snapshot["name"], None):
                        _turn(snapshot, "READY")

    def fail(self, name: str, code: str = "INTERNAL_ERROR") -> None:
        """Let a snapshot end as FAILED, and its operation with this error."""
        with self._lock:
            items = [shelf.items for shelf in self._shelves.values()]
            _turn(next(shelf[name] for shelf in items if name in shelf), "FAILED")
            for operation in [*self._running, *self._uploading]:
                if operation.snapshot == name and operation.lasts:
                    operation.error = code
                    self._finish(operation)

    def delete_snapshot(self, project: str, name: str) -> None:
        """Let a snapshot be deleted by somebody, which has not ended."""
        with self._lock:
            _turn(self._shelf(project).items[name], "DELETING")

    def reveal(self) -> None:
        """List from now on what `lag` still hides."""
        self._hidden.clear()

    def snapshots(self, project: str) -> list[SnapshotRecord]:
        """Return every snapshot of the project, oldest first, also hidden ones."""
        with self._lock:
            self._tick()
            records = [_record(snapshot) for snapshot in self._shelf(project).items.values()]
        return sorted(records, key=lambda record: record.started)

    def calls_of(self, method: str) -> list[Call]:
        """Return the requests of one method, such as `snapshots.insert`, also those that failed."""
        return [call for call in self.calls if call.method == method]

    def fault(self, method: str, reason: str | None = None, **details: Any) -> Fault:
        """Let a method go wrong; `details` are the fields of `Fault`."""
        self.faults.append(Fault(method, reason, **details))
        return self.faults[-1]

    def serve(self, verb: str, url: str, sent: bytes) -> Answer:
        """Answer a request, or do what a fault wants instead: what a connection calls."""
        if self._stopping.is_set():
            return Answer()
        if (path := urlsplit(url).path).startswith("/v3/"):
            return self._resource_manager(verb, path, sent)
        try:
            method, call = _read(verb, url, sent)
        except Violation as violation:
            return self._violated(f"{verb} {url}", violation)
        with self._lock:
            self.calls.append(call)
            fault = next((f for f in self.faults if f.strikes(call)), Fault(call.method))
        self._stopping.wait(fault.delay)
        if fault.timeout_after:
            self._answer(method, call, fault)
        if fault.timeout_before or fault.timeout_after or fault.hang:
            self._stopping.wait(fault.hang)
            return Answer()
        if fault.html:
            page = PAGE if fault.html is True else fault.html
            return Answer(fault.status or 503, page, "text/html; charset=UTF-8")
        return self._answer(method, call, fault)

    def _resource_manager(self, verb: str, path: str, sent: bytes) -> Answer:
        """Answer as Resource Manager; faults meet it too, by the last part of the path."""
        name = re.split(r"[/:]", path)[-1]
        call = Call(f"resourcemanager.{name}", path.removeprefix("/v3/"), {"project": ""}, {})
        with self._lock:
            self.calls.append(call)
            fault = next((f for f in self.faults if f.strikes(call)), Fault(call.method))
            if fault.html:
                page = PAGE if fault.html is True else fault.html
                return Answer(fault.status or 503, page, "text/html; charset=UTF-8")
            status, body = resource_manager.answer(self, verb, path, sent)
        return Answer(status, json.dumps(body))

    def _answer(self, method: Method, call: Call, fault: Fault) -> Answer:
        try:
            if fault.reason:
                raise Refusal(fault.reason, fault.message, fault.status, fault.info)
            with self._lock:
                answer = self._handle(call, fault)
                method.check_response(answer)
                return Answer(200, json.dumps(answer))
        except Refusal as refusal:
            return _refused(refusal)
        except Violation as violation:
            return self._violated(call.method, violation)

    def _violated(self, what: str, violation: Violation) -> Answer:
        self.violations.append(f"{what}: {violation}")
        return _refused(Refusal("invalid", f"Departs from compute v1: {violation}"))

    def _handle(self, call: Call, fault: Fault) -> Resource:
        self._tick()
        if call.project not in self.projects:
            raise not_found(f"projects/{call.project}")
        for permission in PERMISSIONS[call.method][:1]:
            self._authorize(permission, call.project, call.path, self._named(call))
        if call.method in BEGINNING and self._under_way(call.project) >= self.in_flight:
            info = "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"
            raise Refusal("rateLimitExceeded", "Rate Limit Exceeded", 403, info)
        return HANDLERS[call.method](self, call, fault)

    def _authorize(
        self, permission: str, project: str, resource: str, snapshot: Resource | None = None
    ) -> None:
        self.used_permissions.add(permission)
        if not self.holds(permission, project, snapshot):
            raise Refusal("forbidden", f"Required '{permission}' permission for '{resource}'")

    def _named(self, call: Call) -> Resource | None:
        """Find the snapshot that a request is about, if there is one."""
        name = call.params.get("snapshot") or call.params.get("resource") or ""
        return self._shelf(call.project).items.get(name) if "snapshots." in call.method else None

    def holds(self, permission: str, project: str, snapshot: Resource | None = None) -> bool:
        """Tell whether we hold a permission: on a snapshot, or on all of a project.

        What is granted under a condition on a tag is not held where there is no such tag, and so
        not on a snapshot that is gone (IAM, "Tags and conditional access").
        """
        granted = not self.denied & {permission, f"{project}:{permission}"}
        if not granted or permission not in self.conditions:
            return granted
        key, value = self.conditions[permission]
        return snapshot is not None and self.tags.get(snapshot["id"], {}).get(key) == value

    def allows(self, permission: str, project: str = "") -> bool:
        """Tell whether we hold a permission, and note that it was used."""
        self.used_permissions.add(permission)
        return self.holds(permission, project)

    def by_number(self, project: str, number: str) -> Resource | None:
        """Find a snapshot by its numeric id."""
        items = self._shelf(project).items.values()
        return next((snapshot for snapshot in items if snapshot["id"] == number), None)

    # Snapshots.

    def _shelf(self, project: str) -> _Shelf:
        return self._shelves.setdefault(project, _Shelf())

    def _find(self, call: Call, key: str) -> Resource:
        """Find a snapshot by its name or its id."""
        items, wanted = self._shelf(call.project).items, call.params[key]
        same = (s for s in items.values() if wanted.isdigit() and s["id"] == wanted)
        found = items.get(wanted) or next(same, None)
        if found is None:
            raise not_found(f"projects/{call.project}/global/snapshots/{wanted}")
        return found

    def _list_snapshots(self, call: Call, fault: Fault) -> Resource:
        if "pageToken" not in call.params:
            self._hidden = {key: left - 1 for key, left in self._hidden.items() if left > 1}
        zones = {scope.split("/")[1] for scope in self.scopes if scope.startswith("zones/")}
        away = self.unreachable - zones - (self.projects - {call.project})
        reached = (
            (name, snapshot)
            for name, snapshot in self._shelf(call.project).after(_token(call))
            if snapshot["id"] not in self._hidden and call.project not in away
            if away.isdisjoint(snapshot["storageLocations"])
        )
        page = self._page(call, reached, fault)
        for place in sorted(away):
            page.setdefault("warning", warning("UNREACHABLE", place))
        return {"kind": "compute#snapshotList", **page}

    def _get_snapshot(self, call: Call, fault: Fault) -> Resource:
        return self._find(call, "snapshot")

    def _insert_snapshot(self, call: Call, fault: Fault) -> Resource:
        body = call.body
        emulated = (*COPIED, "sourceDisk", "labels", "storageLocations", "guestFlush", "params")
        unknown(body, emulated, call.method)
        path = disk_path(call.project, body.get("sourceDisk", ""))
        self._authorize("compute.disks.createSnapshot", path.split("/")[1], path)
        if body.get("labels"):
            self._authorize("compute.snapshots.setLabels", call.project, call.path)
        if body.get("params", {}).get("resourceManagerTags"):
            self._authorize("compute.snapshots.createTagBinding", call.project, call.path)
        if earlier := self._earlier(call):
            return earlier
        disk = self._source(call, path)
        made = self._snapshot(call.project, body["name"], disk, self._now)
        made |= {key: body[key] for key in COPIED if body.get(key)}
        made |= {"storageLocations": body.get("storageLocations") or made["storageLocations"]}
        self._check_location(made)
        trouble = fault if fault.operation_error else self._trouble(call, disk)
        if trouble.operation_error is None:
            self._shelf(call.project).put(label(made, body.get("labels", {})))
            self.tags[made["id"]] = dict(_tags(call))
            self._taken.setdefault(disk["id"], []).append(self._now)
            self._hidden |= {made["id"]: self.lag + 1} if self.lag else {}
        return self._operate(call, disk, trouble, made["name"], lambda: _upload(made))

    def _source(self, call: Call, path: str) -> Resource:
        """Return the disk of an insert that Google accepts."""
        check_labels(call.body.get("labels", {}))
        name = call.body["name"]
        if path not in self._disks:
            raise not_found(path)
        if name in self._shelf(call.project).items:
            raise Refusal("alreadyExists", f"The resource '{call.path}/{name}' already exists")
        return self._disks[path]

    def _check_location(self, made: Resource) -> None:
        strange = set(made["storageLocations"]) - (self.locations or set())
        if self.locations is not None and strange:
            what = f"Location {min(strange).upper()} violates constraint"
            where = made["selfLink"].removeprefix(LINK)
            what += f" constraints/gcp.resourceLocations on the resource {where}."
            raise Refusal("conditionNotMet", what)

    def _trouble(self, call: Call, disk: Resource) -> Fault:
        """Tell what Google finds out only after it has accepted an insert."""
        path, hour = disk["selfLink"].removeprefix(LINK), timedelta(hours=1)
        recent = [at for at in self._taken.get(disk["id"], ()) if self._now - at < hour]
        error = None
        if len(recent) >= self.hourly:
            error = "RESOURCE_OPERATION_RATE_EXCEEDED"
        elif len(self._shelf(call.project).items) >= self.quota:
            error = "QUOTA_EXCEEDED"
        elif call.body.get("guestFlush") and disk["name"] in self.fail_guest_flush:
            # Google documents that no snapshot is made, but no code: nothing may depend on it.
            error = "GUEST_FLUSH_FAILED"
        elif self._unusable(_tags(call)):
            error = "PERMISSION_DENIED"
        words = {
            "RESOURCE_OPERATION_RATE_EXCEEDED": f"Operation rate exceeded for resource '{path}'."
            " Too frequent operations from the source resource.",
            "QUOTA_EXCEEDED": f"Quota 'SNAPSHOTS' exceeded.  Limit: {self.quota:.1f} globally.",
            # As the tests of Terraform's provider met it (magic-modules, pull request 17165).
            "PERMISSION_DENIED": "Permission resourcemanager.tagValueBindings.create denied on "
            f"resource {next(iter(_tags(call).values()), '')} (or it might not exist).",
        }
        message = words.get(error or "", f"Failed for '{path}'.")
        return Fault(call.method, message=message, operation_error=error)

    def _unusable(self, tags: Mapping[str, str]) -> bool:
        """Tell whether a tag does not exist, or may not be bound: an operation finds that out."""
        known = all(self.tag_values.get(value) == key for key, value in tags.items())
        return bool(tags) and not (known and self.allows("resourcemanager.tagValueBindings.create"))

    def _delete_snapshot(self, call: Call, fault: Fault) -> Resource:
        if earlier := self._earlier(call):
            return earlier
        snapshot = self._find(call, "snapshot")
        path, shelf = snapshot["selfLink"].removeprefix(LINK), self._shelf(call.project)
        if snapshot["name"] in self.in_use:
            what = f"The snapshot resource '{path}' is already being used by"
            image = f"projects/{call.project}/global/images/image-1"
            raise Refusal("resourceInUseByAnotherResource", f"{what} '{image}'")
        if snapshot["status"] in ("CREATING", "DELETING"):
            raise Refusal("resourceNotReady", f"The resource '{path}' is not ready")
        if fault.operation_error is None:
            _turn(snapshot, "DELETING")
        name = snapshot["name"]
        return self._operate(call, snapshot, fault, name, lambda: shelf.drop(name))

    def _set_labels(self, call: Call, fault: Fault) -> Resource:
        snapshot, labels = self._find(call, "resource"), call.body.get("labels", {})
        if call.body.get("labelFingerprint") != snapshot["labelFingerprint"]:
            what = "Labels fingerprint either invalid or resource labels have changed"
            raise Refusal("conditionNotMet", what)
        check_labels(labels)
        if fault.operation_error is None:
            label(snapshot, labels)
        return self._operate(call, snapshot, fault, snapshot["name"], lambda: None)

    def _snapshot(self, project: str, name: str, disk: Resource, started: datetime) -> Resource:
        path = disk["selfLink"].removeprefix(LINK)
        return {
            "kind": "compute#snapshot",
            "id": next(self._ids),
            "name": name,
            "selfLink": f"{LINK}projects/{project}/global/snapshots/{name}",
            "creationTimestamp": stamp(started),
            "status": "CREATING",
            "sourceDisk": disk["selfLink"],
            "sourceDiskId": disk["id"],
            "diskSizeGb": disk["sizeGb"],
            "snapshotType": "STANDARD",
            "storageLocations": [multi_region(path)],
        }

    # Disks and projects.

    def _insert_disk(self, call: Call, fault: Fault) -> Resource:
        name, labels = call.body["name"], call.body.get("labels", {})
        check_labels(labels)
        path = f"{call.path}/{name}"
        if path in self._disks:
            raise Refusal("alreadyExists", f"The resource '{path}' already exists")
        size = int(call.body.get("sizeGb", 10))
        self.add_disk(call.project, call.params["zone"], name, size_gb=size, labels=labels)
        return self._operate(call, self._disks[path], fault, name, lambda: None)

    def _delete_disk(self, call: Call, fault: Fault) -> Resource:
        if call.path not in self._disks:
            raise not_found(call.path)
        disk = self._disks[call.path]
        return self._operate(
            call, disk, fault, disk["name"], lambda: self._disks.pop(call.path, None)
        )

    def _get_disk(self, call: Call, fault: Fault) -> Resource:
        home, _, wanted = call.path.rpartition("/")
        same = (d for p, d in self._disks.items() if p.startswith(home) and d["id"] == wanted)
        found = self._disks.get(call.path) or next(same, None)
        if found is None:
            raise not_found(call.path)
        return found

    def _disks_below(self, call: Call, home: str) -> Iterable[tuple[str, Resource]]:
        after = _token(call)
        found = ((path, disk) for path, disk in self._disks.items() if path.startswith(home))
        return sorted((path, disk) for path, disk in found if path > after)

    def _list_disks(self, call: Call, fault: Fault) -> Resource:
        page = self._page(call, self._disks_below(call, f"{call.path}/"), fault)
        return {"kind": "compute#diskList", **page}

    def _aggregate_disks(self, call: Call, fault: Fault) -> Resource:
        away = {s for s in self.scopes if self.unreachable & {call.project, s.split("/")[1]}}
        found = self._disks_below(call, f"projects/{call.project}/")
        page = self._page(call, ((p, d) for p, d in found if _scope(d) not in away), fault)
        items: dict[str, Resource] = {scope: {} for scope in sorted(self.scopes)}
        for disk in page.pop("items", []):
            items[_scope(disk)].setdefault("disks", []).append(disk)
        for scope, listed in items.items():
            if not listed:
                code = "UNREACHABLE" if scope in away else "NO_RESULTS_ON_PAGE"
                listed["warning"] = warning(code, scope)
        page |= {"unreachables": sorted(away)} if away else {}
        return {"kind": "compute#diskAggregatedList", "items": items, **page}

    def _get_project(self, call: Call, fault: Fault) -> Resource:
        project = {"kind": "compute#project", "name": call.project, "id": "1234567890123456789"}
        used = len(self._shelf(call.project).items)
        quotas = [{"metric": "SNAPSHOTS", "limit": self.quota, "usage": used}]
        limits = {"quotas": quotas} if self.quota < ALWAYS else {}
        return {**project, "selfLink": LINK + call.path, **limits}

    def _test_permissions(self, call: Call, fault: Fault) -> Resource:
        path = call.path.removesuffix("/testIamPermissions")
        found = None
        if call.method == "snapshots.testIamPermissions":
            found = self._find(call, "resource")
        elif path not in self._disks:
            raise not_found(path)
        asked = call.body.get("permissions", [])
        held = [permission for permission in asked if self.holds(permission, call.project, found)]
        return {"permissions": held} if held else {}

    def _page(
        self, call: Call, found: Iterable[tuple[str, Resource]], fault: Fault
    ) -> dict[str, Any]:
        """Cut a page from what is found behind the token, each with what a token holds of it."""
        most = int(call.params.get("maxResults", 500)) or 500
        if most > 500:
            what = f"Invalid value for field 'maxResults': '{most}'."
            raise Refusal("invalid", f"{what} Values must be within the range: [0, 500]")
        size, text = min(most, self.page_size or most), call.params.get("filter")
        holds = parse_filter(text) if text else bool
        matching = ((key, resource) for key, resource in found if holds(resource))
        page = list(itertools.islice(matching, size))
        answer: dict[str, Any] = {"id": call.path, "selfLink": LINK + call.path}
        answer |= {"items": [resource for _, resource in page]} if page else {}
        if next(matching, None):
            answer["nextPageToken"] = base64.urlsafe_b64encode(page[-1][0].encode()).decode()
        if fault.warning:
            answer["warning"] = warning(fault.warning, f"projects/{call.project}")
        return answer

    # Operations.

    def _earlier(self, call: Call) -> Resource | None:
        """Return the operation that a request with this id has begun before."""
        given = call.params.get("requestId", "")
        usual = re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", given.lower())
        if "requestId" in call.params and not (usual and re.search("[^-0]", given)):
            what = f"Invalid value for field 'requestId': '{given}'."
            raise Refusal("invalid", f"{what} The request ID must be a valid UUID, and not zero.")
        earlier = self._answered.get((call.method, call.project, given))
        return earlier.resource if earlier else None

    def _operate(
        self, call: Call, target: Resource, trouble: Fault, name: str, end: Callable[[], object]
    ) -> Resource:
        """Begin an operation, and tell how it stands."""
        number, given = next(self._ids), call.params.get("requestId")
        where = f"zones/{call.params['zone']}" if "zone" in call.params else "global"
        path = f"projects/{call.project}/{where}/operations/operation-{number}"
        resource: Resource = {
            "kind": "compute#operation",
            "id": number,
            "name": f"operation-{number}",
            "operationType": call.method.split(".")[1],
            "status": "PENDING",
            "progress": 0,
            "insertTime": stamp(self._now),
            "selfLink": LINK + path,
            "targetLink": target["selfLink"],
            "targetId": target["id"],
            **({"zone": f"{LINK}projects/{call.project}/{where}"} if where != "global" else {}),
            "user": "tests@example.com",
        }
        error, message = trouble.operation_error, trouble.message
        lasts = error is None and call.method == "snapshots.insert"
        operation = _Operation(resource, name, self._now, end, error, message, trouble.late, lasts)
        self._operations[path] = operation
        self._running.append(operation)
        if given:
            resource["clientOperationId"] = given
            self._answered[call.method, call.project, given] = operation
        if trouble.at_once:
            self._reach(operation, 2)
        return resource

    def _under_way(self, project: str) -> int:
        """Count the operations of a project that have not ended."""
        return sum(op.project == project for op in itertools.chain(self._running, self._uploading))

    def _tick(self) -> None:
        """Look at the clock, and let operations run as far as it says."""
        self._now = self.clock()
        for operation in list(self._running):
            steps = (self._now - operation.began) // self.step
            if steps < 1:
                break  # They stand in the order in which they began.
            if steps > operation.steps:
                self._reach(operation, steps)

    def _reach(self, operation: _Operation, steps: int) -> None:
        """Bring an operation that far: running after one step, done after two."""
        resource = operation.resource
        operation.steps = max(operation.steps, steps)
        if operation.steps >= 1 and resource["status"] == "PENDING":
            resource |= {"status": "RUNNING", "startTime": stamp(self._now)}
        if operation.steps < 2 or self._now - operation.began < operation.late:
            return
        if not operation.error:
            operation.end()
        if operation.lasts:
            self._running.remove(operation)
            self._uploading.append(operation)
        else:
            self._finish(operation)

    def _finish(self, operation: _Operation) -> None:
        """End an operation, with its error if it has one."""
        for under_way in (self._running, self._uploading):
            if operation in under_way:
                under_way.remove(operation)
        resource = operation.resource
        resource |= {"status": "DONE", "endTime": stamp(self._now), "progress": 100}
        if operation.error:
            resource |= failure(operation.error, operation.message)

    def _poll(self, call: Call, fault: Fault) -> Resource:
        """Answer an operation, which a poll brings one step on, and a wait to its end."""
        path = call.path.removesuffix("/wait")
        if path not in self._operations:
            raise not_found(path)
        operation, waits = self._operations[path], call.method.endswith("wait")
        if operation in self._running:
            self._reach(operation, 2 if waits else operation.steps + 1)
        if waits and operation.lasts:
            self.complete(operation.snapshot)
        return operation.resource


#: What begins an operation.
BEGINNING = (
    "disks.delete",
    "disks.insert",
    "snapshots.insert",
    "snapshots.delete",
    "snapshots.setLabels",
)
Handler = Callable[[GCE, Call, Fault], Resource]
HANDLERS: Mapping[str, Handler] = {
    "disks.aggregatedList": GCE._aggregate_disks,
    "disks.delete": GCE._delete_disk,
    "disks.get": GCE._get_disk,
    "disks.insert": GCE._insert_disk,
    "disks.list": GCE._list_disks,
    "disks.testIamPermissions": GCE._test_permissions,
    "globalOperations.get": GCE._poll,
    "globalOperations.wait": GCE._poll,
    "projects.get": GCE._get_project,
    "regionDisks.get": GCE._get_disk,
    "regionDisks.list": GCE._list_disks,
    "regionDisks.testIamPermissions": GCE._test_permissions,
    "regionOperations.get": GCE._poll,
    "snapshots.delete": GCE._delete_snapshot,
    "snapshots.get": GCE._get_snapshot,
    "snapshots.insert": GCE._insert_snapshot,
    "snapshots.list": GCE._list_snapshots,
    "snapshots.setLabels": GCE._set_labels,
    "snapshots.testIamPermissions": GCE._test_permissions,
    "zoneOperations.get": GCE._poll,
}


def _read(verb: str, url: str, sent: bytes) -> tuple[Method, Call]:
    """Read a request as the document has it."""
    parts = urlsplit(url)
    method, segments = route(verb, parts.path)
    unknown([method.id], HANDLERS, verb)
    try:
        body = json.loads(sent) if sent else None
    except ValueError:
        raise Violation("the body is no JSON") from None
    params = method.values(segments, parts.query)
    method.check_request(body)
    path = unquote(parts.path).removeprefix("/compute/v1/")
    return method, Call(method.id, path, params, body or {})


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, json.dumps(refusal.body()))


def _token(call: Call) -> str:
    """Return the key of the last item that the caller has seen."""
    token = call.params.get("pageToken", "")
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        what = f"Invalid value for field 'pageToken': '{token}'."
        raise Refusal("invalid", f"{what} The token is invalid.") from None


def _tags(call: Call) -> Mapping[str, str]:
    """Give the tags that an insert binds."""
    tags: Mapping[str, str] = call.body.get("params", {}).get("resourceManagerTags", {})
    return tags


def _scope(disk: Resource) -> str:
    """Name a disk's zone or region, such as `zones/europe-west1-b`."""
    return "/".join(disk["selfLink"].split("/")[-4:-2])


def _turn(snapshot: Resource, status: str) -> Resource:
    """Set a snapshot's status, and what comes with it."""
    snapshot["status"] = status
    if status == "READY":
        snapshot |= {"storageBytes": str(2**20), "storageBytesStatus": "UP_TO_DATE"}
    return snapshot


def _upload(snapshot: Resource) -> None:
    if snapshot["status"] == "CREATING":
        _turn(snapshot, "UPLOADING")


def _record(snapshot: Resource) -> SnapshotRecord:
    return SnapshotRecord(
        id=snapshot["id"],
        name=snapshot["name"],
        disk=snapshot["sourceDisk"].removeprefix(LINK),
        disk_id=snapshot.get("sourceDiskId", ""),
        status=snapshot["status"],
        started=datetime.fromisoformat(snapshot["creationTimestamp"]).astimezone(UTC),
        labels=dict(snapshot.get("labels", {})),
        description=snapshot.get("description", ""),
        size_gb=int(snapshot["diskSizeGb"]),
        storage_locations=tuple(snapshot["storageLocations"]),
    )


class _Server(ThreadingHTTPServer):
    gce: GCE
    request_queue_size = 64

    def handle_error(self, *client: Any) -> None:
        """Say nothing: clients that hang up are part of the tests."""


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *message: Any, **more: Any) -> None:
        pass

    def serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.gce.serve(self.command, self.path, sent)
        if answer.text is None:
            self.close_connection = True
            return
        whole = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve  # noqa: N815 (http.server's names)

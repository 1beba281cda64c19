"""The small Compute Engine keeps Google's rules, as the real google-cloud-compute client sees."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import compute_v1

from tests.emulators.gce import ALWAYS, GCE, PERMISSIONS
from tests.emulators.gce_discovery import Violation, checker

PROJECT, ZONE = "my-project", "europe-west1-b"
DISK = f"projects/{PROJECT}/zones/{ZONE}/disks/disk-1"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OURS = {"created-by": "k8s-snapshots"}
REQUEST_ID = "7d2a4ff2-5b9b-4a3c-9a55-0f6e4ce6b1aa"
DONE = compute_v1.Operation.Status.DONE


@pytest.fixture
def gce() -> Iterator[GCE]:
    with GCE() as emulator:
        emulator.clock = lambda: NOON
        yield emulator


@pytest.fixture
def client(gce: GCE) -> compute_v1.SnapshotsClient:
    return gce.client(compute_v1.SnapshotsClient)


@pytest.fixture
def operations(gce: GCE) -> compute_v1.GlobalOperationsClient:
    return gce.client(compute_v1.GlobalOperationsClient)


@pytest.fixture
def disk(gce: GCE) -> str:
    """Add a disk, and return its id."""
    return gce.add_disk(PROJECT, ZONE, "disk-1", size_gb=20)


def insert(
    client: compute_v1.SnapshotsClient,
    name: str = "snap-1",
    source: str = DISK,
    project: str = PROJECT,
    request_id: str | None = None,
    **fields: Any,
) -> compute_v1.Operation:
    resource = compute_v1.Snapshot(name=name, source_disk=source, **fields)
    request = compute_v1.InsertSnapshotRequest(project=project, snapshot_resource=resource)
    if request_id:
        request.request_id = request_id
    return client.insert_unary(request, timeout=5)


def delete(client: compute_v1.SnapshotsClient, name: str) -> compute_v1.Operation:
    return client.delete_unary(project=PROJECT, snapshot=name)


def set_labels(
    client: compute_v1.SnapshotsClient, name: str, labels: dict[str, str], fingerprint: str
) -> None:
    body = compute_v1.GlobalSetLabelsRequest(labels=labels, label_fingerprint=fingerprint)
    client.set_labels_unary(project=PROJECT, resource=name, global_set_labels_request_resource=body)


def warned(message: Any) -> tuple[str, list[str]]:
    """Return a warning's code and the scopes that it is about; mypy takes it for an exception."""
    return message.warning.code, [datum.value for datum in message.warning.data]


def listed(client: compute_v1.SnapshotsClient, **params: Any) -> list[str]:
    request = compute_v1.ListSnapshotsRequest(project=PROJECT, **params)
    return [snapshot.name for snapshot in client.list(request, retry=None, timeout=5)]


def refused(call: Callable[[], object]) -> tuple[type[Exception], str]:
    """Return the class and the reason with which the call fails."""
    with pytest.raises(exceptions.GoogleAPICallError) as caught:
        call()
    return type(caught.value), caught.value.errors[0]["reason"]


def raw(gce: GCE, path: str, verb: str = "GET", body: object = None) -> tuple[int, Any]:
    """Send what no proper client would."""
    data = None if body is None else json.dumps(body).encode()
    url = f"{gce.url}/compute/v1/{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=verb)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def violation(gce: GCE) -> str:
    """Return the only violation, and forgive it."""
    (only,) = gce.violations
    gce.violations.clear()
    return only


SNAPSHOTS = f"projects/{PROJECT}/global/snapshots"


class TestDiscovery:
    @pytest.mark.parametrize(
        ("verb", "path", "body", "what"),
        [
            ("GET", "projects/p/global/snapshotz", None, "the document has no GET"),
            ("PUT", SNAPSHOTS, {}, "the document has no PUT"),
            ("GET", f"{SNAPSHOTS}?returnPartialSuccess=true", None, "no query parameter"),
            ("GET", f"{SNAPSHOTS}?maxResults=many", None, "maxResults: 'many' is no uint32"),
            ("GET", f"{SNAPSHOTS}?orderBy=name", None, "'orderBy' is not emulated"),
            ("GET", f"{SNAPSHOTS}?filter=a&filter=b", None, "or given twice"),
            ("GET", f"{SNAPSHOTS}/UPPER", None, "snapshot: 'UPPER' does not match"),
            ("GET", "projects/P_1/global/snapshots", None, "project: 'P_1' does not match"),
            ("GET", f"projects/{PROJECT}/global/images", None, "images.list is not emulated"),
            ("POST", SNAPSHOTS, None, "needs a body, a Snapshot"),
            ("POST", SNAPSHOTS, [1], "Snapshot: [1] is no object"),
            ("POST", SNAPSHOTS, {"sourceDisk": DISK}, "needs the field 'name'"),
            ("POST", SNAPSHOTS, {"name": "Upper"}, "Snapshot.name: 'Upper' does not match"),
            ("POST", SNAPSHOTS, {"name": "a", "colour": "red"}, "Snapshot.colour: is unknown"),
            ("POST", SNAPSHOTS, {"name": "a", "status": "READY"}, "status: is read-only"),
            ("POST", SNAPSHOTS, {"name": "a", "guestFlush": "no"}, "'no' is no boolean"),
            ("POST", SNAPSHOTS, {"name": "a", "labels": {"a": 1}}, "labels.a: 1 is no string"),
            ("POST", SNAPSHOTS, {"name": "a", "storageLocations": "eu"}, "'eu' is no list"),
            ("POST", SNAPSHOTS, {"name": "a", "snapshotType": "BIG"}, "is none of ARCHIVE"),
            ("POST", f"{SNAPSHOTS}/a/setLabels", {"labelFingerprint": "?"}, "is not base64"),
            ("POST", SNAPSHOTS, {"name": "a", "locationHint": "x"}, "locationHint is not emulated"),
            ("DELETE", f"{SNAPSHOTS}/a", {"name": "a"}, "takes no body"),
        ],
    )
    def test_refuses_what_the_document_does_not_allow(
        self, gce: GCE, verb: str, path: str, body: object, what: str
    ) -> None:
        """A request that departs from the document is refused, and recorded."""
        status, answer = raw(gce, path, verb, body)
        assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
        assert what in violation(gce)

    @pytest.mark.parametrize(
        ("fields", "what"),
        [
            ({"status": "FINISHED"}, "status: 'FINISHED' is none of CREATING"),
            ({"labels": {"size": 5}}, "labels.size: 5 is no string"),
            ({"name": "Upper"}, "name: 'Upper' does not match"),
        ],
    )
    def test_judges_its_own_answers(self, gce: GCE, fields: dict[str, Any], what: str) -> None:
        """An answer that departs from the document is not sent, and recorded."""
        gce.add_snapshot(PROJECT, DISK, started=NOON, **fields)
        status, _ = raw(gce, SNAPSHOTS)
        assert status == 400
        assert what in violation(gce)

    @pytest.mark.parametrize(
        ("snapshot", "what"),
        [
            ({"diskSizeGb": 10}, "diskSizeGb: 10 is no string"),
            ({"diskSizeGb": "ten"}, "diskSizeGb: 'ten' is no int64"),
            ({"id": "-1"}, "id: '-1' is no uint64"),
            ({"id": str(2**64)}, "is no uint64"),
            ({"autoCreated": 1}, "autoCreated: 1 is no boolean"),
            ({"guestOsFeatures": [{"type": "UEFI"}]}, "guestOsFeatures.0.type: 'UEFI' is none of"),
            ({"snapshotEncryptionKey": {"key": ""}}, "snapshotEncryptionKey.key: is unknown"),
        ],
    )
    def test_knows_the_types_of_fields(self, snapshot: dict[str, Any], what: str) -> None:
        """Numbers of 64 bits are strings in range, and nested schemas are followed."""
        with pytest.raises(Violation, match=re.escape(what)):
            checker("Snapshot", False)(snapshot)
        checker("Snapshot", False)({"diskSizeGb": "10", "id": str(2**64 - 1)})

    def test_takes_no_boolean_for_a_number(self) -> None:
        """True is an int in Python, and none in JSON."""
        with pytest.raises(Violation, match="progress: True is no integer"):
            checker("Operation", False)({"progress": True})

    def test_fails_the_test_in_the_end(self) -> None:
        """A violation makes the end of the context fail, whatever the program made of the 400."""
        what = "snapshots.list has no query parameter 'colour'"
        with pytest.raises(AssertionError, match=what), GCE() as gce:
            raw(gce, f"{SNAPSHOTS}?colour=red")

    def test_does_not_hide_another_failure(self) -> None:
        """A test that failed already fails with its own exception."""
        with pytest.raises(ZeroDivisionError), GCE() as gce:
            print(raw(gce, f"{SNAPSHOTS}?colour=red")[0] / 0)


class TestInsert:
    def test_begins_a_snapshot_of_a_disk(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """A new snapshot is CREATING, and shows its disk, the clock's time and its labels."""
        insert(client, labels=OURS, description='{"deltas": "PT1H P1D"}')
        made = client.get(project=PROJECT, snapshot="snap-1")
        assert (made.status, made.disk_size_gb, made.source_disk_id) == ("CREATING", 20, disk)
        assert made.source_disk == f"https://www.googleapis.com/compute/v1/{DISK}"
        assert made.creation_timestamp == "2026-03-01T05:00:00.000-07:00"
        assert datetime.fromisoformat(made.creation_timestamp) == NOON
        assert (dict(made.labels), made.storage_locations) == (OURS, ["eu"])
        assert made.description == '{"deltas": "PT1H P1D"}'
        assert made.id > 2**53

    def test_answers_a_pending_operation(
        self, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """What comes back at once is an operation on the disk, pending, with its request id."""
        operation = insert(client, request_id=REQUEST_ID)
        assert operation.status == compute_v1.Operation.Status.PENDING
        assert (operation.operation_type, operation.client_operation_id) == ("insert", REQUEST_ID)
        assert operation.target_link.endswith(DISK)
        assert str(operation.target_id) == disk

    @pytest.mark.parametrize(
        "url",
        [
            DISK,
            f"https://www.googleapis.com/compute/v1/{DISK}",
            f"https://compute.googleapis.com/compute/v1/{DISK}",
            f"zones/{ZONE}/disks/disk-1",
        ],
    )
    def test_takes_full_and_partial_urls(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str, url: str
    ) -> None:
        """The disk is told by its full URL, or by a part of it."""
        insert(client, source=url)
        assert [(r.disk, r.disk_id) for r in gce.snapshots(PROJECT)] == [(DISK, disk)]

    def test_takes_regional_disks_and_those_of_other_projects(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """A snapshot may be of a regional disk, and lie in another project than its disk."""
        source = "projects/other/regions/europe-west1/disks/regional"
        zones = ["europe-west1-b", "europe-west1-c"]
        gce.add_disk("other", "europe-west1", "regional", replica_zones=zones)
        insert(client, source=source)
        assert [record.disk for record in gce.snapshots(PROJECT)] == [source]
        assert gce.snapshots("other") == []

    def test_refuses_disks_that_do_not_exist(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """An unknown disk is 404, a malformed URL 400, and neither makes a snapshot."""
        gone = (exceptions.NotFound, "notFound")
        assert refused(lambda: insert(client, source=f"{DISK}0")) == gone
        wrong = f"zones/{ZONE}/disks/disk-1/x"
        assert refused(lambda: insert(client, source=wrong)) == (exceptions.BadRequest, "invalid")
        assert gce.snapshots(PROJECT) == []

    def test_names_are_unique_in_a_project(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """The same name again is 409, but not in another project."""
        insert(client)
        assert refused(lambda: insert(client)) == (exceptions.Conflict, "alreadyExists")
        gce.projects.add("other")
        insert(client, project="other")

    def test_names_are_unique_whoever_is_first(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """Of several inserts at once one makes the snapshot, and the others are 409."""

        def attempt(_: int) -> str:
            try:
                return insert(client).operation_type
            except exceptions.Conflict:
                return "conflict"

        with ThreadPoolExecutor(8) as pool:
            outcomes = sorted(pool.map(attempt, range(8)))
        assert outcomes == ["conflict"] * 7 + ["insert"]
        assert len(gce.snapshots(PROJECT)) == 1

    @pytest.mark.parametrize(
        "labels", [{"Key": "x"}, {"key": "X"}, {"0": "x"}, {"key": "a.b"}, {"key": "x" * 64}]
    )
    def test_refuses_labels_that_google_does_not_take(
        self, client: compute_v1.SnapshotsClient, disk: str, labels: dict[str, str]
    ) -> None:
        """Labels are of lowercase letters, digits, dashes and underscores, 63 at most."""
        invalid = (exceptions.BadRequest, "invalid")
        assert refused(lambda: insert(client, labels=labels)) == invalid
        insert(client, labels={"key-1_a": "", "k": "x" * 63})

    def test_repeats_its_answer_to_the_same_request(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """A request id that is used again answers the same operation and makes nothing."""
        first = insert(client, request_id=REQUEST_ID)
        assert insert(client, request_id=REQUEST_ID).name == first.name
        assert len(gce.snapshots(PROJECT)) == 1
        other = REQUEST_ID.replace("7", "8")
        assert refused(lambda: insert(client, request_id=other))[1] == "alreadyExists"

    @pytest.mark.parametrize("wrong", ["1", "00000000-0000-0000-0000-000000000000"])
    def test_refuses_a_request_id_that_is_no_uuid(
        self, client: compute_v1.SnapshotsClient, disk: str, wrong: str
    ) -> None:
        """A request id is a UUID, and not zero."""
        assert refused(lambda: insert(client, request_id=wrong))[1] == "invalid"

    def test_refuses_locations_that_the_organization_forbids(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """Where a policy restricts locations, the default is refused and a named one is taken."""
        gce.locations = {"europe-west1"}
        expected = (exceptions.PreconditionFailed, "conditionNotMet")
        assert refused(lambda: insert(client)) == expected
        insert(client, storage_locations=["europe-west1"])

    def test_tells_a_disk_from_its_successor(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """A disk that is deleted and made anew under its name has another id."""
        insert(client)
        gce.delete_disk(PROJECT, ZONE, "disk-1")
        assert refused(lambda: insert(client, "snap-2"))[1] == "notFound"
        successor = gce.add_disk(PROJECT, ZONE, "disk-1")
        insert(client, "snap-2")
        ids = {record.name: record.disk_id for record in gce.snapshots(PROJECT)}
        assert ids == {"snap-1": disk, "snap-2": successor}
        assert disk != successor


class TestOperation:
    def test_of_an_insert_lasts_until_the_snapshot_is_done(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
    ) -> None:
        """However often it is asked for, and whatever the clock says."""
        name = insert(client).name
        gce.clock = lambda: NOON + gce.step * 1.5
        assert [record.status for record in gce.snapshots(PROJECT)] == ["CREATING"]
        gce.clock = lambda: NOON + timedelta(hours=1)
        assert [record.status for record in gce.snapshots(PROJECT)] == ["UPLOADING"]
        for _ in range(3):
            operation = operations.get(project=PROJECT, operation=name)
            assert compute_v1.Operation.Status(operation.status).name == "RUNNING"
        gce.complete("snap-1")
        operation = operations.get(project=PROJECT, operation=name)
        assert (operation.status, operation.progress) == (DONE, 100)
        assert operation.end_time == "2026-03-01T06:00:00.000-07:00"

    def test_of_an_insert_ends_with_the_snapshots_error(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
    ) -> None:
        """A snapshot that is FAILED has an operation that says why."""
        name = insert(client).name
        gce.fail("snap-1", "GUEST_FLUSH_FAILED")
        failed = operations.get(project=PROJECT, operation=name)
        assert (failed.status, failed.error.errors[0].code) == (DONE, "GUEST_FLUSH_FAILED")

    def test_takes_its_steps_by_polls_and_by_the_clock(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
    ) -> None:
        """Others end after two polls, or without any after two steps of the clock."""
        names = [gce.add_snapshot(PROJECT, DISK, started=NOON) for _ in range(2)]
        first, second = (delete(client, name).name for name in names)
        seen = [operations.get(project=PROJECT, operation=first).status for _ in range(3)]
        assert [status.name for status in map(compute_v1.Operation.Status, seen)] == [
            "RUNNING",
            "DONE",
            "DONE",
        ]
        gce.clock = lambda: NOON + gce.step * 1.5
        assert [record.name for record in gce.snapshots(PROJECT)] == [names[1]]
        gce.clock = lambda: NOON + gce.step * 2
        assert gce.snapshots(PROJECT) == []
        operation = operations.get(project=PROJECT, operation=second)
        assert (operation.status, operation.progress) == (DONE, 100)
        assert operation.end_time == "2026-03-01T05:00:10.000-07:00"

    def test_may_fail_minutes_later(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
    ) -> None:
        """On demand it is under way for so long, and then has failed."""
        gce.fault("snapshots.insert", operation_error="QUOTA_EXCEEDED", late=timedelta(minutes=3))
        name = insert(client).name
        gce.clock = lambda: NOON + timedelta(minutes=2)
        assert operations.get(project=PROJECT, operation=name).status != DONE
        gce.clock = lambda: NOON + timedelta(minutes=3)
        failed = operations.get(project=PROJECT, operation=name)
        assert (failed.status, failed.error.errors[0].code) == (DONE, "QUOTA_EXCEEDED")

    def test_of_a_project_are_limited(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """So many at once, deletions and labels too; what has ended does not count."""
        old = gce.add_snapshot(PROJECT, DISK, started=NOON)
        gce.add_disk("other", ZONE, "disk-1")
        gce.in_flight = 2
        insert(client, "snap-1")
        insert(client, "snap-2")
        more: list[Callable[[], object]] = [
            lambda: insert(client, "snap-3"),
            lambda: delete(client, old),
        ]
        for call in more:
            with pytest.raises(exceptions.Forbidden) as caught:
                call()
            assert caught.value.errors[0]["reason"] == "rateLimitExceeded"
            assert caught.value.reason == "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"
        insert(client, source=DISK.replace(PROJECT, "other"), project="other")
        gce.complete("snap-1")
        insert(client, "snap-3")

    def test_is_done_when_waited_for(
        self,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
    ) -> None:
        """A wait answers the end of the operation."""
        name = insert(client).name
        assert operations.wait(project=PROJECT, operation=name).status == DONE

    def test_is_not_found_elsewhere(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
    ) -> None:
        """An operation on snapshots is a global one of its project."""
        name, gone = insert(client).name, (exceptions.NotFound, "notFound")
        gce.projects.add("other")
        assert refused(lambda: operations.get(project="other", operation=name)) == gone
        zonal = gce.client(compute_v1.ZoneOperationsClient)
        assert refused(lambda: zonal.get(project=PROJECT, zone=ZONE, operation=name)) == gone
        regional = gce.client(compute_v1.RegionOperationsClient)
        region = "europe-west1"
        assert refused(lambda: regional.get(project=PROJECT, region=region, operation=name)) == gone

    @pytest.mark.parametrize(
        ("code", "status"), [("QUOTA_EXCEEDED", 403), ("RESOURCE_OPERATION_RATE_EXCEEDED", 429)]
    )
    def test_may_be_done_and_have_failed(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
        code: str,
        status: int,
    ) -> None:
        """On demand an insert is accepted, its operation fails, and no snapshot results."""
        gce.fault("snapshots.insert", operation_error=code)
        accepted = insert(client, request_id=REQUEST_ID)
        assert (accepted.status == DONE, list(accepted.error.errors)) == (False, [])
        failed = operations.wait(project=PROJECT, operation=accepted.name)
        assert (failed.status, failed.http_error_status_code) == (DONE, status)
        assert [error.code for error in failed.error.errors] == [code]
        assert gce.snapshots(PROJECT) == []
        assert insert(client, request_id=REQUEST_ID).error.errors[0].code == code

    def test_may_have_failed_at_once(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """On demand the answer to the insert is an operation that has failed already."""
        gce.fault("snapshots.insert", operation_error="QUOTA_EXCEEDED", at_once=True)
        operation = insert(client)
        assert (operation.status, operation.error.errors[0].code) == (DONE, "QUOTA_EXCEEDED")

    def test_fails_over_the_quota(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """A full project accepts an insert, and says in the operation that it has no room."""
        gce.quota = 1
        insert(client)
        failed = insert(client, "snap-2")
        gce.complete()
        operation = gce.client(compute_v1.GlobalOperationsClient).get(
            project=PROJECT, operation=failed.name
        )
        assert operation.error.errors[0].code == "QUOTA_EXCEEDED"
        assert [record.name for record in gce.snapshots(PROJECT)] == ["snap-1"]
        (quota,) = gce.client(compute_v1.ProjectsClient).get(project=PROJECT).quotas
        assert (quota.metric, quota.limit, quota.usage) == ("SNAPSHOTS", 1, 1)

    def test_fails_when_a_disk_is_snapshotted_too_often(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
    ) -> None:
        """Of one disk there are at most six snapshots within an hour of the clock."""
        for number in range(6):
            insert(client, f"snap-{number}")
        gce.clock = lambda: NOON + timedelta(minutes=59)
        name = insert(client, "snap-6").name
        failed = operations.wait(project=PROJECT, operation=name)
        assert failed.error.errors[0].code == "RESOURCE_OPERATION_RATE_EXCEEDED"
        gce.clock = lambda: NOON + timedelta(minutes=60)
        insert(client, "snap-7")
        assert [record.name for record in gce.snapshots(PROJECT)][-1] == "snap-7"

    def test_fails_where_the_guest_cannot_be_flushed(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
        disk: str,
    ) -> None:
        """With guest flush, a disk whose guest fails gets no snapshot; without, it does."""
        gce.fail_guest_flush.add("disk-1")
        name = insert(client, guest_flush=True).name
        assert operations.wait(project=PROJECT, operation=name).error.errors
        assert gce.snapshots(PROJECT) == []
        insert(client)
        assert len(gce.snapshots(PROJECT)) == 1


class TestSnapshot:
    def test_becomes_ready_when_it_is_told_to(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """A snapshot stays as it is until the test completes it, or all, or lets it fail."""
        for name in ("snap-1", "snap-2", "snap-3"):
            insert(client, name)
        gce.complete("snap-1")
        gce.fail("snap-2")
        assert listed(client, filter="status=READY") == ["snap-1"]
        assert listed(client, filter="status=CREATING") == ["snap-3"]
        gce.complete()
        assert listed(client, filter="status=READY") == ["snap-1", "snap-3"]
        assert listed(client, filter="status=FAILED") == ["snap-2"]

    def test_is_gone_when_its_deletion_is_done(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        operations: compute_v1.GlobalOperationsClient,
    ) -> None:
        """A snapshot that is deleted is DELETING first, and not to be deleted again."""
        name = gce.add_snapshot(PROJECT, DISK, started=NOON)
        operation = delete(client, name)
        assert client.get(project=PROJECT, snapshot=name).status == "DELETING"
        assert refused(lambda: delete(client, name))[1] == "resourceNotReady"
        operations.wait(project=PROJECT, operation=operation.name)
        assert gce.snapshots(PROJECT) == []
        assert refused(lambda: delete(client, name)) == (exceptions.NotFound, "notFound")

    def test_is_deleted_once_for_one_request(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """The same request id again answers the first deletion, even when it is done."""
        name = gce.add_snapshot(PROJECT, DISK, started=NOON)
        request = {"project": PROJECT, "snapshot": name, "request_id": REQUEST_ID}
        first = client.delete_unary(compute_v1.DeleteSnapshotRequest(request))
        gce.complete()
        again = client.delete_unary(compute_v1.DeleteSnapshotRequest(request))
        assert (again.name, again.status) == (first.name, DONE)

    def test_stays_while_it_is_in_use_or_the_deletion_fails(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """A snapshot in use is refused with 400; a failed operation leaves it as it was."""
        name = gce.add_snapshot(PROJECT, DISK, started=NOON)
        gce.in_use.add(name)
        used = (exceptions.BadRequest, "resourceInUseByAnotherResource")
        assert refused(lambda: delete(client, name)) == used
        gce.in_use.clear()
        gce.fault("snapshots.delete", operation_error="INTERNAL_ERROR", at_once=True)
        assert delete(client, name).error.errors[0].code == "INTERNAL_ERROR"
        assert [record.status for record in gce.snapshots(PROJECT)] == ["READY"]

    def test_is_not_to_be_deleted_while_it_is_created(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """A snapshot that is CREATING is not ready for its deletion."""
        insert(client)
        expected = (exceptions.BadRequest, "resourceNotReady")
        assert refused(lambda: delete(client, "snap-1")) == expected

    def test_takes_labels_from_who_knows_those_that_it_bears(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """Labels are replaced where the fingerprint is right, and it changes with them."""
        name = gce.add_snapshot(PROJECT, DISK, started=NOON, labels={"old": "1"})
        seen = client.get(project=PROJECT, snapshot=name).label_fingerprint
        set_labels(client, name, OURS, seen)
        assert [record.labels for record in gce.snapshots(PROJECT)] == [OURS]
        stale = (exceptions.PreconditionFailed, "conditionNotMet")
        assert refused(lambda: set_labels(client, name, {}, seen)) == stale
        set_labels(client, name, {}, client.get(project=PROJECT, snapshot=name).label_fingerprint)
        assert [record.labels for record in gce.snapshots(PROJECT)] == [{}]

    def test_can_be_back_dated(self, gce: GCE, client: compute_v1.SnapshotsClient) -> None:
        """Snapshots of any age and of disks long gone can be there from the start."""
        old, new = NOON - timedelta(days=400), NOON - timedelta(hours=1)
        gce.add_snapshot("other", DISK, started=new, name="new", disk_id="123", labels=OURS)
        gce.add_snapshot("other", DISK, started=old, name="old", status="FAILED")
        records = gce.snapshots("other")
        assert [(r.name, r.started, r.status) for r in records] == [
            ("old", old, "FAILED"),
            ("new", new, "READY"),
        ]
        seen = client.get(project="other", snapshot="new")
        assert (seen.source_disk_id, dict(seen.labels)) == ("123", OURS)
        assert client.get(project="other", snapshot=str(seen.id)).name == "new"


class TestListing:
    def test_comes_in_pages(self, gce: GCE, client: compute_v1.SnapshotsClient) -> None:
        """Pages hold as many as asked for, at most 500, and at most what the test allows."""
        names = [f"snap-{number:04}" for number in range(1001)]
        for name in names:
            gce.add_snapshot(PROJECT, DISK, started=NOON, name=name)
        assert listed(client) == names
        assert len(gce.calls_of("snapshots.list")) == 3
        gce.page_size = 300
        assert listed(client, max_results=400) == names
        assert len(gce.calls_of("snapshots.list")) == 3 + 4
        assert refused(lambda: listed(client, max_results=501)) == (
            exceptions.BadRequest,
            "invalid",
        )

    def test_refuses_a_token_that_it_did_not_give(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """A page token that means nothing is refused."""
        assert refused(lambda: listed(client, page_token="???")) == (
            exceptions.BadRequest,
            "invalid",
        )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("labels.created-by=k8s-snapshots", ["a", "b"]),
            ('labels.created-by = "k8s-snapshots"', ["a", "b"]),
            ("labels.cluster:*", ["b", "c"]),
            ("(labels.created-by=k8s-snapshots) (labels.cluster:*)", ["b"]),
            ("labels.created-by=k8s-snapshots AND labels.cluster=x", ["b"]),
            ("(labels.created-by=k8s-snapshots) AND (status=FAILED)", []),
            ("name=a", ["a"]),
            ("name != a", ["b", "c"]),
            ("name eq [ab]", ["a", "b"]),
            ("name ne 'a'", ["b", "c"]),
            ("status=READY", ["a", "b"]),
            ("sourceDisk eq .*/disks/disk-2", ["c"]),
            ("sourceDisk ne .*/disks/disk-2", ["a", "b"]),
            (f'sourceDisk="https://www.googleapis.com/compute/v1/{DISK}"', ["a", "b"]),
            ("sourceDiskId=77", ["c"]),
        ],
    )
    def test_can_be_filtered(
        self, gce: GCE, client: compute_v1.SnapshotsClient, text: str, expected: list[str]
    ) -> None:
        """A filter compares names, states, disks and labels, as AIP-160 or with eq and ne."""
        cluster, other = {"cluster": "x"}, DISK.replace("disk-1", "disk-2")
        gce.add_snapshot(PROJECT, DISK, started=NOON, name="a", labels=OURS)
        gce.add_snapshot(PROJECT, DISK, started=NOON, name="b", labels=OURS | cluster)
        gce.add_snapshot(
            PROJECT, other, started=NOON, name="c", labels=cluster, status="FAILED", disk_id="77"
        )
        gce.page_size = 1
        assert listed(client, filter=text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "name=a OR name=b",
            "NOT name=a",
            "name=a*",
            "name=a name=b",
            "(name=a",
            "name=a)",
            "name=a AND",
            "colour=red",
            "labels.cluster!=x",
            "labels.cluster:x",
            "creationTimestamp > '2026'",
            "name eq [",
            "(name=a) (status eq READY)",
            "(name eq a) (status eq READY)",
        ],
    )
    def test_does_not_guess_what_a_filter_means(
        self, gce: GCE, client: compute_v1.SnapshotsClient, text: str
    ) -> None:
        """A filter that the stand-in does not know is a violation, and never an empty answer."""
        assert refused(lambda: listed(client, filter=text))[1] == "invalid"
        assert re.search("emulated|regular expression", violation(gce))

    def test_may_lag_behind(self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str) -> None:
        """A new snapshot is missing from as many listings as `lag` says, but not from a get."""
        gce.lag = 2
        insert(client)
        assert [listed(client), listed(client), listed(client)] == [[], [], ["snap-1"]]
        gce.lag = ALWAYS
        insert(client, "snap-2")
        assert listed(client) == ["snap-1"]
        assert client.get(project=PROJECT, snapshot="snap-2").name == "snap-2"
        gce.reveal()
        assert listed(client) == ["snap-1", "snap-2"]

    def test_warns_when_it_is_incomplete(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """Where a storage location or the project is out of reach, the page lacks it and warns."""
        gce.add_snapshot(PROJECT, DISK, started=NOON, name="a")
        gce.add_snapshot(PROJECT, DISK, started=NOON, name="b", storage_locations=["us"])
        gce.projects.add("other")
        gce.unreachable = {"us", ZONE, "other"}
        page = client.list(project=PROJECT)
        assert warned(page) == ("UNREACHABLE", ["us"])
        assert [snapshot.name for snapshot in page] == ["a"]
        gce.unreachable = {PROJECT}
        page = client.list(project=PROJECT)
        assert (warned(page), list(page)) == (("UNREACHABLE", [PROJECT]), [])

    def test_warns_on_demand(self, gce: GCE, client: compute_v1.SnapshotsClient) -> None:
        """Any page can be made to bear a warning, such as the second."""
        for name in ("a", "b"):
            gce.add_snapshot(PROJECT, DISK, started=NOON, name=name)
        gce.page_size = 1
        gce.fault(
            "snapshots.list", warning="PARTIAL_SUCCESS", when=lambda c: "pageToken" in c.params
        )
        warnings = [warned(page)[0] for page in client.list(project=PROJECT).pages]
        assert warnings == ["", "PARTIAL_SUCCESS"]

    def test_knows_projects_of_a_domain(self, gce: GCE) -> None:
        """The name of an old project begins with a domain, and a colon in a URL is encoded."""
        source = f"projects/example.com:old/zones/{ZONE}/disks/disk-1"
        gce.add_disk("example.com:old", ZONE, "disk-1")
        insert(gce.client(compute_v1.SnapshotsClient), source=source, project="example.com:old")
        assert [record.disk for record in gce.snapshots("example.com:old")] == [source]
        disks = gce.client(compute_v1.DisksClient)
        assert disks.get(project="example.com:old", zone=ZONE, disk="disk-1").name == "disk-1"

    def test_knows_only_projects_that_exist(self, client: compute_v1.SnapshotsClient) -> None:
        """A project that does not exist is 404."""
        gone = (exceptions.NotFound, "notFound")
        assert refused(lambda: client.list(project="elsewhere")) == gone


class TestDisks:
    def test_are_found_by_name_and_id(self, gce: GCE, disk: str) -> None:
        """A zonal disk shows its zone, size and labels."""
        gce.add_disk(PROJECT, ZONE, "disk-2", labels={"a": "b"}, disk_type="hyperdisk-balanced")
        disks = gce.client(compute_v1.DisksClient)
        seen = disks.get(project=PROJECT, zone=ZONE, disk="disk-2")
        assert (seen.zone.rsplit("/", 1)[1], seen.size_gb, dict(seen.labels)) == (
            ZONE,
            10,
            {"a": "b"},
        )
        assert disks.get(project=PROJECT, zone=ZONE, disk=disk).name == "disk-1"
        assert [d.name for d in disks.list(project=PROJECT, zone=ZONE)] == ["disk-1", "disk-2"]
        gone = (exceptions.NotFound, "notFound")
        elsewhere = "europe-west1-c"
        assert refused(lambda: disks.get(project=PROJECT, zone=elsewhere, disk="disk-1")) == gone

    def test_may_be_regional(self, gce: GCE) -> None:
        """A regional disk is found in its region, and shows its zones."""
        zones = ["europe-west1-b", "europe-west1-d"]
        gce.add_disk(PROJECT, "europe-west1", "disk-r", replica_zones=zones)
        disks = gce.client(compute_v1.RegionDisksClient)
        seen = disks.get(project=PROJECT, region="europe-west1", disk="disk-r")
        assert [zone.rsplit("/", 1)[1] for zone in seen.replica_zones] == zones
        found = disks.list(project=PROJECT, region="europe-west1")
        assert [disk.name for disk in found] == ["disk-r"]

    def test_are_listed_across_zones_and_regions(self, gce: GCE, disk: str) -> None:
        """The aggregated list names every scope on every page, with a warning if it is empty."""
        gce.add_disk(PROJECT, "europe-west1", "disk-r", replica_zones=[ZONE])
        gce.add_disk(PROJECT, "us-central1-a", "disk-2", labels=OURS)
        gce.add_disk("other", ZONE, "disk-3")
        gce.page_size = 2
        pages = list(gce.client(compute_v1.DisksClient).aggregated_list(project=PROJECT).pages)
        found = [
            {scope: [disk.name for disk in part.disks] for scope, part in page.items.items()}
            for page in pages
        ]
        assert [{s: names for s, names in page.items() if names} for page in found] == [
            {"regions/europe-west1": ["disk-r"], f"zones/{ZONE}": ["disk-1"]},
            {"zones/us-central1-a": ["disk-2"]},
        ]
        assert found[0].keys() == found[1].keys()
        empty = "zones/us-central1-a"
        assert warned(pages[0].items[empty]) == ("NO_RESULTS_ON_PAGE", [empty])

    def test_can_be_filtered_across_zones(self, gce: GCE, disk: str) -> None:
        """The aggregated list takes the same filters."""
        gce.add_disk(PROJECT, "us-central1-a", "disk-2", labels=OURS)
        request = compute_v1.AggregatedListDisksRequest(
            project=PROJECT, filter="labels.created-by:*"
        )
        scopes = gce.client(compute_v1.DisksClient).aggregated_list(request)
        assert [disk.name for _, part in scopes for disk in part.disks] == ["disk-2"]

    def test_of_an_unreachable_zone_are_missing(self, gce: GCE, disk: str) -> None:
        """A zone that cannot be reached has a warning, and is named among the unreachables."""
        gce.unreachable = {ZONE}
        (page,) = gce.client(compute_v1.DisksClient).aggregated_list(project=PROJECT).pages
        assert warned(page.items[f"zones/{ZONE}"]) == ("UNREACHABLE", [f"zones/{ZONE}"])
        assert list(page.items[f"zones/{ZONE}"].disks) == []
        assert list(page.unreachables) == [f"zones/{ZONE}"]


class TestPermissions:
    @pytest.mark.parametrize("permission", PERMISSIONS["snapshots.insert"])
    def test_an_insert_needs_three(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str, permission: str
    ) -> None:
        """To create, to read the disk, and to set labels: each is missed where it is denied."""
        gce.denied = {permission}
        with pytest.raises(exceptions.Forbidden, match=f"Required '{permission}'") as caught:
            insert(client, labels=OURS)
        assert caught.value.errors[0]["reason"] == "forbidden"
        gce.denied.clear()
        insert(client, labels=OURS)
        assert gce.used_permissions == set(PERMISSIONS["snapshots.insert"])

    def test_belong_to_a_project(self, gce: GCE, client: compute_v1.SnapshotsClient) -> None:
        """A permission may be denied in one project: the disk's or the snapshot's."""
        gce.add_disk("other", ZONE, "disk-1")
        source = DISK.replace(PROJECT, "other")
        gce.denied = {"other:compute.disks.createSnapshot"}
        assert refused(lambda: insert(client, source=source))[1] == "forbidden"
        gce.denied = {f"{PROJECT}:compute.disks.createSnapshot", "other:compute.snapshots.create"}
        insert(client, source=source)
        assert "compute.snapshots.setLabels" not in gce.used_permissions

    def test_can_be_asked_for(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """What is not denied is held, on snapshots and on disks, and asking needs nothing."""
        name = gce.add_snapshot(PROJECT, DISK, started=NOON)
        gce.denied = {"compute.snapshots.delete"}
        asked = ["compute.snapshots.get", "compute.snapshots.delete"]
        body = compute_v1.TestPermissionsRequest(permissions=asked)
        snapshot = client.test_iam_permissions(
            project=PROJECT, resource=name, test_permissions_request_resource=body
        )
        disks = gce.client(compute_v1.DisksClient)
        other = disks.test_iam_permissions(
            project=PROJECT, zone=ZONE, resource="disk-1", test_permissions_request_resource=body
        )
        held = [list(answer.permissions) for answer in (snapshot, other)]
        assert held == [["compute.snapshots.get"]] * 2
        assert gce.used_permissions == set()


class TestFaults:
    @pytest.mark.parametrize(
        ("details", "kind"),
        [
            ({"reason": "rateLimitExceeded"}, exceptions.Forbidden),
            ({"reason": "rateLimitExceeded", "status": 429}, exceptions.TooManyRequests),
            ({"reason": "quotaExceeded"}, exceptions.Forbidden),
            ({"reason": "forbidden"}, exceptions.Forbidden),
            ({"reason": "notFound"}, exceptions.NotFound),
            ({"reason": "resourceInUseByAnotherResource"}, exceptions.BadRequest),
            ({"reason": "resourceNotReady"}, exceptions.BadRequest),
            ({"reason": "conditionNotMet"}, exceptions.PreconditionFailed),
            ({"reason": "backendError"}, exceptions.ServiceUnavailable),
            ({"reason": "internalError"}, exceptions.InternalServerError),
        ],
    )
    def test_refuse_as_google_does(
        self,
        gce: GCE,
        client: compute_v1.SnapshotsClient,
        disk: str,
        details: dict[str, Any],
        kind: type[Exception],
    ) -> None:
        """Each reason has its status; the client shows it among the errors, not as `reason`."""
        gce.fault("snapshots.insert", **details)
        with pytest.raises(exceptions.GoogleAPICallError) as caught:
            insert(client)
        assert type(caught.value) is kind
        assert caught.value.errors[0]["reason"] == details["reason"]
        assert (caught.value.reason, gce.snapshots(PROJECT)) == (None, [])
        insert(client)

    def test_may_bear_modern_details(self, gce: GCE, client: compute_v1.SnapshotsClient) -> None:
        """An error with `info` has what the client shows as `reason`."""
        gce.fault("snapshots.list", "rateLimitExceeded", status=429, info="RATE_LIMIT_EXCEEDED")
        with pytest.raises(exceptions.TooManyRequests) as caught:
            listed(client)
        assert caught.value.reason == "RATE_LIMIT_EXCEEDED"

    def test_strike_as_often_and_where_they_are_meant_to(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """A fault is for some times, one project, and the requests that a function picks."""
        gce.projects.add("other")
        fault = gce.fault("*", "backendError", times=2, project="other")
        listed(client)
        for _ in range(2):
            with pytest.raises(exceptions.ServiceUnavailable):
                client.list(project="other", retry=None)
        client.list(project="other", retry=None)
        assert fault.times == 0
        gce.fault("snapshots.insert", "backendError", when=lambda call: call.body["name"] == "b")
        insert(client, "a")
        with pytest.raises(exceptions.ServiceUnavailable):
            insert(client, "b")

    def test_close_the_connection_before_or_after_the_effect(
        self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str
    ) -> None:
        """Without an answer nobody knows whether it worked; the request id makes it one."""
        gce.fault("snapshots.insert", timeout_before=True)
        with pytest.raises(requests.ConnectionError):
            insert(client, request_id=REQUEST_ID)
        assert gce.snapshots(PROJECT) == []
        gce.fault("snapshots.insert", timeout_after=True)
        with pytest.raises(requests.ConnectionError):
            insert(client, request_id=REQUEST_ID)
        assert len(gce.snapshots(PROJECT)) == 1
        insert(client, request_id=REQUEST_ID)
        assert len(gce.snapshots(PROJECT)) == 1

    def test_hang_until_the_client_gives_up(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """A hanging call ends with the client's time-out, and does not hold the context open."""
        gce.fault("snapshots.list", hang=60)
        with pytest.raises(requests.ReadTimeout):
            client.list(project=PROJECT, retry=None, timeout=0.1)

    def test_delay_what_then_works(self, gce: GCE, client: compute_v1.SnapshotsClient) -> None:
        """A late answer is an answer."""
        gce.fault("snapshots.list", delay=0.05)
        assert listed(client) == []

    def test_answer_a_proxys_page(self, gce: GCE, client: compute_v1.SnapshotsClient) -> None:
        """A web page is an error without reasons; with status 200 it is no API error at all."""
        gce.fault("snapshots.list", html=True)
        with pytest.raises(exceptions.ServiceUnavailable) as caught:
            listed(client)
        assert caught.value.errors == []
        gce.fault("snapshots.list", html="<html>Sign in</html>", status=200)
        with pytest.raises(Exception, match="Failed to load JSON") as other:
            listed(client)
        assert not isinstance(other.value, exceptions.GoogleAPIError)

    def test_are_hidden_by_the_clients_own_retries(
        self, gce: GCE, client: compute_v1.SnapshotsClient
    ) -> None:
        """By default the client repeats a list on 503, and on nothing else."""
        gce.fault("snapshots.list", "backendError")
        assert list(client.list(project=PROJECT)) == []
        assert len(gce.calls_of("snapshots.list")) == 2
        gce.fault("snapshots.list", "rateLimitExceeded", status=429)
        with pytest.raises(exceptions.TooManyRequests):
            client.list(project=PROJECT)


class TestServing:
    def test_tells_a_process_where_it_is(self, gce: GCE) -> None:
        """The environment names the endpoint as Terraform does, with the version's path."""
        environment = gce.environment()
        assert environment["GOOGLE_COMPUTE_CUSTOM_ENDPOINT"] == f"{gce.url}/compute/v1/"
        assert environment["GCLOUD_PROJECT"] == PROJECT

    def test_records_calls(self, gce: GCE, client: compute_v1.SnapshotsClient, disk: str) -> None:
        """Each call is recorded with its parameters and its body, also one that failed."""
        insert(client, request_id=REQUEST_ID)
        with pytest.raises(exceptions.NotFound):
            delete(client, "nothing")
        (call,) = gce.calls_of("snapshots.insert")
        assert call.params == {"project": PROJECT, "requestId": REQUEST_ID}
        assert call.body == {"name": "snap-1", "sourceDisk": DISK}
        assert [call.method for call in gce.calls] == ["snapshots.insert", "snapshots.delete"]
        assert gce.calls[1].params["snapshot"] == "nothing"

    def test_is_gone_when_the_context_ends(self) -> None:
        """Afterwards nothing answers, not even on a connection that was open."""
        with GCE() as gce:
            client = gce.client(compute_v1.SnapshotsClient)
            listed(client)
        with pytest.raises(requests.ConnectionError):
            listed(client)

    def test_knows_nothing_of_another(self, gce: GCE, disk: str) -> None:
        """Two of them at once share nothing."""
        with GCE() as another:
            assert raw(another, DISK)[0] == 404
        assert raw(gce, DISK)[0] == 200

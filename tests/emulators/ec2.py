"""The embedded AWS: moto's server made honest about snapshots.

moto does the work, and answers volumes, regions, tags and S3 as it always does. Before it stands
what EC2 refuses and what goes wrong on the way; within it, patched while this runs, are the making
and the listing of snapshots. moto's state belongs to the process: one `EC2` at a time.
"""

from __future__ import annotations

import functools
import io
import logging
import math
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest import mock
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from tests.emulators import ec2_answers as answers
from tests.emulators.ec2_answers import SnapshotRecord, from_token, record_of, to_token
from tests.emulators.ec2_filters import chosen

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.elastic_block_store import Snapshot
    from types_boto3_ec2 import EC2Client

ALWAYS = math.inf
PAGE = "<html><body><h1>Service Unavailable</h1></body></html>"
NO_TAGS: Mapping[str, str] = {}
STATUS = {"AuthFailure": 401, "UnauthorizedOperation": 403, "DryRunOperation": 412}
STATUS |= {"InternalError": 500, "RequestLimitExceeded": 503, "Unavailable": 503}


@dataclass(frozen=True)
class Call:
    """One request: `params` are its form fields as boto3 sends them, such as `Filter.1.Name`."""

    action: str
    region: str
    params: Mapping[str, str]


@dataclass
class Fault:
    """What goes wrong with an action (`*` is any) for its next `times` matching requests.

    With `error_code` EC2 refuses. `timeout_before` closes the connection without answer or effect,
    `timeout_after` when the call has taken effect; either waits `hang` seconds first, and `hang`
    alone is a `timeout_before`. `html` answers a proxy's page, or the text given. `delay` is how
    many seconds late all that is.
    """

    action: str
    error_code: str | None = None
    message: str = "Injected by a test."
    status: int | None = None
    times: float = 1
    when: Callable[[Mapping[str, str]], bool] = lambda params: True
    region: str | None = None
    timeout_before: bool = False
    timeout_after: bool = False
    hang: float = 0
    delay: float = 0
    html: bool | str = False

    def strikes(self, call: Call) -> bool:
        """Tell whether the request suffers this fault, which is then used up by one."""
        meant = self.action in (call.action, "*") and self.region in (call.region, None)
        hit = meant and self.times > 0 and self.when(call.params)
        self.times -= hit
        return hit


class Refusal(Exception):
    """An error that EC2 answers: its code and perhaps a message."""


class EC2:
    """Serve EC2 on a free port of 127.0.0.1 for as long as the context lasts.

    To be set at any time: `page_size`, than which no page of DescribeSnapshots is longer; `clock`,
    the time of new snapshots; `lag`, how many listings miss a snapshot made from now on;
    `pending_limit`, a region's; `denied`, actions without permission; `in_use` and `locked`, ids of
    snapshots that cannot be deleted; `lock_error`, code and message of that for locked ones;
    `bin_rule`, the tag whose snapshots go to the Recycle Bin when they are deleted; `rates`, token
    buckets by action: burst and refill a second, by the seconds of `monotonic`; `throttled`, how
    many requests these refused.
    `calls` and `faults` may be cleared.
    """

    url: str
    _moto: WSGIApplication

    def __init__(self, *, page_size: int | None = None, account: str = "123456789012") -> None:
        self.account = account
        self.page_size = page_size
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.lag: float = 0
        self.pending_limit: float = ALWAYS
        self.denied: set[str] = set()
        self.in_use: set[str] = set()
        self.locked: set[str] = set()
        # No source names a code for this, so that nothing may depend on one.
        self.lock_error = ("NamedByNoSource", "The snapshot is locked and cannot be deleted.")
        self.bin_rule: tuple[str, str] | None = None
        self.rates: dict[str, tuple[float, float]] = {}
        self.monotonic: Callable[[], float] = time.monotonic
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.throttled = 0
        self._bin: dict[tuple[str, str], Snapshot] = {}
        self._hidden: dict[str, float] = {}
        self._tokens: dict[tuple[str, str], tuple[float, float]] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        # Read by moto when it makes a region's backend: its default AMIs bring snapshots with them.
        os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
        from moto.core.base_backend import BackendDict
        from moto.moto_server import werkzeug_app

        BackendDict.reset()
        self._stopping.clear()
        self._patch()
        self._moto = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        # As ThreadedMotoServer does it, which however takes half a second to stop.
        handler = werkzeug_app.MotoRequestHandler
        server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=handler)
        self._stack.callback(server.shutdown)
        self._stack.callback(self._stopping.set)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{server.port}"
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def environment(self, region: str = "eu-west-1") -> dict[str, str]:
        """Tell a process, by its environment, to take this for AWS."""
        names = {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        names |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        return names | {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}

    def client(self, region: str = "eu-west-1", **config: Any) -> EC2Client:
        """Make a client that tries once, unless `config`, which is botocore's, says otherwise."""
        options = Config(**{"retries": {"total_max_attempts": 1}, "proxies": {}, **config})
        return _session().client("ec2", region, endpoint_url=self.url, config=options)

    def add_volume(
        self,
        region: str,
        *,
        size: int = 1,
        zone: str | None = None,
        volume_id: str | None = None,
        volume_type: str = "gp3",
        tags: Mapping[str, str] = NO_TAGS,
    ) -> str:
        """Add a volume, under an id of your choosing; moto need not know its zone."""
        backend = self._backend(region)
        zone = zone or f"{region}a"
        volume = backend.create_volume(size, zone, volume_type=volume_type)
        volume.zone = volume.zone or SimpleNamespace(name=zone)
        backend.volumes.pop(volume.id)
        volume.id = volume_id or volume.id
        backend.volumes[volume.id] = volume
        backend.tags[volume.id].update(tags)
        return volume.id

    def add_snapshot(
        self,
        region: str,
        volume_id: str,
        *,
        started: datetime,
        state: str = "completed",
        tags: Mapping[str, str] = NO_TAGS,
        owner: str | None = None,
        snapshot_id: str | None = None,
        description: str = "",
        transfer_type: str = "",
        message: str = "",
    ) -> str:
        """Add a snapshot of any date and owner; its volume may be gone.

        `transfer_type` tells that it is a copy, `message` why it failed.
        """
        from moto.ec2.models.elastic_block_store import Snapshot
        from moto.ec2.utils import random_snapshot_id

        backend = self._backend(region)
        volume = backend.volumes.get(volume_id) or SimpleNamespace(id=volume_id, size=1)
        name = snapshot_id or random_snapshot_id()
        snapshot: Any = Snapshot(backend, name, volume, description, owner_id=owner or self.account)
        snapshot.start_time, snapshot.status = started, state
        snapshot.transfer_type, snapshot.state_message = transfer_type, message
        backend.snapshots[name] = snapshot
        backend.tags[name].update(tags)
        return name

    def complete(self, snapshot_id: str | None = None) -> None:
        """Let one pending snapshot complete, or all of them."""
        for snapshot in self._everywhere():
            if snapshot.status == "pending" and snapshot_id in (snapshot.id, None):
                snapshot.status = "completed"

    def age(self, time: timedelta) -> None:
        """Make every snapshot older."""
        for snapshot in self._everywhere():
            snapshot.start_time -= time

    def fail(self, snapshot_id: str, message: str = "") -> None:
        """Let a snapshot end in error; `message` is what its StateMessage says."""
        snapshot: Any = next(s for s in self._everywhere() if s.id == snapshot_id)
        snapshot.status, snapshot.state_message = "error", message

    def archive(self, snapshot_id: str) -> None:
        """Move a snapshot to the archive tier; ModifySnapshotTier does the same."""
        next(s for s in self._everywhere() if s.id == snapshot_id).storage_tier = "archive"

    def recovered(self) -> None:
        """Let what is on its way out of the Recycle Bin be there."""
        for snapshot in self._everywhere():
            if snapshot.status == "recovering":
                snapshot.status = "completed"

    def reveal(self) -> None:
        """List from now on what `lag` still hides."""
        self._hidden.clear()

    def snapshots(self, region: str) -> list[SnapshotRecord]:
        """Return every snapshot of the region, oldest first, also hidden and foreign ones."""
        return sorted(_records(self._backend(region)), key=lambda record: record.started)

    def calls_of(self, action: str) -> list[Call]:
        """Return the requests of one action, also those that failed."""
        return [call for call in self.calls if call.action == action]

    def fault(self, action: str, error_code: str | None = None, **details: Any) -> Fault:
        """Let an action go wrong; `details` are the fields of `Fault`."""
        self.faults.append(Fault(action, error_code, **details))
        return self.faults[-1]

    def _backend(self, region: str) -> EC2Backend:
        from moto.ec2.models import ec2_backends

        return ec2_backends[self.account][region]

    def _everywhere(self) -> list[Snapshot]:
        from moto.ec2.models import ec2_backends

        backends = ec2_backends[self.account].values()
        return [snapshot for backend in backends for snapshot in backend.snapshots.values()]

    def _serve(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account
        call = _call(environ)
        if call is None:
            # moto compares and then writes; S3 evaluates a condition and writes at once.
            with self._writing if environ["REQUEST_METHOD"] == "PUT" else nullcontext():
                return self._moto(environ, start)
        with self._lock:
            self.calls.append(call)
            fault = next((f for f in self.faults if f.strikes(call)), Fault(call.action))
        self._stopping.wait(fault.delay)
        if fault.timeout_after:
            self._answer(call, environ, start)
        if fault.timeout_before or fault.timeout_after or fault.hang:
            self._stopping.wait(fault.hang)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError  # which werkzeug takes in silence
        if fault.html:
            page = PAGE if fault.html is True else fault.html
            return Response(page, fault.status or 503, mimetype="text/html")(environ, start)
        if fault.error_code:
            return _error(fault.error_code, fault.message, fault.status)(environ, start)
        return self._answer(call, environ, start)

    def _answer(
        self, call: Call, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        try:
            with self._lock:
                self._admit(call)
                own = self._own(call)
                return self._moto(environ, start) if own is None else own(environ, start)
        except Refusal as refusal:
            return _error(*refusal.args)(environ, start)

    def _own(self, call: Call) -> Response | None:
        """Answer what moto does not know; None where it does."""
        name = call.params.get("SnapshotId", "")
        answer = None
        if call.action == "ListSnapshotsInRecycleBin":
            inside = [record_of(s) for (region, _), s in self._bin.items() if region == call.region]
            answer = answers.bin_listing(inside)
        elif call.action == "RestoreSnapshotFromRecycleBin":
            answer = answers.restored(self._bring_back(call.region, name))
        elif call.action in ("LockSnapshot", "UnlockSnapshot"):
            (self.locked.add if call.action == "LockSnapshot" else self.locked.discard)(name)
            answer = answers.locked(call.action, name)
        elif call.action == "DescribeLockedSnapshots":
            answer = answers.locks(self.locked & self._backend(call.region).snapshots.keys())
        return Response(answer, mimetype="text/xml") if answer else None

    def _bring_back(self, region: str, name: str) -> SnapshotRecord:
        snapshot = self._bin.pop((region, name), None)
        if snapshot is None:
            raise Refusal("InvalidSnapshot.NotFound")
        snapshot.status = "recovering"
        self._backend(region).snapshots[name] = snapshot
        return record_of(snapshot)

    def _admit(self, call: Call) -> None:
        """Refuse what EC2 would refuse and moto would not."""
        if self._throttles(call):
            self.throttled += 1
            raise Refusal("RequestLimitExceeded")
        if call.action in self.denied:
            raise Refusal("UnauthorizedOperation")
        if call.action.startswith("Create"):
            _check_tags(call.params)
        if call.params.get("DryRun") == "true":
            raise Refusal("DryRunOperation")
        if call.action == "CreateSnapshot":
            self._check_limits(call.params.get("VolumeId", ""), self._backend(call.region))
        if call.action == "CopySnapshot":
            _check_copyable(call.params, self._backend(call.params.get("SourceRegion", "")))
        if call.action == "CreateVolume":
            self._check_usable(call.params.get("SnapshotId", ""), self._backend(call.region))
        if call.action == "DeleteSnapshot":
            self._check_deletable(call.params.get("SnapshotId", ""), self._backend(call.region))

    def _throttles(self, call: Call) -> bool:
        burst, refill = self.rates.get(call.action, (ALWAYS, 0))
        bucket, now = (call.action, call.region), self.monotonic()
        tokens, last = self._tokens.get(bucket, (burst, now))
        tokens = min(burst, tokens + (now - last) * refill)
        self._tokens[bucket] = (tokens - (tokens >= 1), now)
        return tokens < 1

    def _check_limits(self, volume_id: str, backend: EC2Backend) -> None:
        if volume_id not in backend.volumes:
            return  # moto knows what to say to that
        everything = _records(backend)
        # The id of a volume that a copy has means nothing.
        records = [r for r in everything if r.volume_id == volume_id and not r.transfer_type]
        ages = [self.clock() - record.started for record in records]
        if any(timedelta(0) <= age < timedelta(seconds=15) for age in ages):
            raise Refusal("SnapshotCreationPerVolumeRateExceeded")
        allowed = 1 if backend.volumes[volume_id].volume_type in ("st1", "sc1") else 5
        # Those in error hold a slot too: AWS re:Post, "ebs-snapshot-stuck".
        if _count(records, "pending", "error") >= allowed:
            raise Refusal("ConcurrentSnapshotLimitExceeded")
        if _count(everything, "pending") >= self.pending_limit:
            raise Refusal("PendingSnapshotLimitExceeded")

    def _check_deletable(self, snapshot_id: str, backend: EC2Backend) -> None:
        snapshot = backend.snapshots.get(snapshot_id)
        if snapshot and snapshot.owner_id != self.account:
            raise Refusal("InvalidSnapshot.NotFound")
        if snapshot_id in self.in_use:
            message = f"The snapshot {snapshot_id} is currently in use by ami-0123456789abcdef0"
            raise Refusal("InvalidSnapshot.InUse", message)
        if snapshot_id in self.locked:
            raise Refusal(*self.lock_error)

    def _check_usable(self, snapshot_id: str, backend: EC2Backend) -> None:
        snapshot = backend.snapshots.get(snapshot_id)
        if snapshot and snapshot.storage_tier == "archive" and not snapshot.restore_expiry_time:
            raise Refusal("IncorrectState", f"The snapshot {snapshot_id} is archived.")

    def _patch(self) -> None:
        from moto.ec2.models import EC2Backend as Backend
        from moto.ec2.models import elastic_block_store
        from moto.ec2.models.core import TaggedEC2Resource
        from moto.ec2.models.elastic_block_store import EBSBackend
        from moto.ec2.responses.elastic_block_store import ElasticBlockStore

        create, delete = EBSBackend.create_snapshot, EBSBackend.delete_snapshot
        copy, exist = EBSBackend.copy_snapshot, Backend.do_resources_exist

        def create_snapshot(backend: EC2Backend, *args: Any, **kwargs: Any) -> Snapshot:
            snapshot = create(backend, *args, **kwargs)
            snapshot.start_time = self.clock().replace(microsecond=0)  # as the answer shows it
            snapshot.status = "pending"
            self._hidden[snapshot.id] = self.lag
            return snapshot

        def delete_snapshot(backend: EC2Backend, snapshot_id: str) -> Snapshot:
            snapshot = delete(backend, snapshot_id)
            tags = backend.tags.get(snapshot_id, {})
            if self.bin_rule and self.bin_rule in tags.items():
                self._bin[backend.region_name, snapshot_id] = snapshot
            else:
                backend.tags.pop(snapshot_id, None)
            return snapshot

        def copy_snapshot(backend: EC2Backend, *args: Any, **kwargs: Any) -> Snapshot:
            made: Any = copy(backend, *args, **kwargs)
            made.volume = SimpleNamespace(id="vol-ffffffff", size=made.volume.size)
            made.start_time, made.status = self.clock().replace(microsecond=0), "pending"
            made.transfer_type = "standard"
            return made  # type: ignore[no-any-return]

        def do_resources_exist(backend: EC2Backend, names: list[str]) -> bool:
            # What is in the Recycle Bin can be tagged.
            seen = [n for n in names if (backend.region_name, n) not in self._bin]
            return not seen or bool(exist(backend, seen))

        for owner, name, function in (
            (TaggedEC2Resource, "get_tags", _get_tags),
            (EBSBackend, "create_snapshot", create_snapshot),
            (EBSBackend, "delete_snapshot", delete_snapshot),
            (EBSBackend, "copy_snapshot", copy_snapshot),
            (Backend, "do_resources_exist", do_resources_exist),
            (elastic_block_store, "generic_filter", chosen),
            (ElasticBlockStore, "describe_snapshots", lambda response: self._describe(response)),
            (ElasticBlockStore, "describe_volumes", _describe_volumes),
        ):
            self._stack.enter_context(mock.patch.object(owner, name, function))

    def _describe(self, response: Any) -> str:
        from moto.ec2.exceptions import InvalidSnapshotIdError

        snapshots = self._listed(response.ec2_backend.snapshots)
        ids = response._get_param("SnapshotIds", [])
        if not snapshots.keys() >= set(ids):
            raise InvalidSnapshotIdError
        owners = [self.account if o == "self" else o for o in response._get_param("OwnerIds", [])]
        asked = [snapshots[name] for name in sorted(set(ids) or snapshots)]
        owned = [s for s in asked if not owners or s.owner_id in owners]
        found = chosen(response._filters_from_querystring(), owned)
        _page_size(response)
        size = min(response._get_param("MaxResults", len(found)), self.page_size or len(found))
        after = from_token(response._get_param("NextToken", ""))
        return answers.listing([record_of(s) for s in found if s.id > after], size)

    def _listed(self, snapshots: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
        listed = {name: s for name, s in snapshots.items() if self._hidden.get(name, 0) <= 0}
        for name in self._hidden.keys() & snapshots.keys():
            self._hidden[name] -= 1
        return listed


@functools.cache
def _session() -> boto3.Session:
    """Share one among all clients: reading EC2's model takes longer than most tests."""
    return boto3.Session("testing", "testing")


def _get_tags(resource: Any) -> list[dict[str, str]]:
    """Stand in for moto's, which goes through the tags of all resources for each."""
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [{"key": key, "value": value} for key, value in tags.items()]


def _call(environ: WSGIEnvironment) -> Call | None:
    """Read the request and leave it readable; None where it is not for EC2."""
    scope = re.search(r"/([^/]+)/ec2/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        return None
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    params = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return Call(params["Action"], scope[1], params)


def _error(code: str, message: str = "Refused.", status: int | None = None) -> Response:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    xml = f"<Response><Errors>{error}</Errors><RequestID>0</RequestID></Response>"
    return Response(xml, status or STATUS.get(code, 400), mimetype="text/xml")


def _check_tags(params: Mapping[str, str]) -> None:
    keys = {field: key for field, key in params.items() if re.search(r"\bTag\.\d+\.Key$", field)}
    if len(keys) > 50:
        raise Refusal("TagLimitExceeded")
    if len(set(keys.values())) < len(keys):
        raise Refusal("InvalidParameterValue", "Duplicate tag keys are specified.")
    for field, key in keys.items():
        value = params.get(f"{field.removesuffix('Key')}Value", "")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise Refusal("InvalidParameterValue", f"Tag '{key}' is empty or too long.")
        if key.lower().startswith("aws:"):
            raise Refusal("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved.")


def _records(backend: EC2Backend) -> list[SnapshotRecord]:
    return [record_of(snapshot) for snapshot in list(backend.snapshots.values())]


def _count(records: Iterable[SnapshotRecord], *states: str) -> int:
    return sum(record.state in states for record in records)


def _check_copyable(params: Mapping[str, str], backend: EC2Backend) -> None:
    source = backend.snapshots.get(params.get("SourceSnapshotId", ""))
    if source and source.status != "completed":
        raise Refusal("IncorrectState", "Only completed snapshots can be copied.")


def _page_size(response: Any) -> int:
    from moto.ec2.exceptions import EC2ClientError

    most: int = response._get_param("MaxResults", 1000)
    if not 5 <= most <= 1000:
        raise EC2ClientError("InvalidParameterValue", f"Value ( {most} ) for maxResults.")
    return most


def _describe_volumes(response: Any) -> Any:
    """Stand in for moto's, which knows no pages; ids and pages exclude each other."""
    from moto.core.responses import ActionResult
    from moto.ec2.exceptions import EC2ClientError

    ids = response._get_param("VolumeIds", [])
    if ids and response._get_param("MaxResults", 0):
        message = "The parameter MaxResults cannot be used with the parameter VolumeIds."
        raise EC2ClientError("InvalidParameterCombination", message)
    size, after = _page_size(response), from_token(response._get_param("NextToken", ""), "vol-")
    filters = response._filters_from_querystring()
    found = sorted(response.ec2_backend.describe_volumes(ids, filters), key=lambda v: v.id)
    left = [volume for volume in found if volume.id > after]
    token = {"NextToken": to_token(left[size - 1].id)} if len(left) > size else {}
    return ActionResult({"Volumes": left[:size], **token})

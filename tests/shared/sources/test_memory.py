"""What owners write on their objects does not decide how much memory a pass takes."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.kinds import LONGEST_VALUE, Metadata
from shared.objects import LONGEST_STATUS, Objects
from shared.sources.api import FIRST_PAGE, PAGE, PAGE_BYTES, next_limit

RULES, ANNOTATIONS = 1500, 250_000
#: Reads the rules of the API at argv[1]; prints how many, and by how many MB the peak grew.
CHILD = """
import resource, sys
from kubernetes import client
from shared.sources.cluster import Cluster
configuration = client.Configuration(host=sys.argv[1])
api = client.ApiClient(configuration)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
objects = Cluster(lambda: api, annotations=("backup.kubernetes.io/deltas",)).read()
print(len(objects.rules), peak() - before)
"""


class _Handler(BaseHTTPRequestHandler):
    """Serves rules with as many annotations as the API server takes, by pages of any length."""

    protocol_version = "HTTP/1.1"
    size = 0

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        start, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        end = min(RULES, start + limit) if parts.path.endswith("/snapshotrules") else start
        items = ",".join(self._rule(number) for number in range(start, end))
        more = f'"continue":"{end}"' if start < end < RULES else ""
        body = f'{{"kind":"SnapshotRuleList","metadata":{{{more}}},"items":[{items}]}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _rule(self, number: int) -> str:
        annotations = {"a": "x" * self.size} if self.size else {}
        metadata = {"name": f"r{number}", "namespace": "shop", "annotations": annotations}
        spec = {"deltas": "P1D P7D", "persistentVolumeClaim": f"c{number}"}
        return json.dumps({"kind": "SnapshotRule", "metadata": metadata, "spec": spec})

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    _Handler.size = 0


def grown(server: ThreadingHTTPServer, size: int) -> float:
    """Read all rules in a process of its own; give by how many MB its memory grew."""
    _Handler.size = size
    url = f"http://127.0.0.1:{server.server_address[1]}"
    made = subprocess.run(
        [sys.executable, "-c", CHILD, url], capture_output=True, text=True, check=True
    )
    count, megabytes = made.stdout.split()
    assert int(count) == RULES
    return float(megabytes)


def test_large_annotations_take_little_memory(server: ThreadingHTTPServer) -> None:
    """1,500 rules with 250 KB of annotations each: 375 MB pass by, and used to be kept."""
    assert grown(server, ANNOTATIONS) < grown(server, 0) + 150


@pytest.mark.parametrize(
    ("limit", "size", "following"),
    [
        (FIRST_PAGE, FIRST_PAGE * 2_000, FIRST_PAGE * 2),
        (PAGE, PAGE * 2_000, PAGE),
        (PAGE, PAGE_BYTES - 1, PAGE),
        (FIRST_PAGE, FIRST_PAGE * ANNOTATIONS, PAGE_BYTES // ANNOTATIONS),
        (1, 10 * PAGE_BYTES, 1),
        (1, 0, 2),
    ],
)
def test_pages_grow_and_shrink_with_what_objects_weigh(
    limit: int, size: int, following: int
) -> None:
    assert next_limit(limit, size) == following


KEY = "backup.kubernetes.io/deltas"


def added(kind: str, **item: object) -> Objects:
    objects = Objects("a test", annotations=(KEY,))
    objects.add(kind, [json.dumps(item).encode()])
    assert objects.problems == []
    return objects


def test_only_what_is_read_of_an_object_is_kept() -> None:
    """Other annotations and labels go; a value of ours is cut where no list is as long."""
    metadata = {
        "name": "pv",
        "labels": {"topology.kubernetes.io/zone": "a", "app": "shop"},
        "annotations": {KEY: "P1D " * LONGEST_VALUE, "other": "x"},
    }
    (volume,) = added("PersistentVolume", metadata=metadata, spec={}).volumes
    assert volume.metadata == Metadata(
        name="pv",
        labels={"topology.kubernetes.io/zone": "a"},
        annotations={KEY: ("P1D " * LONGEST_VALUE)[:LONGEST_VALUE]},
    )


def test_labels_of_rules_and_claims_are_not_kept() -> None:
    """And of a volume's no more than there can be: whoever writes 225 KB of them costs nothing."""
    labels = {f"topology.x{n}.io/k": "v" * 60 for n in range(3000)}
    rule = added("SnapshotRule", metadata={"name": "r", "labels": labels}, spec={}).rules[0]
    assert rule.metadata.labels is None
    metadata = {"name": "pv", "labels": labels}
    (volume,) = added("PersistentVolume", metadata=metadata, spec={}).volumes
    assert len(volume.metadata.labels or {}) == 16


def test_of_a_rule_what_its_status_is_written_by_is_kept() -> None:
    """And the fields of its spec that mean something."""
    metadata = {"name": "r", "namespace": "shop", "uid": "u", "generation": 2, "managedFields": [1]}
    spec = {"deltas": "P1D P7D", "disk": {"region": "r"}, "notes": "x" * 1000}
    objects = added("SnapshotRule", metadata=metadata, spec=spec, status={"late": False}, more=1)
    assert [rule.spec for rule in objects.rules] == [{"deltas": "P1D P7D", "disk": {"region": "r"}}]
    assert json.loads(objects.manifests[0]) == {
        "kind": "SnapshotRule",
        "metadata": {"name": "r", "namespace": "shop", "uid": "u", "generation": 2},
        "status": {"late": False},
    }


def test_a_status_that_is_too_large_counts_as_none() -> None:
    """It is not ours, and is written anew."""
    status = {"x": "y" * LONGEST_STATUS}
    objects = added("SnapshotRule", metadata={"name": "r"}, spec={}, status=status)
    assert json.loads(objects.manifests[0])["status"] is None

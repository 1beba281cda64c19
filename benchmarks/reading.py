"""Reading 20,000 PersistentVolumes against the kubernetes client's own models.

Each side runs in a process of its own, from an API that serves the same pages made beforehand.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.measure import Result, at_least

COUNT, PAGE = 20_000, 500


def volume(number: int) -> dict[str, Any]:
    """Make a volume as the EBS CSI driver's provisioner leaves it, managed fields and all."""
    managed = {
        "f:metadata": {"f:annotations": {".": {}, "f:pv.kubernetes.io/provisioned-by": {}}},
        "f:spec": {key: {} for key in ("f:accessModes", "f:capacity", "f:claimRef", "f:csi",
                                       "f:nodeAffinity", "f:storageClassName", "f:volumeMode")},
    }  # fmt: skip
    return {
        "metadata": {
            "name": f"pvc-{number:012}",
            "uid": f"0000-{number}",
            "resourceVersion": str(number),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"},
            "finalizers": ["kubernetes.io/pv-protection"],
            "managedFields": [
                {
                    "manager": manager,
                    "operation": "Update",
                    "apiVersion": "v1",
                    "time": "2026-01-01T00:00:00Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": managed,
                }
                for manager in ("csi-provisioner", "kube-controller-manager")
            ],
        },
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "gp3",
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": "Delete",
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{number:017x}"},
            "claimRef": {"namespace": "bench", "name": f"d{number}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "topology.ebs.csi.aws.com/zone", "operator": "In",
                 "values": ["eu-west-1a"]}]}]}},
        },
        "status": {"phase": "Bound"},
    }  # fmt: skip


def serve() -> ThreadingHTTPServer:
    """Serve the volumes in pages, and empty lists of everything else."""
    pages = []
    for begin in range(0, COUNT, PAGE):
        following = str(begin // PAGE + 1) if begin + PAGE < COUNT else ""
        page = {
            "kind": "PersistentVolumeList",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "1", "continue": following},
            "items": [volume(number) for number in range(begin, begin + PAGE)],
        }
        pages.append(json.dumps(page).encode())
    empty = json.dumps({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            number = int(parse_qs(parts.query).get("continue", ["0"])[0])
            body = pages[number] if parts.path.endswith("/persistentvolumes") else empty
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def read(how: str, url: str) -> None:
    """Read all volumes and print seconds and the memory, in MB, that they took at the peak."""
    from kubernetes import client

    configuration = client.Configuration(host=url)
    configuration.api_key = {"BearerToken": "Bearer none"}
    api = client.ApiClient(configuration)
    from shared.sources.cluster import Cluster

    Path("/proc/self/clear_refs").write_text("5")  # forget the peak that importing left
    before = memory("VmRSS")
    begin = time.perf_counter()
    if how == "ours":
        found: list[Any] = list(Cluster(lambda: api).read().volumes)
    else:
        found, token = [], None
        while True:
            page = client.CoreV1Api(api).list_persistent_volume(limit=PAGE, _continue=token)
            found += page.items
            token = page.metadata._continue if page.metadata else None
            if not token:
                break
    took = time.perf_counter() - begin
    assert len(found) == COUNT
    print(json.dumps([took, memory("VmHWM") - before]))


def memory(name: str) -> float:
    """Read a figure of this process's memory, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def run() -> Iterator[Result]:
    """Measure both sides."""
    server = serve()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    figures = {}
    for how in ("ours", "models"):
        command = [sys.executable, "-m", "benchmarks.reading", how, url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures[how] = json.loads(output)
    server.shutdown()
    server.server_close()
    name = f"reading {COUNT:,} volumes, the client's models"
    yield at_least(f"{name}: time", figures["ours"][0], figures["models"][0], 4, "s")
    yield at_least(f"{name}: memory", figures["ours"][1], figures["models"][1], 2, "MB")


if __name__ == "__main__":
    read(*sys.argv[1:])

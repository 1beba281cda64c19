"""The CronJobs that publish the mirror: their scripts run, with the real kubectl."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.access.connect import kubeconfig_client
from shared.kinds import GROUP, WINDOW
from shared.ports import RulesSource
from shared.sources.cluster import Cluster
from shared.sources.file import RulesFile
from shared.sources.mirror import Mirror
from tests.emulators.kube import Kube
from tests.shared.fake_bucket import FakeBucket
from tests.shared.objects_builders import claim, rules_of, volume

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "manifests"
DEMO = ROOT / "examples" / "demo-cluster.yaml"
CLOUDS = ("aws", "google")
SCHEMES = {"aws": "s3", "google": "gs"}
KEY = "backup.kubernetes.io/deltas"
TOKEN = "ya29.token"
#: Runs a program, and prints how many KiB the largest process of it took.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""

Json = dict[str, Any]


def parts(cloud: str) -> dict[str, Json]:
    documents = yaml.safe_load_all((MANIFESTS / f"mirror-{cloud}.yaml").read_text())
    return {document["kind"]: document for document in documents}


def pod(cloud: str) -> Json:
    spec: Json = parts(cloud)["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def container(cloud: str) -> Json:
    (found,) = pod(cloud)["containers"]
    return dict(found)


@dataclass
class Uploads:
    """What was uploaded, by the object's name, and how it was asked for."""

    url: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    code: int = 200


@pytest.fixture
def storage() -> Iterator[Uploads]:
    """Answer a PUT as Cloud Storage's XML API does."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if uploads.code == 200:
                uploads.bodies[self.path.lstrip("/")] = body
            uploads.headers.append(dict(self.headers))
            self.send_response(uploads.code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        uploads = Uploads(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield uploads
        server.shutdown()


@pytest.fixture
def kube() -> Iterator[Kube]:
    with Kube(tls=True) as found:
        found.load(DEMO)
        yield found


@dataclass
class Publisher:
    """Runs the script of one cloud's CronJob."""

    cloud: str
    folder: Path
    kube: Kube
    storage: Uploads

    def tools(self) -> Path:
        """Put the cloud's tools on the path: what they were asked to upload goes to storage."""
        tools = self.folder / "bin"
        tools.mkdir(exist_ok=True)
        aws = (
            "#!/bin/sh\nset -eu\n"
            '[ "$1 $2 $3 $5 $7" = "s3api put-object --bucket --key --body" ]\n'
            'exec curl --fail --silent --upload-file "$8" "$STORAGE/$4/$6"\n'
        )
        gcloud = f'#!/bin/sh\n[ "$*" = "auth print-access-token" ] && echo {TOKEN}\n'
        for name, text in (("aws", aws), ("gcloud", gcloud)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        return tools

    def run(
        self, name: str = "rules.json.gz", under: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the script; `under` is a program that runs it."""
        found = container(self.cloud)
        return subprocess.run(
            [*under, *found["command"], *found["args"]],
            env={
                "PATH": f"{self.tools()}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                "KUBECONFIG": str(self.kube.kubeconfig(self.folder / "kubeconfig")),
                "MIRROR_URL": f"{SCHEMES[self.cloud]}://bucket/demo/{name}",
                "STORAGE": self.storage.url,
                "PATIENCE": "0",
            },
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(params=CLOUDS)
def publisher(
    request: pytest.FixtureRequest, tmp_path: Path, kube: Kube, storage: Uploads
) -> Publisher:
    missing = [tool for tool in ("kubectl", "curl", "gzip") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    return Publisher(request.param, tmp_path, kube, storage)


def mirror(data: bytes, name: str = "rules.json.gz") -> RulesSource:
    bucket = FakeBucket()
    bucket.put(name, data, None)
    return Mirror(bucket, name, f"s3://bucket/{name}", (KEY, WINDOW))


@pytest.mark.parametrize("name", ["rules.json", "rules.json.gz"])
def test_publishes_what_the_function_reads(publisher: Publisher, name: str) -> None:
    """In one PUT, on the name that MIRROR_URL gives; the rules are those of the cluster."""
    done = publisher.run(name)
    assert (0, "") == (done.returncode, done.stderr)
    ((where, data),) = publisher.storage.bodies.items()
    assert f"bucket/demo/{name}" == where
    assert name.endswith("gz") == (data[:2] == b"\x1f\x8b")
    found = rules_of(mirror(data, name).read()).rules
    assert found == rules_of(RulesFile(str(DEMO)).read()).rules
    assert {"PersistentVolumeClaim", "SnapshotRule"} <= {rule.source.kind for rule in found}
    assert re.fullmatch(rf"wrote \d+ bytes to \w+://bucket/demo/{name}\n", done.stdout)


def test_goes_without_rules_where_the_definition_is_not_installed(publisher: Publisher) -> None:
    """Annotations work without the CRD, and it says so."""
    publisher.kube.crd = False
    done = publisher.run()
    assert 0 == done.returncode
    (data,) = publisher.storage.bodies.values()
    kinds = {item["kind"] for item in json.loads(gzip.decompress(data))["items"]}
    core = ("PersistentVolume", "PersistentVolumeClaim", "StorageClass", "Namespace")
    assert {f"{kind}List" for kind in core} == kinds
    assert "snapshotrules are not installed; without them" in done.stdout


def test_asks_twice_whether_the_definition_is_installed(publisher: Publisher) -> None:
    """An API server that has just begun may not know our kinds yet: they are not left out."""
    publisher.kube.fault(f"/apis/{GROUP}/v1", status=404)
    assert 0 == publisher.run().returncode
    (data,) = publisher.storage.bodies.values()
    assert mirror(data).read().rules


@pytest.mark.parametrize("first", [404, 503])
def test_takes_no_kind_to_be_missing_unless_both_answers_say_so(
    publisher: Publisher, first: int
) -> None:
    """An API that answers not at all, then that there is none, has said so once."""
    publisher.kube.fault(f"/apis/{GROUP}/v1", status=first)
    publisher.kube.fault(f"/apis/{GROUP}/v1", status=503 if first == 404 else 404)
    done = publisher.run()
    assert (1, {}) == (done.returncode, publisher.storage.bodies)
    assert "kubectl cannot tell" in done.stderr


@pytest.mark.parametrize("path", ["/persistentvolumeclaims", "/snapshotrules"])
def test_half_a_page_is_no_mirror(publisher: Publisher, path: str) -> None:
    """Also where kubectl takes it for a whole one: nothing is published over a good mirror."""
    publisher.kube.fault(path, truncate=True)
    done = publisher.run()
    assert (1, {}) == (done.returncode, publisher.storage.bodies)
    assert "the mirror stays as it is" in done.stderr


def misleading(name: str) -> list[dict[str, Any]]:
    """Make objects whose owner writes what looks like the end of a page."""
    said = {"continue": "x", "remainingItemCount": 7}
    metadata = {"name": name, "namespace": "shop"}
    return [
        {"apiVersion": f"{GROUP}/v1", "kind": "SnapshotRule", "metadata": metadata,
         "spec": {"metadata": said, "é": "é" * 3000}},
        {"kind": "PersistentVolumeClaim", "metadata": metadata | {"annotations": {
            "continue": "x", "metadata": '{"continue":"x"}}'}}, "spec": {}},
        {"kind": "PersistentVolume", "metadata": {"name": name, "annotations": {"continue": "x"}},
         "spec": {}},
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_reads_by_pages_whatever_objects_say(publisher: Publisher, limit: int) -> None:
    """All objects are there, each once; nobody's object ends a list, or goes on with another."""
    for item in [*misleading("a"), *misleading("zzz")]:
        publisher.kube.add(item)
    publisher.kube.page_limit = limit
    done = publisher.run()
    assert (0, "") == (done.returncode, done.stderr)
    (data,) = publisher.storage.bodies.values()
    live = Cluster(lambda: kubeconfig_client(str(publisher.folder / "kubeconfig"))).read()
    found = mirror(data).read()
    for kind in ("volumes", "claims", "rules", "policies", "namespaces", "classes"):
        names = [item.metadata.name for item in getattr(found, kind)]
        assert names == [item.metadata.name for item in getattr(live, kind)]
        assert names or kind in ("policies", "classes")


def test_a_list_that_expires_on_the_way_is_no_mirror(publisher: Publisher) -> None:
    """410 on a further page: the job fails, and the next one reads anew."""
    publisher.kube.page_limit = 2
    publisher.kube.fault(continued=True, status=410, times=None)
    done = publisher.run()
    assert (1, {}) == (done.returncode, publisher.storage.bodies)


def test_a_full_disk_is_no_mirror(publisher: Publisher) -> None:
    """What could not be written whole is not published, wherever the space ends."""
    publisher.kube.page_limit = 1
    for blocks in (4, 5, 6):  # of a KiB: a page has room in them, and a mirror has not
        shell = f'trap "" XFSZ; ulimit -f {blocks}; exec "$@"'
        done = publisher.run("rules.json", under=["bash", "-c", shell, "bash"])
        assert (1, {}) == (done.returncode, publisher.storage.bodies)
        assert "the mirror stays as it is" in done.stderr


def test_fits_into_its_limit(publisher: Publisher) -> None:
    """20,000 volumes with their claims: kubectl stays below half of the container's limit."""
    if publisher.cloud == "google":
        pytest.skip("both scripts read alike, and the other is measured")
    for n in range(20_000):
        publisher.kube.stored["PersistentVolume", "", f"pv-{n}"] = volume(f"pv-{n}")
        publisher.kube.stored["PersistentVolumeClaim", "shop", f"c-{n}"] = claim(f"c-{n}")
    done = publisher.run(under=[sys.executable, "-c", MEASURED])
    assert (0, "") == (done.returncode, done.stderr)
    most = float(done.stdout.split()[-1]) / 1024
    limit = container("aws")["resources"]["limits"]["memory"]
    assert most < float(limit.removesuffix("Mi")) / 2


@pytest.mark.parametrize("code", [403, 500, 503])
@pytest.mark.parametrize(
    "path",
    ["/apis/k8s-snapshots.elsdoerfer.com/v1", "/snapshotrules", "/persistentvolumeclaims",
     "/persistentvolumes", "/snapshotpolicies", "/namespaces", "/storageclasses"],
)  # fmt: skip
def test_uploads_nothing_unless_kubectl_succeeded(
    publisher: Publisher, path: str, code: int
) -> None:
    """What the API refuses, or cannot answer, is never taken for what is not there."""
    publisher.kube.fault(path, status=code, times=None)
    done = publisher.run()
    assert 1 == done.returncode
    assert {} == publisher.storage.bodies
    assert "the mirror stays as it is" in done.stderr


def test_fails_where_the_api_is_gone(publisher: Publisher) -> None:
    """No mirror is written, and the job says why."""
    publisher.kube.stop()
    done = publisher.run()
    assert 1 == done.returncode
    assert {} == publisher.storage.bodies
    assert "kubectl cannot tell" in done.stderr


def test_fails_where_the_upload_fails(publisher: Publisher) -> None:
    """So that the job counts as failed, and is tried once more."""
    publisher.storage.code = 403
    done = publisher.run()
    assert 1 == done.returncode
    assert "the upload failed; the mirror stays as it is" in done.stderr


def test_the_token_is_sent_and_shown_nowhere(publisher: Publisher) -> None:
    """On Google it goes to curl by its standard input."""
    done = publisher.run()
    assert TOKEN not in done.stdout + done.stderr
    (headers,) = publisher.storage.headers
    expected = f"Bearer {TOKEN}" if publisher.cloud == "google" else None
    assert expected == headers.get("Authorization")


def test_both_scripts_differ_in_the_upload_only() -> None:
    """What is said once about reading holds for both."""
    ours, theirs = (container(cloud)["args"][0].split("# One PUT")[0] for cloud in CLOUDS)
    assert ours == theirs


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_job_may_list_six_kinds_of_objects_only(cloud: str) -> None:
    """Just what the function itself may read; and its account is bound to nothing else."""
    found = parts(cloud)
    (role,) = (r for r in yaml.safe_load_all((MANIFESTS / "rbac.yaml").read_text())
               if r["kind"] == "ClusterRole")  # fmt: skip
    verbs = {verb for rule in found["ClusterRole"]["rules"] for verb in rule["verbs"]}
    assert {"list"} == verbs
    read = [rule for rule in role["rules"] if rule["verbs"] == ["list"]]
    assert read == found["ClusterRole"]["rules"]
    (subject,) = found["ClusterRoleBinding"]["subjects"]
    account = found["ServiceAccount"]["metadata"]
    assert (subject["namespace"], subject["name"]) == (account["namespace"], account["name"])
    assert pod(cloud)["serviceAccountName"] == account["name"]
    referred = found["ClusterRoleBinding"]["roleRef"]["name"]
    assert referred == found["ClusterRole"]["metadata"]["name"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_pod_is_as_restricted_as_its_namespace_asks(cloud: str) -> None:
    """Kubernetes' Pod Security Standards, profile `restricted`, and a file system to read only."""
    labels = parts(cloud)["Namespace"]["metadata"]["labels"]
    assert "restricted" == labels["pod-security.kubernetes.io/enforce"]
    spec, one = pod(cloud), container(cloud)["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 0
    assert {"type": "RuntimeDefault"} == spec["securityContext"]["seccompProfile"]
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == one
    assert "memory" in container(cloud)["resources"]["limits"]
    assert all(set(volume) == {"name", "emptyDir"} for volume in spec["volumes"])


@pytest.mark.parametrize("cloud", CLOUDS)
def test_jobs_do_not_pile_up(cloud: str) -> None:
    """One at a time, each with an end, before the next begins."""
    spec = parts(cloud)["CronJob"]["spec"]
    assert "Forbid" == spec["concurrencyPolicy"]
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 600
    assert "*/10 * * * *" == spec["schedule"]

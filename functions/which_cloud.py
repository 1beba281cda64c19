"""Which cloud a command line is about: as settings, kubeconfig and volumes say.

Each of them is asked in turn. The first that names a cloud decides; where it names two, nothing is
guessed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from shared.errors import UsageError
from shared.kinds import PersistentVolume
from shared.objects import Objects
from shared.ports import RulesSource
from shared.sources.plain_yaml import NotPlain, load_all
from shared.text import shorten

CLOUDS = ("aws", "gcp")
_NAMES = {"aws": "AWS", "gcp": "Google Cloud"}
_DRIVERS = {
    "ebs.csi.aws.com": "aws",
    "ebs.csi.eks.amazonaws.com": "aws",
    "pd.csi.storage.gke.io": "gcp",
    "gce-pd.csi.storage.gke.io": "gcp",
}
_BACKENDS = {"aws": "aws", "google": "gcp"}
#: Settings that only one cloud has.
_OWN = {
    "REGIONS": "aws",
    "PROJECTS": "gcp",
    "GCLOUD_PROJECT": "gcp",
    "GCLOUD_JSON_KEYFILE_NAME": "gcp",
    "GCLOUD_JSON_KEYFILE_STRING": "gcp",
    "GCLOUD_CREDENTIALS_FILE": "gcp",
    "STORAGE_LOCATION": "gcp",
}
#: Settings whose values begin in one way on one cloud.
_BEGINNINGS = {
    ("MIRROR_URL", "s3://"): "aws",
    ("MIRROR_URL", "gs://"): "gcp",
    ("CLUSTER_NAME", "projects/"): "gcp",
    ("KUBE_CONFIG_SECRET", "arn:"): "aws",
    ("KUBE_CONFIG_SECRET", "projects/"): "gcp",
}
#: Many shells have these for other purposes: they count only where nothing else tells.
_AMBIENT = {
    "AWS_PROFILE": "aws",
    "AWS_REGION": "aws",
    "AWS_DEFAULT_REGION": "aws",
    "AWS_ACCESS_KEY_ID": "aws",
    "GOOGLE_APPLICATION_CREDENTIALS": "gcp",
    "GOOGLE_CLOUD_PROJECT": "gcp",
}


class Evidence(NamedTuple):
    """A cloud, and what names it."""

    cloud: str
    by: str


def which_cloud(environ: Mapping[str, str], source: RulesSource | None = None) -> str:
    """Tell the cloud.

    Args:
        environ: the settings.
        source: of rules, where a file takes the place of the cluster.

    Raises:
        UsageError: where none is named, or two are; asks for --cloud.
        ClusterError: where the rules cannot be read.
    """
    asked: list[Callable[[], Iterable[Evidence]]] = [
        partial(_settings, environ),
        partial(_kubeconfig, environ.get("KUBE_CONFIG_FILE", "")),
        partial(_volumes, environ, source),
        partial(_ambient, environ),
    ]
    for ask in asked:
        found = {evidence.cloud: evidence for evidence in ask()}
        if len(found) > 1:
            both = " and ".join(f"{_NAMES[e.cloud]} ({e.by})" for e in found.values())
            raise UsageError(f"{both} could be meant: say --cloud aws or --cloud gcp")
        if found:
            return next(iter(found))
    raise UsageError(
        "neither settings nor kubeconfig nor volumes show which cloud has the disks: say "
        "--cloud aws or --cloud gcp"
    )


def _settings(environ: Mapping[str, str]) -> Iterator[Evidence]:
    yield from _named(environ, _OWN)
    for (name, beginning), cloud in _BEGINNINGS.items():
        if environ.get(name, "").strip().startswith(beginning):
            yield Evidence(cloud, f"{name} begins with {beginning}")


def _ambient(environ: Mapping[str, str]) -> Iterator[Evidence]:
    yield from _named(environ, _AMBIENT)


def _named(environ: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Evidence]:
    for name, cloud in names.items():
        if environ.get(name, "").strip():
            yield Evidence(cloud, name)


def _kubeconfig(path: str) -> Iterator[Evidence]:
    """Read the current context; what cannot be read tells nothing, and is said by who connects."""
    files = [content for name in path.split(os.pathsep) if name for content in _load(name)]
    current = next((c["current-context"] for c in files if c.get("current-context")), "")
    context = _entry(files, "context", current)
    cluster = _entry(files, "cluster", context.get("cluster"))
    user = _entry(files, "user", context.get("user"))
    host = urlsplit(str(cluster.get("server", ""))).hostname or ""
    program = user.get("exec")
    command = Path(str(program.get("command", ""))).name if isinstance(program, dict) else ""
    if host.endswith((".eks.amazonaws.com", ".eks.amazonaws.com.cn")):
        yield Evidence("aws", f"the kubeconfig's server is {shorten(host)}")
    if command.startswith("gke-gcloud-auth-plugin"):
        yield Evidence("gcp", "the kubeconfig's user logs in by gke-gcloud-auth-plugin")
    elif str(current).startswith("gke_"):
        yield Evidence("gcp", f"the kubeconfig's context is {shorten(current)}")


def _load(path: str) -> list[dict[str, Any]]:
    try:
        documents = load_all(Path(path).expanduser().read_bytes())
    except (OSError, NotPlain, RuntimeError):
        return []
    return [document for document in documents if isinstance(document, dict)]


def _entry(files: Iterable[dict[str, Any]], kind: str, name: object) -> dict[str, Any]:
    """Find an entry of that name; the first of several files counts, as for kubectl."""
    for content in files:
        listed = content.get(f"{kind}s")
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict) and item.get("name") == name:
                found = item.get(kind)
                return found if isinstance(found, dict) else {}
    return {}


def _volumes(environ: Mapping[str, str], source: RulesSource | None) -> Iterator[Evidence]:
    """Read the volumes: of the file, or of the cluster where a kubeconfig leads to it."""
    path = environ.get("KUBE_CONFIG_FILE", "")
    if source is None and path:
        from shared.access.connect import kubeconfig_client
        from shared.sources.cluster import Cluster

        source = Cluster(partial(kubeconfig_client, path))
    if source is not None:
        yield from _drivers(source.read())


def _drivers(objects: Objects) -> Iterator[Evidence]:
    for volume in objects.volumes:
        cloud = _cloud_of(volume)
        if cloud:
            yield Evidence(cloud, f"volume {shorten(volume.metadata.name)}")
    for rule in objects.rules:
        backend = rule.spec.get("backend") if isinstance(rule.spec, Mapping) else None
        if isinstance(backend, str) and backend in _BACKENDS:
            yield Evidence(_BACKENDS[backend], f"SnapshotRule {shorten(rule.metadata.name)}")


def _cloud_of(volume: PersistentVolume) -> str:
    spec = volume.spec
    if spec.csi:
        return _DRIVERS.get(spec.csi.driver, "")
    if spec.aws_elastic_block_store:
        return "aws"
    return "gcp" if spec.gce_persistent_disk else ""

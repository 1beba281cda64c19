"""The manifests by Kustomize: the same objects as in the files, with the subjects of one patch."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.real_apiserver import ADMIN, NEEDED, ApiServer, kubectl
from tools.docs import ROOT

MANIFESTS = ROOT / "manifests"
OVERLAYS = ROOT / "examples" / "kustomize"
FOLDERS = [MANIFESTS, MANIFESTS / "status", OVERLAYS / "eks", OVERLAYS / "gke"]
#: A folder of envtest's may have kubectl where the path has none.
KUBECTL = shutil.which("kubectl") or shutil.which(
    "kubectl", path=os.environ.get("KUBEBUILDER_ASSETS", "")
)
needs_kubectl = pytest.mark.skipif(not KUBECTL, reason="kubectl is not here: nothing is rendered")

Json = dict[str, Any]


def documents(path: Path) -> list[Json]:
    return list(yaml.safe_load_all(path.read_text()))


def kustomization(folder: Path) -> Json:
    (found,) = documents(folder / "kustomization.yaml")
    assert isinstance(found, dict)
    return found


def rendered(folder: Path) -> list[Json]:
    words = [str(KUBECTL), "kustomize", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return list(yaml.safe_load_all(done.stdout))


def by_name(objects: list[Json]) -> dict[tuple[str, str], Json]:
    found = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    assert len(found) == len(objects)
    return found


def files(*names: str) -> list[Json]:
    return [one for name in names for one in documents(MANIFESTS / name)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_is_there(folder: Path) -> None:
    """Resources, components and patches; files lie in the folder itself, as Kustomize demands."""
    found = kustomization(folder)
    for name in (*found["resources"], *found.get("components", ())):
        path = folder / name
        assert path.is_file() if "/" not in name else (path / "kustomization.yaml").is_file()
    for patch in found.get("patches", ()):
        assert (folder / patch["path"]).is_file()


def test_the_component_is_a_copy() -> None:
    """Kustomize reads no file outside of its folder, so rbac-status.yaml is there twice."""
    copy = MANIFESTS / "status" / "rbac-status.yaml"
    assert copy.read_bytes() == (MANIFESTS / "rbac-status.yaml").read_bytes()


@needs_kubectl
def test_the_base_is_the_files() -> None:
    """`kubectl apply -k manifests` does what `kubectl apply -f` does with both files."""
    assert by_name(files("crd.yaml", "rbac.yaml")) == by_name(rendered(MANIFESTS))


@needs_kubectl
@pytest.mark.parametrize(
    ("overlay", "subject"),
    [
        ("eks", ("Group", "k8s-snapshots")),
        ("gke", ("User", "k8s-snapshots@PROJECT.iam.gserviceaccount.com")),
    ],
)
def test_an_overlay_changes_the_subjects_and_nothing_else(
    overlay: str, subject: tuple[str, str]
) -> None:
    """One patch is for both bindings."""
    expected = by_name(files("crd.yaml", "rbac.yaml", "rbac-status.yaml"))
    kind, name = subject
    group = "rbac.authorization.k8s.io"
    for (what, _), one in expected.items():
        if what == "ClusterRoleBinding":
            one["subjects"] = [{"apiGroup": group, "kind": kind, "name": name}]
    assert expected == by_name(rendered(OVERLAYS / overlay))


@needs_kubectl
def test_the_patch_leaves_the_mirrors_binding_alone(tmp_path: Path) -> None:
    """With the CronJob in the same overlay its account goes on listing, and nobody else."""
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    overlay = tmp_path / "examples" / "kustomize" / "gke"
    shutil.copytree(OVERLAYS / "gke", overlay)
    shutil.copy(MANIFESTS / "mirror-google.yaml", overlay)
    text = (overlay / "kustomization.yaml").read_text()
    changed = text.replace(
        "../../../manifests\n", "../../../manifests\n  - mirror-google.yaml\n", 1
    )
    (overlay / "kustomization.yaml").write_text(changed)
    found = by_name(rendered(overlay))
    theirs = found["ClusterRoleBinding", "k8s-snapshots-mirror"]["subjects"]
    assert [("ServiceAccount", "mirror")] == [(one["kind"], one["name"]) for one in theirs]
    ours = found["ClusterRoleBinding", "k8s-snapshots-reader"]["subjects"]
    assert ["User"] == [one["kind"] for one in ours]


def test_the_eks_group_is_terraforms() -> None:
    """The access entry names the group that the overlay binds."""
    (patch,) = yaml.safe_load((OVERLAYS / "eks" / "subjects.yaml").read_text())
    (subject,) = patch["value"]
    module = (ROOT / "terraform" / "aws" / "main.tf").read_text()
    match = re.search(r"kubernetes_groups\s*=\s*(\[.*?\])", module)
    assert match
    assert json.loads(match[1]) == [subject["name"]]


@pytest.mark.apiserver
class TestARealApiServer:
    pytestmark = NEEDED

    def test_takes_an_overlay(self, tmp_path: Path) -> None:
        """`kubectl apply -k`; a second time no role and no binding changes."""
        with ApiServer(tmp_path) as served:
            admin = served.kubeconfig("admin", ADMIN)
            words = ("apply", "--validate=false", "-k", str(OVERLAYS / "gke"))
            assert 6 == kubectl(admin, *words).count(" created")
            again = kubectl(admin, *words)
            # An API server drops what it does not know of a definition, or what is the default.
            assert (4, 2) == (again.count(" unchanged"), again.count(" configured"))

"""The installed command: which cloud it is about, what it imports, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.command import program, with_kubeconfig
from functions.which_cloud import which_cloud
from shared.errors import UsageError
from shared.sources.file import RulesFile
from tests.emulators.kube import Kube
from tests.shared.objects_builders import by_disk, snapshot_rule, volume
from tools.docs import ROOT

SDKS = ("boto3", "botocore", "google.auth", "google.cloud.compute_v1", "kubernetes", "urllib3")


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as its own process, in an environment of nothing else."""
    return subprocess.run(
        [sys.executable, "-c", "import functions.command as c; raise SystemExit(c.main())",
         *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip


def test_the_scripts_lead_to_it() -> None:
    """What pipx installs, and what kubectl takes for its plugin."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {"k8s-snapshots", "kubectl-snapshots", "kubectl_complete-snapshots"} == scripts.keys()
    for target in scripts.values():
        module, _, name = target.partition(":")
        assert callable(getattr(import_module(module), name))
    assert "kubectl snapshots" == program("/home/me/.local/bin/kubectl-snapshots")
    assert "k8s-snapshots" == program("/home/me/.local/bin/k8s-snapshots")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["deltas", "P1D P7D"], ["plan", "--help"], []]
)
def test_what_needs_no_cloud_imports_none(arguments: list[str]) -> None:
    """Help comes at once, and where no SDK is installed."""
    script = f"""
import sys
from functions.command import main
sys.argv = ["k8s-snapshots", *{arguments!r}]
try:
    main()
except SystemExit:
    pass
loaded = set(sys.modules) & set({SDKS!r})
print("loaded:", sorted(loaded), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "loaded: []" == done.stderr.splitlines()[-1]


def kubeconfig(path: Path, server: str = "https://10.0.0.1", **more: Any) -> Path:
    """Write a kubeconfig of one context."""
    context = more.get("context", "here")
    path.write_text(
        yaml.safe_dump({
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": more.get("user", {})}],
        })
    )  # fmt: skip
    return path


EKS = "https://ABC0123.gr7.eu-west-1.eks.amazonaws.com"
GKE = {"exec": {"command": "/opt/google/gke-gcloud-auth-plugin"}}


@pytest.mark.parametrize(
    ("found", "cloud"),
    [
        ({"server": EKS}, "aws"),
        ({"user": GKE}, "gcp"),
        ({"context": "gke_acme_europe-west1_prod"}, "gcp"),
    ],
)
def test_a_kubeconfig_tells(tmp_path: Path, found: dict[str, Any], cloud: str) -> None:
    """By the server's name, the plugin that logs in, the context's name; before a shell's own."""
    path = kubeconfig(tmp_path / "config", **found)
    other = {"aws": "GOOGLE_APPLICATION_CREDENTIALS", "gcp": "AWS_PROFILE"}[cloud]
    assert cloud == which_cloud({"KUBE_CONFIG_FILE": str(path), other: "x"})


@pytest.mark.parametrize(
    ("environ", "cloud"),
    [
        ({"REGIONS": "eu-west-1"}, "aws"),
        ({"MIRROR_URL": "s3://bucket/rules.json"}, "aws"),
        ({"MIRROR_URL": "gs://bucket/rules.json"}, "gcp"),
        ({"GCLOUD_PROJECT": "acme", "AWS_PROFILE": "x"}, "gcp"),
        ({"CLUSTER_NAME": "projects/p/locations/l/clusters/c"}, "gcp"),
        ({"KUBE_CONFIG_SECRET": "arn:aws:secretsmanager:eu-west-1:1:secret:x"}, "aws"),
        ({"AWS_REGION": "eu-west-1"}, "aws"),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}, "gcp"),
    ],
)
def test_settings_tell(environ: dict[str, str], cloud: str) -> None:
    """Those that only one cloud has."""
    assert cloud == which_cloud(environ)


def test_settings_count_before_the_kubeconfig(tmp_path: Path) -> None:
    """Whoever sets a project means it."""
    path = kubeconfig(tmp_path / "config", EKS)
    assert "gcp" == which_cloud({"KUBE_CONFIG_FILE": str(path), "GCLOUD_PROJECT": "acme"})


def rules(path: Path, *items: Any) -> RulesFile:
    path.write_text(json.dumps({"kind": "List", "items": items}))
    return RulesFile(str(path))


def test_volumes_tell(tmp_path: Path) -> None:
    """Those of the rules' file, by their drivers, and rules by their backend."""
    pd = {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": "projects/p/zones/z/disks/d"}}
    assert "aws" == which_cloud({}, rules(tmp_path / "a", volume()))
    assert "gcp" == which_cloud({}, rules(tmp_path / "b", volume(spec=pd)))
    assert "aws" == which_cloud({}, rules(tmp_path / "c", snapshot_rule(**by_disk())))
    with pytest.raises(UsageError, match=r"AWS \(volume a\) and Google Cloud \(volume b\)"):
        which_cloud({}, rules(tmp_path / "d", volume("a"), volume("b", spec=pd)))


def test_a_clusters_volumes_tell(tmp_path: Path) -> None:
    """Where its kubeconfig is of neither EKS nor GKE: it is asked."""
    with Kube() as kube:
        (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(volume()))
        kube.load(tmp_path / "cluster.yaml")
        path = kube.kubeconfig(tmp_path / "config")
        assert "aws" == which_cloud({"KUBE_CONFIG_FILE": str(path)})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "neither settings nor kubeconfig nor volumes show"),
        ({"REGIONS": "eu-west-1", "PROJECTS": "p"}, r"AWS \(REGIONS\) and Google Cloud \(PROJECTS"),
        ({"AWS_PROFILE": "x", "GOOGLE_CLOUD_PROJECT": "y"}, "could be meant"),
    ],
)
def test_nothing_is_guessed(environ: dict[str, str], said: str) -> None:
    """None, or two: it asks for --cloud."""
    with pytest.raises(UsageError, match=said):
        which_cloud(environ)


def test_asks_with_the_status_of_wrong_usage() -> None:
    """One line, that names --cloud."""
    done = ran("plan")
    assert (3, "") == (done.returncode, done.stdout)
    assert "say --cloud aws or --cloud gcp" in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_takes_kubectls_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no setting names a way to the cluster; a tilde is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    config = kubeconfig(tmp_path / ".kube" / "config")
    assert str(config) == with_kubeconfig({})["KUBE_CONFIG_FILE"]
    assert str(tmp_path / "x") == with_kubeconfig({"KUBE_CONFIG_FILE": "~/x"})["KUBE_CONFIG_FILE"]
    assert str(config) == with_kubeconfig({"KUBECONFIG": str(config)})["KUBE_CONFIG_FILE"]
    assert "KUBE_CONFIG_FILE" not in with_kubeconfig({"CLUSTER_NAME": "demo"})
    assert "KUBE_CONFIG_FILE" not in with_kubeconfig({"KUBECONFIG": "/no/such"})


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_any_terminal_can_show_it(encoding: str) -> None:
    """Marks become letters, and nothing ends with an error of encoding."""
    done = ran("deltas", "PT1H P1D", PYTHONIOENCODING=encoding)
    assert (0, "") == (done.returncode, done.stderr)
    assert "#" * 24 in done.stdout


def test_a_reader_that_goes_away_is_no_failure() -> None:
    """As `| head` does."""
    script = f"{sys.executable} -c 'import functions.command as c; raise SystemExit(c.main())'"
    done = subprocess.run(
        ["bash", "-c", f"{script} deltas PT1M P6D --json | head -n 1; echo ${{PIPESTATUS[0]}}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("{\n0\n", "") == (done.stdout, done.stderr)


@pytest.fixture
def stuck() -> Callable[[], subprocess.Popen[str]]:
    """Start a command that waits for its rules on standard input."""

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "import functions.command as c; raise SystemExit(c.main())",
             "plan", "--rules", "-"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    return start


def test_ctrl_c_ends_with_130(stuck: Callable[[], subprocess.Popen[str]]) -> None:
    """One line, and no traceback."""
    process = stuck()
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (130, "k8s-snapshots: interrupted\n") == (process.returncode, err)

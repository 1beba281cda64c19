"""docs/getting-started.md, run line by line: the real command and kubectl, against stand-ins."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube
from tests.first_hour.console import Step, pattern, steps
from tests.shared.objects_builders import Json, claim, namespace, volume

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "getting-started.md"
README = ROOT / "README.md"
CLAIMS = [("shop", "cache"), ("shop", "data"), ("web", "uploads")]
#: The stand-in of the API takes no writes to claims: this one is made in its place.
ANNOTATE = re.compile(r'kubectl -n (\S+) annotate pvc (\S+) backup.kubernetes.io/deltas="(.+)"')


class Machine:
    """A workstation with kubectl and the installed command, a cluster and an AWS account."""

    def __init__(self, folder: Path, cloud: EC2, cluster: Kube) -> None:
        self.folder, self.cloud, self.cluster = folder, cloud, cluster
        for number, (space, name) in enumerate(CLAIMS, 1):
            handle = f"vol-{number:017x}"
            cloud.add_volume("eu-west-1", volume_id=handle)
            self._add(volume(f"pv-{name}", handle, claimed_by=(space, name)))
            self._add(claim(name, space, volume=f"pv-{name}"))
        for space in ("shop", "web"):
            self._add(namespace(space))
        tools = folder / "bin"
        tools.mkdir()
        command = tools / "k8s-snapshots"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m functions.command "$@"\n')
        command.chmod(0o755)
        config = str(cluster.kubeconfig(folder / "kubeconfig"))
        self.environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "120",
            "LOG_LEVEL": "ERROR",
            "CLUSTER_ID": "production",
            "KUBECONFIG": config,
            "KUBE_CONFIG_FILE": config,
            **cloud.environment(),
        }

    def run(self, command: str) -> str:
        """Run a command of the page, and give all that it prints; it must succeed."""
        if found := ANNOTATE.fullmatch(command):
            space, name, deltas = found.groups()
            self._add(claim(name, space, volume=f"pv-{name}", deltas=deltas))
            return f"persistentvolumeclaim/{name} annotated\n"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert 0 == done.returncode, done.stdout
        self.cloud.complete()
        return done.stdout

    def _add(self, item: Json) -> None:
        self.cluster.add({"apiVersion": "v1", **item})


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if not shutil.which("kubectl"):
        pytest.skip("needs kubectl")
    with EC2() as cloud, Kube(tls=True) as cluster:
        yield Machine(tmp_path, cloud, cluster)


def test_the_page_is_what_happens(machine: Machine) -> None:
    """Each command of the page prints what the page shows, in its order."""
    done = 0
    for step in steps(PAGE):
        printed = machine.run(step.command)
        assert re.fullmatch(pattern(step.printed), printed), f"$ {step.command}\n{printed}"
        done += 1
    assert done >= 10


def test_the_read_only_line_of_the_readme_works(machine: Machine) -> None:
    """What people paste first: what backs up each volume, and what a pass would do."""
    section = README.read_text().split("## Look at your own cluster, read-only")[1]
    coverage, plan = re.findall(r"^    (kubectl .*)$", section.split("\n## ")[0], re.MULTILINE)
    assert "0 of 3 bound volumes backed up" in machine.run(coverage)
    assert "Nothing was changed." in machine.run(plan)
    assert [] == [call for call in machine.cloud.calls if not call.action.startswith("Describe")]


def test_the_readmes_first_command_works_on_a_fresh_clone(tmp_path: Path) -> None:
    """With the requirements in place `make demo` installs nothing more, and succeeds."""
    clone, environment = tmp_path / "clone", ROOT / ".venv"
    pins = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()
    ready = (environment / f".ready-{pins}").exists() and not environment.is_symlink()
    if not ready or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout whose environment `make install` has made")
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    shutil.copy(ROOT / "requirements.txt", clone)  # also while it is being changed
    shutil.copytree(environment, clone / ".venv", symlinks=True, copy_function=_link)
    done = subprocess.run(
        ["make", "demo", "CLOUD=aws"],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert "Installing" not in done.stdout
    assert "The demo took" in done.stdout


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copy2(source, target)


def test_an_environment_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """It would be emptied where it leads."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / ".venv").symlink_to(tmp_path / "other")
    done = subprocess.run(
        ["make", "install"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert 2 == done.returncode
    assert ".venv is a link: it would be emptied where it leads" in done.stdout


def test_what_a_page_shows_is_compared() -> None:
    """A word that differs is noticed, and so is a line too many; times and ids may differ."""
    shown = ("created [snapshot] at [time]", "...", "done [age] ago")
    good = "created snap-0123456789abcdef0 at 2026-12-01 00:00 UTC\nx\ny\ndone 5 s ago\n"
    assert re.fullmatch(pattern(shown), good)
    assert not re.fullmatch(pattern(shown), good.replace("created", "made"))
    assert not re.fullmatch(pattern(shown), good + "more\n")
    assert not re.fullmatch(pattern(()), "unexpected\n")


def test_steps_are_read(tmp_path: Path) -> None:
    """A block has several commands; what follows each is what it prints."""
    page = tmp_path / "page.md"
    page.write_text("```console\n$ a\nb\n\n$ c\n```\n\n```sh\n$ d\n```\n")
    assert [Step("a", ("b", "")), Step("c", ())] == [*steps(page)]

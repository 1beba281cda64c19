"""`make release`: everything that a release publishes, into `dist/`.

It is built of an export of the last commit, so that nothing else of the folder gets in. The same
commit, pins and Python 3.13 give the same bytes.
"""

import argparse
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tools.build import ARCHES, LEFT_OUT, PYTHON
from tools.docs import ROOT
from tools.sbom import read_pins, sbom
from tools.zips import BuildError, find_python

SUMS = "SHA256SUMS"
NOTES = "release-notes.md"
#: Builds the functions' artefacts of a tree into a folder.
Zips = Callable[[Path, Path], None]


class ReleaseError(Exception):
    """There is nothing to release, or it could not be built; says what to do."""


class Commit(NamedTuple):
    """What is released: its version, the time of the commit, what changed."""

    version: str
    time: int
    notes: str


def release(root: Path, output: Path, zips: Zips) -> Commit:
    """Build all files of a release into a folder, which holds nothing else afterwards.

    Raises:
        ReleaseError: where the commit is no release; then the folder stays as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree, made = Path(folder) / "tree", Path(folder) / "made"
        made.mkdir()
        export(root, tree)
        commit = check(root, tree)
        zips(tree, made)
        packages(tree, made, commit.time)
        lists(tree, made, commit)
        (made / NOTES).write_text(commit.notes)
        (made / SUMS).write_text(sums(made))
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(made, output)
    return commit


def export(root: Path, tree: Path) -> None:
    """Unpack what the last commit holds."""
    if changed := git(root, "status", "--porcelain").rstrip():
        raise ReleaseError(f"Commit or remove these files first:\n{changed}")
    archive = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"], cwd=root, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as opened:
        opened.extractall(tree, filter="data")


def check(root: Path, tree: Path) -> Commit:
    """Tell what is released, from the exported files.

    Raises:
        ReleaseError: where version, changelog and tag do not agree.
    """
    source = (tree / "shared" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if not found:
        raise ReleaseError("shared/__init__.py has no __version__")
    version = found[1]
    tags = [tag for tag in git(root, "tag", "--points-at", "HEAD").split() if tag[0] == "v"]
    if tags and f"v{version}" not in tags:
        raise ReleaseError(f"The commit has the tag {tags[0]}, but the version is {version}")
    time = int(git(root, "log", "-1", "--format=%ct"))
    return Commit(version, time, section((tree / "CHANGELOG.md").read_text(), version))


def section(changelog: str, version: str) -> str:
    """Cut the section of a version out of the changelog, without its title.

    Raises:
        ReleaseError: where there is none, or it is empty.
    """
    title = rf"^## {re.escape(version)}(?: [^\n]*)?$"
    found = re.search(rf"{title}\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ReleaseError(f"CHANGELOG.md has nothing about {version}: write what changed")
    return found[1].strip() + "\n"


def artefacts(python313: str = "") -> Zips:
    """Give what builds the functions' artefacts, byte-compiled, for both of Lambda's machines.

    Raises:
        ReleaseError: where there is no Python that byte-compiles.
    """
    try:
        compiler = find_python(PYTHON, python313)
    except BuildError as error:
        raise ReleaseError(str(error)) from error
    if not compiler:
        raise ReleaseError(f"There is no Python {PYTHON} here: install it, or set --python313 PATH")

    def build(tree: Path, made: Path) -> None:
        for arch in ARCHES:
            command = [sys.executable, "-m", "tools.build", "--arch", arch]
            call([*command, "--python313", str(compiler), "--output", str(made)], tree)
            (made / "aws.zip").rename(made / f"aws-{arch}.zip")

    return build


def packages(tree: Path, made: Path, time: int) -> None:
    """Build wheel and sdist with the pinned hatchling."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made)]
    call(command, tree, SOURCE_DATE_EPOCH=str(time))


def lists(tree: Path, made: Path, commit: Commit) -> None:
    """Write what each function's artefact holds."""
    built = datetime.fromtimestamp(commit.time, UTC)
    left_out = {name for names in LEFT_OUT.values() for name in names}
    for cloud, without in {"aws": left_out, "gcp": set[str]()}.items():
        pins = read_pins(tree / "functions" / cloud / "requirements.txt", without)
        text = sbom(f"k8s-snapshots-{cloud}", commit.version, built, pins)
        (made / f"sbom-{cloud}.cdx.json").write_text(text)


def sums(folder: Path) -> str:
    """Give the checksums of a folder's files, as `sha256sum --check` reads them."""
    found = sorted(folder.iterdir())
    return "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in found)


def git(root: Path, *words: str) -> str:
    """Ask Git."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout


def call(command: list[str], tree: Path, **environ: str) -> None:
    """Run a step in the exported tree; its output is shown where it fails."""
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"{' '.join(command[1:4])} failed:\n{done.stdout}")


def main(arguments: list[str] | None = None) -> int:
    """Build a release of the last commit, and print its checksums."""
    parser = argparse.ArgumentParser("python -m tools.release", description=__doc__)
    parser.add_argument("--python313", default="", help="the Python that byte-compiles")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    asked = parser.parse_args(arguments)
    try:
        commit = release(ROOT, asked.output, artefacts(asked.python313))
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Version {commit.version} is in {asked.output}:")
    print((asked.output / SUMS).read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

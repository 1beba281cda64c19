"""`make release`: the same to the byte, complete, and refused where something is missing."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from shared import __version__
from tests.artefacts.conftest import Built
from tools.build import LEFT_OUT
from tools.docs import ROOT
from tools.release import NOTES, SUMS, ReleaseError, Zips, artefacts, release, section

NAME = f"k8s_snapshots_serverless-{__version__}"
FILES = {
    "aws-arm64.zip", "aws-x86_64.zip", "gcp.zip", f"{NAME}-py3-none-any.whl", f"{NAME}.tar.gz",
    "sbom-aws.cdx.json", "sbom-gcp.cdx.json", NOTES, SUMS,
}  # fmt: skip


def git(root: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "t@example.com" for role in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    when = {"GIT_AUTHOR_DATE": "@1767225600 +0000", "GIT_COMMITTER_DATE": "@1767225600 +0000"}
    done = subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *words],
        cwd=root, env={**os.environ, **who, **when}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commit the project's files as they are now, in a repository of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a Git checkout")
    root = tmp_path_factory.mktemp("project")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "All")
    return root


@pytest.fixture
def clone(project: Path, tmp_path: Path) -> Path:
    git(project, "clone", "--quiet", str(project), str(tmp_path / "clone"))
    return tmp_path / "clone"


def ready(folder: Path) -> Zips:
    """Take the zips of the session: two machines would take minutes, and are built alike."""

    def copy(tree: Path, made: Path) -> None:
        for arch in ("arm64", "x86_64"):
            shutil.copy(folder / "aws.zip", made / f"aws-{arch}.zip")
        shutil.copy(folder / "gcp.zip", made)

    return copy


@pytest.fixture(scope="session")
def released(built: Built, project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Release twice: of a checkout in another folder, with artefacts that were built twice."""
    other = tmp_path_factory.mktemp("elsewhere") / "clone"
    git(project, "clone", "--quiet", str(project), str(other))
    outputs = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    release(project, outputs[0], ready(built.first))
    release(other, outputs[1], ready(built.second))
    return outputs


def test_two_releases_have_the_same_checksums(released: list[Path]) -> None:
    """Neither the time nor the folder shows in any file."""
    one, two = ((output / SUMS).read_text() for output in released)
    assert one == two


def test_everything_is_there_and_summed(released: list[Path]) -> None:
    """`sha256sum --check` would find each file as it was."""
    folder = released[0]
    assert {path.name for path in folder.iterdir()} == FILES
    lines = (line.split("  ") for line in (folder / SUMS).read_text().splitlines())
    assert {name: digest for digest, name in lines} == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES - {SUMS}
    }


def test_the_packages_have_the_version(released: list[Path]) -> None:
    """The wheel's metadata says it, and it holds the code and the manifests."""
    with zipfile.ZipFile(released[0] / f"{NAME}-py3-none-any.whl") as wheel:
        metadata = wheel.read(f"{NAME}.dist-info/METADATA").decode()
        held = set(wheel.namelist())
    assert f"\nVersion: {__version__}\n" in metadata
    assert {"shared/__init__.py", "functions/command.py", "shared/manifests/crd.yaml"} <= held
    with tarfile.open(released[0] / f"{NAME}.tar.gz") as sdist:
        assert f"{NAME}/shared/__init__.py" in sdist.getnames()


def listed(folder: Path, cloud: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"sbom-{cloud}.cdx.json").read_text())
    return found


def test_the_list_of_aws_is_what_its_artefact_holds(released: list[Path], built: Built) -> None:
    """Each library that is vendored, with its version, and nothing else."""
    components = listed(released[0], "aws")["components"]
    with zipfile.ZipFile(built.first / "aws.zip") as archive:
        infos = {re.match(r"(.+)-([^-]+)\.dist-info/", name) for name in archive.namelist()}
    vendored = {(plain(found[1]), found[2]) for found in infos if found}
    assert {(plain(c["name"]), c["version"]) for c in components} == vendored
    assert all(c["purl"] == f"pkg:pypi/{c['name']}@{c['version']}" for c in components)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_list_of_google_is_its_pins(released: list[Path]) -> None:
    """What Cloud Build installs; the commit's time and no random number."""
    found = listed(released[0], "gcp")
    pins = (ROOT / "functions" / "gcp" / "requirements.txt").read_text().split("\n")
    said = {f"{c['name']}=={c['version']}" for c in found["components"]}
    assert said == {pin.partition(" ;")[0] for pin in pins if pin}
    assert not any(name in said for names in LEFT_OUT.values() for name in names)
    assert (found["bomFormat"], found["metadata"]["timestamp"][:19]) == (
        "CycloneDX",
        "2026-01-01T00:00:00",
    )
    assert found["serialNumber"] != listed(released[0], "aws")["serialNumber"]
    assert found["metadata"]["component"]["version"] == __version__


def test_the_notes_are_the_changelogs(released: list[Path]) -> None:
    """Of this version, and no other."""
    notes = (released[0] / NOTES).read_text()
    assert notes.strip()
    assert notes in (ROOT / "CHANGELOG.md").read_text()
    assert "\n## " not in notes


def no_zips(tree: Path, made: Path) -> None:
    raise AssertionError("nothing is built of what is refused")


def refused(root: Path, tmp_path: Path) -> str:
    """Tell why, and see that an earlier release stays."""
    output = tmp_path / "dist"
    output.mkdir()
    (output / "old").touch()
    with pytest.raises(ReleaseError) as error:
        release(root, output, no_zips)
    assert [path.name for path in output.iterdir()] == ["old"]
    return str(error.value)


@pytest.mark.parametrize("name", ["README.md", "shared/new.py"])
def test_a_dirty_tree_is_refused(clone: Path, tmp_path: Path, name: str) -> None:
    """What is changed, or not committed, would be missing from the release."""
    (clone / name).write_text("x")
    assert f"Commit or remove these files first:\n{' M' if name[0] == 'R' else '??'} {name}" in (
        refused(clone, tmp_path)
    )


def test_a_version_without_notes_is_refused(clone: Path, tmp_path: Path) -> None:
    """Whoever raises the version writes what changed."""
    (clone / "shared" / "__init__.py").write_text('__version__ = "9.9.9"\n')
    git(clone, "commit", "--quiet", "--all", "--message", "Raise")
    assert refused(clone, tmp_path) == "CHANGELOG.md has nothing about 9.9.9: write what changed"


def test_another_versions_tag_is_refused(clone: Path, tmp_path: Path) -> None:
    """A tag that is no version is nobody's business."""
    git(clone, "tag", "nightly")
    git(clone, "tag", "v9.9.9")
    said = refused(clone, tmp_path)
    assert said == f"The commit has the tag v9.9.9, but the version is {__version__}"


def test_its_own_tag_is_taken(clone: Path, tmp_path: Path) -> None:
    """Then it goes on to build."""
    git(clone, "tag", f"v{__version__}")
    with pytest.raises(AssertionError, match="nothing is built"):
        release(clone, tmp_path / "dist", no_zips)


def test_a_section_ends_where_the_next_begins() -> None:
    """1.0.0 is not 1.0.0rc1, and a date may follow."""
    text = "# C\n\n## Unreleased\n\n## 1.0.0rc1\n\nno\n\n## 1.0.0 - 2027-01-01\n\nyes\n\n## 0.9\n"
    assert section(text, "1.0.0") == "yes\n"
    for missing in ("0.9", "1.0", "2.0.0"):
        with pytest.raises(ReleaseError, match="write what changed"):
            section(text, missing)


def test_a_release_is_byte_compiled(tmp_path: Path) -> None:
    """A Python that is named and is another is refused before anything is built."""
    with pytest.raises(ReleaseError, match=r"is no Python 3\.13"):
        artefacts(str(tmp_path / "python"))


def test_without_lambdas_python_there_is_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """An artefact without bytecode would start slowly, and differ from everybody else's."""
    monkeypatch.setattr("tools.release.find_python", lambda *_: None)
    with pytest.raises(ReleaseError, match=r"no Python 3\.13 here: install it, or set --python313"):
        artefacts()

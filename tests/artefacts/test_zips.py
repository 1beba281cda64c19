"""The artefacts as files: the same to the byte, complete, small, and for the right machine."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

from tests.artefacts.conftest import Built
from tools import zips
from tools.build import LEFT_OUT, Target, compiled, main, manylinux, vendor
from tools.zips import BuildError, check_machine, find_python, pack

ARTEFACTS = ("aws.zip", "gcp.zip")


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


@pytest.mark.parametrize("name", ARTEFACTS)
def test_two_builds_are_the_same_to_the_byte(built: Built, name: str) -> None:
    """Neither the time, nor the folder, nor the order of the file system shows."""
    assert (built.first / name).read_bytes() == (built.second / name).read_bytes()


@pytest.mark.parametrize("name", ARTEFACTS)
def test_entries_are_sorted_and_alike(built: Built, name: str) -> None:
    """Every entry is a file with the same date and mode, in the order of names."""
    with zipfile.ZipFile(built.first / name) as opened:
        entries = opened.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


@pytest.mark.parametrize("name", ARTEFACTS)
def test_nothing_names_the_machine_that_built(built: Built, name: str) -> None:
    """No file holds a path of the build, not even compiled ones."""
    tree = str(Path(__file__).parents[2]).encode()
    with zipfile.ZipFile(built.first / name) as opened:
        held = {entry: opened.read(entry) for entry in opened.namelist()}
    assert [entry for entry, data in held.items() if tree in data or b"/tmp/tmp" in data] == []


@pytest.mark.parametrize("name", ARTEFACTS)
def test_the_pages_templates_come_along(built: Built, name: str) -> None:
    """A pass writes a page only where they are."""
    held = [entry for entry in names(built.first / name) if "/templates/" in entry]
    folder = "shared/reports/templates"
    assert [f"{folder}/report.{end}" for end in ("css", "html.jinja", "js")] == held


def test_the_lambda_holds_what_it_runs_and_no_more(built: Built) -> None:
    """The core, its own folder and vendored libraries; no tests, no tools, nothing of Google's."""
    held = names(built.first / "aws.zip")
    tops = {name.partition("/")[0] for name in held}
    assert {"functions", "shared", "boto3", "kubernetes", "msgspec", "tarsnapper"} <= tops
    unwanted = {"argparse.py", "rich", "pytest", "moto", "tests", "tools", "google", "bin", "pip"}
    assert not tops & (unwanted | {name for left in LEFT_OUT.values() for name in left})
    assert not [name for name in held if name.startswith("functions/gcp")]
    assert not [name for name in held if "/tests/" in name or name.endswith("RECORD")]
    assert {name for name in held if name.startswith("tarsnapper/") and name.endswith(".py")} == {
        "tarsnapper/__init__.py",
        "tarsnapper/expire.py",
    }


def test_the_function_holds_only_what_is_ours(built: Built) -> None:
    """Cloud Build looks for main.py and requirements.txt at the root."""
    held = names(built.first / "gcp.zip")
    assert {name.partition("/")[0] for name in held} == {
        "functions",
        "main.py",
        "requirements.txt",
        "shared",
    }
    assert {name.split("/")[1] for name in held if name.startswith("functions/")} == {
        "__init__.py",
        "gcp",
    }


def test_licences_are_kept(built: Built) -> None:
    """What is vendored is redistributed: its licences and metadata go with it."""
    held = names(built.first / "aws.zip")
    infos = {name.partition("/")[0] for name in held if ".dist-info/" in name}
    licensed = {name.partition("/")[0] for name in held if "LICEN" in name.upper()}
    assert infos == licensed


def test_every_module_is_compiled_and_never_checked(built: Built) -> None:
    """Bytecode has the unchecked-hash flag, is this Python's, and stands for every source."""
    with zipfile.ZipFile(built.first / "aws.zip") as opened:
        held = set(opened.namelist())
        heads = {name: opened.open(name).read(8) for name in held if name.endswith(".pyc")}
    magic, unchecked = importlib.util.MAGIC_NUMBER, (1).to_bytes(4, "little")
    assert set(heads.values()) == {magic + unchecked}
    sources = {name for name in held if name.endswith(".py")}
    assert {importlib.util.source_from_cache(name) for name in heads} == sources


def test_sizes_are_said_and_within_the_limits(built: Built) -> None:
    """The build prints what it made; Lambda takes 50 MB zipped, here it is half of that."""
    assert "MB zipped" in built.output
    assert "byte-compiled by" in built.output
    assert (built.first / "aws.zip").stat().st_size < 30_000_000


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the sizes and the limits, and no zip is left that somebody might deploy."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "zeros").write_bytes(bytes(2_000_000))
    assert pack(tmp_path / "in", tmp_path / "good.zip").endswith("2.0 MB unzipped, 1 files")
    monkeypatch.setattr(zips, "UNZIPPED", 1_000_000)
    with pytest.raises(BuildError, match=r"bad.zip is too large: 0.0 MB zipped, 2.0 MB unzipped"):
        pack(tmp_path / "in", tmp_path / "bad.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.zip", "in"]


def library(path: Path, machine: int, magic: bytes = b"\x7fELF") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(magic + b"\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + b"..")


def test_libraries_for_another_machine_are_refused(tmp_path: Path) -> None:
    """Compiled code for x86_64 in an artefact for arm64 fails the build, and so does a Mac's."""
    library(tmp_path / "good" / "_core.so", 183)
    check_machine(tmp_path, "aarch64")

    with pytest.raises(BuildError, match=r"good/_core.so is for aarch64, not for x86_64"):
        check_machine(tmp_path, "x86_64")

    library(tmp_path / "versioned" / "lib.so.1", 243)
    with pytest.raises(BuildError, match=r"versioned/lib.so.1 is for machine 243"):
        check_machine(tmp_path, "aarch64")

    library(tmp_path / "_a.so", 183, b"\xcf\xfa\xed\xfe")
    with pytest.raises(BuildError, match=r"_a.so is no Linux library"):
        check_machine(tmp_path, "aarch64")


def test_a_marker_is_refused(tmp_path: Path) -> None:
    """Markers would be judged by the Python that runs pip, not by Lambda's."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("six==1.17.0 ; python_version < '3.12'\n")
    with pytest.raises(BuildError, match="six"):
        vendor(requirements, Target.of("arm64"), tmp_path)


def test_the_python_that_compiles_must_be_lambdas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Python that is named and is another, or none, ends the build before anything is fetched."""
    assert find_python("2.99") is None
    assert main(["--python313", str(tmp_path / "python"), "--output", str(tmp_path)]) == 1
    assert "is no Python 3.13" in capsys.readouterr().err


def test_what_costs_seconds_is_said() -> None:
    """Without Lambda's Python the build works, and says what is missing and how to give it."""
    said = compiled(Target.of("arm64"), None)
    assert said.startswith("NOT byte-compiled: there is no Python 3.13 here (--python313 PATH)")


def test_a_wheel_for_an_older_glibc_will_do() -> None:
    """Lambda's glibc 2.34 loads all that was built for an older one."""
    tags = manylinux()
    assert {"manylinux_2_17", "manylinux2014", "manylinux_2_28", "manylinux_2_34"} <= set(tags)
    assert "manylinux_2_35" not in tags

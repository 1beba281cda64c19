"""What both artefacts have in common: zips that are the same to the byte, bytecode, limits."""

import itertools
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Where Lambda unpacks a function; what tracebacks show.
TASK_ROOT = "/var/task"

#: AWS Lambda, "Lambda quotas": a zip that is uploaded, and what it unpacks to.
ZIPPED = 50_000_000
UNZIPPED = 250_000_000

#: zlib's.
LEVEL = 6

#: ELF's own numbers of machines (e_machine).
MACHINES = {"aarch64": 183, "x86_64": 62}


class BuildError(Exception):
    """An artefact that would not run, or could not be made; says why."""


def pack(root: Path, target: Path) -> str:
    """Zip a folder so that the same files give the same bytes, whoever packs them and when.

    Returns:
        the sizes, in words.

    Raises:
        BuildError: where it is too large for Lambda; then there is no zip.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".tmp")
    try:
        with zipfile.ZipFile(unfinished, "w") as archive:
            found = ((path.relative_to(root).as_posix(), path) for path in files(root))
            for name, path in sorted(found):
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.create_system = 3  # Unix, also where this runs on another
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, LEVEL)
            unzipped = [entry.file_size for entry in archive.infolist()]
        sizes = _sizes(target.name, unfinished.stat().st_size, unzipped)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return sizes


def _sizes(name: str, zipped: int, unzipped: list[int]) -> str:
    """Tell the sizes of a zip; refuses what Lambda would."""
    total = sum(unzipped)
    said = f"{zipped / 1e6:.1f} MB zipped, {total / 1e6:.1f} MB unzipped, {len(unzipped):,} files"
    if zipped >= ZIPPED or total >= UNZIPPED:
        limits = f"{ZIPPED / 1e6:.0f} and {UNZIPPED / 1e6:.0f} MB"
        raise BuildError(f"{name} is too large: {said}; Lambda's limits are {limits}")
    return said


def files(root: Path) -> Iterator[Path]:
    """Give every file below a folder."""
    return (path for path in root.rglob("*") if path.is_file())


def check_machine(root: Path, machine: str) -> None:
    """Refuse compiled code for another machine.

    Raises:
        BuildError: names the first such file.
    """
    for path in sorted(files(root)):
        with path.open("rb") as file:
            head = file.read(20)
        if not head.startswith(b"\x7fELF"):
            if path.suffix == ".so":
                raise BuildError(f"{path.relative_to(root)} is no Linux library")
            continue
        found = int.from_bytes(head[18:20], "little")
        if found != MACHINES[machine]:
            known = {number: name for name, number in MACHINES.items()}
            other = known.get(found, f"machine {found}")
            raise BuildError(f"{path.relative_to(root)} is for {other}, not for {machine}")


def compile_all(root: Path, python: Path) -> None:
    """Byte-compile a folder for `TASK_ROOT`.

    Unchecked, since a zip's times say nothing and a pass should not read every source to compare.
    One process, in order, with a fixed seed: bytecode depends on all three.
    """
    how = ["-q", "--invalidation-mode", "unchecked-hash"]
    done = subprocess.run(
        [python, "-m", "compileall", *how, "-s", root, "-p", TASK_ROOT, root],
        env={"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"compiling failed: {done.stdout}{done.stderr}")


def find_python(version: str, named: str = "") -> Path | None:
    """Find a Python of that version: the one named, else on PATH, else among pyenv's.

    Raises:
        BuildError: where the one that is named is another, or none.
    """
    if named:
        if not _is(version, named):
            raise BuildError(f"{named} is no Python {version}")
        return Path(named)
    return next((Path(path) for path in _candidates(version) if _is(version, path)), None)


def _candidates(version: str) -> Iterable[str]:
    on_path = shutil.which(f"python{version}")
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    of_pyenv = sorted(root.glob(f"versions/{version}.*/bin/python"))
    return itertools.chain(filter(None, [on_path]), map(str, of_pyenv))


def _is(version: str, python: str) -> bool:
    """Ask it: one of pyenv's shims is on PATH also where the version behind it is not active."""
    script = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
    try:
        done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.split() == [version, "cpython"]

"""`make build`: the artefacts that are deployed, `build/aws.zip` and `build/gcp.zip`.

The same sources, pins and Pythons give the same bytes. Lambda gets everything vendored for its own
machine and Python; Cloud Build installs requirements.txt itself.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from tools.docs import ROOT
from tools.zips import BuildError, check_machine, compile_all, find_python, pack

#: The Python of Lambda's runtime `python3.13`, on Amazon Linux 2023 with its glibc 2.34.
PYTHON = "3.13"
GLIBC_MINOR = 34

#: Lambda's names of machines, and everybody else's.
ARCHES = {"arm64": "aarch64", "x86_64": "x86_64"}

#: What botocore may be asked for; the models of the other four hundred services stay behind.
SERVICES = ("ec2", "eks", "s3", "secretsmanager", "sts")

#: Pins that are not vendored, by what wants them.
LEFT_OUT = {
    # In a task root, which comes first on the path, argparse shadows the standard library's.
    # (Cloud Build installs it into site-packages, which come last: there it does no harm.)
    "tarsnapper's command line": ("argparse", "pexpect", "ptyprocess"),
    "kubernetes.aio": (
        "aiohappyeyeballs", "aiohttp", "aiohttp-retry", "aiosignal", "attrs",
        "frozenlist", "multidict", "propcache", "yarl",
    ),
}  # fmt: skip

#: What is left behind of what is vendored; of a dist-info folder all but metadata and licences.
UNUSED = (
    "bin/*",
    "*/tests/*",
    "boto3/examples/*",
    "botocore/data/*/examples-1.json",
    "botocore/data/ec2/201[45]-*",  # versions of the API before 2016-11-15, the last
    "botocore/data/ec2/2016-0*",
    "kubernetes/aio/*",
    "tarsnapper/config.py",
    "tarsnapper/script.py",
    "tarsnapper/test.py",
)

#: Beside requirements.txt at the root: functions-framework looks for the target in main.py.
MAIN = '''"""The Cloud Function, where functions-framework looks for its target."""

from functions.gcp.main import reconcile as reconcile
'''


@dataclass(frozen=True)
class Target:
    """Where the Lambda will run; `machine` is empty for the interpreter that builds."""

    name: str
    machine: str
    python: str

    @classmethod
    def of(cls, arch: str) -> "Target":
        """Make the target of Lambda's name of a machine, or of `host`."""
        if arch == "host":
            version = "{}.{}".format(*sys.version_info)
            return cls(f"this {platform.machine()}", "", version)
        return cls(arch, ARCHES[arch], PYTHON)

    def compiler(self, named: str = "") -> Path | None:
        """Find what byte-compiles for it."""
        return find_python(self.python, named) if self.machine else Path(sys.executable)


def aws(target: Target, compiler: Path | None, output: Path) -> str:
    """Build the Lambda's artefact; tells its sizes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        vendor(ROOT / "functions" / "aws" / "requirements.txt", target, root)
        prune(root)
        sources("aws", root)
        if target.machine:
            check_machine(root, target.machine)
        if compiler:
            compile_all(root, compiler)
        return pack(root, output)


def gcp(output: Path) -> str:
    """Build what Cloud Build makes the Cloud Function of; tells its sizes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sources("gcp", root)
        (root / "main.py").write_text(MAIN)
        shutil.copy(ROOT / "functions" / "gcp" / "requirements.txt", root)
        return pack(root, output)


def sources(cloud: str, root: Path) -> None:
    """Copy what is ours: the core, and one cloud's folder."""
    shared, function = ROOT / "shared", ROOT / "functions"
    for path in [
        *shared.rglob("*.py"),
        *(shared / "reports" / "templates").iterdir(),
        function / "__init__.py",
        *(function / cloud).rglob("*.py"),
    ]:
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def vendor(requirements: Path, target: Target, root: Path) -> None:
    """Install the pins into a folder, for another machine and Python than ours if need be.

    Only tarsnapper has no wheel; it is pure Python.
    """
    skipped = {name for names in LEFT_OUT.values() for name in names}
    pins = [line for line in requirements.read_text().splitlines() if line]
    if marked := [line for line in pins if ";" in line]:
        # pip would judge the marker by the interpreter that runs it.
        raise BuildError(f"{requirements.name}: cannot install for another Python: {marked[0]}")
    wanted = [pin for pin in pins if pin.partition("==")[0] not in skipped]
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-compile", "--only-binary=:all:", "--no-binary=tarsnapper"]
    if target.machine:
        command += ["--implementation=cp", f"--python-version={target.python}"]
        command += [f"--platform={tag}_{target.machine}" for tag in manylinux()]
    done = subprocess.run([*command, f"--target={root}", *wanted], check=False)
    if done.returncode:
        raise BuildError(f"pip could not install {requirements.name} for {target.name}")


def manylinux() -> list[str]:
    """List the platform tags that Lambda's glibc can load; pip derives none from another."""
    return [*(f"manylinux_2_{minor}" for minor in range(GLIBC_MINOR, 16, -1)), "manylinux2014"]


def prune(root: Path) -> None:
    """Remove from what is vendored what no pass uses."""
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_file() and not used(PurePosixPath(path.relative_to(root))):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def used(path: PurePosixPath) -> bool:
    """Tell whether a vendored file is used."""
    top = path.parts[0]
    if top.endswith(".dist-info"):
        return path.name.startswith(("METADATA", "LICEN", "NOTICE")) or "licenses" in path.parts
    of_service = top in ("boto3", "botocore") and path.parts[1] == "data" and len(path.parts) > 3
    if of_service and path.parts[2] not in SERVICES:
        return False
    return not any(fnmatchcase(str(path), pattern) for pattern in UNUSED)


def main(arguments: list[str] | None = None) -> int:
    """Build both; fails where one would not run."""
    parser = argparse.ArgumentParser("python -m tools.build", description=__doc__)
    parser.add_argument("--arch", choices=[*ARCHES, "host"], default="arm64")
    parser.add_argument("--python313", default="", help="the Python that byte-compiles")
    parser.add_argument("--output", type=Path, default=ROOT / "build")
    asked = parser.parse_args(arguments)
    target = Target.of(asked.arch)
    try:
        compiler = target.compiler(asked.python313)
        sizes = aws(target, compiler, asked.output / "aws.zip")
        print(f"{asked.output / 'aws.zip'}: {sizes}, for {target.name} and Python {target.python}")
        print(f"  {compiled(target, compiler)}")
        print(f"{asked.output / 'gcp.zip'}: {gcp(asked.output / 'gcp.zip')}")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def compiled(target: Target, compiler: Path | None) -> str:
    """Tell what byte-compiled, or what it costs that nothing did."""
    if compiler:
        return f"byte-compiled by {compiler}"
    return (
        f"NOT byte-compiled: there is no Python {target.python} here (--python313 PATH), so that "
        "a cold start takes three times as long"
    )


if __name__ == "__main__":
    sys.exit(main())

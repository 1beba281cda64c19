"""Builds both artefacts for the host, once a session, in the system's temporary folder."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.emulators.lambda_runtime import unpack

ROOT = Path(__file__).parents[2]


class Built(NamedTuple):
    """Two builds of the same tree, and what the first has printed."""

    first: Path
    second: Path
    output: str


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build twice at once, in two processes that share no folder."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    builds = [
        subprocess.Popen(
            [sys.executable, "-m", "tools.build", "--arch", "host", "--output", folder],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in folders
    ]
    printed = [build.communicate()[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], printed
    return Built(folders[0], folders[1], printed[0])


@pytest.fixture(scope="session")
def task_root(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the Lambda's artefact, as Lambda does into /var/task."""
    return unpack(built.first / "aws.zip", tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="session")
def workspace(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the Cloud Function's artefact, as Cloud Build does into /workspace."""
    return unpack(built.first / "gcp.zip", tmp_path_factory.mktemp("workspace"))

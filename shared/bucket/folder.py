"""A folder as a bucket, for the command line, the demo and tests.

Writes are conditional between processes too: they are made one at a time under a file lock, and
each replaces the whole file at once.
"""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from shared.errors import BucketError, Conflict
from shared.ports import Stored

#: Seconds to wait for another process that is writing.
PATIENCE = 10.0


class Folder:
    """A folder of this machine; implements `ports.Bucket`."""

    def __init__(self, path: str) -> None:
        self._root = Path(path)

    def get(self, name: str) -> Stored | None:
        """Read a file; None where there is none."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                data, modified = file.read(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed("read", path, error) from None
        age = max(time.time() - modified / 1e9, 0.0)
        return Stored(data, _version(data, modified), timedelta(seconds=age))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        """Replace a file whole, where it still is the expected version."""
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(path):
                if expected is not None:
                    there = self.get(name)
                    if (there.version if there else "") != expected:
                        raise Conflict(f"{path} was written by another process")
                return self._replace(path, data)
        except OSError as error:
            raise _failed("written", path, error) from None

    def _path(self, name: str) -> Path:
        path = self._root / name
        if "\0" in name or not path.resolve().is_relative_to(self._root.resolve()):
            raise BucketError(f"{name} is not in {self._root}")
        return path

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """Keep other writers of the file out; the lock ends with the process that holds it."""
        until = time.monotonic() + PATIENCE
        with (path.parent / f".{path.name}.lock").open("wb") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.01)
            yield

    def _replace(self, path: Path, data: bytes) -> str:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if path.exists():
                    # Another user may read it, who publishes it or is its only reader.
                    os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
                modified = os.fstat(file.fileno()).st_mtime_ns
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return _version(data, modified)


def _version(data: bytes, modified: int) -> str:
    return f"{modified}-{hashlib.sha256(data).hexdigest()[:32]}"


def _failed(done: str, path: Path, error: OSError) -> BucketError:
    return BucketError(f"{path} cannot be {done}: {error.strerror or type(error).__name__}")

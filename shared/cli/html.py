"""The command `html`: the report as a page in a file, which needs no network to be read."""

import os
import sys
import tempfile
from pathlib import Path

from shared.errors import UsageError
from shared.reports import page_memory
from shared.text import shorten

#: Standard output in place of a file.
STDOUT = "-"


def page_before(name: str) -> str:
    """Read the page that is about to be replaced; empty where there is none.

    Raises:
        UsageError: where it could not be written, or would replace something else.
    """
    if name == STDOUT:
        return ""
    path = _path(name)
    if not path.parent.is_dir():
        raise UsageError(f"html {shorten(name)}: there is no folder {shorten(str(path.parent))}")
    try:
        text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        raise _failed(name, "read", error) from None
    if text and page_memory.BEGIN not in text:
        raise UsageError(
            f"html {shorten(name)}: this file is there and is no such page: name another one"
        )
    return text


def write(name: str, page: str) -> None:
    """Write the page, whole or not at all.

    Raises:
        UsageError: where it cannot be written.
    """
    if name == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(page.encode())
        return
    path = _path(name)
    try:
        _replace(path, page)
    except OSError as error:
        raise _failed(name, "written", error) from None


def _replace(path: Path, page: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".html-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(page)
        if path.exists():
            os.chmod(temporary, path.stat().st_mode & 0o777)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _path(name: str) -> Path:
    return Path(name).expanduser()


def _failed(name: str, done: str, error: OSError) -> UsageError:
    return UsageError(f"html {shorten(name)}: it cannot be {done}: {error.strerror or error}")

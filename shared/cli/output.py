"""What programs read on standard output, and terminals that cannot show everything."""

import codecs
import io
import json
import os
import sys
from typing import Any

_PLAIN = {"…": "...", "—": "-", "–": "-", "’": "'", "■": "#", "□": "-", "·": "."}


def set_up(*, color: bool = True) -> None:
    """Let no character end the command: what a terminal cannot show is written otherwise."""
    codecs.register_error("k8s-snapshots", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _is_unicode(stream):
            stream.reconfigure(errors="k8s-snapshots")
    if not color:
        os.environ["NO_COLOR"] = "1"


def print_as(form: str, value: Any) -> None:
    """Print for programs: `json`, or `yaml`."""
    if form == "yaml":
        import yaml

        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=_is_unicode(sys.stdout))
        sys.stdout.write(text)
    else:
        text = json.dumps(value, indent=2, ensure_ascii=not _is_unicode(sys.stdout))
        sys.stdout.write(f"{text}\n")


def print_names(names: list[str]) -> None:
    """Print a name a line, for scripts."""
    for name in names:
        sys.stdout.write(f"{name}\n")


def give_up_output() -> None:
    """Write nowhere from now on: whoever read has gone, and Python must not complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_unicode(stream: Any) -> bool:
    return str(getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in found), error.end

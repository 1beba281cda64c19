"""What goes on, on standard error: as text, one line a record, or as JSON."""

import json
import logging
import sys
from typing import Any, TextIO

from shared.settings import Settings
from shared.text import printable


class OneLine(logging.Formatter):
    """A record is one line, whatever it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """Print the record; only a traceback has more lines."""
        text = super().format(record)
        return text if record.exc_info else printable(text)


class JSONLines(logging.Formatter):
    """A record is one JSON object on a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Print the record."""
        entry: dict[str, Any] = {
            "level": record.levelname,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if audit := getattr(record, "audit", None):
            entry["audit"] = audit
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is, so that a line stands above a bar, and not in it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record to standard error as it is now."""
        self.setStream(sys.stderr)
        super().emit(record)


def set_up(settings: Settings) -> None:
    """Show what goes on: our own records from the level asked for, libraries' warnings."""
    handler = _Stderr()
    handler.setFormatter(JSONLines() if settings.json_log else OneLine("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("shared", "shared.audit", "functions"):
        logging.getLogger(name).setLevel(settings.log_level)
    for name in ("urllib3", "google.auth"):
        logging.getLogger(name).setLevel(logging.ERROR)  # what fails in the end is said by ours

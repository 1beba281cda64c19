"""Structured logs, as Cloud Logging reads them."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.gcp import logs
from shared.reports.metrics import Metric

Lines = Callable[[], list[dict[str, Any]]]
FORGED = 'x\n{"severity": "CRITICAL", "message": "forged"}\r\n\x1b[2J\u2028'


class Stdout:
    """Writes to what is standard output at the time, as in a process, where it never changes."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """Set logging up as the function does; give the objects that were printed since."""
    loggers = [logging.getLogger(name) for name in ("", "shared", "functions", logs.log.name)]
    before = [(found.handlers[:], found.level) for found in loggers]
    logging.getLogger().handlers.clear()
    logs.set_up()
    monkeypatch.setattr(logging.getLogger().handlers[0], "stream", Stdout())

    def read() -> list[dict[str, Any]]:
        printed = capsys.readouterr()
        assert printed.err == ""
        return [json.loads(line) for line in printed.out.splitlines()]

    yield read
    logs.trace("")
    for found, (handlers, level) in zip(loggers, before, strict=True):
        found.handlers[:], found.level = handlers, level


@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
def test_a_line_has_severity_and_message(lines: Lines, level: str) -> None:
    """Python's levels are Cloud Logging's severities."""
    logging.getLogger("shared.planning.plan").log(logging.getLevelName(level), "%d disks", 3)
    assert lines() == [{"severity": level, "message": "3 disks", "logger": "shared.planning.plan"}]


def test_line_breaks_forge_no_lines(lines: Lines) -> None:
    """Whatever a name contains, a record is one line, and its message comes back as it was."""
    logging.getLogger("shared").error("could not read %s", FORGED)
    (line,) = lines()
    assert (line["severity"], line["message"]) == ("ERROR", f"could not read {FORGED}")


def test_an_exception_is_one_line(lines: Lines) -> None:
    """The traceback stands in the message, where Error Reporting looks for it."""
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("functions").exception("unexpected")
    (line,) = lines()
    assert line["message"].startswith("unexpected\nTraceback (most recent call last):\n")
    assert FORGED in line["message"]


@pytest.mark.parametrize(
    ("level", "shown"),
    [("DEBUG", ["DEBUG", "INFO", "ERROR"]), ("INFO", ["INFO", "ERROR"]), ("ERROR", ["ERROR"])],
)
def test_the_level_is_ours(lines: Lines, level: str, shown: list[str]) -> None:
    """Our own records are shown from the level on, libraries' from WARNING."""
    logs.show(level)
    for name in ("DEBUG", "INFO", "ERROR"):
        number = logging.getLevelName(name)
        logging.getLogger("shared.planning.plan").log(number, "ours")
        logging.getLogger("urllib3").log(min(number, logging.INFO), "theirs")
    assert [(line["severity"], line["message"]) for line in lines()] == [
        (name, "ours") for name in shown
    ]


def test_setting_up_again_prints_once(lines: Lines) -> None:
    """Each request sets up: no line is printed twice, and the level stays."""
    logs.show("WARNING")
    logs.set_up()
    logging.getLogger("shared").warning("once")
    logging.getLogger("shared").info("never")
    assert [line["message"] for line in lines()] == ["once"]


TRACE = "105445aa7843bc8bf206b12000100000"


@pytest.mark.parametrize(
    ("header", "project", "trace"),
    [
        (f"{TRACE}/1;o=1", "my-project", f"projects/my-project/traces/{TRACE}"),
        (TRACE, "my-project", f"projects/my-project/traces/{TRACE}"),
        (f"{TRACE}/1", "", TRACE),
        ("", "my-project", None),
        ("/1;o=1", "my-project", None),
        (f"{TRACE}\n/1", "my-project", None),
        ('x"}', "my-project", None),
        ("../..", "my-project", None),
        ("a" * 65, "my-project", None),
    ],
)
def test_takes_a_trace_from_the_header(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, header: str, project: str, trace: str | None
) -> None:
    """A request's lines stand together; a header that is no trace is left out."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", project)
    logs.trace("of an earlier request".replace(" ", ""))
    logs.trace(header)
    logging.getLogger("shared").info("x")
    (line,) = lines()
    assert line.get("logging.googleapis.com/trace") == trace


@pytest.mark.parametrize(("cluster", "named"), [("demo", "demo"), ("", "unknown")])
def test_metrics_are_one_line(lines: Lines, cluster: str, named: str) -> None:
    """Log-based metrics read names and values from one object, also where only errors are shown."""
    logs.show("ERROR")
    logs.measure([Metric("Disks", "Count", 3), Metric("WorstOverdue", "None", 0.5)], cluster)
    logs.measure([], cluster)
    assert lines() == [
        {
            "severity": "INFO",
            "message": "metrics",
            "logger": "functions.gcp.metrics",
            "metrics": {"Disks": 3, "WorstOverdue": 0.5},
            "cluster": named,
        }
    ]

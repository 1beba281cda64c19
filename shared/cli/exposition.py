"""Metrics as Prometheus reads them: on standard output, or in a file of the node exporter's."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import generate_latest, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.cli.metrics import Family
from shared.errors import UsageError
from shared.text import shorten

#: The node exporter's textfile collector reads no other files.
SUFFIX = ".prom"


class _Families(Collector):
    def __init__(self, found: Sequence[Family]) -> None:
        self._found = found

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give each metric that has a value; Prometheus takes a name without one for a mistake."""
        for family in self._found:
            if family.values:
                made = GaugeMetricFamily(family.name, family.help, labels=family.labels)
                for texts, value in family.values.items():
                    made.add_metric(texts, value)
                yield made


def text_of(found: Iterable[Family]) -> str:
    """Write metrics in Prometheus' text format."""
    return generate_latest(_Families([*found])).decode()


def check_path(name: str) -> Path:
    """Say where the file will be, before anybody works for it.

    Raises:
        UsageError: where it could not be written, or nobody would read it.
    """
    path = Path(name).expanduser()
    if path.suffix != SUFFIX:
        raise UsageError(f"--file {shorten(name)}: the name must end in {SUFFIX}: the node "
                         "exporter reads no other files")  # fmt: skip
    if not path.parent.is_dir():
        raise UsageError(f"--file {shorten(name)}: there is no folder {shorten(str(path.parent))}")
    return path


def write(path: Path, found: Iterable[Family]) -> None:
    """Write the file, whole or not at all.

    Raises:
        UsageError: where it cannot be written.
    """
    try:
        write_to_textfile(str(path), _Families([*found]))
    except OSError as error:
        raise UsageError(f"--file {shorten(str(path))}: it cannot be written: "
                         f"{error.strerror or error}") from None  # fmt: skip

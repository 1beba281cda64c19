"""A cluster that cannot be read, over real connections: in time, and the mirror stands in."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.access.connect import connection_client, kubeconfig_client
from shared.passes.run import run
from shared.request import Request
from shared.settings import Settings
from shared.sources import api
from shared.sources.cluster import Cluster
from tests.emulators.canned import Canned, Reply
from tests.emulators.kube import Kube
from tests.shared.builders import DAY, HOUR, NOW, hourly
from tests.shared.fake_bucket import MIRROR, FakeBucket, ports_with
from tests.shared.fake_cloud import FakeCloud
from tests.shared.objects_builders import DISK, by_disk, decode, snapshot_rule
from tests.shared.sources.test_mirror import mirror

TOKEN = "a-token-of-the-stand-in"


@contextmanager
def silent() -> Iterator[str]:
    """Serve an address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def refusing() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def nowhere() -> Iterator[str]:
    yield "http://cluster.invalid"


@contextmanager
def html() -> Iterator[str]:
    with Canned() as server:
        server.replies["*"] = Reply("<html>Please log in</html>")
        yield server.url


@contextmanager
def failing(**what: Any) -> Iterator[str]:
    with Kube(token=TOKEN) as kube:
        kube.fault(times=None, **what)
        yield kube.url


@contextmanager
def strange() -> Iterator[str]:
    with Kube(token="another") as kube:
        yield kube.url


WAYS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "refused": refusing,
    "silent": silent,
    "DNS": nowhere,
    "HTML": html,
    "500": lambda: failing(status=500),
    "503": lambda: failing(status=503),
    "403": lambda: failing(status=403),
    "410": lambda: failing(status=410),
    "401": strange,
    "cut off": lambda: failing(cut=True),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a tenth of the time."""
    monkeypatch.setattr(api, "TIMEOUT", (0.5, 0.5))
    monkeypatch.setenv("NO_PROXY", "*")


def stand_in(source: Cluster) -> Any:
    """Run a pass whose disk is due and has something to delete; give report and seconds."""
    cloud, bucket = FakeCloud(), FakeBucket()
    old = hourly(4, NOW - 90 * DAY, DAY, disk=DISK)
    cloud.snapshots = {s.id: s for s in old}
    rule = snapshot_rule(deltas="PT1H P1D", **by_disk())
    bucket.put(MIRROR, mirror().encode(decode(rule)), None)
    bucket.clock.advance(HOUR)
    begin = time.monotonic()
    ports = ports_with(source, cloud, bucket)  # type: ignore[arg-type]
    report = run(Request(), Settings(), ports).report
    assert set(cloud.snapshots) > {s.id for s in old}
    return report, time.monotonic() - begin


@pytest.mark.parametrize("way", WAYS)
def test_the_mirror_stands_in(way: str) -> None:
    """Snapshots are taken, nothing is deleted, it is said, and it does not take long."""
    with WAYS[way]() as url:
        report, seconds = stand_in(Cluster(lambda: connection_client(url, "", lambda: TOKEN)))
    assert (1, 0) == (report.summary.created, report.summary.deleted)
    assert (True, 3600) == (report.mirror_in_use, report.mirror_age)
    assert report.rules_from.startswith("the mirror s3://")
    (problem,) = (p for p in report.problems if "mirror" in p.message)
    assert "1 h old" in problem.message
    assert TOKEN not in str(report)
    assert seconds < 8


def test_the_mirror_stands_in_where_the_certificate_is_anothers(tmp_path: Path) -> None:
    """Nobody's rules are read from whoever answers."""
    with Kube(tls=True) as theirs, Kube(tls=True) as ours:
        text = theirs.kubeconfig(tmp_path / "kubeconfig").read_text()
        path = tmp_path / "forged"
        path.write_text(text.replace(theirs.url, ours.url))
        report, _ = stand_in(Cluster(lambda: kubeconfig_client(str(path))))
    assert report.mirror_in_use
    assert "certificate-authority-data" in str(report.problems)


def test_an_api_that_is_too_slow_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages it has, reading ends in time for snapshots."""
    monkeypatch.setattr(api, "BUDGET", 0.5)
    with Kube([snapshot_rule(f"rule-{n}", deltas="PT1H P1D", **by_disk()) for n in range(50)],
              page_limit=1, token=TOKEN) as kube:  # fmt: skip
        kube.fault(times=None, hang=0.2)
        report, seconds = stand_in(Cluster(lambda: connection_client(kube.url, "", lambda: TOKEN)))
    assert report.mirror_in_use
    assert "too slow" in str(report.problems)
    assert seconds < 3

"""The dead man's switch: when it is sent, and that it costs a pass nothing."""

import io
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest

import shared.reports.pings
from shared.bucket.lease import Leases
from shared.errors import NextPass
from shared.model import Problem, Snapshot
from shared.passes.run import run
from shared.planning.actions import Attempt
from shared.reports.pings import CLUSTER_ID, beat
from shared.reports.schema import Outcome, Report, Summary
from shared.request import Request
from shared.settings import Settings
from tests.clock import VirtualClock
from tests.shared.builders import DAY, HOUR, NOW, hourly
from tests.shared.fake_bucket import FakeBucket, ports_with
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import DISK, by_disk, snapshot_rule

SECRET = "0b1f7c-very-secret"


class Switch:
    """Takes heartbeats, and answers them as it is told to: an HTTP status, or these bytes."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.status = 200
        self.raw: bytes | None = None
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                switch.requests.append((self.command, self.path))
                if switch.raw is not None:
                    self.wfile.write(switch.raw)
                    return
                self.send_response(switch.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_HEAD = do_GET  # noqa: N815

            def log_message(self, *message: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"

    def __enter__(self) -> "Switch":
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch() as served:
        yield served


@pytest.fixture(autouse=True)
def discreet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Find the URL, which is a secret, in no log and on no terminal, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())


def report(mode: str = "reconcile", outcome: Outcome = "completed", overdue: int = 0) -> Report:
    return Report(
        pass_id="0",
        version="0",
        mode=mode,
        provider="aws",
        cluster="demo",
        rules_from="cluster",
        outcome=outcome,
        started=NOW,
        finished=NOW,
        summary=Summary(rules=1, overdue=overdue),
    )


def test_a_pass_that_did_its_work_sends_one_get(switch: Switch) -> None:
    """A completed reconcile with nothing overdue is the one thing that is reported."""
    beat(switch.url, report())
    assert switch.requests == [("GET", f"/{SECRET}")]


@pytest.mark.parametrize(
    "silent",
    [report(mode="plan"), report(outcome="partial"), report(overdue=1)],
    ids=["a plan", "partial", "overdue"],
)
def test_anything_else_stays_silent(switch: Switch, silent: Report) -> None:
    """A plan, a pass in which something failed and one that leaves a disk overdue send nothing."""
    beat(switch.url, silent)
    assert switch.requests == []


def test_without_a_url_nothing_is_sent() -> None:
    """The heartbeat is off unless its URL is set."""
    beat("", report())


def unused() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_switch_that_refuses_fails_no_pass(
    switch: Switch, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """An error's status is logged, without the URL."""
    switch.status = status
    beat(switch.url, report())
    assert f"HEARTBEAT_URL answered {status}" in caplog.text


@pytest.mark.parametrize("raw", [b"", b"this is no HTTP\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_a_switch_that_speaks_no_http_fails_no_pass(
    switch: Switch, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever answers, the pass has done its work."""
    switch.raw = raw
    beat(switch.url, report())
    assert "HEARTBEAT_URL cannot be reached" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:{unused()}/{SECRET}",
        f"http://127.0.0.1:{SECRET}/",
        f"http://[{SECRET}/",
        f"https:///{SECRET}",
        f"http://127.0.0.1:99999/{SECRET}",
        f"http://é{'x' * 70}.invalid/{SECRET}",
    ],
    ids=["refused", "port", "bracket", "no host", "high port", "label"],
)
def test_a_url_that_leads_nowhere_fails_no_pass(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A heartbeat that cannot be sent is a warning that names the setting, not the URL."""
    beat(url, report())
    assert "HEARTBEAT_URL cannot be reached" in caplog.text


def test_a_switch_that_hangs_fails_no_pass(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the switch longer than its time-out."""
    monkeypatch.setattr(shared.reports.pings, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        beat(f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}", report())
    assert "HEARTBEAT_URL does not answer in time" in caplog.text


@pytest.mark.parametrize(
    ("history", "failing", "beats"),
    [
        (hourly(1, NOW - HOUR, disk=DISK), False, 1),
        (hourly(1, NOW - 2 * DAY, disk=DISK), False, 0),  # begun is not taken: see below
        (hourly(1, NOW - 2 * DAY, disk=DISK), True, 0),
        ([], False, 1),
        ([], True, 0),
    ],
    ids=["not due", "begun", "overdue and failed", "the first one", "never snapshotted"],
)
def test_a_pass_sends_it_at_its_end(
    switch: Switch, history: list[Snapshot], failing: bool, beats: int
) -> None:
    """A disk that stays overdue silences the switch, so that 12 days do not go unnoticed."""
    cloud = FakeCloud(history, failing={DISK.name: NextPass("later")} if failing else None)
    cluster = FakeCluster(snapshot_rule(deltas="PT1H P1D", **by_disk(DISK.name)))

    run(Request(), Settings(heartbeat_url=switch.url), ports(cluster, cloud))

    assert len(switch.requests) == beats


@pytest.mark.parametrize(("failures", "beats"), [(0, 1), (1, 0)])
def test_what_is_remembered_decides_whether_begun_is_enough(
    switch: Switch, failures: int, beats: int
) -> None:
    """Where attempts are remembered and none has failed, a snapshot that was begun counts."""
    clock = VirtualClock(NOW)
    bucket = FakeBucket(clock)
    if failures:
        attempt = Attempt(at=NOW - HOUR, spacing=HOUR, ended=True, failures=failures)
        lease = Leases(bucket, "demo/rules", "before").take(DISK.scope, 600)
        assert lease
        lease.release({DISK.name: attempt})
    cloud = FakeCloud(hourly(1, NOW - 2 * DAY, disk=DISK), clock=clock)
    cluster = FakeCluster(snapshot_rule(deltas="PT1H P1D", **by_disk(DISK.name)))

    run(Request(), Settings(heartbeat_url=switch.url), ports_with(cluster, cloud, bucket))

    assert len(switch.requests) == beats


@pytest.mark.parametrize(
    "counts", [{"rules": 0}, {"failed": 1}, {"failed_attempts": 1}, {"rules_lost": 1}]
)
def test_absence_and_failures_withhold_it(switch: Switch, counts: dict[str, int]) -> None:
    """No rule in force, an attempt that failed, rules that are gone: none of it is well."""
    found = report()
    summary = msgspec.structs.replace(found.summary, **counts)
    beat(switch.url, msgspec.structs.replace(found, summary=summary))
    assert switch.requests == []


def test_another_cluster_id_withholds_it(switch: Switch) -> None:
    """Until it is accepted."""
    problem = Problem(severity="error", source=CLUSTER_ID, field="", value="", message="")
    beat(switch.url, msgspec.structs.replace(report(), problems=(problem,)))
    assert switch.requests == []


@pytest.mark.parametrize(
    ("scopes", "path"), [((), "all"), (("eu-west-1",), "eu-west-1"), (("a", "b"), "a+b")]
)
def test_the_url_may_tell_scheduled_scopes_apart(
    switch: Switch, scopes: tuple[str, ...], path: str
) -> None:
    """Of several schedules one alone may have stopped."""
    beat(f"{switch.url}/{{scope}}", report(), scopes)
    assert switch.requests == [("GET", f"/{SECRET}/{path}")]


def test_a_log_that_breaks_shows_no_url(capfd: pytest.CaptureFixture[str]) -> None:
    """Python prints the error that is being handled, which quotes the URL."""
    stream = io.StringIO()
    stream.close()
    logger, handler = logging.getLogger("shared.reports.pings"), logging.StreamHandler(stream)
    logger.addHandler(handler)
    try:
        beat(f"http://127.0.0.1:{SECRET}/", report())
    finally:
        logger.removeHandler(handler)
    assert SECRET not in "".join(capfd.readouterr())

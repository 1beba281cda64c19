"""Calls end in time, also where the other side sends a byte now and then for ever."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

import shared.bucket.storage
import shared.reports.pings
from shared.access.connect import connection_client
from shared.bounded import TooSlow, each_within, within
from shared.bucket.storage import Bounded
from shared.errors import BucketError
from shared.passes.listings import list_scopes
from shared.passes.trust import RulesReader
from shared.ports import Listing, Stored
from shared.reports.pings import send
from shared.rules.options import Options
from shared.rules.read import read_rules
from shared.sources.cluster import Cluster
from tests.clock import VirtualClock
from tests.shared.builders import NOW, hourly
from tests.shared.fake_bucket import MIRROR, FakeBucket, storage_in
from tests.shared.fake_cloud import FakeCloud
from tests.shared.objects_builders import claim, decode, volume


@contextmanager
def dripping(head: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n") -> Iterator[str]:
    """Serve HTTP that never comes to an end: a byte every tenth of a second."""
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.recv(4096)
            connection.sendall(head)
            while not stop.wait(0.1):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        stop.set()


def test_gives_what_a_call_returns_or_raises() -> None:
    """In time it is as if it had been called."""
    assert 3 == within(5, lambda: 3)
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)


def test_a_call_that_does_not_end_is_left() -> None:
    """As a whole, whatever it does meanwhile."""
    begin = time.monotonic()
    with pytest.raises(TooSlow):
        within(0.2, lambda: time.sleep(5))
    assert time.monotonic() - begin < 2


def test_one_slow_call_spoils_no_other() -> None:
    """All have the time together; the order is that of the items."""
    found = list(each_within(0.5, lambda n: time.sleep(5 if n == 1 else 0), [0, 1, 2], 3))
    assert [0, 1, 2] == [number for number, _ in found]
    for number, ended in found:
        if number == 1:
            with pytest.raises(TooSlow):
                ended.result()
        else:
            ended.result()


def test_a_cluster_that_drips_ends_in_the_mirrors_turn() -> None:
    """A byte every four seconds kept a pass until the platform ended it."""
    bucket = FakeBucket(VirtualClock())
    storage = storage_in(bucket)
    bucket.put(MIRROR, storage.mirror.encode(decode(volume(deltas="PT1H P1D"), claim())), None)
    from functions.aws.volumes import EBSVolumes

    with dripping() as url:
        reader = RulesReader(
            Cluster(lambda: connection_client(url, "", lambda: "")),
            storage,
            lambda objects: read_rules(objects, EBSVolumes(), Options()),
            max_age=timedelta(days=1),
            seconds=0.5,
        )
        begin = time.monotonic()
        found = reader.read()
    assert time.monotonic() - begin < 5
    assert found.in_use
    assert "too slow" in found.no_deletions


def test_a_heartbeat_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The URL stays a secret."""
    monkeypatch.setattr(shared.reports.pings, "TIMEOUT", 0.5)
    with dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ") as url:
        send("HEARTBEAT_URL", f"{url}secret")
    assert "does not answer in time" in caplog.text
    assert "secret" not in caplog.text


def test_a_region_that_drips_is_an_incomplete_listing() -> None:
    """The others are listed."""

    class Slow(FakeCloud):
        def list(self, scopes: object) -> list[Listing]:
            if "us-east-1" in [*scopes]:  # type: ignore[misc]
                time.sleep(5)
            return super().list(scopes)  # type: ignore[arg-type]

    cloud = Slow(hourly(2, NOW))
    found = list_scopes(cloud, ["eu-west-1", "us-east-1"], 0.5, 4)
    assert [("eu-west-1", True), ("us-east-1", False)] == [(x.scope, x.complete) for x in found]
    assert "took longer" in found[1].error


def test_a_bucket_that_drips_is_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows then what is there."""

    class Slow(FakeBucket):
        def get(self, name: str) -> Stored | None:
            time.sleep(5)
            return super().get(name)

    monkeypatch.setattr(shared.bucket.storage, "CALL", 0.2)
    with pytest.raises(BucketError, match="took longer"):
        Bounded(Slow(VirtualClock())).get("a")

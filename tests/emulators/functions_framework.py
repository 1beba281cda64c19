"""Cloud Functions around an artefact: the real functions-framework as a process.

It is started as the buildpack starts it, by its own command in the unpacked folder, with nothing
of the tree on its path. Its libraries are those of the interpreter that runs the tests.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """What came back: the status, and the body as JSON."""

    status: int
    body: Any


class FunctionsFramework:
    """Serve the target of a folder's main.py for as long as the context lasts."""

    def __init__(self, root: Path, environ: Mapping[str, str], target: str = "reconcile") -> None:
        self._root, self._given, self._target = root, environ, target
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self._output = self._stack.enter_context(tempfile.NamedTemporaryFile())
        command = Path(sys.executable).with_name("functions-framework")
        self._process = subprocess.Popen(
            [command, f"--target={self._target}", "--host=127.0.0.1", f"--port={port}"],
            cwd=self._root,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONDONTWRITEBYTECODE": "1",
                "FUNCTION_TARGET": self._target,
                "K_SERVICE": "k8s-snapshots",
                **self._given,
            },
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self._stack.callback(self._process.wait)
        self._stack.callback(self._process.terminate)
        self._wait(port)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def send(self, body: bytes = b"", method: str = "POST", **headers: str) -> Answer:
        """Send one request."""
        request = urllib.request.Request(self.url, body, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as found:
                return Answer(found.status, json.loads(found.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.loads(error.read()))

    def output(self) -> str:
        """Give what the function has printed so far: its log."""
        return Path(self._output.name).read_text()

    def _wait(self, port: int) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        said = self.output()
        self._stack.close()
        raise AssertionError(f"the functions-framework did not start:\n{said}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

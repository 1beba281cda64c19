"""The script that downloads an artefact while Terraform applies: the right bytes, or no file."""

import hashlib
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terraform.plans import MODULES

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves one artefact, and counts how often."""

    asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    """Redirects as GitHub does, and then answers."""

    server: Server

    def do_GET(self) -> None:
        if self.path == "/release.zip":
            self.send_response(302)
            self.send_header("Location", "/storage")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/storage":
            self.server.asked += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def download(
    server: Server, file: Path, sha256: str = SHA256, path: str = "release.zip"
) -> "subprocess.CompletedProcess[str]":
    script = MODULES / "aws" / "download.sh"
    url = f"http://127.0.0.1:{server.server_port}/{path}"
    return subprocess.run(
        ["sh", script, url, sha256, file], capture_output=True, text=True, check=False
    )


def test_both_modules_have_the_same_script() -> None:
    """Each module is complete in its own folder."""
    aws, gcp = ((MODULES / cloud / "download.sh").read_bytes() for cloud in ("aws", "gcp"))
    assert aws == gcp


def test_an_artefact_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    """With folders that are missing; what is there already is not asked for again."""
    file = tmp_path / ".terraform" / "k8s-snapshots" / "aws.zip"
    for _ in range(2):
        done = download(server, file)
        assert (done.returncode, done.stderr) == (0, "")
    assert (file.read_bytes(), server.asked) == (CONTENT, 1)
    assert list(file.parent.iterdir()) == [file]


def test_other_bytes_are_refused(server: Server, tmp_path: Path) -> None:
    """No file is left that might be deployed, and both checksums are said."""
    file = tmp_path / "aws.zip"
    done = download(server, file, sha256="0" * 64)
    assert done.returncode == 1
    assert f"/release.zip is {SHA256}, not {'0' * 64}." in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_another_is_replaced(server: Server, tmp_path: Path) -> None:
    """Such as one that somebody touched."""
    file = tmp_path / "aws.zip"
    file.write_bytes(b"something else")
    assert download(server, file).returncode == 0
    assert file.read_bytes() == CONTENT


def test_an_error_page_is_no_artefact(server: Server, tmp_path: Path) -> None:
    """A URL that is not there fails, and says so."""
    done = download(server, tmp_path / "aws.zip", path="missing.zip")
    assert done.returncode != 0
    assert "404" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_downloads_at_once_do_not_meet(server: Server, tmp_path: Path) -> None:
    """As three clusters of one root begin them."""
    file = tmp_path / "aws.zip"
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(download(server, file).returncode))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [0, 0, 0]
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (CONTENT, [file])

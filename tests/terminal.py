"""A terminal: what a program shows to somebody who sits before it, and types."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

#: Seconds until somebody would give up.
PATIENCE = 30.0


class Terminal:
    """A program in a terminal of its own; `seen` is what it has shown since a key was pressed."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process, self._master = process, master
        self.seen = ""

    def type(self, keys: str) -> None:
        """Press keys, as they are: a tab for one, or the character that Ctrl-C sends."""
        self.forget()
        os.write(self._master, keys.encode())

    def forget(self) -> None:
        """Look only at what is shown from now on."""
        self.seen = ""

    def wait(self, text: str) -> str:
        """Look on until a text is shown, and give all that was."""
        self._until(lambda: text in self.seen)
        assert text in self.seen, self.seen
        return self.seen

    def end(self) -> int:
        """Look on until the program has ended, and give its status."""
        self._until(lambda: False)
        return self.process.wait(PATIENCE)

    def _until(self, seen: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not seen() and time.monotonic() < until:
            if not select.select([self._master], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the program has ended
                return
            if not data:
                return
            self.seen += data.decode(errors="replace")


@contextmanager
def terminal(
    arguments: Sequence[str], environment: Mapping[str, str], width: int = 100, height: int = 40
) -> Iterator[Terminal]:
    """Run a program in a terminal, and end it at last."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    process = subprocess.Popen(
        arguments,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={"TERM": "xterm", **environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)

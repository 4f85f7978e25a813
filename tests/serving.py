"""A running `lonedot serve` for the tests that are its clients, and what it has stored.

Nothing here sleeps for long enough and hopes: a server is ready when it has said so, and it is ended by its handle.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SECONDS = 60.0
"""The most a test waits for what happens in a moment: a bound for what has gone wrong, not a measure."""

HOSTNAME = "mx.example.org"

_READY = re.compile(r"lonedot: listening on (.+?); mail appears in ")
_PLACE = re.compile(r"(.+?)(?: \((TLS|LMTP)\))?")
# What the Maildir delivery puts above a message: one Return-Path, and one Received, which is folded.
_TRACE = re.compile(rb"Return-Path: <[^\n]*\nReceived: [^\n]*\n(?:[ \t][^\n]*\n)*")


class Serving:
    """`process` is the server's own. `addresses` are those it said it listens on, port 0 resolved; `uses` is what each
    is for: "SMTP", "TLS" or "LMTP"."""

    def __init__(self, process: subprocess.Popen[str], maildir: Path, log: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self.maildir = maildir
        self._log = log
        ready = process.stdout.readline()
        found = _READY.match(ready)
        assert found, f"not ready: {ready!r}\n{self.log()}"
        places = [place.groups() for place in map(_PLACE.fullmatch, found[1].split(", ")) if place is not None]
        self.addresses = [address for address, _ in places]
        self.uses = [use or "SMTP" for _, use in places]

    @property
    def port(self) -> int:
        """Of the first address on TCP."""
        address = next(address for address in self.addresses if not address.startswith("unix:"))
        return int(address.rpartition(":")[2])

    def port_for(self, use: str) -> int:
        """Of the first address that is for this."""
        return int(self.addresses[self.uses.index(use)].rpartition(":")[2])

    @property
    def arguments(self) -> list[str]:
        """What it was started with."""
        arguments = self.process.args
        assert isinstance(arguments, list)
        return list(map(str, arguments))

    @property
    def path(self) -> str:
        """Of the first Unix socket."""
        return next(address.removeprefix("unix:") for address in self.addresses if address.startswith("unix:"))

    def log(self) -> str:
        """What it has written to stderr."""
        return self._log.read_text(encoding="utf-8")

    def stored(self) -> dict[str, Path]:
        """The messages in new/, by name."""
        return {path.name: path for path in (self.maildir / "new").iterdir()}

    def message(self) -> bytes:
        """The only message there is."""
        (path,) = self.stored().values()
        return path.read_bytes()

    def hang_up(self, said: str) -> None:
        """SIGHUP; returns when the log has said so, once more than before."""
        before = self.log().count(said)
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.log().count(said) > before, f"{said!r} in the log")

    def unfinished(self) -> list[Path]:
        """The files in tmp/."""
        return list((self.maildir / "tmp").iterdir())

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait(SECONDS)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextlib.contextmanager
def serving(
    directory: Path, *options: str, listen: Sequence[str] = ("127.0.0.1:0",), under: Sequence[str] = ()
) -> Iterator[Serving]:
    """A server that delivers into `directory/mail`, for as long as the block lasts. `under` starts it."""
    maildir, log = directory / "mail", directory / "server.log"
    addresses = [argument for address in listen for argument in ("--listen", address)]
    command = [sys.executable, "-m", "lonedot", "serve", "--hostname", HOSTNAME, "--maildir", str(maildir)]
    with (
        open(log, "ab") as stderr,
        subprocess.Popen(
            [*under, *command, *addresses, *options], cwd=directory, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            yield Serving(process, maildir, log)
        finally:
            process.kill()  # does nothing to one that has ended


def trace_of(stored: bytes) -> str:
    """The trace fields that every delivered message begins with, unfolded."""
    return re.sub(r"\n[ \t]+", " ", _trace(stored).decode())


def without_trace(stored: bytes) -> bytes:
    """The message as the client sent it, without the trace fields that every delivered one begins with."""
    lines = _trace(stored).count(b"\n")
    return stored.split(b"\n", lines)[lines]


def _trace(stored: bytes) -> bytes:
    trace = _TRACE.match(stored.replace(b"\r\n", b"\n"))
    assert trace, f"no trace fields: {stored[:200]!r}"
    return trace[0]


def eventually(condition: Callable[[], object], what: str) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS:g} s in vain for {what}"
        time.sleep(0.01)


def resident(pid: int) -> tuple[int, int]:
    """Octets of memory a process holds, and the most it has held since `forget_peak`."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, peak = (int(re.findall(rf"{key}:\s+(\d+) kB", status)[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    return now, peak


def forget_peak(pid: int) -> None:
    """Lets the peak begin at what the process holds now (proc(5), clear_refs)."""
    fd = os.open(f"/proc/{pid}/clear_refs", os.O_WRONLY)
    try:
        os.write(fd, b"5")
    finally:
        os.close(fd)

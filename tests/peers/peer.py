"""What the peers have in common: a directory, a port, a process, a queue.

A peer listens on loopback, relays all that it is given to one next hop, and ends with the block it was started for.
What it is made of lies below its own directory: a configuration, a queue, a log. Where it cannot be started, the test
that wanted it is skipped, and the reason names the peer.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.serving import SECONDS, eventually

UNPACKED = Path(__file__).parents[2] / ".venv" / "peers"
"""Where install.sh puts what cannot be installed beside Postfix."""


TlsUse = Literal["starttls", "implicit"]


@dataclass(frozen=True)
class NextHop:
    """Where a peer relays to: lonedot at a port of loopback or at a Unix socket, spoken to in SMTP or LMTP."""

    port: int = 0
    unix: str | None = None
    tls: TlsUse | None = None
    """How TLS begins, without which nothing is sent then. None: no TLS, whatever is offered."""
    authority: Path | None = None
    """The certificates (PEM) that have to vouch for the name `localhost` under TLS."""

    @property
    def host(self) -> str:
        """By name where a certificate has to be for it."""
        return "localhost" if self.tls else "127.0.0.1"


class Peer:
    """One that is running. `process` is its own, and all it has started is in the process group of that name."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path, queues: Sequence[Path]) -> None:
        self.port = port
        self.process = process
        self._log = log
        self._queues = queues
        self.until(self._greets, "the peer's greeting")

    def _greets(self) -> bool:
        assert self.process.poll() is None, "the peer has ended"
        try:
            with socket.create_connection(("127.0.0.1", self.port), SECONDS) as client:
                return client.recv(3) == b"220"
        except OSError:
            return False

    def send(
        self,
        message: bytes,
        to: Sequence[str],
        from_: str = "a@x.example",
        *,
        mail: Sequence[str] = (),
        rcpt: Sequence[str] = (),
    ) -> None:
        """Submits a message by SMTP, with the parameters given. It is the peer's once this returns."""
        with smtplib.SMTP("127.0.0.1", self.port, "client.example", timeout=SECONDS) as client:
            refused = client.sendmail(from_, list(to), message, mail_options=mail, rcpt_options=rcpt)
        assert refused == {}

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Waits until the pattern is in the log."""
        self.until(lambda: re.search(pattern, self.log()), f"{pattern!r} in the log")
        found = re.search(pattern, self.log())
        assert found
        return found

    def queue_empty(self) -> bool:
        """Whether it has nothing left to deliver."""
        return not any(files for queue in self._queues for _, _, files in os.walk(queue))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits until the condition holds. A failure shows the end of the log."""
        try:
            eventually(condition, what)
        except AssertionError as failed:
            raise AssertionError(f"{failed}\n{self.log()[-8000:]}") from None


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Ends the process with the block, and what it has started."""
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(SECONDS)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """A directory that the users peers run as may enter, which pytest's are not."""
    path = Path(tempfile.mkdtemp(prefix="lonedot-peer-"))
    try:
        path.chmod(0o755)
        yield path
    finally:
        # What was killed a moment ago may still be writing.
        shutil.rmtree(path, ignore_errors=True)


def program(name: str, package: str, peer: str) -> Path:
    """The peer's program: the machine's own, or the one that was unpacked."""
    for path in (Path("/usr/sbin") / name, UNPACKED / package / "usr" / "sbin" / name):
        if os.access(path, os.X_OK):
            return path
    pytest.skip(f"{peer} is not installed")


def takes_root(peer: str) -> None:
    """Skips where the peer's daemons could not take the users they run as."""
    if os.geteuid() != 0:
        pytest.skip(f"{peer} is started by root only")


def free_port() -> int:
    """A port of loopback that nobody has, for a program that cannot choose one itself. It lies below those that
    connections are given, so that none takes it meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port

"""A disk that is full: 452 4.3.1, nothing left behind, and the server goes on when there is room again.

The Maildir is on a small file system of its own, in a mount namespace of the server's: it ends with the server, however
the test does. It is looked into through the server's /proc/PID/root.
"""

from __future__ import annotations

import shutil
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Serving, serving

MESSAGE = b"Subject: x\r\n\r\n" + b"x" * 78 + b"\r\n"
SIZE = 1 << 20
INODES = 30


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed")
    (tmp_path / "mail").mkdir()
    mount = f'mount -t tmpfs -o size={SIZE},nr_inodes={INODES} none {tmp_path}/mail && exec "$@"'
    under = [unshare, "--mount", "--map-root-user", "sh", "-c", mount, "sh"]
    if subprocess.run([*under, "true"], capture_output=True).returncode != 0:
        pytest.skip("mounting a file system is not permitted here, which root may")
    with serving(tmp_path, under=under) as running:
        running.maildir = Path(f"/proc/{running.process.pid}/root{tmp_path}/mail")
        yield running


def send(server: Serving, message: bytes) -> tuple[int, bytes]:
    """The reply to the message."""
    with smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=60) as client:
        client.ehlo()
        client.mail("a@x.example")
        client.rcpt("b@y.example")
        return client.data(message)


def full(reply: tuple[int, bytes]) -> bool:
    return reply[0] == 452 and reply[1].startswith(b"4.3.1 ")


@pytest.mark.parametrize(
    "octets", [100_000, 400_000, 3_000_000], ids=["kept in memory", "fits half", "larger than the disk"]
)
def test_without_room_for_the_octets(octets: int, server: Serving) -> None:
    message = MESSAGE * (octets // len(MESSAGE))
    assert send(server, MESSAGE)[0] == 250
    before = server.stored()
    filler = server.maildir / "filler"
    filler.write_bytes(b"x" * (SIZE - 50_000 if octets < SIZE // 4 else SIZE // 2 + 200_000))
    assert full(send(server, message))
    assert full(send(server, message))
    assert (server.stored(), server.unfinished()) == (before, [])
    filler.unlink()
    assert send(server, MESSAGE)[0] == 250
    assert send(server, message)[0] == (250 if octets < SIZE else 452)
    assert len(server.stored()) == len(before) + (2 if octets < SIZE else 1)
    assert server.unfinished() == []
    assert server.log().count("No space left on device") >= 2
    assert server.stop() == 0


def test_without_room_for_a_name(server: Serving) -> None:
    stored = 0
    while (reply := send(server, MESSAGE))[0] == 250:
        stored += 1
        assert stored < INODES
    assert full(reply)
    assert (len(server.stored()), server.unfinished()) == (stored, [])
    for path in server.stored().values():
        path.unlink()
    assert send(server, MESSAGE)[0] == 250
    assert server.stop() == 0

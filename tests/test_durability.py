"""Durable before 250: the system calls of one delivery, in their order, as strace sees them.

A test that kills the server cannot tell whether it syncs: what it has written outlives it in the kernel. This one can.
"""

from __future__ import annotations

import re
import shutil
import smtplib
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.serving import HOSTNAME, eventually, serving

CALLS = "openat,fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg"


@dataclass
class Call:
    """A system call: `began` and `ended` are lines of the trace. Another thread's may lie between the two."""

    text: str
    began: int
    ended: int


def calls(trace: str) -> list[Call]:
    """Joins what strace cut in two because another thread's call came between."""
    found: list[Call] = []
    unfinished: dict[str, Call] = {}
    for number, line in enumerate(trace.splitlines()):
        thread, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            unfinished[thread] = Call(text.removesuffix("<unfinished ...>").rstrip(), number, number)
            found.append(unfinished[thread])
        elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
            call = unfinished.pop(thread)
            call.text += resumed[1]
            call.ended = number
        else:
            found.append(Call(text, number, number))
    return found


def only(found: list[Call], pattern: str) -> Call:
    matching = [call for call in found if re.match(pattern, call.text)]
    assert len(matching) == 1, (pattern, [call.text for call in matching])
    return matching[0]


@pytest.fixture(scope="module")
def strace() -> str:
    tool = shutil.which("strace")
    if tool is None:
        pytest.skip("strace is not installed")
    if subprocess.run([tool, "-f", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        pytest.skip("strace is not permitted to trace here (ptrace)")
    return tool


@pytest.mark.parametrize("octets", [1000, 2_000_000], ids=["kept in memory", "streamed"])
def test_is_on_the_disk_before_its_250(octets: int, strace: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    # -D: the server stays our child, and strace looks on. -y: the path of each descriptor.
    under = [strace, "-D", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-o", str(trace)]
    message = b"Subject: x\r\n\r\n" + (b"x" * 78 + b"\r\n") * (octets // 80)
    with serving(tmp_path, under=under) as server:
        with smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=60) as client:
            client.sendmail("a@x.example", ["b@y.example"], message)
        assert server.stop() == 0
        # A process id is padded to five digits.
        ended = re.compile(rf"^{server.process.pid} +\+\+\+ exited with 0", re.MULTILINE)
        eventually(lambda: ended.search(trace.read_text()), "strace to end")
        (name,) = server.stored()
        in_tmp, new = (re.escape(str(server.maildir / place)) for place in (f"tmp/{name}", "new"))
    assert name.endswith(HOSTNAME)
    found = calls(trace.read_text())
    steps = [
        only(found, rf'openat\(.*"{in_tmp}", .*O_CREAT.*O_EXCL'),
        [call for call in found if re.match(rf"writev?\(\d+<{in_tmp}>", call.text)][-1],
        only(found, rf"fsync\(\d+<{in_tmp}>\) += 0"),
        only(found, rf'rename(at2?)?\(.*"{in_tmp}", .*"{new}/{re.escape(name)}".*\) += 0'),
        # The probe for a Maildir that cannot be written to comes before, and syncs nothing.
        only(found, rf"fsync\(\d+<{new}>\) += 0"),
        only(found, r'(sendto|write)\(\d+<(TCP|socket):.*"250 2\.0\.0 '),
    ]
    for before, after in pairwise(steps):
        assert before.ended < after.began, f"{before.text}\nis not done when this begins:\n{after.text}"

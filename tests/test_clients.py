"""Real clients deliver to the running `lonedot serve`: what is stored is what they were given to send.

Every client sends every message, over TCP and, where it can, over a Unix socket. Line ends and trace fields aside, a
stored message has the octets of the one sent. A client that is not installed is skipped by its name.
"""

from __future__ import annotations

import asyncio
import shutil
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from tests.serving import SECONDS, Serving, serving, without_trace

FROM, TO = "a@x.example", "b@y.example"

HEADER = b"From: <a@x.example>\r\nTo: <b@y.example>\r\nSubject: a test\r\n"
BLOCK = 64
"""Octets the decoder looks at together: a period at each of its places, and across its edge."""

MESSAGES = {
    "plain": HEADER + b"\r\nOne line.\r\n",
    "empty body": HEADER + b"\r\n",
    "no final line end": HEADER + b"\r\nThe last line has no end",
    "only a period": HEADER + b"\r\n.\r\n",
    "no final line end after a period": HEADER + b"\r\n.",
    "periods": HEADER + b"\r\n.\r\n..\r\n...\r\n.x\r\n..x\r\nx.\r\n. \r\n\r\n.\r\n\r\n",
    "what smugglers send": HEADER + b"\r\n.\r\nMAIL FROM:<c@z.example>\r\nDATA\r\n.\r\nQUIT\r\n",
    "empty lines at the end": HEADER + b"\r\ntext\r\n\r\n\r\n",
    "8-bit": HEADER + b"\r\nna\xc3\xafve\r\n\xe9t\xe9 \x80\xff\r\n." + bytes(range(128, 256)) + b"\r\n",
    "long folded fields": HEADER
    + b"References:\r\n"
    + b"".join(b"\t<%0960d@x.example>\r\n" % n for n in range(200))
    + b"X-Folded: a\r\n .b\r\n\t..c\r\n\r\ntext\r\n",
    "the longest lines": HEADER + b"\r\n" + b"".join(b"%d" % (n % 10) * 998 + b"\r\n" for n in range(300)),
    "periods at every place of a block": HEADER
    + b"\r\n"
    + b"".join(b"x" * n + b"\r\n.y\r\n" for n in range(2 * BLOCK)),
    "many reads": HEADER + b"\r\n" + b"".join(b".%06d\r\n" % n * 7 for n in range(20_000)),
}


@dataclass(frozen=True)
class Submission:
    """What a client is given: the message, also in a file, and where to send it."""

    message: bytes
    file: Path
    server: Serving
    over_unix: bool

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def unix(self) -> str:
        return next(a.removeprefix("unix:") for a in self.server.addresses if a.startswith("unix:"))


def by_smtplib(submission: Submission) -> None:
    client = smtplib.SMTP(local_hostname="client.example", timeout=SECONDS)
    with client:
        if submission.over_unix:
            client.sock = socket.socket(socket.AF_UNIX)
            client.sock.settimeout(SECONDS)
            client.sock.connect(submission.unix)
            assert client.getreply()[0] == 220
        else:
            client.connect("127.0.0.1", submission.port)
        assert client.sendmail(FROM, [TO], submission.message, mail_options=["BODY=8BITMIME"]) == {}


def by_aiosmtplib(submission: Submission) -> None:
    where: dict[str, Any] = {"hostname": "127.0.0.1", "port": submission.port}
    if submission.over_unix:
        where = {"socket_path": submission.unix}
    envelope: dict[str, Any] = {"sender": FROM, "recipients": [TO], "mail_options": ["BODY=8BITMIME"]}
    name: dict[str, Any] = {"local_hostname": "client.example", "timeout": SECONDS, "start_tls": False}
    assert asyncio.run(aiosmtplib.send(submission.message, **envelope, **where, **name))[0] == {}


def by_swaks(submission: Submission) -> None:
    where = ["--socket", submission.unix] if submission.over_unix else ["--server", f"127.0.0.1:{submission.port}"]
    # It adds the end of mail data where the file has none, and with it an empty line.
    submission.file.write_bytes(whole_lines(submission.message) + b".")
    run("swaks", *where, "--helo", "client.example", "--from", FROM, "--to", TO, "--data", f"@{submission.file}")


def by_curl(submission: Submission) -> None:
    where = ["--unix-socket", submission.unix] if submission.over_unix else []
    host = "localhost" if submission.over_unix else f"127.0.0.1:{submission.port}"
    envelope = ["--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", str(submission.file)]
    run("curl", "--silent", "--show-error", *where, f"smtp://{host}/client.example", *envelope)


def by_smtp_source(submission: Submission) -> None:
    where = f"unix:{submission.unix}" if submission.over_unix else f"127.0.0.1:{submission.port}"
    # It reads lines, of a last one without an end it does not come to an end, and sends an empty one after them.
    submission.file.write_bytes(whole_lines(submission.message).replace(b"\r\n", b"\n"))
    run("smtp-source", "-M", "client.example", "-f", FROM, "-t", TO, "-F", str(submission.file), where)


CLIENTS: dict[str, Callable[[Submission], None]] = {
    "smtplib": by_smtplib,
    "aiosmtplib": by_aiosmtplib,
    "swaks": by_swaks,
    "curl": by_curl,
    "smtp-source": by_smtp_source,
}


def whole_lines(message: bytes) -> bytes:
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def run(tool: str, *arguments: str) -> None:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([path, *arguments], capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-2000:]


@pytest.fixture(scope="module", params=["lf", "crlf"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    directory = tmp_path_factory.mktemp("clients")
    options = ["--crlf"] if request.param == "crlf" else []
    with serving(directory, *options, listen=["127.0.0.1:0", f"unix:{directory}/mx.sock"]) as running:
        yield running


@pytest.mark.parametrize("over_unix", [False, True], ids=["tcp", "unix"])
@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("client", CLIENTS)
def test_is_stored_as_sent(client: str, name: str, over_unix: bool, server: Serving, tmp_path: Path) -> None:
    sent = MESSAGES[name]
    file = tmp_path / "message"
    file.write_bytes(sent)
    before = server.stored().keys()
    CLIENTS[client](Submission(sent, file, server, over_unix))
    # No waiting: it was answered 250, so it is there.
    (new,) = server.stored().keys() - before
    expected = whole_lines(sent) + (b"\r\n" if client == "smtp-source" else b"")
    if "--crlf" not in server.process.args:  # type: ignore[operator]  # a list, as it was given
        expected = expected.replace(b"\r\n", b"\n")
    assert without_trace(server.stored()[new].read_bytes()) == expected
    assert server.unfinished() == []

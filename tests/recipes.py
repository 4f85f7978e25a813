"""A recipe of examples/ as a running program, started by the command of its own docstring, and a client that says to it
what it is told, octet by octet."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.serving import SECONDS, eventually

EXAMPLES = Path(__file__).parent.parent / "examples"

ENVELOPE = b"MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"


_LISTENING = re.compile(r"^listening on (127\.0\.0\.1:(\d+))\n", re.MULTILINE)


def commands(name: str) -> list[str]:
    """How a recipe's docstring says it is run and tried: the lines that are indented."""
    docstring = (EXAMPLES / name).read_text().split('"""')[1]
    return re.findall(r"(?m)^    (\S.*)$", docstring)


class Recipe:
    """`process` is the recipe's own; `directory` is where it runs. `twisted`: it is Twisted that stores."""

    twisted = False

    def __init__(self, process: subprocess.Popen[bytes], directory: Path, output: Path) -> None:
        self.process, self.directory, self._output = process, directory, output
        eventually(lambda: process.poll() is not None or _LISTENING.search(self.said()), "the recipe to listen")
        found = _LISTENING.search(self.said())
        assert found, f"it ended with {process.returncode}:\n{self.said()}"
        self.address, self.port = found[1], int(found[2])

    def said(self) -> str:
        """What it has printed, to stdout and stderr."""
        return self._output.read_text()

    def stored(self) -> list[bytes]:
        """The messages it has delivered, in no order, without a trace field. There is nothing half beside them."""
        paths = list((self.directory / "mail").iterdir())
        assert [path for path in paths if path.suffix != ".eml"] == []
        return [re.sub(rb"\AReceived: .*\r\n", b"", path.read_bytes()) for path in paths]

    def stop(self) -> None:
        """SIGTERM, after which it ends well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0, self.said()


@contextlib.contextmanager
def running(name: str, directory: Path, *options: str, **replaced: str) -> Iterator[Recipe]:
    """The recipe for as long as the block lasts, at a port of its own. `options` come behind those of its docstring;
    `replaced`: options of the docstring with other values."""
    (command,) = (command for command in commands(name) if command.startswith("python "))
    _, path, *given = shlex.split(command.replace("127.0.0.1:2525", "127.0.0.1:0"))
    for option, value in replaced.items():
        given[given.index(f"--{option.replace('_', '-')}") + 1] = value
    output = directory / "output"
    with (
        open(output, "wb") as to,
        subprocess.Popen(
            [sys.executable, str(EXAMPLES.parent / path), *given, *options], cwd=directory, stdout=to, stderr=to
        ) as process,
    ):
        try:
            yield Recipe(process, directory, output)
        finally:
            process.kill()  # does nothing to one that has ended
    said = output.read_text()
    assert "Traceback" not in said, said


class Client:
    """A client that sends what it is told and reads whole replies."""

    def __init__(self, port: int, *, greeting: int = 220) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), SECONDS)
        self._file = self.sock.makefile("rb")
        try:
            self.expect(greeting)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self.sock.close()

    def send(self, octets: bytes) -> None:
        """Sends octets as they are."""
        self.sock.sendall(octets)

    def reply(self) -> list[str]:
        """The lines of one reply, without their line ends."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            line = self._file.readline()
            assert line.endswith(b"\r\n"), line
            lines.append(line.decode().removesuffix("\r\n"))
        return lines

    def expect(self, *codes: int) -> str:
        """Reads as many replies; the last line of the last one."""
        replies = [self.reply()[-1] for _ in codes]
        assert [int(reply[:3]) for reply in replies] == list(codes), replies
        return replies[-1] if replies else ""

    def say(self, line: str, *codes: int) -> str:
        """Sends a command and reads its replies."""
        self.send(line.encode() + b"\r\n")
        return self.expect(*codes)

    def until_mail_data(self) -> None:
        """Up to and with the 354."""
        self.say("EHLO client.example", 250)
        self.send(ENVELOPE)
        self.expect(250, 250, 354)

    def end(self) -> bytes:
        """What still comes until the server closes."""
        return self._file.read()

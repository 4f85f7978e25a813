"""What tests of `lonedot lint` share: messages, a run in this process, a run as a command."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from lonedot._core import header_table
from lonedot.cli import main

from tests.serving import SECONDS

GOOD = b"Date: Fri, 21 Nov 1997 09:55:06 -0600\nFrom: Ann <ann@a.example>\nMessage-ID: <1@a.example>\n\nHello\n"
"""Nothing is found in it."""
BAD = GOOD.replace(b"\n\n", b"\nCc:\n\n")
"""`empty-destination`, an error, in line 4; nothing else."""
WARNED = GOOD.replace(b"Message-ID: <1@a.example>\n", b"")
"""`missing-message-id`, a warning; nothing else."""
ADVISED = GOOD.replace(b"\n\n", b"\nTo: a@a.example\nBcc:\n\n")
"""`empty-bcc`, an advice; nothing else."""
FROM = b"From ann@a.example Fri Nov 21 09:55:06 1997\n"
ROWS = {row.code: row for row in header_table()}


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document

    @property
    def codes(self) -> list[str]:
        """Of the findings in text."""
        return re.findall(r"^\S.* \[([a-z0-9-]+)\]$", self.out, re.MULTILINE)

    @property
    def places(self) -> list[str]:
        """Where the findings in text are."""
        return re.findall(r"^(\S.*?:\d+:\d+): (?:error|warning|advice): ", self.out, re.MULTILINE)


def lint(*arguments: str | Path, stdin: bytes = b"") -> Ran:
    """In this process."""
    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin))
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", given):
        code = main(["lint", *map(str, arguments)])
    assert "Traceback" not in err.getvalue()
    return Ran(code, out.getvalue(), err.getvalue())


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "lonedot", "lint", *map(str, arguments)]


def in_processes(*arguments: str | Path) -> list[str]:
    """The same, with processes from the first task on; without, they are begun when it has taken a while."""
    script = (
        "import sys\n"
        "from lonedot.cli import main\n"
        "from lonedot.cli.lint import cores\n"
        "cores.ALONE = -1.0\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    return [sys.executable, "-c", script, "lint", *map(str, arguments)]


def run(
    *arguments: str | Path,
    stdin: bytes | None = b"",
    made: Callable[..., list[str]] = command,
    **options: Any,
) -> Ran:
    """As a command."""
    done = subprocess.run(made(*arguments), input=stdin, capture_output=True, timeout=SECONDS, **options)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err
    return Ran(done.returncode, out, err)


def written_to(terminal: int) -> bytes:
    """Until its other end is closed."""
    octets = b""
    with suppress(OSError):  # EIO, then
        while read := os.read(terminal, 1 << 16):
            octets += read
    return octets


def mbox(messages: Sequence[bytes], line_end: bytes = b"\n") -> bytes:
    """As mboxrd has it."""
    octets = b"".join(FROM + re.sub(rb"^(>*From )", rb">\1", one, flags=re.MULTILINE) + b"\n" for one in messages)
    return octets.replace(b"\n", line_end)


def example(text: str) -> bytes:
    """Octets of an example of the table: each character is one, `{x*990}` is 990 x."""
    octets = text.encode("latin-1")
    return re.sub(rb"\{(.)\*(\d+)\}", lambda found: found[1] * int(found[2]), octets)


WRONG = [(code, example(row.wrong)) for code, row in ROWS.items()]
"""Each finding with a message that has it, under the bounds of the table's own tests."""

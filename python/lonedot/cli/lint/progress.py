"""How far it is, on a terminal's last line: a bar where the end is known, a number where not.

Takes tasks as they are done. Shows nothing in the first second, and takes itself away before anything else is written.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

from lonedot.cli.lint.task import Files, Held, Range, Task

_QUIET = 1.0
"""Seconds before it is shown: most work is done by then."""

_EVERY = 0.1
_WIDTH = 30


class Progress:
    """On `stream`, which is a terminal; None for none."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._next = time.monotonic() + _QUIET
        self._shown = False

    @classmethod
    def where_seen(cls) -> Progress:
        """On stderr when that is a terminal that can take a line back."""
        seen = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        return cls(sys.stderr if seen else None)

    def done(self, task: Task) -> None:
        """A task is done: shows how far it is by now."""
        if self._stream is None or (now := time.monotonic()) < self._next:
            return
        self._next = now + _EVERY
        self._shown = True
        # A line that goes on in the next one could not be taken back. The last column makes some terminals begin it.
        self._stream.write(f"\r{shown(task)[: _columns(self._stream) - 1]}\x1b[K")
        self._stream.flush()

    def hide(self) -> None:
        """Takes the line away."""
        if self._shown and self._stream is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


def _columns(terminal: TextIO) -> int:
    try:
        # 0 of one that does not know.
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except OSError:
        return 80


def shown(task: Task) -> str:
    """`[#####...............] 25 %, 1,024 of 4,096 messages`: octets of a mbox or a stream, messages of a folder."""
    match task:
        case Range():
            return _bar(task.end, task.size, "MB", 1_000_000)
        case Files(total=total) if total:
            return _bar(task.before + len(task.paths), total, "messages", 1)
        case Held():
            return f"{task.octets // 1_000_000:,} MB"
    return ""


def _bar(done: int, total: int, unit: str, size: int) -> str:
    full = _WIDTH * done // total
    return (
        f"[{'#' * full}{'.' * (_WIDTH - full)}] {100 * done // total} %, {done // size:,} of {total // size:,} {unit}"
    )

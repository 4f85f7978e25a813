"""What a command says on stderr: one line at a time, whatever a value in it holds.

There may be no stderr, or nobody behind it any more. Then nothing is said: the exit code has to do.
"""

from __future__ import annotations

import sys


def one_line(text: str) -> str:
    """`text` with every character that does not print escaped, as Python writes it."""
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])


def say(text: str) -> None:
    """`lonedot: text` as one line."""
    # `print` would take None for stdout, where findings may be going.
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(one_line(f"lonedot: {text}") + "\n")
        sys.stderr.flush()
    except OSError:
        pass

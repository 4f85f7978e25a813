"""The line a finding is in, and a caret under every octet that is meant.

Takes octets of anybody's making; gives printable ASCII, where each character stands in one column: a tab is `\\t`, an
octet that does not print `\\x1b`. A line that is long is cut on both sides of the place.
"""

from __future__ import annotations

from typing import NamedTuple

WIDTH = 100
"""Columns of a line that are shown."""

_BEFORE = 40

_VISIBLE = [chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}" for octet in range(256)]
_VISIBLE[9], _VISIBLE[10], _VISIBLE[13] = "\\t", "\\n", "\\r"


class Excerpt(NamedTuple):
    """`text` of the line; `carets` of them, behind `indent` columns."""

    text: str
    indent: int
    carets: int


def visible(octets: bytes) -> str:
    """`octets` in printable ASCII."""
    return "".join([_VISIBLE[octet] for octet in octets])


def excerpt(octets: bytes, start: int, at: int, end: int) -> Excerpt:
    """The line of `octets` that begins at `start`, and what is meant in it from `at` to `end`, or to its own end."""
    # Of a line without end no more is looked at than is shown.
    last = octets.find(b"\n", at, at + WIDTH + 2)
    if last < 0:
        last = min(len(octets), at + WIDTH + 2)
    elif octets[last - 1 : last] == b"\r":
        last -= 1
    whole = visible(octets[max(start, at - WIDTH) : at])
    before = whole if len(whole) <= _BEFORE and at - start <= WIDTH else "..." + whole[-_BEFORE + 3 :]
    end = max(at, min(end, last))
    meant = visible(octets[at:end])
    text = before + meant + visible(octets[end:last])
    if len(text) > WIDTH:
        text = text[: WIDTH - 3] + "..."
    return Excerpt(text, len(before), max(1, min(len(meant), len(text) - len(before))))

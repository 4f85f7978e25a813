"""Where the messages of a mbox begin (RFC 4155 appendix A): at a line `From sender time` with an empty line before it.

Not every writer quotes a line of a message that begins with `From `, so one without a time of day is none of these.
Not every writer ends a message with an empty line, so one with a whole date needs none. A `From ` alone, behind an
empty line, is Thunderbird's.

Takes octets of a file in blocks; gives messages, one at a time. Nothing larger than a block and a message is held,
and of a message no more than `MAX_OCTETS`. Line ends are LF or CRLF. A border is told by the line it is and the few
octets before it, so that a file can be read from any of them on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lonedot._core import from_lines, with_findings
from lonedot.cli.lint.message import MAX_OCTETS, Message

BLOCK = 1 << 22
"""Octets that are read at a time."""

LINE = 512
"""Octets of a line that begins with `From ` that are looked at."""

FROM_LINE = re.compile(rb"From (?:\r?\n|[^\n]*\d\d:\d\d)")
"""What begins a message where it may: at the beginning of a file, and behind an empty line."""

# What does anywhere else: as asctime of C has it, and RFC 4155.
_DATED = re.compile(
    rb"From [^\n]* (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) "
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]?\d \d\d:\d\d"
)

# Octets before a border that tell it: LF CR LF.
_BEFORE = 3
_NEAR = 1 << 16
_LF, _CR, _QUOTE = b"\n\r>"


class Piece(NamedTuple):
    """A message with its `From ` line, and the empty line behind it. `dropped` octets with `dropped_lines` line ends
    came after `octets` and are not held; `quoted` where there may be lines to take a > from."""

    octets: bytes
    quoted: bool = False
    dropped: int = 0
    dropped_lines: int = 0

    def message(self, path: str, number: int, offset: int, line: int) -> Message:
        """The message itself; the piece begins in the file at `offset` and `line`."""
        start, end = place(self.octets, 0, len(self.octets))
        if self.dropped:
            end = len(self.octets)
        return Message(path, number, self.octets[start:end], offset + start, line + 1, self.quoted)

    def lines(self, message: Message, data: bytes) -> int:
        """Line ends of the piece, whose `message` has `data` for mail data."""
        if data is message.octets or message.quoted:
            return self.octets.count(b"\n") + self.dropped_lines
        # Each line got one octet, which is told sooner than lines are counted. Two are not the message's own: the one
        # that begins with `From `, and the empty one.
        head = self.octets.find(b"\n") + 1
        empty = head + len(message.octets) < len(self.octets)
        return len(data) - len(message.octets) + 1 + empty + self.dropped_lines


class Batch(NamedTuple):
    """Where pieces stand in `octets`, one behind the other: the first octet of each, the one behind its last, and
    whether there may be lines to take a > from."""

    octets: bytes
    places: list[tuple[int, int, bool]]

    def to_look_at(self, smtputf8: bool, threads: int) -> list[int]:
        """Those in whose message something is found, or may be when it is read more closely."""
        unsure, sure, places = [], [], []
        for index, (start, end, quoted) in enumerate(self.places):
            if quoted or end - start > MAX_OCTETS:
                unsure.append(index)
            else:
                sure.append(index)
                places.append(place(self.octets, start, end))
        found = with_findings(self.octets, places, smtputf8=smtputf8, threads=threads)
        return sorted([*unsure, *(sure[index] for index in found)])

    def piece(self, index: int) -> Piece:
        """One of them."""
        start, end, quoted = self.places[index]
        if end - start <= MAX_OCTETS:
            return Piece(self.octets[start:end], quoted)
        most = start + MAX_OCTETS
        return Piece(self.octets[start:most], quoted, end - most, self.octets.count(b"\n", most, end))


def place(octets: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the message of a piece begins and ends: without the `From ` line, and the empty line behind it."""
    head = octets.find(b"\n", start, end) + 1 or end
    if octets.endswith(b"\n\n", start, end):
        end -= 1
    elif octets.endswith(b"\n\r\n", start, end):
        end -= 2
    return head, max(head, end)


def pieces(blocks: Iterable[bytes]) -> Iterator[Piece]:
    """The messages of a mbox, or of a part of it that begins at a border. Together they are all its octets."""
    for batch in batches(blocks):
        if isinstance(batch, Piece):
            yield batch
        else:
            yield from map(batch.piece, range(len(batch.places)))


def batches(blocks: Iterable[bytes]) -> Iterator[Batch | Piece]:
    """The same, as many at a time as a block has; one that is cut alone."""
    blocks = _whole_lines(blocks)
    buffer, search, quoted = b"", 1, False
    for block in blocks:
        buffer += block
        while True:
            start, places = 0, []
            for at in from_lines(buffer, search):
                if _is_border(buffer, at):
                    places.append((start, at, quoted))
                    start, quoted = at, False
                elif buffer[at - 1] == _QUOTE:
                    quoted = True
            if places:
                yield Batch(buffer, places)
            buffer = buffer[start:]
            if len(buffer) <= MAX_OCTETS + _BEFORE:
                break
            piece, buffer = _cut(buffer, blocks, quoted)
            yield piece
            search, quoted = 1, False
        search = max(1, len(buffer))
    if buffer:
        yield Batch(buffer, [(0, len(buffer), quoted)])


def ranges(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Parts of a mbox of `size` octets that begin at borders, each about a block long."""
    start = 0
    while start < size:
        end = _border_from(descriptor, start + BLOCK, size)
        yield start, end
        start = end


def blocks_of(descriptor: int, start: int, end: int, most: int = 0) -> Iterator[bytes]:
    """The octets of a file from `start` to `end`, at most `most` at a time; less when it has become shorter."""
    most = most or 2 * BLOCK
    while start < end and (block := os.pread(descriptor, min(most, end - start), start)):
        start += len(block)
        yield block


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same octets, so divided that behind `From ` its line is there, or as much of it as is looked at."""
    held = b""
    for block in blocks:
        if len(held) >= LINE:
            end = held.rfind(b"\n", len(held) - LINE) + 1 or len(held)
            yield held[:end]
            held = held[end:]
        held += block
    if held:
        yield held


def _is_border(octets: bytes, at: int) -> bool:
    """Whether a message begins with `From ` at `at`, which is not the first octet."""
    if octets[at - 1] != _LF:
        return False
    before = octets[at - 2] if at > 1 else 0
    after_empty = before == _LF or (before == _CR and at > 2 and octets[at - 3] == _LF)
    return (FROM_LINE if after_empty else _DATED).match(octets, at, at + LINE) is not None


def _first_border(octets: bytes) -> int | None:
    """Where the first message begins behind the octets that tell it."""
    return next((at for at in from_lines(octets, _BEFORE) if _is_border(octets, at)), None)


def _border_from(descriptor: int, at: int, size: int) -> int:
    buffer = b""
    # The next border is near, as messages go.
    for block in _whole_lines(blocks_of(descriptor, at - _BEFORE, size, _NEAR)):
        at += len(block)
        buffer += block
        if (found := _first_border(buffer)) is not None:
            return at - _BEFORE - len(buffer) + found
        buffer = buffer[-_BEFORE:]
    return size


def _cut(buffer: bytes, blocks: Iterator[bytes], quoted: bool) -> tuple[Piece, bytes]:
    """Of a message that is too large, its first octets; and what comes from the next border on."""
    head, rest = buffer[:MAX_OCTETS], buffer[MAX_OCTETS:]
    dropped, lines = len(rest), rest.count(b"\n")
    buffer = buffer[-_BEFORE:]
    for block in blocks:
        known = len(buffer)
        buffer += block
        if (at := _first_border(buffer)) is not None:
            dropped += at - known
            lines += buffer.count(b"\n", known, at)
            return Piece(head, quoted, dropped, lines), buffer[at:]
        dropped += len(block)
        lines += block.count(b"\n")
        buffer = buffer[-_BEFORE:]
    return Piece(head, quoted, dropped, lines), b""

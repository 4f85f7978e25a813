"""A message as it stands in a file, and what the header check finds in it, at its place there.

Takes octets of a file with the line ends of Unix or of the wire. Where every line ends in LF they are checked as mail
data, with CRLF; where every line ends in CRLF, as they are; where both do, as they are too, and the check says so.
Gives findings whose line, column and offset are those of the file: octets, lines and columns from 1, offsets from 0.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from lonedot import HeaderFinding, check_headers
from lonedot.cli.lint.excerpt import Excerpt, excerpt

SEVERITIES = ("advice", "warning", "error")
"""The least first."""

MAX_OCTETS = 1 << 26
"""Octets of a message that are held and checked: more than receivers take. Of a larger one the rest is read past."""

# What mboxo and mboxrd write for a line of a message that begins with `From `: one > more.
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)


class Message(NamedTuple):
    """`octets` as they stand in the file `path`, from `offset` and `line` on; `number` in its mbox from 1, or None;
    `quoted` where there may be lines of a mbox that begin with `>From `."""

    path: str
    number: int | None
    octets: bytes
    offset: int = 0
    line: int = 1
    quoted: bool = False


class Found(NamedTuple):
    """One finding. `message` is the number in a mbox; `length` octets are meant, up to `end_line` and `end_column`."""

    path: str
    message: int | None
    line: int
    column: int
    end_line: int
    end_column: int
    offset: int
    length: int
    code: str
    severity: str
    field: str | None
    excerpt: Excerpt

    def moved(self, messages: int, lines: int) -> Found:
        """The same with so many messages and lines before it."""
        number = None if self.message is None else self.message + messages
        return self._replace(message=number, line=self.line + lines, end_line=self.end_line + lines)


def mail_data(message: Message) -> bytes:
    """The message with the line ends of the wire."""
    octets = message.octets
    if message.quoted:
        octets = _QUOTED.sub(b"", octets)
    # Most files have no CR, which is told in no time.
    if b"\r" not in octets or b"\r\n" not in octets:
        octets = octets.replace(b"\n", b"\r\n")
    return octets


def check(message: Message, data: bytes, codes: Collection[str], smtputf8: bool) -> list[Found]:
    """What is found in `message`, whose mail data is `data`: the findings of `codes`, in the order of the check."""
    findings = check_headers(data, smtputf8=smtputf8)
    if not findings:
        return []
    place = _Place(message, data)
    return [place.of(finding) for finding in findings if finding.code in codes]


class _Place:
    """From places in mail data to places in the file. The lines are the same in both, and each ends in LF."""

    def __init__(self, message: Message, data: bytes) -> None:
        self._message = message
        self._data = data
        self._starts: list[int] | None = None

    def of(self, finding: HeaderFinding) -> Found:
        path, number, octets, before, lines, _ = self._message
        start, at = self._octet(finding.line - 1, finding.offset)
        end_line, end_start, end = finding.line - 1, start, at
        if finding.length:
            behind = finding.offset + finding.length
            end_line += self._data.count(b"\n", finding.offset, behind)
            end_start, end = self._octet(end_line, behind)
        return Found(
            path,
            number,
            lines + finding.line - 1,
            at - start + 1,
            lines + end_line,
            end - end_start + 1,
            before + at,
            end - at,
            finding.code,
            finding.severity,
            finding.field,
            excerpt(octets, start, at, end),
        )

    def _octet(self, line: int, offset: int) -> tuple[int, int]:
        """Where the line begins in the file, and where the octet is; `line` from 0."""
        octets, data = self._message.octets, self._data
        start = data.rfind(b"\n", 0, offset) + 1
        column = offset - start
        if data is octets:
            return start, offset
        if self._message.quoted:
            start = self._start(line)
            column += _QUOTED.match(octets, start) is not None
        else:
            # Each line before it got a CR.
            start -= line
        end = octets.find(b"\n", start)
        # What is meant may be the line end, which has one octet less here.
        return start, min(start + column, end if end >= 0 else len(octets))

    def _start(self, line: int) -> int:
        if self._starts is None:
            self._starts = [0, *(found.end() for found in re.finditer(b"\n", self._message.octets))]
        return self._starts[line]

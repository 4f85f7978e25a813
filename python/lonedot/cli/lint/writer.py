"""What `lonedot lint` writes for people: each finding with its line, and a table of how many there were.

A writer takes findings as they come and gives text; whoever has it writes it. Nothing that a message or a path holds
can end a line or steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lonedot.cli.lint.excerpt import visible
from lonedot.cli.lint.message import SEVERITIES, Found
from lonedot.cli.lint.table import rows
from lonedot.cli.lint.totals import Totals
from lonedot.cli.stderr import one_line

_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "advice": "\x1b[1;36m"}
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


class Writer(Protocol):
    """One form of the output."""

    def begin(self) -> str:
        """Before all findings."""

    def found(self, findings: Iterable[Found]) -> str:
        """Some of them, in order."""

    def end(self, totals: Totals) -> str:
        """After all of them."""


class Text:
    """`path:line:column: severity: text [code]`, the line, carets, what to change; at the end one line of numbers.
    The third message of a mbox is `path#3`, its lines are those of the file."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def begin(self) -> str:
        """Nothing."""
        return ""

    def found(self, findings: Iterable[Found]) -> str:
        """Four lines for each."""
        return "".join(map(self._one, findings))

    def end(self, totals: Totals) -> str:
        """One line."""
        return sum_line(totals) + "\n"

    def _one(self, found: Found) -> str:
        row = rows()[found.code]
        place = one_line(found.path) + (f"#{found.message}" if found.message is not None else "")
        place = f"{place}:{found.line}:{found.column}:"
        severity, carets = f"{found.severity}:", "^" * found.excerpt.carets
        if self._colour:
            colour = _COLOURS[found.severity]
            place, severity, carets = (
                f"{_BOLD}{place}{_PLAIN}",
                f"{colour}{severity}{_PLAIN}",
                f"{colour}{carets}{_PLAIN}",
            )
        # The name is the message's own, and may be any octets that are no line end.
        field = f" ({visible(found.field.encode())})" if found.field is not None else ""
        line = f"  | {found.excerpt.text}".rstrip()
        return (
            f"{place} {severity} {row.text}{field} [{found.code}]\n"
            f"{line}\n"
            f"  | {' ' * found.excerpt.indent}{carets}\n"
            f"  = {row.help} ({row.section})\n"
        )


class Summary:
    """A line for each code that was found: the worst first, then the most frequent; at the end the line that `Text`
    has."""

    def begin(self) -> str:
        """Nothing."""
        return ""

    def found(self, findings: Iterable[Found]) -> str:
        """Nothing."""
        return ""

    def end(self, totals: Totals) -> str:
        """The table."""
        codes = sorted(
            totals.counts,
            key=lambda code: (-SEVERITIES.index(rows()[code].severity), -totals.counts[code], code),
        )
        table = [("finding", "severity", "messages", "findings")]
        for code in codes:
            numbers = f"{totals.messages_by_code[code]:,}", f"{totals.counts[code]:,}"
            table.append((code, rows()[code].severity, *numbers))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}\n"
            for row in table
        ]
        return "".join([*lines, "\n"] if codes else []) + sum_line(totals) + "\n"


def sum_line(totals: Totals) -> str:
    """`10,000 messages read, 2 with findings: 1 error, 3 warnings, 0 of advice; 1 could not be read`."""
    line = f"{_count(totals.messages, 'message')} read, "
    if totals.counts:
        numbers = by_severity(totals)
        line += (
            f"{totals.with_findings:,} with findings: {_count(numbers['error'], 'error')}, "
            f"{_count(numbers['warning'], 'warning')}, {numbers['advice']:,} of advice"
        )
    else:
        # What --severity hides may still make the exit code 1.
        line += "nothing found" if totals.worst < 0 else "nothing told, though something was found"
    return line + (f"; {len(totals.unread):,} could not be read" if totals.unread else "")


def by_severity(totals: Totals) -> dict[str, int]:
    """How many findings there were of each."""
    numbers = dict.fromkeys(SEVERITIES, 0)
    for code, count in totals.counts.items():
        numbers[rows()[code].severity] += count
    return numbers


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")

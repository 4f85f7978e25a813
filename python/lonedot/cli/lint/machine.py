"""What `lonedot lint` writes for programs: JSON of its own, and SARIF 2.1.0.

Each is one JSON value, written as the findings come, one finding a line: `findings` or `results` first, what only the
end knows after. All of it is ASCII. Columns, lengths and offsets count octets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from urllib.parse import quote

from lonedot import __version__
from lonedot.cli.lint.message import Found
from lonedot.cli.lint.table import rows
from lonedot.cli.lint.totals import Totals
from lonedot.cli.lint.writer import by_severity

FORM = 1
"""Of the JSON: a key that is renamed, removed or changes its meaning makes it another."""

_PAGE = "https://github.com/lonedot/lonedot/blob/main/docs/findings.md"
_LEVELS = {"error": "error", "warning": "warning", "advice": "note"}


class _Lines:
    """A list inside a JSON value, one item a line."""

    def __init__(self) -> None:
        self._before = "\n"

    def of(self, items: Iterable[dict[str, object]]) -> str:
        text = ""
        for item in items:
            text += self._before + json.dumps(item)
            self._before = ",\n"
        return text


class Json:
    """`{"version": 1, "lonedot": …, "findings": […], "messages": …, "with_findings": …, "errors": …, "warnings": …,
    "advice": …, "unread": [{"path": …, "why": …}]}`.

    A finding has `path`, `message` (its number in a mbox, or null), `line`, `column`, `end_line`, `end_column`,
    `offset`, `length`, `code`, `severity`, `field` (or null), `text`, `help`, `section`, `reply`.
    """

    def __init__(self) -> None:
        self._lines = _Lines()

    def begin(self) -> str:
        """The version, and where findings begin."""
        return f'{{"version": {FORM}, "lonedot": {json.dumps(__version__)}, "findings": ['

    def found(self, findings: Iterable[Found]) -> str:
        """One line each."""
        return self._lines.of(map(_finding, findings))

    def end(self, totals: Totals) -> str:
        """The numbers."""
        numbers = by_severity(totals)
        tail = {
            "messages": totals.messages,
            "with_findings": totals.with_findings,
            "errors": numbers["error"],
            "warnings": numbers["warning"],
            "advice": numbers["advice"],
            "unread": [{"path": path, "why": why} for path, why in totals.unread],
        }
        return "\n], " + json.dumps(tail)[1:] + "\n"


class Sarif:
    """SARIF 2.1.0 (OASIS): the whole table as rules, a result for each finding, a notification for what could not be
    read.

    A column of SARIF is a character; `defaultEncoding` is one in which every octet is one, whatever the octets mean.
    """

    def __init__(self) -> None:
        self._lines = _Lines()
        self._index = {code: index for index, code in enumerate(rows())}

    def begin(self) -> str:
        """The tool with its rules, and where results begin."""
        rules = [
            {
                "id": row.code,
                "shortDescription": {"text": f"{row.text}."},
                "help": {"text": f"{row.help} ({row.section})."},
                "helpUri": f"{_PAGE}#{row.code}",
                "defaultConfiguration": {"level": _LEVELS[row.severity]},
                "properties": {"section": row.section},
            }
            for row in rows().values()
        ]
        driver = {
            "name": "lonedot lint",
            "semanticVersion": __version__,
            "informationUri": "https://github.com/lonedot/lonedot",
            "rules": rules,
        }
        return (
            '{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [{'
            '"columnKind": "unicodeCodePoints", "defaultEncoding": "ISO-8859-1", '
            f'"tool": {json.dumps({"driver": driver})}, "results": ['
        )

    def found(self, findings: Iterable[Found]) -> str:
        """One line each."""
        return self._lines.of(map(self._result, findings))

    def end(self, totals: Totals) -> str:
        """What could not be read."""
        notifications = [
            {
                "level": "error",
                "message": {"text": f"cannot be read: {why}"},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(path)}}}],
            }
            for path, why in totals.unread
        ]
        invocation = {"executionSuccessful": not totals.unread, "toolExecutionNotifications": notifications}
        return f'\n], "invocations": [{json.dumps(invocation)}]}}]}}\n'

    def _result(self, found: Found) -> dict[str, object]:
        row = rows()[found.code]
        field = f" ({found.field})" if found.field is not None else ""
        region = {
            "startLine": found.line,
            "startColumn": found.column,
            "endLine": found.end_line,
            "endColumn": found.end_column,
            "charOffset": found.offset,
            "charLength": found.length,
            "byteOffset": found.offset,
            "byteLength": found.length,
        }
        location: dict[str, object] = {
            "physicalLocation": {"artifactLocation": {"uri": _uri(found.path)}, "region": region}
        }
        if found.message is not None:
            location["logicalLocations"] = [{"name": f"message {found.message}"}]
        return {
            "ruleId": found.code,
            "ruleIndex": self._index[found.code],
            "level": _LEVELS[found.severity],
            "message": {"text": f"{row.text}{field}. {row.help}."},
            "locations": [location],
        }


def _finding(found: Found) -> dict[str, object]:
    row = rows()[found.code]
    item = found._asdict()
    del item["excerpt"]
    reply = f"{row.reply.code} {row.reply.enhanced}"
    return {**item, "text": row.text, "help": row.help, "section": row.section, "reply": reply}


def _uri(path: str) -> str:
    """A relative reference, or a URI for an absolute path; of any octets."""
    octets = os.fsencode(path)
    # A colon in the first part would make it a scheme.
    return ("file://" if octets.startswith(b"/") else "") + quote(octets, safe="/-._~")

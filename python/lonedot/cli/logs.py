"""The log on stderr: one line a record, as text for people or as JSON for programs.

Takes stdlib log records. One that carries `extra={"mail": {...}}` tells of a message or an aborted transaction, and its
keys become the line's. Much in a record was chosen by the peer, so no value can end a line, start another or steer a
terminal: what does not print (C0, DEL, C1, line and paragraph separators, bidi controls, lone surrogates) is escaped.
Times are UTC, ISO 8601, with milliseconds.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import Literal

from lonedot.cli.stderr import one_line

LogFormat = Literal["text", "json"]

# What a value has to hold to need quotes: without them, `key=value` is cut at the next space and could be forged.
_NEEDS_QUOTES = re.compile(r"[ \"=\\]").search
# The text log has the words mail logs have always had; JSON keeps the record's.
_WORDS = {"reverse_path": "from", "recipients": "to", "only_command": "only"}


# Loads the codec now: it is a file, and the first log line that needs it may be about descriptors having run out.
"\0".encode("unicode_escape")


def install(log_format: LogFormat) -> None:
    """Log to stderr from INFO on, every logger of the process. To be called once."""
    # Fields neither formatter prints, asked for at each record: a tenth of its cost.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class TextFormatter(logging.Formatter):
    """`2026-11-21T19:20:01.123Z INFO message id=… from=<…> to=<…>,<…> …`; a traceback follows in indented lines.

    A value with a space, a quote, a backslash or an equals sign stands in double quotes, those two escaped in it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the lines of a traceback."""
        mail = getattr(record, "mail", None)
        message = one_line(record.getMessage())
        said = f"{record.name}: {message}" if mail is None else f"{message}{_pairs(mail)}"
        line = f"{_timestamp(record.created)} {record.levelname} {said}"
        if record.exc_info or record.exc_text or record.stack_info:
            line = "\n    ".join([line, *map(one_line, _traceback(self, record).split("\n"))])
        return line


class JsonFormatter(logging.Formatter):
    """One object: `time`, `level`, `logger`, `event`, the keys of the mail, and `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; everything that is not ASCII is escaped in it."""
        line: dict[str, object] = {
            "time": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        mail = getattr(record, "mail", None)
        if mail is not None:
            line = {**mail, **line} if line.keys() & mail.keys() else {**line, **mail}
        if record.exc_info or record.exc_text or record.stack_info:
            line["traceback"] = _traceback(self, record)
        # JSON lets DEL stand as it is.
        return json.dumps(line, default=repr).replace("\x7f", "\\u007f")


def _pairs(mail: Mapping[str, object]) -> str:
    line = ""
    for key, value in mail.items():
        if value is None:
            continue
        kind = type(value)
        if kind is float:
            text = f"{value:.3f}"
        elif kind is int:
            text = str(value)
        else:
            if key == "reverse_path":
                text = f"<{value}>"
            elif isinstance(value, list):
                text = ",".join([f"<{path}>" for path in value])
            else:
                text = str(value)
            if not text or not text.isprintable() or _NEEDS_QUOTES(text):
                text = _quoted(text)
        line += f" {_WORDS.get(key, key)}={text}"
    return line


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{one_line(text)}"'


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


_second = (-1, "")


def _timestamp(created: float) -> str:
    # The date is written once a second, not once a record: it would be half of a line's cost.
    global _second
    second = int(created)
    known, text = _second
    if known != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = (second, text)
    return f"{text}.{int((created - second) * 1000):03d}Z"

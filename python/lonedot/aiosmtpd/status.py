"""A status as aiosmtpd's handlers give it, "250 OK", read as replies.

Takes text; gives `Reply` objects. Raises ValueError for text that is no reply: its first three digits, a space or a
hyphen, the rest (RFC 5321 §4.2).
"""

from __future__ import annotations

import re
from functools import lru_cache

from lonedot._core import Reply

_LINE = re.compile(r"([2-5][0-9]{2})(?:([ -])(.*))?").fullmatch
# A zero in front is none's (RFC 3463 §2), and stays text.
_ENHANCED = re.compile(r"([245](?:\.(?:0|[1-9][0-9]{0,2})){2})(?: |$)").match
# What a Reply's text does not take, whatever SMTPUTF8 says: not every client that reads it has asked for that.
_UNPRINTABLE = re.compile(r"[^\t\x20-\x7e]")


# Handlers say the same few things again and again, and say them briefly. What a client has a part in may be long.
_BRIEF = 512


def replies(status: str | bytes) -> tuple[Reply, ...]:
    """All replies in a status: one, of one line or more, or for LMTP several, one for each recipient."""
    if not isinstance(status, (str, bytes)):
        raise TypeError(f"a hook of aiosmtpd's gives a status such as '250 OK', or MISSING, not {status!r}")
    return _remembered(status) if len(status) <= _BRIEF else _read(status)


def reply(status: str | bytes) -> Reply:
    """The only one. Raises ValueError where there are several, too."""
    read = _remembered(status) if type(status) is str and len(status) <= _BRIEF else replies(status)
    if len(read) != 1:
        raise ValueError(f"one reply is to be given, not {len(read)}: {status!r}")
    return read[0]


def _read(status: str | bytes) -> tuple[Reply, ...]:
    if isinstance(status, bytes):
        status = status.decode("utf-8", "replace")
    read: list[Reply] = []
    lines: list[str] = []
    for line in re.split(r"\r?\n", status.rstrip("\r\n")):
        match = _LINE(line)
        if match is None:
            raise ValueError(f"{status!r} is no status; write, say, '250 OK'")
        code, continued, text = match[1], match[2] == "-", _UNPRINTABLE.sub("?", match[3] or "")
        lines.append(text)
        if not continued:
            read.append(_reply(int(code), lines))
            lines = []
    if lines:
        raise ValueError(f"{status!r} ends in a line that says another follows: a hyphen behind its code")
    return tuple(read)


_remembered = lru_cache(maxsize=256)(_read)


def _reply(code: int, lines: list[str]) -> Reply:
    if code % 100 >= 60:
        code = code // 100 * 100 + 50  # 571, say, is none of RFC 5321's; of such a one clients read the first digit
    found = _ENHANCED(lines[0])
    if found is None or found[1][0] != str(code)[0]:
        return Reply(code, None, "\n".join(lines))
    enhanced = found[1]
    return Reply(code, enhanced, "\n".join(line.removeprefix(enhanced).removeprefix(" ") for line in lines))

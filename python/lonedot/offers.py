"""Which extensions a listener offers: what the server can do by itself, what the delivery or the handler honours, what
the operator promises.

Takes what each of them says; gives the lines of the reply to EHLO. Whether a line is shown on a connection, with TLS or
without, is the session's to decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lonedot.config import Config, LineEnds

# What the session does by itself, whoever takes the mail.
_OWN = ("SIZE", "PIPELINING", "ENHANCEDSTATUSCODES", "CHUNKING", "LIMITS", "HELP")
# What is offered when who takes the mail declares it: it promises to do something, or not to do something.
_DECLARED = frozenset(
    {
        *("8BITMIME", "SMTPUTF8", "BINARYMIME", "DSN", "REQUIRETLS", "DELIVERBY", "FUTURERELEASE", "MT-PRIORITY"),
        *("ETRN", "CHECKPOINT", "VRFY", "EXPN"),
    }
)


def offered(
    config: Config,
    capabilities: Iterable[str],
    *,
    line_ends: LineEnds,
    hooks: Iterable[str] = (),
    others: Iterable[str] = (),
) -> tuple[str, ...]:
    """The lines. `capabilities` are the delivery's or the handler's, `hooks` the commands there are hooks for, `others`
    what the listener adds, such as STARTTLS. Raises ValueError for a capability that is none, or that `line_ends` rules
    out."""
    if isinstance(capabilities, str):
        raise ValueError(f"capabilities takes a set of EHLO keywords, not one text: {{{capabilities!r}}}")
    lines = {keyword: keyword for keyword in _OWN}
    lines |= {declared(line): line for line in (*capabilities, *config.advertise)}
    lines |= {name.upper(): name.upper() for name in hooks if name in ("expn", "etrn")}
    if config.auth is not None:
        lines["AUTH"] = " ".join(("AUTH", *config.auth.mechanisms))
    lines |= {keyword_of(line): line for line in others}
    if "BINARYMIME" in lines and line_ends != "crlf":
        raise ValueError("BINARYMIME cannot be offered where line ends are stored as LF: binary mail data has no lines")
    if config.extensions is not None:
        wanted = {keyword.upper() for keyword in config.extensions}
        lines = {keyword: line for keyword, line in lines.items() if keyword in wanted}
    return tuple(lines.values())


def declared(line: str) -> str:
    """The keyword of a line that a delivery, a handler or an operator declares. Raises ValueError for one that none of
    them can."""
    keyword = keyword_of(line)
    if keyword not in _DECLARED:
        raise ValueError(f"{line!r} is no capability; there are {', '.join(sorted(_DECLARED)).lower()}")
    return keyword


def keyword_of(line: str) -> str:
    """The keyword of a line of the reply to EHLO, in upper case."""
    return line.partition(" ")[0].upper()

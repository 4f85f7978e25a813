"""`Session` for drivers of their own: the core's, made from a `Config`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from lonedot import _core
from lonedot._core import (
    Aborted,
    Closed,
    Data,
    Ehlo,
    EndOfMailData,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    MailData,
    Noop,
    Quit,
    Rcpt,
    Rset,
    Unknown,
    Vrfy,
)
from lonedot.config import Config, Dialect

Command = Ehlo | Helo | Lhlo | Mail | Rcpt | Data | Rset | Noop | Quit | Vrfy | Expn | Help | Unknown
"""What `parse_command` gives."""

Event = Ehlo | Helo | Lhlo | Mail | Rcpt | Data | Vrfy | MailData | EndOfMailData | Aborted | Closed
"""What a session tells. A command and EndOfMailData wait for a reply, and are the last of their list."""


class Session(_core.Session):
    """The server side of one connection without a socket or a clock (RFC 5321 §3).

    `config`: limits, policies and the name to greet with. `dialect`: "smtp" or "lmtp". `questions`: the commands that
    wait for a reply, of "hello", "mail", "rcpt", "data" and "vrfy"; the end of mail data always does. `greeting`: a
    Reply in place of the usual 220.
    """

    __slots__ = ()

    def __new__(
        cls,
        config: Config | None = None,
        dialect: Dialect = "smtp",
        *,
        questions: Iterable[str] = ("mail", "rcpt"),
        greeting: _core.Reply | None = None,
    ) -> Self:
        """Raises ValueError for a dialect or a question that is none."""
        settings = (config if config is not None else Config()).settings(dialect, questions=questions)
        return super().__new__(cls, settings, greeting)

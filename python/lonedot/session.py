"""`Session` for drivers of their own: the core's, made from a `Config`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from lonedot import _core
from lonedot._core import (
    Aborted,
    Auth,
    AuthResponse,
    Bdat,
    Closed,
    Data,
    Ehlo,
    EndOfChunk,
    EndOfMailData,
    Etrn,
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
    StartTls,
    Unknown,
    Vrfy,
    Xclient,
    Xforward,
)
from lonedot.config import Config, Dialect

Command = (
    Ehlo | Helo | Lhlo | Mail | Rcpt | Data | Bdat | Rset | Noop | Quit | Vrfy | Expn | Help | StartTls | Auth | Etrn
    | Xclient | Xforward | Unknown
)  # fmt: skip
"""What `parse_command` gives."""

Event = (
    Ehlo | Helo | Lhlo | Mail | Rcpt | Data | Bdat | Rset | Noop | Quit | Vrfy | Expn | Help | Auth | AuthResponse
    | Etrn | Xclient | Xforward | Unknown | StartTls | MailData | EndOfChunk | EndOfMailData | Aborted | Closed
)  # fmt: skip
"""What a session tells. Commands but StartTls, AuthResponse, EndOfChunk and EndOfMailData wait for a reply, and are the
last of their list."""


class Session(_core.Session):
    """The server side of one connection without a socket or a clock (RFC 5321 §3).

    `config`: limits, policies and the name to greet with. `dialect`: "smtp" or "lmtp". `questions`: the commands that
    wait for a reply, of "hello", "mail", "rcpt", "data" (DATA, the first BDAT and the end of each chunk), "vrfy",
    "expn", "help", "etrn", "noop", "rset", "quit" and "unknown"; the end of mail data always does, as do AUTH, XCLIENT
    and XFORWARD. RSET and QUIT take effect whatever they are answered.
    `greeting`: a Reply in place of the usual 220. `extensions`: the lines of the reply to EHLO, in place of the usual
    ones; "STARTTLS" and "AUTH PLAIN" are for drivers that can do these. `tls`: the connection began with a handshake.
    """

    __slots__ = ()

    def __new__(
        cls,
        config: Config | None = None,
        dialect: Dialect = "smtp",
        *,
        questions: Iterable[str] = ("mail", "rcpt"),
        greeting: _core.Reply | None = None,
        extensions: Iterable[str] | None = None,
        tls: bool = False,
    ) -> Self:
        """Raises ValueError for a dialect, a question or an extension that is none."""
        config = config if config is not None else Config()
        settings = config.settings(dialect, extensions=extensions, questions=questions)
        return super().__new__(cls, settings, greeting, tls)

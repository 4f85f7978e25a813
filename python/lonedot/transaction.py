"""A transaction and what becomes of it: delivered as a message, or aborted (RFC 5321 §3.3).

Takes what the session knows when mail data begins; gives values that handlers and deliveries keep as long as they like.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from lonedot._core import Aborted, DataReport, HeaderFinding, Mail, Parameters, Rcpt, Violation
    from lonedot.connection import Connection

_counter = itertools.count()


class _Process:
    """This one, in ids: asking for it is a system call."""

    digits = ""

    @classmethod
    def begins(cls) -> None:
        cls.digits = f"{os.getpid() & 0xFFFF:04x}"


_Process.begins()
if hasattr(os, "register_at_fork"):  # where there is fork
    os.register_at_fork(after_in_child=_Process.begins)


def _new_id() -> str:
    """Unique over processes and restarts: microseconds, process, count."""
    return f"{time.time_ns() // 1000:x}{_Process.digits}{next(_counter) & 0xFFF:03x}"


class Transaction:
    """The envelope of one message.

    `id`: unique, for logs, replies and `Received:` fields. `connection`: whose it is. `mail` and `rcpts`: the commands
    accepted. `reverse_path`: "" for the null reverse-path. `forward_paths`: in the order of acceptance. `findings`:
    what the header check has found, from the chunk on with which the header section is whole; None before, and where
    `Policies.header` is "off".
    """

    __slots__ = ("connection", "findings", "id", "mail", "rcpts")

    def __init__(self, connection: Connection, mail: Mail, rcpts: Sequence[Rcpt]) -> None:
        self.id = _new_id()
        self.connection = connection
        self.mail = mail
        self.rcpts = tuple(rcpts)
        self.findings: tuple[HeaderFinding, ...] | None = None

    @property
    def reverse_path(self) -> str:
        """Who hears of failures; "" for nobody."""
        return self.mail.reverse_path

    @property
    def forward_paths(self) -> tuple[str, ...]:
        """The recipients, in the order of acceptance."""
        return tuple(rcpt.forward_path for rcpt in self.rcpts)

    @property
    def parameters(self) -> Parameters:
        """The parameters of MAIL."""
        return self.mail.parameters

    def __repr__(self) -> str:
        return f"<Transaction {self.id} from <{self.reverse_path}> to {len(self.rcpts)}>"


class Message:
    """A whole message: the envelope, the mail data, and what the decoder counted.

    `content`: the mail data, transparency undone, the last CRLF included. `report`: the DataReport.
    """

    __slots__ = ("content", "report", "transaction")

    def __init__(self, transaction: Transaction, content: bytes, report: DataReport) -> None:
        self.transaction = transaction
        self.content = content
        self.report = report

    @property
    def view(self) -> memoryview:
        """The mail data, read-only."""
        return memoryview(self.content)

    @property
    def id(self) -> str:
        """The transaction's."""
        return self.transaction.id

    @property
    def findings(self) -> tuple[HeaderFinding, ...] | None:
        """The transaction's, all of them."""
        return self.transaction.findings

    @property
    def reverse_path(self) -> str:
        """The transaction's."""
        return self.transaction.reverse_path

    @property
    def forward_paths(self) -> tuple[str, ...]:
        """The transaction's."""
        return self.transaction.forward_paths

    @property
    def parameters(self) -> Parameters:
        """The transaction's."""
        return self.transaction.parameters

    def __repr__(self) -> str:
        return f"<Message {self.id} of {self.report.size} octets>"


class AbortReason(str):
    """Why mail data that was begun was not delivered: a str, so that `reason == "eof"` reads as it should.

    "eof": the client closed. "reset": the connection broke. "timeout": the client stopped sending, was too slow, or
    its session lasted too long. "shutdown": the server stopped. "violation": the mail data broke a rule. "abandoned":
    the client gave it up between two chunks. "refused": the sink stopped the transfer. "error": a hook or a sink
    failed.
    """

    octets: int
    """Octets of the wire received after the 354."""
    only_command: str | None
    """"QUIT" or "RSET" when that was all there was: the client gave up, and said so where only mail data is read."""
    violation: Violation | None
    """The rule that was broken."""
    text: str
    """What happened, in one line."""

    __slots__ = ("octets", "only_command", "text", "violation")

    def __new__(
        cls,
        reason: str,
        *,
        octets: int = 0,
        only_command: str | None = None,
        violation: Violation | None = None,
        text: str = "",
    ) -> Self:
        self = super().__new__(cls, reason)
        self.octets = octets
        self.only_command = only_command
        self.violation = violation
        self.text = text or reason
        return self

    @classmethod
    def of(cls, event: Aborted) -> Self:
        """The reason an event gives."""
        return cls(
            event.reason,
            octets=event.octets,
            only_command=event.only_command,
            violation=event.violation,
            text=event.text,
        )

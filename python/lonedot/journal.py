"""One log record for each message and each aborted transaction, on the logger "lonedot.mail".

A record's message is "message" or "aborted"; its attribute `mail` is a flat dict, for formatters to lay out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lonedot._core import Reply
    from lonedot.transaction import AbortReason, Transaction

log = logging.getLogger("lonedot.mail")


def message(transaction: Transaction, octets: int, seconds: float, replies: Iterable[Reply]) -> None:
    """Mail data ended and was answered: with one reply, or in LMTP with one for each recipient. `octets` of mail data,
    `seconds` since it began."""
    if log.isEnabledFor(logging.INFO):
        said = "; ".join(map(str, replies))
        log.info("message", extra={"mail": {**_envelope(transaction, octets, seconds), "reply": said}})


def aborted(transaction: Transaction, seconds: float, reason: AbortReason) -> None:
    """Mail data that was begun was not delivered. The octets are the wire's."""
    if log.isEnabledFor(logging.INFO):
        why = {"reason": str(reason), "only_command": reason.only_command, "detail": reason.text}
        log.info("aborted", extra={"mail": {**_envelope(transaction, reason.octets, seconds), **why}})


def _envelope(transaction: Transaction, octets: int, seconds: float) -> dict[str, object]:
    connection = transaction.connection
    found = {"findings": ",".join(finding.code for finding in transaction.findings)} if transaction.findings else {}
    return {
        "id": transaction.id,
        "peer": None if connection.peer is None else str(connection.peer),
        "client": connection.xforward.get("ADDR"),
        "auth": None if connection.auth is None else connection.auth.name,
        "reverse_path": transaction.reverse_path,
        "recipients": list(transaction.forward_paths),
        "octets": octets,
        "seconds": round(seconds, 6),
        **found,
    }

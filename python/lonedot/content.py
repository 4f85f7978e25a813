"""The sink behind `message.content`: keeps the mail data and gives the whole message to `on_message`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lonedot.transaction import Message

if TYPE_CHECKING:
    from lonedot._core import DataReport
    from lonedot.handler import Hook
    from lonedot.transaction import Transaction


class ContentSink:
    """Keeps chunks, as many octets as `Limits.max_size` lets through. Its `finish` gives what the hook gives."""

    __slots__ = ("_chunks", "_on_message", "_transaction")

    def __init__(self, transaction: Transaction, on_message: Hook) -> None:
        self._transaction = transaction
        self._on_message = on_message
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        """Keeps the chunk."""
        self._chunks.append(chunk)

    def finish(self, report: DataReport) -> Any:
        """Calls the hook; gives its reply, or what to await for it."""
        message = Message(self._transaction, self._chunks, report)
        return self._on_message(self._transaction.connection, message)

    async def abort(self, reason: str) -> None:
        """Drops the chunks."""
        self._chunks = []

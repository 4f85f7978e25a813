"""The sink behind `message.content`: keeps the mail data and gives the whole message to `on_message`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lonedot.transaction import Message

if TYPE_CHECKING:
    from lonedot._core import DataReport
    from lonedot.handler import Hook
    from lonedot.transaction import Transaction


# Chunks that are joined into one: a peer that sends two octets at a time would otherwise have us hold thirty times as
# many, as each bytes object has a header and a place in the list.
_JOIN = 256


class ContentSink:
    """Keeps what `Limits.max_size` lets through, and little more. Its `finish` gives what the hook gives."""

    __slots__ = ("_chunks", "_latest", "_on_message", "_transaction")

    def __init__(self, transaction: Transaction, on_message: Hook) -> None:
        self._transaction = transaction
        self._on_message = on_message
        self._chunks: list[bytes] = []
        self._latest: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        """Keeps the chunk."""
        self._latest.append(chunk)
        if len(self._latest) == _JOIN:
            self._chunks.append(b"".join(self._latest))
            self._latest = []

    def finish(self, report: DataReport) -> Any:
        """Calls the hook; gives its reply, or what to await for it."""
        message = Message(self._transaction, self._chunks + self._latest, report)
        return self._on_message(self._transaction.connection, message)

    async def abort(self, reason: str) -> None:
        """Drops the chunks."""
        self._chunks = self._latest = []

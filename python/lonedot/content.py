"""Mail data kept in memory: the sink behind `message.content`, and what it keeps it in."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from lonedot.transaction import Message

if TYPE_CHECKING:
    from lonedot._core import DataReport
    from lonedot.handler import Hook
    from lonedot.transaction import Transaction

# Chunks that are kept as they came. Joining them in the end copies each once, which is little for a message of the
# usual size. More of them go into memory that grows in place: a large message would take twice its size to join, and
# that of a client that sends two octets at a time thirty times, as each bytes object has a header.
_CHUNKS = 64


class Content:
    """Takes chunks; gives all of them as one."""

    __slots__ = ("_chunks", "_grown")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._grown: BytesIO | None = None

    def add(self, chunk: bytes) -> None:
        """Keeps the chunk."""
        if self._grown is not None:
            self._grown.write(chunk)
            return
        self._chunks.append(chunk)
        if len(self._chunks) == _CHUNKS:
            self._grown = BytesIO()
            self._grown.writelines(self._chunks)
            self._chunks = []

    def whole(self) -> bytes:
        """What was kept: the very object, where it came in one piece."""
        if self._grown is not None:
            return self._grown.getvalue()
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


class ContentSink(Content):
    """Keeps what `Limits.max_size` lets through, and little more. Its `finish` gives what the hook gives."""

    __slots__ = ("_on_message", "_transaction")

    write = Content.add

    def __init__(self, transaction: Transaction, on_message: Hook) -> None:
        super().__init__()
        self._transaction = transaction
        self._on_message = on_message

    def finish(self, report: DataReport) -> Any:
        """Calls the hook; gives its reply, or what to await for it."""
        message = Message(self._transaction, self.whole(), report)
        return self._on_message(self._transaction.connection, message)

    async def abort(self, reason: str) -> None:
        """Drops the chunks."""
        self._chunks, self._grown = [], None

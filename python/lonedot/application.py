"""What the application has to say in one conversation: which hook an event goes to, and what its answer means.

Takes events; gives answers, some of which have to be awaited. Opens a sink for each transaction and ends it with
exactly one of finish and abort. Never touches the socket or the session's state; what a hook raises becomes an answer.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lonedot import journal
from lonedot._core import Aborted, Data, EndOfMailData, MailData, Reply
from lonedot.content import ContentSink
from lonedot.transaction import AbortReason, Transaction

if TYPE_CHECKING:
    from lonedot.connection import Connection
    from lonedot.delivery import Delivery, Sink
    from lonedot.handler import Hook, Hooks
    from lonedot.session import Event

log = logging.getLogger("lonedot.server")

ACCEPTED = Reply(250, "2.0.0", "Ok")
FAILED = Reply(451, "4.3.0", "Requested action aborted: local error in processing")
TOO_SLOW = Reply(451, "4.3.0", "Requested action aborted: processing took too long; nothing was stored")


class Application:
    """The application's side of one conversation."""

    __slots__ = ("_delivery", "_failure", "_hooks", "_sink", "_started", "_transaction", "connection")

    def __init__(self, hooks: Hooks, delivery: Delivery | None, connection: Connection) -> None:
        self.connection = connection
        self._hooks = hooks
        self._delivery = delivery
        # From DATA, or the first octet of mail data, to its end.
        self._transaction: Transaction | None = None
        self._sink: Sink | ContentSink | None = None
        # What is answered at the end of mail data, because its sink failed before.
        self._failure: Reply | None = None
        self._started = 0.0

    def busy(self) -> bool:
        """Whether a transaction is open."""
        session = self.connection.session
        return session is not None and session.mail is not None

    def connect(self) -> Any:
        """What to greet with: a Reply, None, or what to await for one of them."""
        hook = self._hooks.on_connect
        return self._call(hook, self.connection) if hook is not None else None

    def disconnect(self, reason: str) -> Awaitable[None] | None:
        """Tells that the connection has ended. What was left open is aborted, lest a sink waits for ever."""
        hook = self._hooks.on_disconnect
        if self._sink is None and hook is None:
            return None
        return self._disconnect(hook, reason)

    def asks(self, event: Event) -> bool:
        """Whether the event waits for a reply."""
        return not isinstance(event, (MailData, Aborted))

    def act(self, event: Event) -> Any:
        """Hands an event on; gives the answer, or what to await for it."""
        if isinstance(event, MailData):
            return self._write(event.octets)
        if isinstance(event, EndOfMailData):
            return self._finish(event)
        if isinstance(event, Data):
            return self._begin()
        if isinstance(event, Aborted):
            return self._abort(AbortReason.of(event))
        return self._call(self._hooks.of_command[type(event)], self.connection, event)

    def replies(self, event: Event, answer: Any) -> Reply | Sequence[Reply] | None:
        """What an awaited answer means for the session.

        Raises TypeError or ValueError when it means nothing."""
        if isinstance(event, Data):
            return self._begun(answer)
        if isinstance(event, EndOfMailData):
            return self._finished(event, answer)
        if answer is None or isinstance(answer, Reply):
            return answer
        raise TypeError(f"a hook answers with a Reply or None, not {answer!r}")

    async def failed(self, event: Event | None, reply: Reply) -> Reply:
        """An awaited answer will not come. A sink that failed is aborted, and `reply` kept for the end of mail data."""
        if isinstance(event, MailData):
            await self._sink_failed(reply)
        return reply

    def _call(self, hook: Hook, *arguments: object) -> Any:
        try:
            return hook(*arguments)
        except Exception:
            log.exception("%s failed", getattr(hook, "__qualname__", hook))
            return FAILED

    def _open(self) -> Transaction:
        session = self.connection.session
        assert session is not None
        assert session.mail is not None
        self._started = perf_counter()
        self._transaction = Transaction(self.connection, session.mail, session.rcpts)
        return self._transaction

    def _begin(self) -> Any:
        transaction = self._open()
        if self._delivery is not None:
            return self._call(self._delivery.begin, transaction)
        assert self._hooks.on_data is not None
        return self._call(self._hooks.on_data, self.connection, transaction)

    def _begun(self, answer: Any) -> Reply | None:
        if isinstance(answer, Reply):
            self._transaction = None
            return answer
        if not callable(getattr(answer, "write", None)):
            self._transaction = None
            raise TypeError(f"DATA is answered with a Sink or a negative Reply, not {answer!r}")
        self._sink = answer
        return None

    def _write(self, octets: bytes) -> Any:
        sink = self._sink
        if sink is None:
            if self._failure is not None:
                return None
            assert self._hooks.on_message is not None
            sink = self._sink = ContentSink(self._open(), self._hooks.on_message)
        try:
            return sink.write(octets)
        except Exception:
            log.exception("a sink failed to take mail data")
            return self._sink_failed(FAILED)

    async def _sink_failed(self, reply: Reply) -> None:
        self._failure = reply
        tell = self._abort(AbortReason("error", text="a sink failed to take mail data; nothing was delivered"))
        if tell is not None:
            await tell

    def _finish(self, event: EndOfMailData) -> Any:
        if self._failure is not None:
            return self._failure
        sink = self._sink
        if sink is None:
            # Not one octet of mail data came before the end.
            assert self._hooks.on_message is not None
            sink = ContentSink(self._open(), self._hooks.on_message)
        self._sink = None
        return self._call(sink.finish, event.report)

    def _finished(self, event: EndOfMailData, answer: Any) -> Reply | Sequence[Reply] | None:
        transaction, self._transaction, self._failure = self._transaction, None, None
        if answer is None or isinstance(answer, Reply):
            said = (answer or ACCEPTED,)
        elif self.connection.dialect != "lmtp":
            raise TypeError(f"a message is answered with a Reply or None, not {answer!r}")
        else:
            answer = list(answer)
            count = len(transaction.rcpts) if transaction is not None else len(answer)
            if len(answer) != count:
                raise ValueError(
                    f"{count} recipients have to be answered, with one Reply or one for each, not {answer!r}"
                )
            said = tuple(answer)
        if transaction is not None:
            journal.message(transaction, event.report.size, perf_counter() - self._started, said)
        return answer  # type: ignore[no-any-return]  # a Reply, Replies or None by now

    def _abort(self, reason: AbortReason) -> Awaitable[None] | None:
        transaction, sink = self._transaction, self._sink
        if transaction is None:
            if self._failure is not None and reason != "error":
                # That was told when the sink failed.
                self._failure = None
                return None
            transaction = self._open()
        self._transaction = self._sink = None
        journal.aborted(transaction, perf_counter() - self._started, reason)
        if self._hooks.on_abort is None and (sink is None or isinstance(sink, ContentSink)):
            return None
        return self._tell_abort(transaction, sink, reason)

    async def _tell_abort(self, transaction: Transaction, sink: Sink | ContentSink | None, reason: AbortReason) -> None:
        if sink is not None:
            try:
                await sink.abort(reason)
            except Exception:
                log.exception("a sink failed to abort")
        if self._hooks.on_abort is not None:
            told = self._call(self._hooks.on_abort, self.connection, transaction, reason)
            if inspect.isawaitable(told):
                try:
                    await told
                except Exception:
                    log.exception("on_abort failed")

    async def _disconnect(self, hook: Hook | None, reason: str) -> None:
        if self._sink is not None:
            abort = self._abort(AbortReason(reason))
            if abort is not None:
                await abort
        if hook is not None:
            told = self._call(hook, self.connection, reason)
            if inspect.isawaitable(told):
                await told

"""One client's conversation: what the socket brings goes to the session, what happens to the application, replies go
back.

States: reading; working (a task awaits the application, and at most one more read is taken); blocked (the client does
not read its replies, nothing is read); lingering (the session has ended, what still comes is dropped until the client
closes); ended.

Each read is one call of the session and at most one write. What the application answers at once costs no task; what has
to be awaited costs one, which goes on with the events that follow. The clock bounds each wait.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lonedot._core import Closed, EndOfMailData, Reply, Session
from lonedot.application import FAILED, TOO_SLOW, Application
from lonedot.connection import Connection, Peer

if TYPE_CHECKING:
    from lonedot.listener import Listener
    from lonedot.server import Server
    from lonedot.session import Event

log = logging.getLogger("lonedot.server")

# Seconds a client has to read a last reply and close, while what it sends is dropped: closing at once with octets
# unread would reset the connection, and the reply could be lost.
LINGER = 5.0

# Ends of a session after which the client may be sending on.
_SENDING_ON = frozenset({"errors", "drain", "refused"})


class _Waiting(NamedTuple):
    """An answer that has to be awaited, the event it is for, and the events after that."""

    answer: Awaitable[Any]
    event: Event
    rest: list[Event]


class Conversation(asyncio.BufferedProtocol):
    """The protocol of one connection. Made by a listener, driven by the event loop, watched by the server's clock."""

    __slots__ = (
        "_application",
        "_blocked",
        "_cancelled",
        "_closed",
        "_gone",
        "_hang_up_for",
        "_listener",
        "_queue",
        "_server",
        "_session",
        "_task",
        "_transport",
        "deadline",
        "slot",
    )

    _application: Application
    _session: Session
    _transport: asyncio.Transport

    def __init__(self, server: Server, listener: Listener) -> None:
        self._server = server
        self._listener = listener
        self._task: asyncio.Task[None] | None = None
        # Events that came while a task was at work, from one read at most.
        self._queue: list[Event] | None = None
        # The client does not read its replies.
        self._blocked = False
        # The task was cancelled, by the clock or the server's stop.
        self._cancelled = False
        # Why the session is to be ended as soon as the task has its answer.
        self._hang_up_for: str | None = None
        # Why the session has ended.
        self._closed: str | None = None
        # The socket is closed.
        self._gone = False
        self.deadline = 0
        self.slot = 0

    # What the event loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected: greet it, or say that there are too many."""
        server = self._server
        self._transport = cast(asyncio.Transport, transport)
        if server.stopping or len(server.conversations) >= server.config.limits.max_connections:
            self._closed = "refused"
            self._transport.write(server.full)
            self._transport.close()
            return
        server.conversations.add(self)
        peername = transport.get_extra_info("peername")
        peer = Peer(*peername[:2]) if isinstance(peername, tuple) else None
        connection = Connection(peer, self._listener)
        self._application = Application(server.hooks, server.delivery, connection)
        self._set_deadline(server.command_ticks)
        answer = self._application.connect()
        if answer is None or isinstance(answer, Reply):
            self._greet(answer)
        else:
            self._work(self._greet_at_last(answer))

    def get_buffer(self, sizehint: int) -> Any:
        """The memory to read into: the server's own, for one read."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Octets have come."""
        if self._closed is not None:
            return
        server, session = self._server, self._session
        events = session.receive_from(server.buffer, nbytes)
        if self._task is not None:
            self._transport.pause_reading()
            self._queue = events
            return
        self._set_deadline(server.data_ticks if session.in_mail_data else server.command_ticks)
        if events:
            self._advance(events)
        octets = session.data_to_send()
        if octets:
            self._transport.write(octets)
        if (server.stopping or self._closed is not None) and self._task is None:
            self._rest()

    def eof_received(self) -> bool:
        """The client has closed its side; it may still wait for replies that are owed."""
        if self._closed is not None:
            return False
        events = self._session.receive_eof()
        if self._task is not None:
            self._queue = (self._queue or []) + events
        else:
            self._advance(events)
            self._rest()
        return True

    def pause_writing(self) -> None:
        """The client does not read its replies: do not read its commands."""
        self._blocked = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._blocked = False
        self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        if self not in self._server.conversations:
            return
        self._gone = True
        self._hang_up("reset" if exc is not None else "eof")

    # What the server says.

    def expired(self) -> None:
        """The clock's: the client's time is up, or the application's, or that for lingering."""
        if self._task is None:
            if self._closed is not None or self._blocked:
                self._transport.abort()
            else:
                self._hang_up("timeout")
        elif not self._cancelled:
            self._cancel()
            # A delivery past its point of no return has as long again to say so.
            self.deadline = self._server.clock.now + self._server.deadline_ticks
        else:
            log.error("the application did not end after it was cancelled; closing %r", self._application.connection)
            self._transport.abort()

    def end_when_idle(self) -> None:
        """The server is stopping: end, unless a transaction is open; then once it is not."""
        if self._task is None:
            self._rest()

    def abandon(self) -> bool:
        """The server's drain is over: end now. True when a transaction was open."""
        abandoned = self._closed is None and self._application.busy()
        if self._task is not None:
            # Not before its first step: a task that is cancelled then never runs, and what it was to await is lost.
            self._server.loop.call_soon(self._cancel)
        self._hang_up("shutdown")
        return abandoned

    def drop(self) -> None:
        """The server waits no longer."""
        self._transport.abort()

    # Between the session and the application.

    def _greet(self, greeting: Reply | None) -> None:
        self._session = self._application.connection.session = Session(self._listener.settings, greeting)
        if self._session.closed:
            self._closed = "refused"
        self._rest()

    async def _greet_at_last(self, answer: Awaitable[Reply | None]) -> None:
        try:
            greeting = await self._answer(answer, None)
        finally:
            self._task = None
        self._greet(greeting)

    def _advance(self, events: list[Event]) -> None:
        """Acts on events, in a task from the first one on that has to be awaited."""
        waiting = self._act_on(events)
        if waiting is not None:
            self._work(self._go_on(waiting))

    def _act_on(self, events: list[Event]) -> _Waiting | None:
        """Acts on events, and on those that follow from the replies, up to one whose answer has to be awaited."""
        application, at = self._application, 0
        while True:
            if at == len(events):
                if not self._queue:
                    return None
                events, at, self._queue = self._queue, 0, None
            event = events[at]
            at += 1
            if isinstance(event, Closed):
                self._closed = event.reason
                continue
            answer = application.act(event)
            if answer is None or type(answer) is Reply:
                if application.asks(event):
                    events, at = self._take(event, answer), 0
            elif inspect.isawaitable(answer):
                return _Waiting(answer, event, events[at:])
            else:
                events, at = self._take(event, answer), 0

    def _take(self, event: Event, answer: Any) -> list[Event]:
        """Gives the session the answer to an event that asks; returns the events that follow."""
        try:
            replies = self._application.replies(event, answer)
            if replies is None or type(replies) is Reply:
                return self._session.reply(replies)
            events: list[Event] = []
            for index, reply in enumerate(replies):
                events += self._session.reply_recipient(index, reply)
            return events
        except (TypeError, ValueError, RuntimeError):
            log.exception("the answer to %r cannot be sent", event)
            return self._session.reply(FAILED)

    async def _go_on(self, waiting: _Waiting | None) -> None:
        """Awaits what has to be awaited until nothing has."""
        try:
            while waiting is not None:
                self._set_deadline(self._server.deadline_ticks)
                answer = await self._answer(waiting.answer, waiting.event)
                if isinstance(answer, AsyncIterator) and isinstance(waiting.event, EndOfMailData):
                    events = await self._take_one_by_one(waiting.event, answer)
                elif self._application.asks(waiting.event):
                    events = self._take(waiting.event, answer)
                else:
                    events = waiting.rest
                if self._hang_up_for is not None:
                    self._queue = None
                    events = self._session.abort(self._hang_up_for)
                waiting = self._act_on(events)
        finally:
            self._task = None
        self._set_deadline(self._server.command_ticks)
        self._rest()

    async def _answer(self, answer: Awaitable[Any], event: Event | None) -> Any:
        """Awaits the application. What it raises, and its deadline, become the answer."""
        try:
            return await answer
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
            log.warning("the application took too long and was cancelled, answering %r", event)
            return await self._application.failed(event, TOO_SLOW)
        except Exception:
            log.exception("the application failed, answering %r", event)
            return await self._application.failed(event, FAILED)
        finally:
            if self._cancelled:
                self._cancelled = False
                cast("asyncio.Task[None]", asyncio.current_task()).uncancel()

    async def _take_one_by_one(self, event: EndOfMailData, answers: AsyncIterator[tuple[int, Reply]]) -> list[Event]:
        """LMTP: gives the session each recipient's reply as it becomes known (RFC 2033 §4.2)."""
        events: list[Event] = []
        try:
            async for index, reply in answers:
                events += self._session.reply_recipient(index, reply)
                self._flush()
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
            log.warning("the application took too long and was cancelled, answering %r", event)
        except Exception:
            log.exception("the application failed, answering %r", event)
        self._application.replies(event, None)
        # Whoever has no reply yet may try again.
        return events + self._session.reply(FAILED) if self._session.paused else events

    # The socket.

    def _work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._cancelled = False
        self._set_deadline(self._server.deadline_ticks)
        if sys.version_info >= (3, 12):
            task = asyncio.Task(coroutine, loop=self._server.loop, eager_start=True)
            self._task = None if task.done() else task
        else:
            self._task = self._server.loop.create_task(coroutine)

    def _cancel(self) -> None:
        if self._task is not None:
            self._cancelled = True
            self._task.cancel()

    def _hang_up(self, reason: str) -> None:
        """Ends the session, at once or when the task has its answer."""
        if self._task is not None:
            self._hang_up_for = self._hang_up_for or reason
            return
        if self._closed is None:
            self._advance(self._session.abort(reason))
        if self._task is None:
            self._rest()

    def _rest(self) -> None:
        """Nothing is left to do with what has come: send, then read on, or close, or take leave of the application."""
        self._flush()
        if self._gone:
            self._leave()
        elif self._closed is not None:
            self._close()
        elif self._server.stopping and self._session.mail is None:
            self._hang_up("shutdown")
        else:
            self._read_on()

    def _flush(self) -> None:
        octets = self._session.data_to_send()
        if octets and not self._gone:
            self._transport.write(octets)

    def _read_on(self) -> None:
        if self._task is None and not self._blocked and self._closed is None:
            self._transport.resume_reading()

    def _close(self) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        self._set_deadline(self._server.linger_ticks)
        if self._closed in _SENDING_ON and transport.can_write_eof():
            transport.write_eof()
            transport.resume_reading()
        else:
            transport.close()

    def _leave(self) -> None:
        answer = self._application.disconnect(self._closed or self._hang_up_for or "eof")
        if answer is None:
            self._server.ended(self)
        else:
            self._work(self._leave_at_last(answer))

    async def _leave_at_last(self, answer: Awaitable[None]) -> None:
        try:
            await self._answer(answer, None)
        finally:
            self._task = None
            self._server.ended(self)

    def _set_deadline(self, ticks: int) -> None:
        clock = self._server.clock
        self.deadline = deadline = clock.now + ticks
        if not 0 < self.slot <= deadline:
            clock.watch(self)

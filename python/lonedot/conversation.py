"""One client's conversation: what the socket brings goes to the session, what happens to the application, replies go
back.

States: held (the greeting is held back); reading; working (a task awaits the application, and at most one more read is
taken); blocked (the client does not read its replies, nothing is read); deferred (the budget for mail data is used up,
nothing is read); lingering (the session has ended, what still comes is dropped until the client closes); ended.
Before and between them: shaking (a TLS handshake is under way, nothing can be said).

How a client is met is the `Greeter`'s to know, how long it is waited for the `Patience`'s, the task the `Worker`'s.
Each read is one call of the session and at most one write. What the application answers at once costs no task; what has
to be awaited costs one, which goes on with the events that follow. The clock bounds each wait.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lonedot._core import Aborted, Bdat, Closed, Data, EndOfMailData, MailData, Reply, StartTls
from lonedot.application import ACCEPTED, FAILED, TOLD, Application
from lonedot.connection import Connection, Peer
from lonedot.greeter import Greeter
from lonedot.tls_stream import TlsStream

if TYPE_CHECKING:
    from lonedot._core import ProxyHeader
    from lonedot.listener import Listener
    from lonedot.server import Server
    from lonedot.session import Event
    from lonedot.tls import TlsInfo

log = logging.getLogger("lonedot.server")

# Seconds a client has to read a last reply and close, while what it sends is dropped: closing at once with octets
# unread would reset the connection, and the reply could be lost.
LINGER = 5.0

# Ends of a session after which the client may be sending on.
_SENDING_ON = frozenset({"errors", "limit", "drain", "refused"})


class _Waiting(NamedTuple):
    """An answer that has to be awaited, the event it is for, and the events after that."""

    answer: Awaitable[Any] | AsyncIterator[Any]
    event: Event
    rest: list[Event]


class Conversation(Greeter, asyncio.BufferedProtocol):
    """The protocol of one connection. Made by a listener, driven by the event loop, watched by the server's clock.
    `header`: what a trusted proxy has said of the client."""

    __slots__ = (
        "_blocked",
        "_gone",
        "_hang_up_for",
        "_header",
        "_queue",
        "_queued",
        "_resuming",
        "_shaking",
        "_urgent",
    )

    def __init__(self, server: Server, listener: Listener, header: ProxyHeader | None = None) -> None:
        super().__init__(server, listener)
        self._header = header
        # Events that came while a task was at work, from one read at most.
        self._queue: list[Event] | None = None
        # Octets of that read, as far as the budget counts them.
        self._queued = 0
        # The client does not read its replies.
        self._blocked = False
        # A reply that the client must not wait for is to be sent.
        self._urgent = False
        # Why the session is to be ended as soon as the task has its answer.
        self._hang_up_for: str | None = None
        # The socket is closed.
        self._gone = False
        self._resuming = False
        # Nothing can be said: a TLS handshake is under way, or has failed.
        self._shaking = False

    # What the event loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected: greet it, or say that there are too many."""
        server = self._server
        self._transport = cast(asyncio.Transport, transport)
        if server.full_up():
            self._closed = "refused"
            if self._listener.tls != "implicit":
                self._transport.write(server.full)
            self._transport.close()
            return
        server.conversations.add(self)
        connection = Connection(Peer.of(transport), self._listener, self._header)
        header = server.policies_of(connection.peer).header
        self._application = Application(
            server.hooks,
            server.delivery,
            connection,
            server.budget,
            server.config.auth,
            header if header.checks else None,
        )
        self._welcome()

    def get_buffer(self, sizehint: int) -> Any:
        """The memory to read into: the server's own, for one read."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Octets have come."""
        if self._closed is not None:
            return
        buffer = self._server.buffer
        if self._pace is not None:
            self._pace.octets += nbytes
        if self._held:
            self._talked_early(buffer, nbytes)
            return
        if self._task is None:
            events = self._session.receive_from(buffer, nbytes)
            if events:
                self._advance(events)
            else:
                self._rest()
            return
        self._stop_reading()
        if self._application.connection.session is not None:
            self._queue = self._session.receive_from(buffer, nbytes)
            if self._queue:
                self._queued += nbytes
                self._server.budget.take(nbytes)
        else:
            self._talked_early(buffer, nbytes)

    def eof_received(self) -> bool:
        """The client has closed its side; it may still wait for replies that are owed."""
        if self._closed is not None or self._application.connection.session is None:
            return False
        events = self._session.receive_eof()
        if self._task is not None:
            self._queue = (self._queue or []) + events
        else:
            self._advance(events)
        return True

    def pause_writing(self) -> None:
        """The client does not read its replies: do not read its commands."""
        self._blocked = True
        self._stop_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._blocked = False
        self._resuming = True
        try:
            if self._task is None and self._closed is None and not self._shaking:
                self._wait_for_client()
                self._rest()
            else:
                self._read_on()
        finally:
            self._resuming = False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        if self not in self._server.conversations:
            return
        self._gone = True
        self._hang_up("reset" if exc is not None else "eof")

    # What TLS says.

    def tls_started(self, info: TlsInfo) -> None:
        """The handshake is done. A client that was not greeted yet is; for any other the session begins anew (RFC 3207
        §4.2)."""
        self._shaking = False
        connection = self._application.connection
        connection.tls = info
        if connection.session is None:
            self._hold()
        else:
            connection.auth = None
            self._session.tls_started()
            self._wait_for_client()

    def tls_failed(self, reason: str, text: str) -> None:
        """The handshake failed, or what came later was no TLS; the stream is closing. Nothing can be said."""
        log.info("TLS failed with %r: %s", self._application.connection, text)
        if self._shaking:
            self._closed = reason
        else:
            self._hang_up_for = self._hang_up_for or reason
            self._hang_up(reason)

    # What the server says.

    def expired(self) -> None:
        """The clock's: the client's time is up, or the application's, or that for lingering; or the greeting is due."""
        if self._held:
            self._connect()
            return
        if self._task is not None and not self._cancelled:
            self._cancel(self._task)
            # A delivery past its point of no return has as long again to say so.
            self.deadline = self._server.clock.now + self._server.deadline_ticks
            return
        if self._task is not None:
            log.error("the application did not end after it was cancelled; closing %r", self._application.connection)
        elif self._closed is None and self._has_time():
            self._wait_for_client()
            return
        # Whoever does not read, or had its time to close, hears nothing more.
        patient = self._task is None and self._closed is None and not self._blocked
        self._hang_up("timeout")
        if not patient:
            self._transport.abort()

    def end_when_idle(self) -> None:
        """The server is stopping: end, unless a transaction is open; then once it is not."""
        if self._shaking or self._held:
            self._hang_up("shutdown")
        elif self._task is None:
            self._rest()

    def abandon(self) -> bool:
        """The server's drain is over: end now. True when a transaction was open."""
        task = self._task
        if task is None and self._closed is not None:
            self._transport.abort()  # it lingers
            return False
        # Once, however often the server is told to stop.
        abandoned = self._closed is None and self._hang_up_for is None and self._application.busy()
        self._hang_up("shutdown")
        if task is not None:
            # Soon: a task that is cancelled before its first step does nothing at all, not even abort.
            self._server.loop.call_soon(self._cancel, task)
        return abandoned

    def drop(self) -> None:
        """The server waits no longer."""
        self._transport.abort()

    def proceed(self) -> None:
        """The budget's: there is room for mail data again, or this connection is favoured."""
        # It may be its own octets that made room, as its session ended: who told it that goes on with the rest.
        if self._task is None and self._closed is None and not self._session.closed:
            if self._waits:
                self._waits = False
                self._wait_for_client()
            self._rest()
        else:
            self._lose_favour()  # it is ending

    # Between the session and the application.

    def _advance(self, events: list[Event]) -> None:
        """Acts on events and rests, in a task from the first one on that has to be awaited."""
        waiting = self._act_on(events)
        if waiting is None:
            self._rest()
        else:
            self._work(self._go_on(waiting))

    def _act_on(self, events: list[Event]) -> _Waiting | None:
        """Acts on events, and on those that follow from the replies, up to one whose answer has to be awaited."""
        application, at = self._application, 0
        commands = application.commands
        while True:
            if at == len(events):
                if not self._queue:
                    return None
                events, at = self._take_queue(), 0
            event = events[at]
            at += 1
            kind = type(event)
            if kind is Closed:
                self._closed = cast(Closed, event).reason
                continue
            if kind is StartTls:
                self._shaking = True  # as soon as the reply is sent
                continue
            answer = application.act(event)
            if kind in commands and (answer is None or (type(answer) is Reply and not 300 <= answer.code < 400)):
                # Most of what comes: the reply, and nothing else follows from it.
                events, at = self._session.reply(answer), 0
                continue
            if kind is Aborted and self._lease:
                self._lose_favour()
            if answer is None or type(answer) is Reply:
                if kind not in TOLD:
                    events, at = self._take(event, answer), 0
            elif inspect.isawaitable(answer) or isinstance(answer, AsyncIterator):
                return _Waiting(answer, event, events[at:])
            else:
                events, at = self._take(event, answer), 0

    def _take_queue(self) -> list[Event]:
        queue, self._queue = self._queue, None
        if self._queued:
            self._server.budget.give(self._queued)
            self._queued = 0
        return queue or []

    def _take(self, event: Event, answer: Any) -> list[Event]:
        """Gives the session the answer to an event that asks; returns the events that follow."""
        session, replies = self._session, self._application.replies(event, answer)
        if replies is None or type(replies) is Reply:
            events = session.reply(replies)
        else:
            events = [more for index, reply in enumerate(replies) for more in session.reply_recipient(index, reply)]
        kind = type(event)
        if kind is EndOfMailData:
            # Commands that came with the message may take long to answer; a client that loses this reply sends again.
            self._urgent = True
            if self._lease:
                self._lose_favour()
        elif kind is Data or kind is Bdat:
            self._pace = None
        return events

    async def _go_on(self, waiting: _Waiting | None) -> None:
        """Awaits what has to be awaited until nothing has."""
        lmtp = self._listener.dialect == "lmtp"
        clock = self._server.clock
        begun = clock.now
        try:
            while waiting is not None:
                answer, event, events = waiting
                # Replies to a group of commands go out in one write (RFC 2920 §3.2), but do not wait for mail data or
                # for one slow hook after another: a client waits five minutes for the first.
                if self._urgent or isinstance(event, (MailData, EndOfMailData)) or clock.now > begun + 1:
                    self._flush()
                    begun = clock.now
                self._set_deadline(self._server.deadline_ticks)
                one_by_one = lmtp and isinstance(event, EndOfMailData)
                if isinstance(event, MailData):
                    await self._write(event, cast("Awaitable[Any]", answer))
                elif not (one_by_one and isinstance(answer, AsyncIterator)):
                    answer = await self._answer(cast("Awaitable[Any]", answer), event)
                if one_by_one and isinstance(answer, AsyncIterator):
                    events = await self._take_one_by_one(cast(EndOfMailData, event), answer)
                elif type(event) not in TOLD:
                    events = self._take(event, answer)
                # A message that is whole is delivered first.
                if clock.now >= self._ends and not (events and isinstance(events[-1], EndOfMailData)):
                    self._hang_up_for = self._hang_up_for or "timeout"
                if self._hang_up_for is not None and not self._session.closed:
                    self._take_queue()
                    events = self._abort(self._hang_up_for)
                waiting = self._act_on(events)
        finally:
            self._task = None
        self._wait_for_client()
        self._rest()

    async def _write(self, event: MailData, answer: Awaitable[Any]) -> None:
        """Awaits a sink that takes mail data, or wants no more of it."""
        budget, octets = self._server.budget, len(event.octets)
        budget.take(octets)
        try:
            taken = await self._answer(answer, event)
        finally:
            budget.give(octets)
        stopped = self._application.written(taken)
        if stopped is not None:
            self._set_deadline(self._server.deadline_ticks)
            await self._answer(stopped, None)

    def _failure_of(self, event: object, reply: Reply) -> Awaitable[None] | None:
        return self._application.sink_failed(reply) if isinstance(event, MailData) else None

    async def _take_one_by_one(self, event: EndOfMailData, answers: AsyncIterator[tuple[int, Reply]]) -> list[Event]:
        """LMTP: gives the session each recipient's reply as it becomes known (RFC 2033 §4.2)."""
        session, application = self._session, self._application
        waiting = set(range(len(session.rcpts)))
        said: dict[int, Reply] = {}
        events: list[Event] = []

        def tell(index: int, reply: Reply) -> None:
            events.extend(session.reply_recipient(index, reply))
            waiting.remove(index)
            said[index] = reply
            self._flush()

        async def tell_each() -> Reply:
            async for index, reply in answers:
                if index not in waiting:
                    raise ValueError(f"recipient {index} waits for no reply")
                tell(index, application.checked(reply) or ACCEPTED)
            return FAILED

        # Whoever has no reply by then may try again.
        rest = await self._answer(tell_each(), event)
        for index in sorted(waiting):
            tell(index, rest)
        application.answered(event, [said[index] for index in sorted(said)])
        return events

    # The socket.

    def _work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._set_deadline(self._server.deadline_ticks)
        self._start(coroutine, self._server.loop)

    def _hang_up(self, reason: str) -> None:
        """Ends the session, at once or when the task has its answer."""
        if self._task is not None:
            self._hang_up_for = self._hang_up_for or reason
        elif self._shaking:
            self._closed = self._closed or reason
            if self._gone:
                self._leave()
            else:
                self._transport.abort()
        elif self._held:
            self._held = False
            self._application.turned_away()
            self._begin(None)
            self._session.data_to_send()  # it is not greeted any more
            self._advance(self._abort(reason))
        elif self._closed is None:
            self._advance(self._abort(reason))
        else:
            self._rest()

    def _abort(self, reason: str) -> list[Event]:
        # To the session, a connection on which TLS broke is one that broke.
        return self._session.abort("reset" if reason == "tls" else reason)

    def _rest(self) -> None:
        """Nothing is left to do with what has come: send, then read on, or close, or take leave of the application."""
        sent = self._flush()
        if self._gone:
            self._leave()
        elif self._closed is not None:
            self._close()
        elif self._shaking:
            self._start_tls()
        elif self._server.stopping and self._session.mail is None:
            self._hang_up("shutdown")
        elif self._session.retaining and not self._blocked:
            self._advance(self._session.receive_data(b""))
        elif self._session.in_mail_data:
            self._wait_for_mail_data()
        else:
            # A part of a command is no progress: who sends one octet at a time has no longer than who sends none.
            if sent:
                self._wait(self._server.command_ticks)
            if self._server.budget.full:
                self._take_turn()  # between two chunks it holds what came before
                return
            if self._lease:
                self._use_favour()
            if self._paused:
                self._read_on()

    def _flush(self) -> bool:
        self._urgent = False
        octets = self._session.data_to_send()
        if octets and not self._gone:
            self._transport.write(octets)
        return bool(octets)

    def _start_tls(self) -> None:
        """From here on the socket brings TLS. What was read before and not acted on is gone: the session has dropped
        it, and no other place holds any (RFC 3207 §6)."""
        self._shaking = True
        self._set_deadline(self._server.handshake_ticks)
        self._transport = TlsStream(self._server, self, self._transport)
        if self._paused:
            self._read_on()

    def _stop_reading(self) -> None:
        self._paused = True
        if self._pace is not None:
            self._pace.stop(self._server.clock.now)
        self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._task is None and not self._blocked:
            self._paused = False
            if self._pace is not None:
                self._pace.go_on(self._server.clock.now)
            self._transport.resume_reading()

    def _close(self) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if self._resuming:
            # asyncio's transport says so while it writes. Closed there with nothing left to write, it is lost twice.
            self._server.loop.call_soon(self._close)
            return
        self._set_deadline(self._server.linger_ticks)
        if self._closed in _SENDING_ON and transport.can_write_eof():
            try:
                transport.write_eof()
            except OSError:
                # The client has reset the connection, and nothing was read that would have told.
                transport.abort()
            else:
                transport.resume_reading()
        else:
            transport.close()

    def _leave(self) -> None:
        if self._queued:
            self._take_queue()
        if self._server.budget.full:
            self._server.budget.forget(self)
        reason = "tls" if self._hang_up_for == "tls" else self._closed or self._hang_up_for or "eof"
        answer = self._application.disconnect(reason)
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

"""How a client is met: let in or turned away, its greeting held back or said, what it says before that kept or refused.

Takes who the client is and what `on_connect` answers; gives a session that has its greeting to send. Whoever derives
from `Greeter` goes on from there.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from lonedot._core import Reply, Session
from lonedot.patience import Patience

if TYPE_CHECKING:
    from lonedot._core import ReadBuffer
    from lonedot.connection import Peer
    from lonedot.listener import Listener
    from lonedot.server import Server
    from lonedot.session import Event

_TOO_EARLY = Reply(554, "5.5.1", "Wait for the greeting before sending; closing")


class Greeter(Patience):
    """A connection until its session has begun."""

    __slots__ = ("_closed", "_early", "_held", "_listener", "_transport", "counted")

    _transport: asyncio.Transport

    def __init__(self, server: Server, listener: Listener) -> None:
        super().__init__(server)
        self._listener = listener
        # Why the session has ended.
        self._closed: str | None = None
        # The greeting is held back.
        self._held = False
        # What the client said before it was greeted.
        self._early = b""
        # As whom the census counts the client.
        self.counted: Peer | None = None

    def _welcome(self) -> None:
        """Who the client is has become known: turn it away, hold back its greeting, or greet it."""
        server, peer = self._server, self._application.connection.peer
        if not server.census.enter(peer):
            self._turn_away(server.crowded, "crowded")
            return
        self.counted = peer
        if self._listener.tls == "implicit":
            self._start_tls()
        else:
            self._hold()

    def _hold(self) -> None:
        server = self._server
        if server.greeting_ticks:
            self._held = True
            self._set_deadline(server.greeting_ticks)
        else:
            self._connect()

    def _connect(self) -> None:
        self._held = False
        self._set_deadline(self._server.command_ticks)
        answer = self._application.connect()
        if inspect.isawaitable(answer):
            self._work(self._greet_at_last(answer))
        else:
            self._greet(answer)

    def _talked_early(self, buffer: ReadBuffer, nbytes: int) -> None:
        """The client did not wait for the greeting (RFC 5321 §3.1)."""
        self._early += bytes(memoryview(buffer)[:nbytes])  # type: ignore[arg-type]  # a Buffer; 3.11 cannot say so
        connection = self._application.connection
        connection.notes.add("talked-before-greeting")
        if self._held and self._server.policies_of(connection.peer).early_talk == "reject":
            self._turn_away(_TOO_EARLY, "refused")
        else:
            self._stop_reading()

    def _turn_away(self, reply: Reply, reason: str) -> None:
        """Says this instead of a greeting, and closes."""
        self._held = False
        self._application.turned_away()
        self._begin(reply)
        if self._listener.tls == "implicit" and self._application.connection.tls is None:
            self._session.data_to_send()  # it waits for a handshake, not for words
        self._session.abort("reset")  # which has nothing to say but the reply
        self._closed = reason
        self._rest()

    def _begin(self, greeting: Reply | None) -> None:
        """Makes the session, which has its greeting to send."""
        connection = self._application.connection
        settings = self._listener.settings.of(connection.peer)
        self._session = connection.session = Session(settings, greeting, connection.tls is not None)

    def _greet(self, answer: Any) -> None:
        greeting = self._application.greeting(answer)
        if self._early and self._server.policies_of(self._application.connection.peer).early_talk == "reject":
            self._turn_away(greeting if greeting is not None and greeting.code >= 400 else _TOO_EARLY, "refused")
            return
        self._begin(greeting)
        if self._session.closed:
            self._closed = "refused"
        early, self._early = self._early, b""
        if early:
            self._flush()  # what it said may take long to answer
        self._advance(self._session.receive_data(early))

    async def _greet_at_last(self, answer: Awaitable[Any]) -> None:
        try:
            greeting = await self._answer(answer, None)
        finally:
            self._task = None
        self._greet(greeting)

    def _start_tls(self) -> None:
        """A handshake begins."""
        raise NotImplementedError

    def _work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """A task begins."""
        raise NotImplementedError

    def _advance(self, events: list[Event]) -> None:
        """The session has something to tell."""
        raise NotImplementedError

    def _flush(self) -> bool:
        """Sends what the session has to send."""
        raise NotImplementedError

    def _rest(self) -> None:
        """Nothing is left to do with what has come."""
        raise NotImplementedError

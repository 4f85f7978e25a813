"""The header stage: what a trusted proxy says of its client, before anything is greeted (HAProxy's proxy-protocol.txt).

The protocol of a connection from its first moment, where the server has `Config.trusted_proxies`. One that comes from
none of them becomes a conversation at once, and a header it sends is a bad command. One that does begins with a header:
not more is read than that takes, nothing is said, no hook is called. Then the conversation begins as if the client had
just connected, and is given what stands behind the header as if the socket had brought it: a TLS handshake or commands.

What is no header, and one that does not come in `Limits.handshake_timeout`, ends the connection without a word: a line
in the log tells of it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from lonedot._core import ProxyDecoder, ProxyHeader
from lonedot.connection import Peer
from lonedot.conversation import Conversation

if TYPE_CHECKING:
    from lonedot.listener import Listener
    from lonedot.server import Server

log = logging.getLogger("lonedot.server")


class Proxied(asyncio.BufferedProtocol):
    """The protocol of a connection until its client is known. Watched by the server's clock."""

    __slots__ = ("_decoder", "_listener", "_proxy", "_server", "_transport", "deadline", "slot")

    _transport: asyncio.Transport

    def __init__(self, server: Server, listener: Listener) -> None:
        self._server = server
        self._listener = listener
        self._decoder = ProxyDecoder()
        self._proxy: Peer | None = None
        self.deadline = 0
        self.slot = 0

    # What the event loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected: a proxy, or a client."""
        server = self._server
        self._transport = cast(asyncio.Transport, transport)
        self._proxy = Peer.of(transport)
        # Where there is no room for another, that is the conversation's to say.
        if server.full_up() or self._proxy not in server.trusted_proxies:
            self._converse(None, b"")
            return
        server.proxied.add(self)
        self.deadline = server.clock.now + server.handshake_ticks
        server.clock.watch(self)

    def get_buffer(self, sizehint: int) -> Any:
        """The memory to read into: the server's own, for one read."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Octets have come."""
        decoder = self._decoder
        header = decoder.decode(memoryview(self._server.buffer)[:nbytes])  # type: ignore[arg-type]  # a Buffer
        if header is not None:
            self._forget()
            self._converse(header, decoder.unused_data)
        elif decoder.fault is not None:
            self._give_up(decoder.fault.text)

    def eof_received(self) -> bool:
        """The proxy has closed its side, and nobody is there to hear anything."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._forget()
        self._server.left()

    # What the server says.

    def expired(self) -> None:
        """The clock's: the header took too long."""
        self._give_up("no whole header in time")

    def drop(self) -> None:
        """The server is stopping: there is nobody to tell."""
        self._transport.abort()

    def _give_up(self, why: str) -> None:
        log.info("closing a connection from the proxy at %s: %s", self._proxy or "a Unix socket", why)
        self._transport.abort()

    def _forget(self) -> None:
        self._server.proxied.discard(self)
        self._server.clock.forget(self)

    def _converse(self, header: ProxyHeader | None, rest: bytes) -> None:
        """Leaves the connection to a conversation, and to it, or what it puts before itself, the rest of the read."""
        transport = self._transport
        conversation = Conversation(self._server, self._listener, header)
        transport.set_protocol(conversation)
        conversation.connection_made(transport)
        while rest and not transport.is_closing():
            protocol = cast(asyncio.BufferedProtocol, transport.get_protocol())
            room = memoryview(cast(Any, protocol.get_buffer(len(rest))))
            taken = min(len(room), len(rest))
            room[:taken] = rest[:taken]
            room.release()
            rest = rest[taken:]
            protocol.buffer_updated(taken)

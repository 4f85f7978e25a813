"""TLS between the socket and a conversation: to the event loop a protocol, to the conversation the transport.

Ciphertext comes into memory that all connections of the server share, goes through OpenSSL, and what it held is handed
to the conversation in the server's read buffer, as if the socket had brought it; what the conversation writes goes the
other way. Nothing is kept for a connection but OpenSSL's state, a part of a record, and what was left of one read when
the conversation paused.

States: shaking (the handshake; the conversation can say nothing yet), open, ended. What a peer does wrong ends the
connection with an alert, a line in the log and `Conversation.tls_failed`. Nothing is ever sent in plain text.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Any

from lonedot import client_hello
from lonedot.tls import TlsInfo, cause

if TYPE_CHECKING:
    from lonedot.conversation import Conversation
    from lonedot.server import Server

log = logging.getLogger("lonedot.server")

# Octets given to a memory BIO at a time. It keeps the memory it has once grown to, a third more than this.
_PIECE = 16_384

# Octets of a client's handshake, of which the certificates of a long chain are the most (OpenSSL takes 102,400).
_HANDSHAKE = 131_072

_SHAKING, _OPEN, _ENDED = range(3)


class TlsStream(asyncio.Transport, asyncio.BufferedProtocol):
    """The server's side of TLS (RFC 8446, RFC 5246) on a connection that stands.

    Takes the connection over from `conversation`, which hears of the end of the handshake with `tls_started` or
    `tls_failed`, and keeps the time. Raises nothing.
    """

    __slots__ = (
        "_conversation",
        "_eof",
        "_hello",
        "_incoming",
        "_more",
        "_outgoing",
        "_paused",
        "_server",
        "_shaken",
        "_state",
        "_tls",
        "_transport",
    )

    def __init__(self, server: Server, conversation: Conversation, transport: asyncio.Transport) -> None:
        assert server.tls is not None
        super().__init__()
        self._server = server
        self._conversation = conversation
        self._transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = server.tls.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._state = _SHAKING
        # The conversation reads nothing.
        self._paused = False
        # Octets are left to be read, in the BIO or in OpenSSL.
        self._more = False
        # The client has closed its side.
        self._eof = False
        # The first octets of the handshake, and how many there were in all.
        self._hello = b""
        self._shaken = 0
        transport.set_protocol(self)

    # What the event loop says.

    def get_buffer(self, sizehint: int) -> Any:
        """The memory to read ciphertext into: the server's own, for one read."""
        return self._server.ciphertext

    def buffer_updated(self, nbytes: int) -> None:
        """Ciphertext has come."""
        ciphertext = self._server.ciphertext[:nbytes]
        if self._state == _SHAKING:
            self._shake(ciphertext)
        elif self._state == _OPEN and not self._eof:
            self._pump(ciphertext)

    def eof_received(self) -> bool:
        """The client has closed its side, with close_notify before or without."""
        if self._state == _SHAKING:
            self._fail("eof", "the client closed the connection in the handshake")
        if self._state == _ENDED:
            return False
        if self._eof:
            return True
        self._eof = True
        # What it sent before is told first.
        return True if self._more else self._conversation.eof_received()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._conversation.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._conversation.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._state = _ENDED
        self._more = False
        conversation = self._conversation
        # Each holds the other; what OpenSSL holds shall not wait for the collector.
        del self._conversation, self._tls, self._incoming, self._outgoing
        conversation.connection_lost(exc)

    # What the conversation says.

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Encrypts and sends, once there is somebody to send to."""
        if self._state != _OPEN:
            return
        view = memoryview(data)
        for at in range(0, len(view), _PIECE):
            try:
                self._tls.write(view[at : at + _PIECE])
            except ssl.SSLError as error:
                self._fail("tls", cause(error))
                return
            self._send()

    def pause_reading(self) -> None:
        """The conversation takes nothing more."""
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The conversation takes what there is."""
        self._paused = False
        if self._more:
            # Not here: the conversation says so in the middle of something else.
            self._server.loop.call_soon(self._pump_on)
        elif not self._eof and not self._transport.is_closing():
            self._transport.resume_reading()

    def can_write_eof(self) -> bool:
        """Whether the client can be told that nothing more is sent."""
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        """Sends close_notify and closes the sending side; what still comes is dropped."""
        self._say_goodbye()
        self._transport.write_eof()

    def close(self) -> None:
        """Sends close_notify and what is waiting to be sent, and closes."""
        self._say_goodbye()
        self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        self._state = _ENDED
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the socket is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket's."""
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Octets of ciphertext that wait to be sent."""
        return self._transport.get_write_buffer_size()

    # Through OpenSSL.

    def _shake(self, ciphertext: memoryview | bytes) -> None:
        self._shaken += len(ciphertext)
        self._hello += bytes(ciphertext[: client_hello.MOST - len(self._hello)])
        for at in range(0, len(ciphertext), _PIECE):
            self._incoming.write(ciphertext[at : at + _PIECE])
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                self._fail("tls", cause(error))
                return
            self._state = _OPEN
            info = TlsInfo.of(self._tls, client_hello.server_name(self._hello))
            self._hello = b""
            # The greeting goes with the last octets of the handshake.
            self._conversation.tls_started(info)
            self._send()
            self._pump(ciphertext[at + _PIECE :])
            return
        self._send()
        if self._shaken > _HANDSHAKE:
            self._fail("tls", f"a handshake of more than {_HANDSHAKE} octets")

    def _pump_on(self) -> None:
        """Goes on where the conversation paused, then with what the socket brings."""
        if self._more and not self._paused:
            self._pump(b"")
        if self._state == _OPEN and not (self._more or self._paused or self._eof):
            self._transport.resume_reading()

    def _pump(self, ciphertext: memoryview | bytes) -> None:
        """Hands on what is in `ciphertext`, a buffer at a time, until the conversation pauses or more has to come."""
        self._more, failure = True, None
        while self._more and not self._paused and self._state == _OPEN:
            filled, ciphertext, failure = self._decrypt(ciphertext)
            # OpenSSL may have had something to say: a key it was told to change, an alert.
            self._send()
            if filled:
                self._conversation.buffer_updated(filled)
        if ciphertext and self._state == _OPEN:
            self._incoming.write(ciphertext)
        if self._state == _OPEN and not self._more:
            if failure is not None:
                self._fail("tls", failure)
            elif self._eof and not self._conversation.eof_received():
                self.close()

    def _decrypt(self, ciphertext: memoryview | bytes) -> tuple[int, memoryview | bytes, str | None]:
        """Fills the read buffer. Returns how many octets are in it, the ciphertext that is left, and what was wrong."""
        tls, incoming, buffer = self._tls, self._incoming, self._server.buffer
        filled, size, dry = 0, len(buffer), False
        while filled < size:
            # OpenSSL takes no more from the BIO than the record it is at: nothing hides where `pending` does not look.
            # To be told WantRead instead would cost an exception a read.
            if dry or not (incoming.pending or tls.pending()):
                if not ciphertext:
                    self._more = False
                    break
                incoming.write(ciphertext[:_PIECE])
                ciphertext, dry = ciphertext[_PIECE:], False
            try:
                room: Any = memoryview(buffer)[filled:] if filled else buffer  # type: ignore[arg-type]
                read: Any = tls.read(size - filled, room)
            except ssl.SSLWantReadError:
                dry = True
                continue
            except ssl.SSLError as error:
                self._more = False
                return filled, b"", cause(error)
            if not read:  # close_notify
                self._more, self._eof = False, True
                return filled, b"", None
            filled += read
        return filled, ciphertext, None

    def _send(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        if self._state == _OPEN:
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass  # the client has not said its own; nobody waits for it
            self._send()
        self._state = _ENDED
        self._more = False

    def _fail(self, reason: str, text: str) -> None:
        self._state = _ENDED
        self._more = False
        self._send()  # the alert
        self._conversation.tls_failed(reason, text)
        self._transport.close()

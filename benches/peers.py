"""What others do with mail data in Python, each fed the chunks of one whole message and giving back its mail data.

Nothing here has a socket: what is measured is the loop over mail data, and where there was a choice, it is to the
peer's advantage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import aiosmtpd.smtp
from twisted.internet import defer
from twisted.internet.interfaces import IProtocol
from twisted.internet.testing import StringTransport
from twisted.mail import smtp as twisted_smtp
from zope.interface import implementer

END = b"\r\n.\r\n"


Undot = Callable[[bytes], bytes]


def by_replace(octets: bytes) -> bytes:
    """Takes the transparency dots behind CRLFs away."""
    return octets.replace(b"\r\n.", b"\r\n")


def by_split(octets: bytes) -> bytes:
    """The same; faster where dots are few, because `replace` looks for them twice."""
    return b"\r\n".join(octets.split(b"\r\n."))


class Find:
    """The fastest ways of Python's own to the right octets: `find` for the end, `replace` or `split` for the dots.

    They enforce nothing: no length of a line, no bare CR or LF. A chunk is not copied to be looked at: only what may
    be the beginning of the end is held back at a chunk's border, and a chunk that starts with a line's dot is put
    behind a CRLF.
    """

    def __init__(self, undot: Undot) -> None:
        self.eof = False
        self._undot = undot
        self._held = b""
        self._after_crlf = True

    def decode(self, chunk: bytes) -> bytes:
        octets = self._held + chunk if self._held else chunk
        skip = 0
        if self._after_crlf and octets.startswith(b"."):
            octets, skip = b"\r\n" + octets, 2
        end = octets.find(END)
        if end >= 0:
            self.eof = True
            return self._undot(octets[: end + 2])[skip:]
        # A CRLF is mail data whatever follows; a CR behind text is not yet, nor a dot, or dot and CR, behind a CRLF.
        self._held = b""
        for length, held in ((4, 2), (3, 1), (1, 1)):
            if octets.endswith(END[:length]):
                octets, self._held = octets[:-held], octets[-held:]
                break
        if octets:
            self._after_crlf = octets.endswith(b"\r\n")
        return self._undot(octets)[skip:]


def find_and_replace(wire: bytes) -> bytes:
    """`find` and `replace` for a message that came whole."""
    if wire.startswith(b"."):
        wire = b"\r\n" + wire
        return wire[: wire.index(END) + 2].replace(b"\r\n.", b"\r\n")[2:]
    return wire[: wire.index(END) + 2].replace(b"\r\n.", b"\r\n")


def find_and_split(wire: bytes) -> bytes:
    """`find` and `split` for a message that came whole."""
    if wire.startswith(b"."):
        wire = b"\r\n" + wire
        return b"\r\n".join(wire[: wire.index(END) + 2].split(b"\r\n."))[2:]
    return b"\r\n".join(wire[: wire.index(END) + 2].split(b"\r\n."))


class _AiosmtpdHandler:
    content: bytes | str | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: aiosmtpd.smtp.Envelope) -> str:
        self.content = envelope.content
        return "250 OK"


class _Aiosmtpd(aiosmtpd.smtp.SMTP):
    """aiosmtpd's server inside a transaction, without a connection: its replies go nowhere."""

    async def push(self, status: Any) -> None:
        pass


class Aiosmtpd:
    """The loop of aiosmtpd's `smtp_DATA`, unchanged, from the 354 to the handler.

    It reads lines from an `asyncio.StreamReader`. Here all octets are in the reader's buffer before the clock starts:
    it never waits, never pauses a transport and never goes through the event loop, as it does behind a socket.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, chunks: Iterable[bytes]) -> None:
        self._loop = loop
        self._handler = _AiosmtpdHandler()
        self._server = server = _Aiosmtpd(self._handler, hostname="bench.test", loop=loop)
        server.transport = object()  # one that is not closed
        server.session = server._create_session()
        server.session.host_name = "client.test"
        server.envelope = server._create_envelope()
        server.envelope.rcpt_tos.append("b@y.example")
        # As its constructor makes one for the connection.
        server._reader = asyncio.StreamReader(loop=loop, limit=server.line_length_limit)
        for chunk in chunks:
            server._reader.feed_data(chunk)

    def receive(self) -> bytes:
        self._loop.run_until_complete(self._server.smtp_DATA(""))
        assert isinstance(self._handler.content, bytes)
        return self._handler.content


@implementer(twisted_smtp.IMessage)
class _TwistedMessage:
    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.content: bytes | None = None

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)

    def eomReceived(self) -> defer.Deferred[None]:
        self.lines.append(b"")
        self.content = b"\r\n".join(self.lines)
        return defer.succeed(None)

    def connectionLost(self) -> None:
        pass


@implementer(IProtocol)
class _TwistedServer(twisted_smtp.SMTP):
    timeout = None  # no timer to set back for each line
    noisy = False

    def __init__(self, message: _TwistedMessage) -> None:
        super().__init__()
        self._message = message

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Any:
        return lambda: self._message

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> None:
        pass


class Twisted:
    """Twisted's `twisted.mail.smtp.SMTP` inside DATA, fed by `dataReceived`, into a list of lines.

    It puts an empty line in front of mail data whose first line is no header field.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = tuple(chunks)
        self._message = _TwistedMessage()
        self._server = _TwistedServer(self._message)
        self._server.makeConnection(StringTransport())
        for command in (b"HELO client.test", b"MAIL FROM:<a@x.example>", b"RCPT TO:<b@y.example>", b"DATA"):
            self._server.dataReceived(command + b"\r\n")

    def receive(self) -> bytes:
        for chunk in self._chunks:
            self._server.dataReceived(chunk)
        assert self._message.content is not None
        return self._message.content

"""Receive mail with Twisted's `ESMTP`, its mail data through `lonedot.DataDecoder`.

`ExactESMTP` takes the place of `twisted.mail.smtp.ESMTP`. Commands stay Twisted's, and so does all that is given to it:
deliveries, portals, and an IMessage for each recipient, which gets lines without their CRLF and without transparency
dots, then eomReceived or connectionLost; also the empty line that Twisted puts above a message without a header. After
DATA the octets go to the decoder raw; what follows the end goes back.

    python examples/twisted_server.py --listen 127.0.0.1:2525 --directory mail
    swaks --server 127.0.0.1:2525 --from a@example.net --to b@example.org

It takes `pip install twisted`. What gets stricter, or right:

- Twisted too ends mail data at `<CRLF>.<CRLF>` alone, but hands bare CR, bare LF and NUL on inside its lines, so that
  who writes lines with LF, as Twisted's own maildir does, writes `<LF>.<LF>`, an end to the next server that takes
  less. Here that is 550 5.6.0 after the end, and the IMessage has connectionLost.
- A line of over 16,384 octets puts Twisted back among the commands, and mail data behind it is run as such. Here one of
  over 1000 is 550 5.6.0 after the end. A message over the size, of which Twisted knows none, is 552 5.3.4.
- The reply to a message comes before those to commands that were pipelined behind it, however long it takes.
"""

from __future__ import annotations

import argparse
import os
import re
import uuid
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import lonedot
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.internet.task import react
from twisted.internet.threads import deferToThread
from twisted.mail.interfaces import IMessageDelivery, IMessageSMTP
from twisted.mail.smtp import COMMAND, DATA, ESMTP, SMTPBadRcpt, User
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer


class ExactESMTP(ESMTP, LineReceiver):
    """ESMTP whose mail data is decoded by lonedot. LineReceiver has the raw mode that Twisted's own base lacks."""

    transport: Any
    dataReceived = LineReceiver.dataReceived

    maxSize = 50_000_000
    """Octets of mail data in a message (RFC 1870)."""
    drain = 268_435_456
    """Octets read on after mail data broke a rule, in the hope of its end."""

    def extensions(self) -> dict[bytes, Any]:
        """What EHLO offers."""
        return {**ESMTP.extensions(self), b"SIZE": [b"%d" % self.maxSize], b"8BITMIME": None}

    def do_DATA(self, rest: bytes) -> None:
        """Twisted makes the IMessages; after its 354 the octets are ours."""
        self._messages: list[Any] = []

        def noted(make: Callable[[], Any]) -> Callable[[], Any]:
            def made() -> Any:
                self._messages.append(make())
                return self._messages[-1]

            return made

        self._to = [(user, noted(make)) for user, make in self._to]
        ESMTP.do_DATA(self, rest)
        if self.mode == DATA:
            self._decoder = lonedot.DataDecoder(max_size=self.maxSize)
            self._line, self._drained = b"", 0
            self.setRawMode()

    def rawDataReceived(self, data: bytes) -> None:
        """Mail data, and perhaps its end and what follows."""
        self.resetTimeout()
        decoder = self._decoder
        *lines, self._line = (self._line + decoder.decode(data)).split(b"\r\n")
        for line in lines:
            # Twisted takes one dot away, and ends the message at a line of one.
            self.dataLineReceived(b"." + line if line.startswith(b".") else line)
        violation = decoder.violation
        if decoder.eof:
            self.setLineMode(decoder.unused_data)
            self._end(violation)
        elif violation is not None:
            self._drained += len(data)
            if self._drained > self.drain:
                self.sendCode(421, b"4.3.1 Too much mail data of a message that is refused")
                self.transport.loseConnection()  # and connectionLost tells the IMessages

    def _end(self, violation: lonedot.Violation | None) -> None:
        if violation is None:
            if not self.datafailed:  # by an IMessage that raised SMTPServerError, which was answered nothing yet
                self.pauseProducing()
            self.dataLineReceived(b".")
            return
        self.mode = COMMAND
        if not self.datafailed:
            self._disconnect(self._messages)
        self.transport.write(bytes(violation.reply()))

    def _messageHandled(self, resultList: Any) -> None:
        """Every IMessage has said what became of it: reply, and go on with the commands behind the message."""
        ESMTP._messageHandled(self, resultList)
        self.resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The commands that were behind a message are nobody's any more."""
        self.clearLineBuffer()
        ESMTP.connectionLost(self, reason)


def store(directory: Path, message: bytes) -> str:
    """The message under a new name. When this returns it is on the disk, or it raises OSError."""
    name = f"{uuid.uuid4().hex}.eml"
    part = directory / f".{name}.part"
    try:
        with open(part, "xb") as file:
            file.write(message)
            file.flush()
            os.fsync(file.fileno())
        part.rename(directory / name)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)  # the name too
    finally:
        os.close(fd)
    return name


@implementer(IMessageSMTP)
class FileMessage:
    """A message for one recipient, stored by a thread."""

    def __init__(self, directory: Path, user: User) -> None:
        self.directory, self.user = directory, user
        self.lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line + b"\r\n")

    def eomReceived(self) -> Deferred[None]:
        message = b"".join(self.lines)
        return deferToThread(store, self.directory, message).addCallback(
            lambda name: print(f"{name}: {len(message)} octets from <{self.user.orig}> to <{self.user}>", flush=True)
        )

    def connectionLost(self) -> None:
        print(f"not delivered to <{self.user}>", flush=True)


@implementer(IMessageDelivery)
class Delivery:
    """Accepts the recipients of a domain, and Postmaster, who is every server's own (RFC 5321 §4.5.1)."""

    def __init__(self, directory: Path, domain: str) -> None:
        self.directory, self.domain = directory, domain.lower().encode()

    def receivedHeader(self, helo: tuple[bytes, bytes], origin: Any, recipients: list[User]) -> bytes:
        name = re.sub(rb"[^\w.:\[\]-]", b"?", helo[0] or b"unknown")
        return b"Received: from %b ([%b]) by %b; %b" % (name, helo[1], self.domain, formatdate().encode())

    def validateFrom(self, helo: tuple[bytes, bytes], origin: Any) -> Any:
        return origin

    def validateTo(self, user: User) -> Callable[[], FileMessage]:
        if user.dest.domain.lower() != self.domain and user.dest.local.lower() != b"postmaster":
            raise SMTPBadRcpt(user)
        return lambda: FileMessage(self.directory, user)


class Factory(ServerFactory):
    """A protocol for each connection."""

    def __init__(self, delivery: Delivery, max_size: int, timeout: int) -> None:
        self.delivery, self.max_size, self.timeout = delivery, max_size, timeout

    def buildProtocol(self, addr: Any) -> ExactESMTP:
        protocol = ExactESMTP()
        protocol.factory, protocol.delivery = self, self.delivery
        protocol.maxSize, protocol.timeout = self.max_size, self.timeout
        return protocol


async def listen(reactor: Any, host: str, port: int, factory: Factory) -> None:
    """Until a signal comes, which Twisted sees to."""
    listening = await TCP4ServerEndpoint(reactor, port, interface=host).listen(factory)
    address = listening.getHost()
    print(f"listening on {address.host}:{address.port}", flush=True)
    await Deferred()


def main() -> None:
    parser = argparse.ArgumentParser(description="Receive mail with Twisted.")
    option = parser.add_argument
    option("--listen", default="127.0.0.1:2525", metavar="HOST:PORT")
    option("--directory", type=Path, default=Path("mail"), help="where messages go")
    option("--domain", default="example.org", help="whose recipients are accepted")
    option("--max-size", type=int, default=50_000_000, metavar="OCTETS")
    option("--timeout", type=int, default=300, metavar="SECONDS", help="how long a client is waited for")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    factory = Factory(Delivery(options.directory, options.domain), options.max_size, options.timeout)
    host, _, port = options.listen.rpartition(":")
    react(lambda reactor: Deferred.fromCoroutine(listen(reactor, host, int(port), factory)))


if __name__ == "__main__":
    main()

"""examples/twisted_server.py beside Twisted's own ESMTP: what stays, and what its docstring says gets stricter. In
memory, with IMessages that remember."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.mail.interfaces import IMessageDelivery, IMessageSMTP
from twisted.mail.smtp import ESMTP, SMTPServerError
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.recipes import ENVELOPE, EXAMPLES

TWO = ENVELOPE.replace(b"DATA", b"RCPT TO:<c@example.org>\r\nDATA")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("twisted_server", EXAMPLES / "twisted_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@implementer(IMessageSMTP)
class Message:
    """Remembers its lines, and which of its ends it had."""

    def __init__(self, answer: Callable[[], Any], refuses: bytes | None) -> None:
        self.lines: list[bytes] = []
        self.ends: list[str] = []
        self._answer, self._refuses = answer, refuses

    def lineReceived(self, line: bytes) -> None:
        if self._refuses is not None and self._refuses in line:
            raise SMTPServerError(554, b"Not wanted")
        self.lines.append(line)

    def eomReceived(self) -> Any:
        self.ends.append("eom")
        return self._answer()

    def connectionLost(self) -> None:
        self.ends.append("lost")


@implementer(IMessageDelivery)
class Delivery:
    """Accepts everybody; `messages` are the IMessages it made. `answer`: what their eomReceived gives."""

    def __init__(self, answer: Callable[[], Any] = lambda: succeed(None), refuses: bytes | None = None) -> None:
        self.messages: list[Message] = []
        self._answer, self._refuses = answer, refuses

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: by a test"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Callable[[], Message]:
        def make() -> Message:
            self.messages.append(Message(self._answer, self._refuses))
            return self.messages[-1]

        return make


class Conversation:
    """A protocol and what it has said."""

    def __init__(self, protocol: Any, delivery: Delivery) -> None:
        self.protocol, self.delivery = protocol, delivery
        self.transport: Any = StringTransport()
        protocol.delivery, protocol.noisy, protocol.timeout = delivery, False, None
        protocol.makeConnection(self.transport)
        self.send(b"EHLO x\r\n")

    def send(self, octets: bytes) -> None:
        self.protocol.dataReceived(octets)

    def end(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def codes(self) -> list[int]:
        """Those of the replies after the one to EHLO."""
        return [int(code) for code in re.findall(rb"(?m)^(\d{3}) ", self.transport.value())][2:]


@pytest.fixture
def begin(example: ModuleType) -> Callable[..., Conversation]:
    """Makes a Conversation with the recipe's protocol."""
    return lambda **options: Conversation(example.ExactESMTP(), Delivery(**options))


class TestWhatStays:
    def test_lines_for_each_recipient(self, begin: Callable[..., Conversation]) -> None:
        talk = begin()
        talk.send(TWO + b"Subject: x\r\n\r\n..\r\n...a\r\n.b\r\n\r\n.\r\n")
        assert talk.codes() == [250, 250, 250, 354, 250]
        for message in talk.delivery.messages:
            assert message.lines == [b"Received: by a test", b"Subject: x", b"", b".", b"..a", b"b", b""]
            assert message.ends == ["eom"]

    def test_the_same_as_twisted_s_own(self, begin: Callable[..., Conversation]) -> None:
        """Where no rule is broken, at every split."""
        wire = ENVELOPE + b"no header\r\n..\r\n.\r\n" + ENVELOPE + b"a: b\r\n\r\nx\r\n.\r\nRSET\r\n"
        theirs = Conversation(ESMTP(), Delivery())
        theirs.send(wire)
        for at in range(len(wire) + 1):
            ours = begin()
            ours.send(wire[:at])
            ours.send(wire[at:])
            assert ours.codes() == theirs.codes()
            assert [(one.lines, one.ends) for one in ours.delivery.messages] == [
                (one.lines, one.ends) for one in theirs.delivery.messages
            ]

    def test_an_imessage_that_refuses(self, begin: Callable[..., Conversation]) -> None:
        talk = begin(refuses=b"unwanted")
        talk.send(TWO + b"x: y\r\n\r\nunwanted\r\nmore\r\n.\r\nNOOP\r\nRSET\r\n")
        assert talk.codes() == [250, 250, 250, 354, 554, 500, 250]  # Twisted has no NOOP
        assert [message.ends for message in talk.delivery.messages] == [["lost"], ["lost"]]

    def test_an_imessage_that_refuses_and_a_violation(self, begin: Callable[..., Conversation]) -> None:
        talk = begin(refuses=b"unwanted")
        talk.send(TWO + b"x: y\r\n\r\nunwanted\r\nbare \n\r\n.\r\nRSET\r\n")
        assert talk.codes() == [250, 250, 250, 354, 550, 250]
        assert [message.ends for message in talk.delivery.messages] == [["lost"], ["lost"]]

    def test_an_imessage_that_fails(self, begin: Callable[..., Conversation]) -> None:
        talk = begin(answer=lambda: fail(SMTPServerError(451, b"x")))
        talk.send(ENVELOPE + b"x\r\n.\r\nRSET\r\n")
        assert talk.codes() == [250, 250, 354, 550, 250]

    @pytest.mark.parametrize("octets", [b"", b"QUIT\r\n", b"half", b"bare \n", b"x\r\n.\r"])
    def test_a_connection_that_is_lost(self, begin: Callable[..., Conversation], octets: bytes) -> None:
        talk = begin()
        talk.send(TWO + octets)
        talk.end()
        assert talk.codes() == [250, 250, 250, 354]
        assert [message.ends for message in talk.delivery.messages] == [["lost"], ["lost"]]


class TestWhatGetsStricter:
    @pytest.mark.parametrize("octets", [b"one\n.\ntwo", b"one\r.\rtwo", b"one\0two"])
    def test_what_twisted_hands_on(self, begin: Callable[..., Conversation], octets: bytes) -> None:
        wire = ENVELOPE + b"\r\n" + octets + b"\r\n.\r\nRSET\r\n"
        theirs, ours = Conversation(ESMTP(), Delivery()), begin()
        theirs.send(wire)
        ours.send(wire)
        assert theirs.codes() == [250, 250, 354, 250, 250]
        assert octets in theirs.delivery.messages[0].lines
        assert ours.codes() == [250, 250, 354, 550, 250]
        assert b"\r\n550 5.6.0 " in ours.transport.value()
        assert ours.delivery.messages[0].ends == ["lost"]

    def test_a_long_line_that_leads_twisted_back_among_the_commands(self, begin: Callable[..., Conversation]) -> None:
        smuggled = ENVELOPE.replace(b"a@", b"smuggled@") + b"two\r\n.\r\n"
        theirs, ours = Conversation(ESMTP(), Delivery()), begin()
        for octets in (ENVELOPE + b"x" * 17_000, b"\r\n", smuggled):
            theirs.send(octets)
            ours.send(octets)
        assert [message.ends for message in theirs.delivery.messages] == [["lost"], ["eom"]]
        assert theirs.delivery.messages[1].lines[-1] == b"two"
        assert ours.codes() == [250, 250, 354, 550]
        assert [message.ends for message in ours.delivery.messages] == [["lost"]]

    def test_the_order_of_replies(self, begin: Callable[..., Conversation]) -> None:
        """The second message waits as well, and what came behind it in the same read."""
        waiting: list[Deferred[None]] = []

        def later() -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1]

        talk = begin(answer=later)
        wire = ENVELOPE + b"x\r\n.\r\n"
        talk.send(wire * 2 + b"RSET\r\nQUIT\r\n")
        assert talk.codes() == [250, 250, 354]
        assert talk.transport.producerState == "paused"
        waiting[0].callback(None)
        assert talk.codes() == [250, 250, 354, 250, 250, 250, 354]
        waiting[1].callback(None)
        assert talk.codes() == [250, 250, 354, 250, 250, 250, 354, 250, 250, 221]
        assert talk.transport.disconnecting
        theirs = Conversation(ESMTP(), Delivery(later))
        theirs.send(wire + b"QUIT\r\n")
        assert theirs.codes() == [250, 250, 354, 221]

    def test_lost_while_a_message_waits(self, begin: Callable[..., Conversation]) -> None:
        """It is delivered; nothing behind it is begun."""
        answer: Deferred[None] = Deferred()
        talk = begin(answer=lambda: answer)
        talk.send(ENVELOPE + b"x\r\n.\r\n" + ENVELOPE + b"half")
        talk.end()
        answer.callback(None)
        assert [message.ends for message in talk.delivery.messages] == [["eom"]]

    def test_a_refused_message_without_an_end(self, begin: Callable[..., Conversation]) -> None:
        talk = begin()
        talk.protocol.drain = 100
        talk.send(ENVELOPE + b"bare \n")
        talk.send(b"x" * 94)
        assert talk.codes() == [250, 250, 354]
        talk.send(b"x" * 10)
        assert talk.codes() == [250, 250, 354, 421]
        assert talk.transport.disconnecting
        talk.end()
        assert [message.ends for message in talk.delivery.messages] == [["lost"]]

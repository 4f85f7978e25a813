"""Delivery: what takes responsibility for a message before its 250 (RFC 5321 section 4.2.5).

One interface for a Maildir, a relay, a queue, or yours: `begin` for each transaction gives a `Sink`, which takes the
mail data as it comes and ends with exactly one of `finish` and `abort`. Everything here runs on the event loop;
a delivery that blocks does so in threads of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING, Protocol

from lonedot._core import Reply

if TYPE_CHECKING:
    from lonedot._core import DataReport
    from lonedot.transaction import AbortReason, Transaction


class Delivery(Protocol):
    """Takes messages, many at once.

    An optional attribute `line_ends`, "crlf" (taken when there is none) or "lf", says which line ends the delivery
    wants. The decoder makes them in its own pass, so chunks arrive as they are to be stored.
    """

    @property
    def capabilities(self) -> frozenset[str]:
        """What the delivery honours, as lower-case EHLO keywords with their arguments: "8bitmime", "dsn",
        "deliverby 240", …

        An extension is offered when it stands here, when the operator promises it (`Config.advertise`), or when the
        server can honour it alone. Read at each `Server.listen`.
        """
        ...

    async def begin(self, transaction: Transaction) -> Sink:
        """Opens a sink for the transaction's mail data, after its last recipient was accepted.

        Nothing need be ready to be stored when this returns. An exception is answered with 451 and neither `finish`
        nor `abort` is called, so that whatever was opened must be closed before it is raised.
        """
        ...


class Sink(Protocol):
    """Takes the mail data of one transaction, until `finish` or `abort` is called: exactly one of them, once."""

    def write(self, chunk: bytes) -> Awaitable[object] | Reply | None:
        """Takes the next octets of mail data, without transparency dots and with the line ends the delivery asked for.

        The chunk is the sink's own: bytes never change, so it may be kept without a copy. None asks for more; an
        awaitable is awaited before the next call, and nothing is read from the peer meanwhile (that is the
        back-pressure).

        A negative Reply, given or awaited, stops the transfer, as soon as the header section has been seen, say:
        `abort("refused")` is called at once, and nothing more is written. After 354 nothing can be answered before the
        end of mail data (RFC 5321 section 4.1.1.4), so the rest is read and dropped, within `Limits.drain`; the Reply
        answers that end, in LMTP for each recipient, and a 421 closes after it. An exception does the same with
        `abort("error")` and 451, and so does a positive Reply, which promises nothing here. A sink may also go on
        taking chunks and refuse in `finish`.
        """
        ...

    async def finish(self, report: DataReport) -> Reply | Sequence[Reply] | AsyncIterator[tuple[int, Reply]]:
        """Takes responsibility, or says why not. Called when the end of mail data was seen and no policy was violated.

        A 2xx reply promises that the message survives a crash from here on (RFC 5321 section 6.1). In LMTP one reply
        answers for all recipients; a sequence holds one for each, in the order of `forward_paths`; an iterator yields
        them in any order with the recipient's index, each as soon as it is known (RFC 2033 section 4.2).

        At the handler's deadline the call is cancelled, and what it does then decides the answer. When it raises
        CancelledError, nothing may have been stored, now or later: 451 is sent, and the peer will try again. A sink
        that has passed the point where this can be promised swallows the cancellation and returns its true reply.
        """
        ...

    async def abort(self, reason: AbortReason) -> None:
        """Drops everything: the mail data did not end, or will not be accepted.

        May be called while an awaitable of `write` has not finished, or was cancelled. The reason is a str: "eof",
        "reset", "timeout", "shutdown", "violation", "abandoned", "refused" or "error", with more in its attributes.
        """
        ...


class DiscardDelivery:
    """Answers 250 and stores nothing: for benchmarks and tests, where mail may be lost."""

    # What nothing is done with, nothing can be done wrong to. DSN and REQUIRETLS would be promises to somebody else.
    capabilities: frozenset[str] = frozenset({"8bitmime", "smtputf8", "binarymime"})

    async def begin(self, transaction: Transaction) -> Sink:
        """One sink serves all transactions, as it holds nothing of any."""
        return _DISCARD


class _DiscardSink:
    _REPLY = Reply(250, "2.0.0", "Ok: discarded")

    def write(self, chunk: bytes) -> None:
        pass

    async def finish(self, report: DataReport) -> Reply:
        return self._REPLY

    async def abort(self, reason: AbortReason) -> None:
        pass


_DISCARD = _DiscardSink()

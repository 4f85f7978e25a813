"""What the application has to say in one conversation: which hook an event goes to, and what its answer means.

Takes events; gives answers, some of which have to be awaited. Opens a sink for each transaction and ends it with
exactly one of finish and abort. Never touches the socket, and of the session's state only whether the rest of mail data
is wanted; what a hook raises becomes an answer.
"""

from __future__ import annotations

import inspect
import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lonedot import journal
from lonedot._core import (
    Aborted,
    Auth,
    AuthResponse,
    Bdat,
    Data,
    EndOfChunk,
    EndOfMailData,
    MailData,
    Reply,
    StartTls,
    Xclient,
    Xforward,
)
from lonedot.authentication import Authentication
from lonedot.content import ContentSink
from lonedot.header_check import HeaderCheck
from lonedot.transaction import AbortReason, Transaction

if TYPE_CHECKING:
    from lonedot.authenticator import Authenticator
    from lonedot.budget import Budget
    from lonedot.config import LineEnds
    from lonedot.connection import Connection
    from lonedot.delivery import Delivery, Sink
    from lonedot.handler import Hook, Hooks
    from lonedot.header_policy import HeaderPolicy
    from lonedot.session import Event

log = logging.getLogger("lonedot.server")

ACCEPTED = Reply(250, "2.0.0", "Ok")
FAILED = Reply(451, "4.3.0", "Requested action aborted: local error in processing")
NO_ROOM = Reply(452, "4.3.1", "Too much mail data is on its way here; try again later")
TOO_SLOW = Reply(451, "4.3.0", "Requested action aborted: not done in time; nothing was stored")
# Events that wait for no reply.
TOLD = frozenset({MailData, Aborted, StartTls})
# What RFC 4954 §6 has for both.
_NOT_AUTHENTICATED = Reply(454, "4.7.0", "Temporary authentication failure; try again later")


class Application:
    """The application's side of one conversation."""

    __slots__ = (
        "_authentication",
        "_authenticator",
        "_budget",
        "_check",
        "_connected",
        "_delivery",
        "_failure",
        "_header",
        "_hooks",
        "_keeps",
        "_kept",
        "_sink",
        "_started",
        "_transaction",
        "_unheard",
        "commands",
        "connection",
    )

    def __init__(
        self,
        hooks: Hooks,
        delivery: Delivery | None,
        connection: Connection,
        budget: Budget,
        authenticator: Authenticator | None = None,
        header: HeaderPolicy | None = None,
    ) -> None:
        self.connection = connection
        # What the header check is told; None without one.
        self._header = header
        self._authenticator = authenticator
        # From the first AUTH on.
        self._authentication: Authentication | None = None
        self._hooks = hooks
        # The hook that each command goes to, where there is one.
        self.commands = hooks.of_command
        self._budget = budget
        # on_connect was asked.
        self._connected = False
        # No hook hears of this connection.
        self._unheard = False
        # Chunks stay in memory until the message is answered.
        self._keeps = False
        self._kept = 0
        self._delivery = delivery
        # Of the header section under way, where there is to be one.
        self._check: HeaderCheck | None = None
        # From DATA to the end of mail data.
        self._transaction: Transaction | None = None
        self._sink: Sink | ContentSink | None = None
        # What is answered at the end of mail data, because its sink failed before.
        self._failure: Reply | None = None
        self._started = 0.0

    def busy(self) -> bool:
        """Whether a transaction is open."""
        session = self.connection.session
        return session is not None and session.mail is not None

    def receives(self) -> bool:
        """Whether anybody still takes the mail data that comes."""
        return self._transaction is not None

    def connect(self) -> Any:
        """What to greet with: a Reply, None, or what to await for one of them."""
        self._connected = True
        hook = self._hooks.on_connect
        return self._call(hook, self.connection) if hook is not None else None

    def turned_away(self) -> None:
        """The client is not let in. Where on_connect was not asked about it, on_disconnect is not told."""
        self._unheard = not self._connected

    def disconnect(self, reason: str) -> Awaitable[None] | None:
        """Tells that the connection has ended. What was left open is aborted, lest a sink waits for ever."""
        hook = None if self._unheard else self._hooks.on_disconnect
        if self._transaction is None and hook is None:
            return None
        return self._disconnect(hook, reason)

    def act(self, event: Event) -> Any:
        """Hands an event on; gives the answer, or what to await for it."""
        hook = self.commands.get(type(event))
        if hook is not None:
            # As `_call` does, without a list of arguments: this is for each command.
            try:
                return hook(self.connection, event)
            except (Exception, CancelledError):
                return _failed(hook)
        if isinstance(event, MailData):
            return self._write(event.octets)
        if isinstance(event, EndOfMailData):
            return self._finish(event)
        if isinstance(event, (Data, Bdat)):
            return self._begin()
        if isinstance(event, EndOfChunk):
            return self._failure
        if isinstance(event, (Auth, AuthResponse)):
            return self._authenticate(event)
        if isinstance(event, Xclient):
            self.connection.speaks_for(event.attributes)
            return None
        if isinstance(event, Xforward):
            self.connection.xforward |= event.attributes
            return None
        assert isinstance(event, Aborted), event  # nobody else is asked
        return self._abort(AbortReason.of(event))

    def greeting(self, answer: Any) -> Reply | None:
        """What to greet with, where `connect` or what was awaited for it gave this."""
        try:
            reply: Reply | None = self.checked(answer)
            if reply is not None and reply.code < 400 and reply.code != 220:
                raise ValueError(f"a client is greeted with 220 or refused, not {reply}")
        except (TypeError, ValueError):
            log.exception("on_connect gave what cannot be sent")
            return FAILED
        return reply

    def replies(self, event: Event, answer: Any) -> Reply | Sequence[Reply] | None:
        """What an awaited answer means for the session; never what it cannot send."""
        replies: Reply | Sequence[Reply] | None
        if answer is None and type(event) in self.commands:
            return None
        if self._failure is not None and isinstance(event, EndOfMailData):
            answer = self._failure  # whatever became of telling the sink so
        try:
            if isinstance(event, (Data, Bdat)):
                return self._begun(answer)
            if isinstance(event, (Auth, AuthResponse)):
                return _NOT_AUTHENTICATED if answer is FAILED or answer is TOO_SLOW else answer
            one = answer is None or type(answer) is Reply
            if one or not isinstance(event, EndOfMailData) or self.connection.dialect != "lmtp":
                replies = self.checked(answer)
            else:
                replies = self._for_each(answer)
        except Exception:
            log.exception("the answer to %r cannot be sent", event)
            replies = FAILED
        if isinstance(event, EndOfMailData):
            self.answered(event, replies if isinstance(replies, tuple) else (replies or ACCEPTED,))
        return replies

    def checked(self, answer: Any) -> Any:
        """A reply to a command or a message, or None. Raises TypeError or ValueError for anything else."""
        if answer is None:
            return None
        if type(answer) is not Reply:
            raise TypeError(f"a hook answers with a Reply or None, not {answer!r}")
        if 300 <= answer.code < 400:
            raise ValueError(f"{answer} would ask for more; reply with 2xx, 4xx or 5xx")
        return answer

    def answered(self, event: EndOfMailData, said: Sequence[Reply]) -> None:
        """The end of mail data has its reply, or each recipient has: the transaction is over."""
        transaction, self._transaction, self._failure = self._transaction, None, None
        if self._kept:
            self._release()
        if transaction is not None:
            journal.message(transaction, event.report.size, perf_counter() - self._started, said)

    async def sink_failed(self, reply: Reply) -> None:
        """A sink did not take mail data: it is aborted, and `reply` kept for the end of mail data."""
        if self._failure is not None:
            return  # its abort has failed as well
        tell = self._stop(reply, AbortReason("error", text="a sink failed to take mail data; nothing was delivered"))
        if tell is not None:
            await tell

    def written(self, answer: Any) -> Awaitable[None] | None:
        """What a write gave, at once or awaited for. Anything but a Reply asks for more; a negative Reply stops the
        transfer and is kept for the end of mail data. Gives what to await for its end."""
        if type(answer) is not Reply or self._sink is None:
            return None
        if answer.code < 400:
            log.error("a sink took mail data with %s; None asks for more, a negative Reply stops the transfer", answer)
            return self.sink_failed(FAILED)
        return self._stop(answer, AbortReason("refused", text=f"the sink stopped the transfer: {answer}"))

    def _call(self, hook: Hook, *arguments: object) -> Any:
        try:
            return hook(*arguments)
        except (Exception, CancelledError):
            return _failed(hook)

    def _authenticate(self, event: Auth | AuthResponse) -> Awaitable[Reply]:
        if isinstance(event, AuthResponse):
            assert self._authentication is not None
            return self._authentication.respond(event.response)
        if self._authentication is None:
            assert self._authenticator is not None
            self._authentication = Authentication(self._authenticator, self.connection)
        return self._authentication.begin(event.mechanism, event.initial)

    def _begin(self) -> Any:
        if self._budget.full:
            return NO_ROOM
        session = self.connection.session
        assert session is not None
        assert session.mail is not None
        self._started = perf_counter()
        transaction = self._transaction = Transaction(self.connection, session.mail, session.rcpts)
        if self._header is not None:
            line_ends: LineEnds = getattr(self._delivery, "line_ends", "crlf")
            limits = self.connection.listener.config.limits
            self._check = HeaderCheck(self._header, transaction, line_ends, limits)
        self._sink = self._failure = None
        self._keeps = False
        if self._delivery is not None:
            return self._call(self._delivery.begin, transaction)
        if self._hooks.on_data is not None:
            return self._call(self._hooks.on_data, self.connection, transaction)
        assert self._hooks.on_message is not None
        self._keeps = True
        self._sink = ContentSink(transaction, self._hooks.on_message)
        return None

    def _begun(self, answer: Any) -> Reply | None:
        if self._sink is not None:
            return None  # the one behind message.content
        if isinstance(answer, Reply) and answer.code >= 400:
            self._transaction = self._check = None
            return answer
        if not all(callable(getattr(answer, name, None)) for name in ("write", "finish", "abort")):
            self._transaction = self._check = None
            raise TypeError(f"DATA is answered with a Sink or a negative Reply, not {answer!r}")
        self._sink = answer
        return None

    def _write(self, octets: bytes) -> Any:
        if self._sink is None:
            return None  # its reply waits for the end
        if self._check is not None:
            refusal = self._check.read(octets)
            if refusal is not None:
                return self._stop(*refusal)
        try:
            taken = self._sink.write(octets)
        except (Exception, CancelledError):
            log.exception("a sink failed to take mail data")
            return self.sink_failed(FAILED)
        if self._keeps:
            self._kept += len(octets)
            self._budget.take(len(octets))
            return None
        if taken is None or inspect.isawaitable(taken):
            return taken
        # A count of octets, say, as files give it, is no answer.
        return self.written(taken)

    def _finish(self, event: EndOfMailData) -> Any:
        check, self._check = self._check, None
        if check is not None and self._sink is not None:
            refusal = check.finish(event.report)
            if refusal is not None:
                return self._stop(*refusal) or self._failure
        sink, self._sink = self._sink, None
        return self._call(sink.finish, event.report) if sink is not None else self._failure

    def _for_each(self, answer: Iterable[Any]) -> Sequence[Reply]:
        """LMTP: as many replies as recipients. Raises TypeError or ValueError for anything else."""
        replies, count = tuple(answer), len(self._transaction.rcpts) if self._transaction is not None else 0
        if len(replies) != count or None in replies:
            raise ValueError(f"{count} recipients have to be answered, with one Reply or one for each, not {replies!r}")
        return tuple(map(self.checked, replies))

    def _stop(self, reply: Reply, reason: AbortReason) -> Awaitable[None] | None:
        """Nobody wants the rest of the mail data; `reply` is kept for its end."""
        self._failure = reply
        session = self.connection.session
        assert session is not None
        try:
            session.discard_mail_data()
        except RuntimeError:
            pass  # its end has come with the same read, and a violation answered it
        return self._abort(reason)

    def _release(self) -> None:
        kept, self._kept = self._kept, 0
        self._budget.give(kept)

    def _abort(self, reason: AbortReason) -> Awaitable[None] | None:
        transaction, sink = self._transaction, self._sink
        # It may hold a field, and its connection be idle for long.
        self._check = None
        if transaction is None:
            # That was told when the sink failed.
            self._failure = None
            return None
        self._transaction = self._sink = None
        if self._kept:
            self._release()
        journal.aborted(transaction, perf_counter() - self._started, reason)
        if self._hooks.on_abort is None and (sink is None or isinstance(sink, ContentSink)):
            return None
        return self._tell_abort(transaction, sink, reason)

    async def _tell_abort(self, transaction: Transaction, sink: Sink | ContentSink | None, reason: AbortReason) -> None:
        try:
            if sink is not None:
                await sink.abort(reason)
        except Exception:
            log.exception("a sink failed to abort")
        finally:
            # Also when the sink was cancelled at its deadline.
            if self._hooks.on_abort is not None:
                told = self._call(self._hooks.on_abort, self.connection, transaction, reason)
                if inspect.isawaitable(told):
                    try:
                        await told
                    except Exception:
                        log.exception("on_abort failed")

    async def _disconnect(self, hook: Hook | None, reason: str) -> None:
        if self._transaction is not None:
            abort = self._abort(AbortReason(reason))
            if abort is not None:
                await abort
        if hook is not None:
            told = self._call(hook, self.connection, reason)
            if inspect.isawaitable(told):
                await told


def _failed(hook: Hook) -> Reply:
    """The answer of a hook that has raised, which is being handled."""
    log.exception("%s failed", getattr(hook, "__qualname__", hook))
    return FAILED

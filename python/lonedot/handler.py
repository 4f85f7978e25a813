"""The hooks of an application: which there are, which a handler defines, which are wrong.

Hooks are found once, when the server is made; one that is not defined is never called or asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from lonedot._core import Ehlo, Etrn, Expn, Helo, Help, Lhlo, Mail, Noop, Quit, Rcpt, Reply, Rset, Unknown, Vrfy
from lonedot.prompt import prompt

if TYPE_CHECKING:
    from lonedot.authenticator import Authenticator
    from lonedot.connection import Connection
    from lonedot.delivery import Delivery, Sink
    from lonedot.transaction import AbortReason, Message, Transaction

Answer = Reply | None | Awaitable[Reply | None]
"""What a hook gives: None accepts, a Reply answers (a 421 closes), and either may be awaited for."""


class Handler(Protocol):
    """All the hooks there are, for reading and for type checkers. Define those you need, in any class, sync or async.

    A hook that raises is answered with 451 4.3.0 and logged with its traceback; a deadline (`Limits.handler_deadline`)
    cancels it.

    An optional attribute `capabilities` says what the handler honours, as `Delivery.capabilities` does;
    {"8bitmime", "smtputf8"} when there is none. Another, `auth`, is the `Authenticator` of a handler that brings its
    own, for a server whose `Config.auth` is None. Both are read once, when the server is made.
    """

    # The bodies are there for type checkers, to which a hook without one is abstract.

    def on_connect(self, connection: Connection, /) -> Answer:
        """A client has connected. None greets with 220; a 220 of yours or a refusal takes its place (RFC 5321 §3.1)."""
        return None

    def on_hello(self, connection: Connection, hello: Ehlo | Helo | Lhlo, /) -> Answer:
        """EHLO, HELO or LHLO. None answers with the extensions; of a positive Reply only that it is positive counts."""
        return None

    def on_mail(self, connection: Connection, mail: Mail, /) -> Answer:
        """MAIL: a transaction begins."""
        return None

    def on_rcpt(self, connection: Connection, rcpt: Rcpt, /) -> Answer:
        """RCPT: one more recipient."""
        return None

    def on_vrfy(self, connection: Connection, vrfy: Vrfy, /) -> Answer:
        """VRFY. None answers 252."""
        return None

    def on_expn(self, connection: Connection, expn: Expn, /) -> Answer:
        """EXPN. None answers 252; offered only where there is this hook."""
        return None

    def on_help(self, connection: Connection, topic: Help, /) -> Answer:
        """HELP. None answers 214 with the commands there are."""
        return None

    def on_etrn(self, connection: Connection, etrn: Etrn, /) -> Answer:
        """ETRN (RFC 1985): mail for a node is asked for. None answers 251, that none waits; offered only where there is
        this hook, or when the operator says so."""
        return None

    def on_noop(self, connection: Connection, noop: Noop, /) -> Answer:
        """NOOP. None answers 250."""
        return None

    def on_rset(self, connection: Connection, rset: Rset, /) -> Answer:
        """RSET. None answers 250. The transaction is given up whatever this answers, once it has; mail data that had
        begun is then told to on_abort (RFC 5321 §4.1.1.5)."""
        return None

    def on_unknown(self, connection: Connection, unknown: Unknown, /) -> Answer:
        """A command of no known verb. None answers 500 and counts as an error."""
        return None

    def on_message(
        self, connection: Connection, message: Message, /
    ) -> Reply | Iterable[Reply] | Awaitable[Reply | Iterable[Reply] | None] | None:
        """A whole message. A positive Reply or None takes responsibility for it (RFC 5321 §4.2.5). In LMTP one Reply
        for all recipients, or one for each in order."""
        return None

    def on_data(self, connection: Connection, transaction: Transaction, /) -> Sink | Reply | Awaitable[Sink | Reply]:
        """Instead of on_message: DATA. A Sink takes the mail data as it comes; a negative Reply refuses it."""
        raise AssertionError("never called")

    def on_abort(
        self, connection: Connection, transaction: Transaction, reason: AbortReason, /
    ) -> Awaitable[None] | None:
        """Mail data that was begun will not be delivered."""
        return None

    def on_quit(self, connection: Connection, command: Quit, /) -> Answer:
        """QUIT. None answers 221. The connection is closed whatever this answers, once it has; the client may be gone
        before (RFC 5321 §4.1.1.10). Not every client says QUIT: on_disconnect is told of all."""
        return None

    def on_disconnect(self, connection: Connection, reason: str, /) -> Awaitable[None] | None:
        """The connection has ended: "quit", "eof", "reset", "timeout", "shutdown", "errors", "limit", "drain",
        "refused" or "tls" (what came was no TLS). Also one whose handshake failed before on_connect was called."""
        return None


NAMES = tuple(name for name in vars(Handler) if name.startswith("on_"))
"""The hooks, in the order in which they are called."""

Hook = Callable[..., Any]


class Hooks:
    """The hooks one handler defines, each callable or None.

    Raises TypeError for an `on_…` that is no hook or cannot be called, and when it is not clear where messages go: to
    exactly one of on_message, on_data and a delivery.
    """

    capabilities: frozenset[str]
    """What the handler honours, as its attribute `capabilities` says; without one, what any handler of octets does."""
    auth: Authenticator | None
    """The handler's own, if it brings one."""

    on_connect: Hook | None
    on_hello: Hook | None
    on_mail: Hook | None
    on_rcpt: Hook | None
    on_vrfy: Hook | None
    on_expn: Hook | None
    on_help: Hook | None
    on_etrn: Hook | None
    on_noop: Hook | None
    on_rset: Hook | None
    on_unknown: Hook | None
    on_message: Hook | None
    on_data: Hook | None
    on_abort: Hook | None
    on_quit: Hook | None
    on_disconnect: Hook | None

    of_command: dict[type, Hook]
    """The hook each command goes to, where there is one."""

    __slots__ = (*NAMES, "auth", "capabilities", "of_command")

    def __init__(self, handler: object, delivery: Delivery | None = None) -> None:
        kind = type(handler).__name__
        if isinstance(handler, type):
            raise TypeError(f"{handler.__name__} is a class; give the server an object: {handler.__name__}()")
        for name in dir(handler):
            if name.startswith("on_") and name not in NAMES:
                near = difflib.get_close_matches(name, NAMES, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(NAMES)}"
                raise TypeError(f"{kind}.{name} is no hook{hint}")
        capabilities = getattr(handler, "capabilities", ("8bitmime", "smtputf8"))
        if isinstance(capabilities, str):
            raise TypeError(f"{kind}.capabilities is a set of EHLO keywords, not one text: {{{capabilities!r}}}")
        self.capabilities = frozenset(capabilities)
        self.auth = getattr(handler, "auth", None)
        for name in NAMES:
            hook = getattr(handler, name, None)
            if hook is not None and not callable(hook):
                raise TypeError(f"{kind}.{name} is a hook and cannot be called")
            # A class that derives from Handler inherits what only documents a hook.
            documented = getattr(hook, "__func__", None) is getattr(Handler, name)
            setattr(self, name, None if hook is None or documented else prompt(hook))
        commands: dict[type, str] = dict.fromkeys((Ehlo, Helo, Lhlo), "hello")
        named = (Mail, Rcpt, Vrfy, Expn, Help, Etrn, Noop, Rset, Quit, Unknown)
        commands |= {kind: kind.__name__.lower() for kind in named}
        hooks = {kind: getattr(self, f"on_{name}") for kind, name in commands.items()}
        self.of_command = {kind: hook for kind, hook in hooks.items() if hook is not None}
        places = [name for name in ("on_message", "on_data") if getattr(self, name) is not None]
        if delivery is not None:
            places.append("a delivery")
        if len(places) > 1:
            raise TypeError(f"{kind}: mail data goes to one place, not to {' and '.join(places)}")
        if not places:
            raise TypeError(
                f"{kind}: nothing takes mail data; define on_message or on_data, or give the server a delivery"
            )

    def questions(self) -> frozenset[str]:
        """The commands the session has to ask about."""
        # DATA always: the envelope is read then. By the time mail data is handed on, the session may be past it, and
        # past the next MAIL.
        return frozenset({"data", *self.commands()})

    def commands(self) -> frozenset[str]:
        """The commands there are hooks for, by the hooks' names without their `on_`."""
        commands = ("hello", "mail", "rcpt", "vrfy", "expn", "help", "etrn", "noop", "rset", "quit", "unknown")
        return frozenset(name for name in commands if getattr(self, f"on_{name}") is not None)

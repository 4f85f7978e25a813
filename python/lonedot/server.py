"""The server: one handler, one configuration, any number of listeners, all connections.

Owns what connections share: the listeners, the clock, the read buffer, the count. Runs on the event loop of its first
`listen`. Never touches octets; that is `conversation`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from lonedot._core import ReadBuffer, Reply
from lonedot.authenticator import Authenticator
from lonedot.budget import Budget
from lonedot.census import Census
from lonedot.client_settings import ClientSettings
from lonedot.clock import Clock
from lonedot.config import Config, Dialect, LineEnds, TlsUse
from lonedot.conversation import LINGER, Conversation
from lonedot.handler import Hooks
from lonedot.listener import Listener
from lonedot.networks import Networks
from lonedot.offers import offered
from lonedot.proxied import Proxied
from lonedot.tls import TLS

if TYPE_CHECKING:
    from lonedot._core import Settings
    from lonedot.config import Policies
    from lonedot.connection import Peer
    from lonedot.delivery import Delivery

log = logging.getLogger("lonedot.server")

# Octets a read may bring. More than one message of the usual size, little enough to stay in a core's cache.
_READ_BUFFER = 65_536

# Seconds between two looks at the clocks, at most. A timeout shorter than 16 of them makes them shorter.
_RESOLUTION = 1.0

# Seconds a cancelled delivery has, after the drain, to say what became of its message.
_LAST_WORD = 5.0

# Seconds: of what has no limit. Thirty years.
_NEVER = 1e9


class Server:
    """Receives mail and gives it to a handler or a delivery.

    `handler`: an object with some of the hooks of `lonedot.Handler`. `delivery`: where messages go, instead of its
    on_message or on_data. `budget`: where to count octets in flight, for servers on one event loop that are to have
    one limit in common; without it a server has its own, of `Limits.max_octets_in_flight`. Raises TypeError when a hook
    is wrong or it is not clear where messages go.
    """

    loop: asyncio.AbstractEventLoop
    """The event loop, from the first `listen` on."""

    def __init__(
        self,
        handler: object | None = None,
        config: Config | None = None,
        *,
        delivery: Delivery | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.hooks = Hooks(handler, delivery)
        config = config if config is not None else Config()
        if config.auth is None and self.hooks.auth is not None:
            if not isinstance(self.hooks.auth, Authenticator):
                raise TypeError(
                    f"{type(handler).__name__}.auth is the Authenticator of a handler that brings its own, "
                    f"not {self.hooks.auth!r}; call what that is by another name"
                )
            config = replace(config, auth=self.hooks.auth)
        self.config = config
        self.delivery = delivery
        self.tls = config.tls
        self.listeners: list[Listener] = []
        self.conversations: set[Conversation] = set()
        self.trusted_proxies = Networks.of(self.config.trusted_proxies, True)
        self._policies = Networks(self.config.networks)
        # Connections whose proxy has not said yet who is there.
        self.proxied: set[Proxied] = set()
        self.buffer = ReadBuffer(_READ_BUFFER)
        # Before TLS; behind it, what it held is in `buffer`.
        self.ciphertext = memoryview(bytearray(_READ_BUFFER))
        limits = config.limits
        self.budget = budget if budget is not None else Budget(limits.max_octets_in_flight)
        self.census = Census(limits)
        shortest = min(
            limits.command_timeout,
            limits.data_timeout,
            limits.handler_deadline,
            limits.handshake_timeout,
            limits.session_duration or _NEVER,
            limits.greeting_delay or _NEVER,
        )
        self.clock = Clock(min(_RESOLUTION, shortest / 16))
        self.command_ticks = self.clock.ticks(limits.command_timeout)
        self.data_ticks = self.clock.ticks(limits.data_timeout)
        self.handshake_ticks = self.clock.ticks(limits.handshake_timeout)
        self.deadline_ticks = self.clock.ticks(limits.handler_deadline)
        self.session_ticks = self.clock.ticks(limits.session_duration or _NEVER)
        self.greeting_ticks = self.clock.ticks(limits.greeting_delay) if limits.greeting_delay else 0
        # Of a message that others wait for: less than the three minutes that a client waits to have a block of mail
        # data taken (RFC 5321 §4.5.3.2.5), so that those others are still there afterwards.
        self.favour_ticks = self.clock.ticks(limits.data_timeout / 2)
        self.linger_ticks = self.clock.ticks(LINGER)
        self.least_octets = limits.min_data_rate * self.clock.resolution
        name = self.config.hostname
        self.full = bytes(Reply(421, "4.3.2", f"{name} has too many connections; try again later"))
        self.crowded = Reply(421, "4.7.0", f"{name} has too many connections from your network; try again later")
        self.stopping = False
        self._empty = asyncio.Event()
        self._abandoned = 0

    async def listen(
        self,
        address: str | None = None,
        *,
        dialect: Dialect = "smtp",
        sock: socket.socket | None = None,
        tls: TlsUse | Literal["auto"] | None = "auto",
        mode: int | None = None,
    ) -> Listener:
        """Listens at "host:port", "[IPv6]:port" or "unix:/path", or on a bound socket. The Listener's `address` says
        where; port 0 takes a free one. `tls`: "implicit" begins each connection with a handshake (RFC 8314 §3),
        "starttls" offers one (RFC 3207), None does not; "auto" is "starttls" for a server that has TLS. `mode`: of the
        file of a Unix socket, such as 0o660; what the umask leaves, when there is none.

        Raises ValueError for an address that is none and for TLS that the server does not have, OSError when an address
        cannot be had, RuntimeError after `stop`.
        """
        if self.stopping:
            raise RuntimeError("the server has been stopped; make a new one")
        if tls not in ("auto", "starttls", "implicit", None):
            raise ValueError(f"tls takes 'implicit', 'starttls', 'auto' or None, not {tls!r}")
        if tls == "auto":
            tls = "starttls" if self.tls is not None else None
        elif tls is not None and self.tls is None:
            raise ValueError(f"tls={tls!r} takes a server with Config.tls")
        line_ends: LineEnds = getattr(self.delivery, "line_ends", "crlf")
        capabilities = self.delivery.capabilities if self.delivery is not None else self.hooks.capabilities
        own = ("STARTTLS",) if tls == "starttls" else ()

        def settings(policies: Policies | None, trusted: bool) -> Settings:
            others = (*own, "XCLIENT", "XFORWARD") if trusted else own
            return self.config.settings(
                dialect,
                line_ends=line_ends,
                extensions=offered(
                    self.config, capabilities, line_ends=line_ends, hooks=self.hooks.commands(), others=others
                ),
                questions=self.hooks.questions(),
                policies=policies,
            )

        self.loop = asyncio.get_running_loop()
        listener = Listener(dialect, ClientSettings(self.config, settings), tls)
        protocol = Proxied if self.trusted_proxies else Conversation
        await listener.open(lambda: protocol(self, listener), address, sock, mode)
        self.listeners.append(listener)
        self.clock.start(self.loop)
        log.debug("listening on %s (%s)", listener.address, dialect)
        return listener

    def set_tls(self, tls: TLS) -> None:
        """Makes handshakes from now on with another certificate; connections that stand go on with theirs.

        Raises TypeError for what is no `TLS`, RuntimeError on a server that was made without: its listeners offer none.
        """
        if not isinstance(tls, TLS):
            raise TypeError(f"set_tls takes a lonedot.TLS, not {tls!r}")
        if self.tls is None:
            raise RuntimeError("the server was made without TLS; give it Config.tls")
        self.tls = tls

    async def stop(self, drain: float = 30.0) -> int:
        """Accepts nobody any more, answers idle clients 421, lets open transactions end for `drain` seconds, then ends
        them. Returns how many transactions were abandoned so. Called again meanwhile, with a shorter drain, it hastens
        the end, and both calls return the same."""
        self.stopping = True
        for listener in self.listeners:
            listener.close()
        for proxied in list(self.proxied):
            proxied.drop()
        for conversation in list(self.conversations):
            conversation.end_when_idle()
        await self._wait_until_empty(drain)
        self._abandoned += sum(conversation.abandon() for conversation in list(self.conversations))
        await self._wait_until_empty(_LAST_WORD)
        for conversation in list(self.conversations):
            conversation.drop()
        await self._wait_until_empty(_LAST_WORD)
        self.clock.stop()
        if self.listeners:
            log.debug("stopped, %d transactions abandoned", self._abandoned)
            self.listeners = []
        return self._abandoned

    def full_up(self) -> bool:
        """Whether nobody more can be let in."""
        most = self.config.limits.max_connections
        return self.stopping or len(self.conversations) + len(self.proxied) >= most

    def policies_of(self, peer: Peer | None) -> Policies:
        """Those for a client from there."""
        return (self._policies and self._policies.find(peer)) or self.config.policies

    def ended(self, conversation: Conversation) -> None:
        """A conversation's socket is closed and its last hook has returned."""
        self.conversations.discard(conversation)
        self.clock.forget(conversation)
        if conversation.counted is not None:
            self.census.leave(conversation.counted)
        self.left()

    def left(self) -> None:
        """A connection is no more: the last one, perhaps."""
        if not self.conversations and not self.proxied:
            self._empty.set()

    async def _wait_until_empty(self, seconds: float) -> None:
        if self.conversations or self.proxied:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)

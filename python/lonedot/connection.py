"""What hooks see of a connection: facts, and room for their own.

A `Connection` never reads, writes or decides; those are `conversation` and the session. It outlives the socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from lonedot.sasl import Identity

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from lonedot._core import Ehlo, Helo, Lhlo, ProxyHeader, Session
    from lonedot.config import Dialect
    from lonedot.listener import Listener
    from lonedot.tls import TlsInfo


class Peer(NamedTuple):
    """The other end of a TCP connection."""

    host: str
    """An IPv4 or IPv6 address."""
    port: int

    @classmethod
    def of(cls, transport: BaseTransport) -> Self | None:
        """Whom a transport leads to; None over a Unix socket."""
        name = transport.get_extra_info("peername")
        return cls(*name[:2]) if isinstance(name, tuple) else None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Connection:
    """One client's connection.

    `peer`: its address, None on a Unix socket. `proxy_header`: what a trusted proxy said of it, None without one
    between. With one, `proxy` is the proxy's own address, None on a Unix socket, and `peer` the client's; or the
    proxy's again, where the header names no address of IPv4 or IPv6: a health check (LOCAL), UNKNOWN, a Unix socket.
    `listener`: where it came in. `session`: for looking at; None before the greeting. `tls`: what the handshake
    settled; None without TLS. `auth`: who it has proved to be, or None. `xclient`: what a trusted client has said of
    the one it speaks for, whose address `peer` then is and whose login `auth`; `xforward`: of whom it had the message
    from. `state`: a dict of the handler's own, for the life of the connection. Replies are the conversation's to give.
    """

    __slots__ = (
        "_notes",
        "auth",
        "listener",
        "peer",
        "proxy",
        "proxy_header",
        "session",
        "state",
        "tls",
        "xclient",
        "xforward",
    )

    def __init__(self, peer: Peer | None, listener: Listener, proxy_header: ProxyHeader | None = None) -> None:
        self.peer = peer
        self.proxy: Peer | None = None
        self.proxy_header = proxy_header
        if proxy_header is not None:
            self.proxy = peer
            if proxy_header.source is not None:
                self.peer = Peer(*proxy_header.source)
        self.listener = listener
        self.session: Session | None = None
        self.tls: TlsInfo | None = None
        self.auth: Identity | None = None
        self.xclient: dict[str, str | None] = {}
        self.xforward: dict[str, str | None] = {}
        self.state: dict[str, Any] = {}
        self._notes: set[str] | None = None

    def speaks_for(self, attributes: dict[str, str | None]) -> None:
        """XCLIENT from a trusted client: from here on the connection is another's, as far as the attributes say."""
        self.xclient |= attributes
        address = attributes.get("ADDR")
        if address is not None:
            self.peer = Peer(address, int(attributes.get("PORT") or 0))
        login = attributes.get("LOGIN")
        self.auth = Identity(login, "XCLIENT", login) if login is not None else None

    @property
    def dialect(self) -> Dialect:
        """ "smtp" or "lmtp"."""
        return self.listener.dialect

    @property
    def hello(self) -> Ehlo | Helo | Lhlo | None:
        """The last EHLO, HELO or LHLO that was accepted."""
        return self.session.hello if self.session is not None else None

    @property
    def notes(self) -> set[str]:
        """What the server noticed, for what it is worth: where the client did not wait for a reply that it had to wait
        for. "talked-before-greeting" (RFC 5321 §3.1), "talked-before-hello-reply", "talked-before-354",
        "talked-before-handshake" and "talked-before-challenge" (RFC 2920 §3.1). A handler may add its own."""
        if self._notes is None:
            self._notes = set()
        if self.session is not None:
            self._notes.update(self.session.talk)
        return self._notes

    def __repr__(self) -> str:
        return f"<Connection from {self.peer or 'a Unix socket'} at {self.listener.address}>"

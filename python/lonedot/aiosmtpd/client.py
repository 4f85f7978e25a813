"""What aiosmtpd's hooks get as `server`, for one client of lonedot's own server.

Holds the session, the envelope, and whatever a handler puts on it. Never touches the socket: what aiosmtpd's `SMTP`
does besides is done by lonedot, and asking for it says so.
"""

from __future__ import annotations

import asyncio
import types
from base64 import b64decode
from collections.abc import Coroutine, Generator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NoReturn

from aiosmtpd.proxy_protocol import AF, PROTO, V2_CMD, ProxyData, ProxyTLV
from aiosmtpd.smtp import Envelope, Session

from lonedot._core import __version__

if TYPE_CHECKING:
    from lonedot._core import ProxyHeader
    from lonedot.connection import Connection
    from lonedot.sasl import Identity, Outcome
    from lonedot.tls import TlsInfo


class Challenge:
    """What an AUTH mechanism of a handler waits for: the client's response to these octets."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        self.octets = octets


@types.coroutine
def _response(challenge: Challenge) -> Generator[Challenge, bytes, bytes]:
    return (yield challenge)


class Client:
    """`server` to a handler. `connection`: lonedot's own `Connection`. `loop`, `hostname`, `event_handler`, `session`,
    `envelope`, `data_size_limit`, `enable_SMTPUTF8`: as aiosmtpd has them."""

    __ident__ = f"lonedot {__version__}"

    session: Session
    envelope: Envelope
    # What handle_STARTTLS has said.
    secure = True
    # EHLO or HELO was accepted in this session.
    greeted = False
    # Whom the session takes the client for.
    identity: Identity | None = None
    tls: TlsInfo | None
    # An AUTH mechanism that stands at a challenge.
    mechanism: Coroutine[Any, Any, Outcome] | None = None

    def __init__(self, handler: Any, connection: Connection, *, smtputf8: bool, decode_data: bool) -> None:
        self.event_handler = handler
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self.hostname = connection.listener.config.hostname
        self.data_size_limit = connection.listener.config.limits.max_size
        self.enable_SMTPUTF8 = smtputf8
        self._decode_data = decode_data
        self.pushed: list[str | bytes] = []
        self.begin()

    def begin(self) -> None:
        """A new session: of a new client, of one that TLS has started with (RFC 3207 §4.2), of one whom another has
        begun to speak for (XCLIENT)."""
        connection = self.connection
        self.greeted, self.identity = False, None
        self.session = Session(self.loop)
        self.session.proxy_data = _proxy_data(connection.proxy_header)
        self.envelope = Envelope()
        self.tls, self._xclient = connection.tls, connection.xclient.copy()
        if self.tls is not None:
            cipher = (self.tls.cipher, self.tls.version, self.tls.bits)
            certificate = self.tls.client_certificate or {}
            self.session.ssl = {"peercert": certificate, "cipher": cipher, "compression": None}
        # As aiosmtpd has it, the proxy where there is one; but after XCLIENT, whom that names.
        peer = connection.peer if connection.proxy_header is None or connection.xclient else connection.proxy
        self.session.peer = tuple(peer) if peer is not None else ""  # type: ignore[assignment]

    def identify(self) -> None:
        """Takes note of whom the client is taken for where this was not by the handler's own AUTH: by the server's, or
        by XCLIENT."""
        self.identity = identity = self.connection.auth
        session: Any = self.session
        session.authenticated, session.auth_data = (True, None) if identity is not None else (None, None)
        session._login_data = identity.name.encode() if identity is not None else None

    @property
    def stale(self) -> bool:
        """Whether what was known of the client is not of this one: it has to say EHLO anew, or is another."""
        connection = self.connection
        return (self.greeted and connection.hello is None) or self._xclient != connection.xclient

    async def push(self, status: str | bytes) -> None:
        """Keeps a status, which is sent where the hook gives none. Of several the last one is."""
        self.pushed.append(status)

    async def challenge_auth(
        self, challenge: str | bytes, encode_to_b64: bool = True, log_client_response: bool = False
    ) -> bytes:
        """The client's response to a challenge, base64 undone; in hooks for AUTH only, and in no task of their own. A
        client that cancels, or whose response is no base64, is answered by lonedot. Raises CancelledError then, once
        another AUTH comes or the client has left."""
        octets = challenge.encode() if isinstance(challenge, str) else challenge
        return await _response(Challenge(octets if encode_to_b64 else b64decode(octets, validate=True)))

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"server.{name} is aiosmtpd's, and this is lonedot's server; what it needs of the connection is in "
            "server.connection, server.session and server.envelope",
            name=name,
            obj=self,
        )

    def __repr__(self) -> str:
        return f"<Client of {self.connection!r}>"


def _proxy_data(header: ProxyHeader | None) -> Any:
    """A PROXY header as aiosmtpd has it, but for its octets."""
    if header is None:
        return None
    # Its slots are attrs', which type checkers do not see.
    data: Any = ProxyData(version=header.version)
    if header.version == 2:
        data.command = V2_CMD.LOCAL if header.command == "local" else V2_CMD.PROXY
    data.protocol = {None: PROTO.UNSPEC, "stream": PROTO.STREAM, "dgram": PROTO.DGRAM}[header.transport]
    data.family = AF.UNSPEC
    if header.source is not None and header.destination is not None:
        data.src_addr, data.dst_addr = ip_address(header.source[0]), ip_address(header.destination[0])
        data.src_port, data.dst_port = header.source[1], header.destination[1]
        data.family = AF.INET if data.src_addr.version == 4 else AF.INET6
    elif header.source_path is not None:
        data.family = AF.UNIX
        data.src_addr, data.dst_addr = header.source_path, header.destination_path
    said = {
        "ALPN": header.alpn,
        "AUTHORITY": header.authority.encode() if header.authority is not None else None,
        "UNIQUE_ID": header.unique_id,
    }
    known = {name: value for name, value in said.items() if value is not None}
    if known:
        data._tlv = ProxyTLV(known, _tlv_loc={})
    return data

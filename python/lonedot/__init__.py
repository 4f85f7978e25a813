"""lonedot: the receiving side of SMTP (RFC 5321) and LMTP (RFC 2033), with a Rust core.

Mail data alone, for use inside any server: `DataDecoder`, `decode_data`, `DataEncoder`, `encode_data`; `ChunkDecoder`
for BDAT. Commands alone: `parse_command`. What a proxy says before its client: `ProxyDecoder`. A message's header
section: `check_headers`. A whole connection without a socket: `Session`. A whole server on asyncio: `Server` with a
`Handler` or a `Delivery`, told what to do by a `Config`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from lonedot._core import (
    Aborted,
    Auth,
    AuthResponse,
    Bdat,
    By,
    ChunkDecoder,
    Closed,
    CommandError,
    Data,
    DataDecoder,
    DataEncoder,
    DataReport,
    Ehlo,
    EndOfChunk,
    EndOfMailData,
    Etrn,
    Expn,
    HeaderFinding,
    HeaderReader,
    Helo,
    Help,
    Lhlo,
    Mail,
    MailData,
    MailDataError,
    Noop,
    Orcpt,
    Parameters,
    ProxyDecoder,
    ProxyFault,
    ProxyHeader,
    ProxyTls,
    Quit,
    Rcpt,
    ReadBuffer,
    Reply,
    Rset,
    StartTls,
    Unknown,
    Violation,
    Vrfy,
    Xclient,
    Xforward,
    __version__,
    check_headers,
    decode_data,
    encode_data,
    parse_command,
)

if TYPE_CHECKING:
    from lonedot.authenticator import Authenticator, Credentials, Identity, ScramVerifier
    from lonedot.budget import Budget
    from lonedot.config import Config, Limits, Policies
    from lonedot.connection import Connection, Peer
    from lonedot.delivery import Delivery, DiscardDelivery, Sink
    from lonedot.handler import Handler
    from lonedot.header_policy import HeaderPolicy
    from lonedot.listener import Listener
    from lonedot.maildir import MaildirDelivery
    from lonedot.server import Server
    from lonedot.session import Command, Event, Session
    from lonedot.tls import TLS, TlsInfo
    from lonedot.transaction import AbortReason, Message, Transaction
    from lonedot.users import Users

__all__ = [
    "TLS",
    "AbortReason",
    "Aborted",
    "Auth",
    "AuthResponse",
    "Authenticator",
    "Bdat",
    "Budget",
    "By",
    "ChunkDecoder",
    "Closed",
    "Command",
    "CommandError",
    "Config",
    "Connection",
    "Credentials",
    "Data",
    "DataDecoder",
    "DataEncoder",
    "DataReport",
    "Delivery",
    "DiscardDelivery",
    "Ehlo",
    "EndOfChunk",
    "EndOfMailData",
    "Etrn",
    "Event",
    "Expn",
    "Handler",
    "HeaderFinding",
    "HeaderPolicy",
    "HeaderReader",
    "Helo",
    "Help",
    "Identity",
    "Lhlo",
    "Limits",
    "Listener",
    "Mail",
    "MailData",
    "MailDataError",
    "MaildirDelivery",
    "Message",
    "Noop",
    "Orcpt",
    "Parameters",
    "Peer",
    "Policies",
    "ProxyDecoder",
    "ProxyFault",
    "ProxyHeader",
    "ProxyTls",
    "Quit",
    "Rcpt",
    "ReadBuffer",
    "Reply",
    "Rset",
    "ScramVerifier",
    "Server",
    "Session",
    "Sink",
    "StartTls",
    "TlsInfo",
    "Transaction",
    "Unknown",
    "Users",
    "Violation",
    "Vrfy",
    "Xclient",
    "Xforward",
    "__version__",
    "check_headers",
    "decode_data",
    "encode_data",
    "parse_command",
]

# Where the names are that take asyncio or ssl, and sixty milliseconds to import: a program that only decodes, parses or
# checks does without.
_PLACES = {
    "AbortReason": "transaction",
    "Authenticator": "authenticator",
    "Budget": "budget",
    "Command": "session",
    "Config": "config",
    "Connection": "connection",
    "Credentials": "authenticator",
    "Delivery": "delivery",
    "DiscardDelivery": "delivery",
    "Event": "session",
    "Handler": "handler",
    "HeaderPolicy": "header_policy",
    "Identity": "authenticator",
    "Limits": "config",
    "Listener": "listener",
    "MaildirDelivery": "maildir",
    "Message": "transaction",
    "Peer": "connection",
    "Policies": "config",
    "ScramVerifier": "authenticator",
    "Server": "server",
    "Session": "session",
    "Sink": "delivery",
    "TLS": "tls",
    "TlsInfo": "tls",
    "Transaction": "transaction",
    "Users": "users",
}


if not TYPE_CHECKING:  # to a type checker any name would be one

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module 'lonedot' has no attribute {name!r}")
        # With the first of them all: a server may later have no descriptor left to open a module with.
        for each, place in _PLACES.items():
            globals()[each] = getattr(import_module(f"lonedot.{place}"), each)
        value: object = globals()[name]
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

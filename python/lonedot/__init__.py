"""lonedot: the receiving side of SMTP (RFC 5321) and LMTP (RFC 2033), with a Rust core.

Mail data alone, for use inside any server: `DataDecoder`, `decode_data`, `DataEncoder`, `encode_data`; `ChunkDecoder`
for BDAT. Commands alone: `parse_command`. A whole connection without a socket: `Session`. A whole server on asyncio:
`Server` with a `Handler` or a `Delivery`, told what to do by a `Config`.
"""

from lonedot._core import (
    Aborted,
    ChunkDecoder,
    Closed,
    CommandError,
    Data,
    DataDecoder,
    DataEncoder,
    DataReport,
    Ehlo,
    EndOfMailData,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    MailData,
    MailDataError,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    ReadBuffer,
    Reply,
    Rset,
    Unknown,
    Violation,
    Vrfy,
    __version__,
    decode_data,
    encode_data,
    parse_command,
)
from lonedot.config import Config, Limits, Policies
from lonedot.connection import Connection, Peer
from lonedot.delivery import Delivery, DiscardDelivery, Sink
from lonedot.handler import Handler
from lonedot.listener import Listener
from lonedot.maildir import MaildirDelivery
from lonedot.server import Server
from lonedot.session import Command, Event, Session
from lonedot.transaction import AbortReason, Message, Transaction

__all__ = [
    "AbortReason",
    "Aborted",
    "ChunkDecoder",
    "Closed",
    "Command",
    "CommandError",
    "Config",
    "Connection",
    "Data",
    "DataDecoder",
    "DataEncoder",
    "DataReport",
    "Delivery",
    "DiscardDelivery",
    "Ehlo",
    "EndOfMailData",
    "Event",
    "Expn",
    "Handler",
    "Helo",
    "Help",
    "Lhlo",
    "Limits",
    "Listener",
    "Mail",
    "MailData",
    "MailDataError",
    "MaildirDelivery",
    "Message",
    "Noop",
    "Parameters",
    "Peer",
    "Policies",
    "Quit",
    "Rcpt",
    "ReadBuffer",
    "Reply",
    "Rset",
    "Server",
    "Session",
    "Sink",
    "Transaction",
    "Unknown",
    "Violation",
    "Vrfy",
    "__version__",
    "decode_data",
    "encode_data",
    "parse_command",
]

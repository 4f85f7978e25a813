"""The Rust core. Import these names from `lonedot`; what is not there is the package's own.

Each class and function says in its docstring, in the module itself, what it takes, gives and raises, with units and RFC
sections; here stand their types.
"""

import sys
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, TypeVar, final, overload

from typing_extensions import Buffer, disjoint_base

__all__ = [
    "EXTENSIONS",
    "Aborted",
    "Auth",
    "AuthResponse",
    "Bdat",
    "By",
    "ChunkDecoder",
    "Closed",
    "CommandError",
    "Data",
    "DataDecoder",
    "DataEncoder",
    "DataReport",
    "Ehlo",
    "EndOfChunk",
    "EndOfMailData",
    "Etrn",
    "Expn",
    "HeaderFinding",
    "HeaderReader",
    "HeaderRow",
    "Helo",
    "Help",
    "Lhlo",
    "Mail",
    "MailData",
    "MailDataError",
    "Noop",
    "Orcpt",
    "Parameters",
    "ProxyDecoder",
    "ProxyFault",
    "ProxyHeader",
    "ProxyTls",
    "Quit",
    "Rcpt",
    "ReadBuffer",
    "Reply",
    "Rset",
    "Session",
    "Settings",
    "StartTls",
    "Unknown",
    "Violation",
    "Vrfy",
    "Xclient",
    "Xforward",
    "__version__",
    "backends",
    "check_headers",
    "count_lines",
    "decode_data",
    "encode_data",
    "from_lines",
    "header_table",
    "parse_command",
    "result_of",
    "with_findings",
]

__version__: str

_Default = TypeVar("_Default")
_Result = TypeVar("_Result")
_Bare: TypeAlias = Literal["reject", "keep", "normalize"]
_Keep: TypeAlias = Literal["reject", "keep"]
_LineEnds: TypeAlias = Literal["crlf", "lf"]
_Dialect: TypeAlias = Literal["smtp", "lmtp"]

# Replies and violations.

@final
class Reply:
    """A reply to a command or a message (RFC 5321 §4.2)."""

    __match_args__: ClassVar[tuple[str, str, str]] = ("code", "enhanced", "text")
    def __new__(cls, code: int, enhanced: str | None = None, text: str = "") -> Reply: ...
    @property
    def code(self) -> int: ...
    @property
    def enhanced(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Violation:
    """What a peer did wrong, at which octet."""

    __match_args__: ClassVar[tuple[str, str]] = ("name", "offset")
    @property
    def name(self) -> str: ...
    @property
    def code(self) -> int: ...
    @property
    def enhanced(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def section(self) -> str: ...
    def reply(self) -> Reply: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

class MailDataError(ValueError):
    """Mail data that broke a rule, or whose end was not seen."""

    violation: Violation
    report: DataReport | None

class CommandError(ValueError):
    """A command line that breaks the grammar."""

    violation: Violation
    reply: Reply

# Mail data.

@final
class DataReport:
    """What was seen in mail data."""

    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def lines(self) -> int: ...
    @property
    def longest_line(self) -> int: ...
    @property
    def long_lines(self) -> int: ...
    @property
    def dots_removed(self) -> int: ...
    @property
    def bare_cr(self) -> int: ...
    @property
    def bare_lf(self) -> int: ...
    @property
    def nul(self) -> int: ...
    @property
    def eight_bit(self) -> int: ...
    @property
    def first_long_line(self) -> int | None: ...
    @property
    def first_bare_cr(self) -> int | None: ...
    @property
    def first_bare_lf(self) -> int | None: ...
    @property
    def first_nul(self) -> int | None: ...
    @property
    def first_eight_bit(self) -> int | None: ...
    @property
    def header_end(self) -> int | None: ...

@final
class DataDecoder:
    """The decoder of one message's mail data."""

    def __new__(
        cls,
        max_size: int | None = None,
        max_line: int = 1000,
        long_line: _Keep = "reject",
        bare_cr: _Bare = "reject",
        bare_lf: _Bare = "reject",
        nul: _Keep = "reject",
        line_ends: _LineEnds = "crlf",
    ) -> DataDecoder: ...
    def decode(self, chunk: Buffer) -> bytes: ...
    def finish(self) -> DataReport: ...
    @property
    def eof(self) -> bool: ...
    @property
    def consumed(self) -> int: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def report(self) -> DataReport: ...
    @property
    def violation(self) -> Violation | None: ...

@final
class ChunkDecoder:
    """The decoder of one message that comes in chunks (RFC 3030)."""

    def __new__(
        cls,
        size: int,
        last: bool = True,
        *,
        max_size: int | None = None,
        max_line: int = 1000,
        long_line: _Keep = "keep",
        bare_cr: _Bare = "keep",
        bare_lf: _Bare = "keep",
        nul: _Keep = "keep",
        line_ends: _LineEnds = "crlf",
    ) -> ChunkDecoder: ...
    def decode(self, octets: Buffer) -> bytes: ...
    def next_chunk(self, size: int, last: bool = True) -> None: ...
    def finish(self) -> DataReport: ...
    @property
    def eof(self) -> bool: ...
    @property
    def consumed(self) -> int: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def report(self) -> DataReport: ...
    @property
    def violation(self) -> Violation | None: ...

@final
class DataEncoder:
    """The sending side of transparency."""

    def __new__(
        cls, bare_cr: Literal["reject", "normalize"] = "reject", bare_lf: Literal["reject", "normalize"] = "reject"
    ) -> DataEncoder: ...
    def encode(self, chunk: Buffer) -> bytes: ...
    def finish(self) -> bytes: ...

def decode_data(
    wire: Buffer,
    *,
    max_size: int | None = None,
    max_line: int = 1000,
    long_line: _Keep = "reject",
    bare_cr: _Bare = "reject",
    bare_lf: _Bare = "reject",
    nul: _Keep = "reject",
    line_ends: _LineEnds = "crlf",
) -> bytes: ...
def encode_data(
    mail_data: Buffer,
    *,
    bare_cr: Literal["reject", "normalize"] = "reject",
    bare_lf: Literal["reject", "normalize"] = "reject",
) -> bytes: ...
def backends() -> list[str]: ...

# What hooks are.

def result_of(coroutine: Coroutine[Any, Any, _Result]) -> _Result: ...

# Commands.

@final
class By:
    """By when a message is to be delivered (RFC 2852 §4)."""

    __match_args__: ClassVar[tuple[str, str, str]] = ("seconds", "mode", "trace")
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    @property
    def seconds(self) -> int: ...
    @property
    def mode(self) -> Literal["N", "R"]: ...
    @property
    def trace(self) -> bool: ...

@final
class Orcpt:
    """The recipient as the sender named it (RFC 3461 §4.2)."""

    __match_args__: ClassVar[tuple[str, str]] = ("type", "address")
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def address(self) -> str: ...

@final
class Parameters:
    """The parameters of MAIL or RCPT."""

    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def size(self) -> int | None: ...
    @property
    def body(self) -> Literal["7BIT", "8BITMIME", "BINARYMIME"] | None: ...
    @property
    def smtputf8(self) -> bool: ...
    @property
    def ret(self) -> Literal["FULL", "HDRS"] | None: ...
    @property
    def envid(self) -> str | None: ...
    @property
    def auth(self) -> str | None: ...
    @property
    def requiretls(self) -> bool: ...
    @property
    def by(self) -> By | None: ...
    @property
    def hold_for(self) -> int | None: ...
    @property
    def hold_until(self) -> str | None: ...
    @property
    def mt_priority(self) -> int | None: ...
    @property
    def transid(self) -> str | None: ...
    @property
    def notify(self) -> tuple[str, ...] | None: ...
    @property
    def orcpt(self) -> Orcpt | None: ...
    def items(self) -> list[tuple[str, str | None]]: ...
    @overload
    def get(self, keyword: str, default: None = None) -> str | None: ...
    @overload
    def get(self, keyword: str, default: _Default) -> str | _Default | None: ...
    def __getitem__(self, keyword: str, /) -> str | None: ...
    def __contains__(self, keyword: str, /) -> bool: ...
    def __len__(self) -> int: ...

@final
class Ehlo:
    """EHLO (RFC 5321 §4.1.1.1)."""

    __match_args__: ClassVar[tuple[str]] = ("name",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def name(self) -> str: ...

@final
class Helo:
    """HELO (RFC 5321 §4.1.1.1)."""

    __match_args__: ClassVar[tuple[str]] = ("name",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def name(self) -> str: ...

@final
class Lhlo:
    """LHLO (RFC 2033 §4.1)."""

    __match_args__: ClassVar[tuple[str]] = ("name",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def name(self) -> str: ...

@final
class Mail:
    """MAIL (RFC 5321 §4.1.1.2)."""

    __match_args__: ClassVar[tuple[str, str]] = ("reverse_path", "parameters")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def reverse_path(self) -> str: ...
    @property
    def local_part(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

@final
class Rcpt:
    """RCPT (RFC 5321 §4.1.1.3)."""

    __match_args__: ClassVar[tuple[str, str]] = ("forward_path", "parameters")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def forward_path(self) -> str: ...
    @property
    def local_part(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

@final
class Data:
    """DATA (RFC 5321 §4.1.1.4)."""

    __match_args__: ClassVar[tuple[()]] = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...

@final
class Rset:
    """RSET (RFC 5321 §4.1.1.5)."""

    __match_args__: ClassVar[tuple[()]] = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...

@final
class Quit:
    """QUIT (RFC 5321 §4.1.1.10)."""

    __match_args__: ClassVar[tuple[()]] = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...

@final
class Vrfy:
    """VRFY (RFC 5321 §4.1.1.6)."""

    __match_args__: ClassVar[tuple[str]] = ("argument",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def argument(self) -> str: ...

@final
class Expn:
    """EXPN (RFC 5321 §4.1.1.7)."""

    __match_args__: ClassVar[tuple[str]] = ("argument",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def argument(self) -> str: ...

@final
class Help:
    """HELP (RFC 5321 §4.1.1.8)."""

    __match_args__: ClassVar[tuple[str]] = ("argument",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def argument(self) -> str: ...

@final
class Noop:
    """NOOP (RFC 5321 §4.1.1.9)."""

    __match_args__: ClassVar[tuple[str]] = ("argument",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def argument(self) -> str: ...

@final
class Unknown:
    """A command of no known verb."""

    __match_args__: ClassVar[tuple[str, str]] = ("verb", "argument")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def verb(self) -> str: ...
    @property
    def argument(self) -> str: ...

@final
class StartTls:
    """STARTTLS (RFC 3207 §4)."""

    __match_args__: ClassVar[tuple[()]] = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...

@final
class Bdat:
    """BDAT (RFC 3030 §2)."""

    __match_args__: ClassVar[tuple[str, str]] = ("size", "last")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def last(self) -> bool: ...

@final
class Auth:
    """AUTH (RFC 4954 §4)."""

    __match_args__: ClassVar[tuple[str, str]] = ("mechanism", "initial")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def mechanism(self) -> str: ...
    @property
    def initial(self) -> bytes | None: ...

@final
class Etrn:
    """ETRN (RFC 1985 §5)."""

    __match_args__: ClassVar[tuple[str]] = ("node",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def node(self) -> str: ...

@final
class Xclient:
    """XCLIENT, Postfix's."""

    __match_args__: ClassVar[tuple[str]] = ("attributes",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def attributes(self) -> dict[str, str | None]: ...

@final
class Xforward:
    """XFORWARD, Postfix's."""

    __match_args__: ClassVar[tuple[str]] = ("attributes",)
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def attributes(self) -> dict[str, str | None]: ...

_Command: TypeAlias = (
    Ehlo | Helo | Lhlo | Mail | Rcpt | Data | Bdat | Rset | Noop | Quit | Vrfy | Expn | Help | StartTls | Auth | Etrn
    | Xclient | Xforward | Unknown
)  # fmt: skip

EXTENSIONS: tuple[str, ...]

def parse_command(
    line: Buffer,
    dialect: _Dialect = "smtp",
    smtputf8: bool = False,
    strict_grammar: bool = False,
    extensions: Iterable[str] | None = None,
) -> _Command: ...

# Header sections.

@final
class HeaderFinding:
    """Something in a header section that breaks a rule, or is better done otherwise."""

    __match_args__: ClassVar[tuple[str, str, str]] = ("code", "field", "line")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> Literal["error", "warning", "advice"]: ...
    @property
    def field(self) -> str | None: ...
    @property
    def offset(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def section(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def reply(self) -> Reply: ...

@final
class HeaderReader:
    """The reader of one message's header section."""

    def __new__(
        cls,
        *,
        smtputf8: bool = False,
        line_ends: _LineEnds = "crlf",
        max_octets: int = 262_144,
        max_fields: int = 1000,
        max_field: int = 65_536,
    ) -> HeaderReader: ...
    def read(self, octets: Buffer) -> None: ...
    def finish(self, report: DataReport) -> None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def done(self) -> bool: ...
    @property
    def findings(self) -> list[HeaderFinding]: ...

def check_headers(message: Buffer, *, smtputf8: bool = False) -> list[HeaderFinding]: ...

@final
class HeaderRow:
    """What the table says of one kind of finding."""

    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> Literal["error", "warning", "advice"]: ...
    @property
    def section(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def reply(self) -> Reply: ...
    @property
    def wrong(self) -> str: ...
    @property
    def right(self) -> str: ...

def header_table() -> list[HeaderRow]: ...
def count_lines(octets: Buffer, start: int, end: int) -> int: ...
def from_lines(octets: Buffer, start: int) -> list[int]: ...
def with_findings(
    octets: Buffer, places: Sequence[tuple[int, int]], *, smtputf8: bool = False, threads: int = 1
) -> list[int]: ...

# PROXY headers.

@final
class ProxyHeader:
    """What a proxy says of its client."""

    __match_args__: ClassVar[tuple[str, str, str]] = ("command", "source", "destination")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def version(self) -> Literal[1, 2]: ...
    @property
    def command(self) -> Literal["proxy", "local"]: ...
    @property
    def transport(self) -> Literal["stream", "dgram"] | None: ...
    @property
    def source(self) -> tuple[str, int] | None: ...
    @property
    def destination(self) -> tuple[str, int] | None: ...
    @property
    def source_path(self) -> bytes | None: ...
    @property
    def destination_path(self) -> bytes | None: ...
    @property
    def alpn(self) -> bytes | None: ...
    @property
    def authority(self) -> str | None: ...
    @property
    def unique_id(self) -> bytes | None: ...
    @property
    def tls(self) -> ProxyTls | None: ...

@final
class ProxyTls:
    """What a proxy says of its client's TLS."""

    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def version(self) -> str | None: ...
    @property
    def cipher(self) -> str | None: ...
    @property
    def common_name(self) -> str | None: ...
    @property
    def client_verified(self) -> bool: ...

@final
class ProxyFault:
    """What is wrong with a PROXY header."""

    __match_args__: ClassVar[tuple[str, str]] = ("name", "offset")
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def name(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def text(self) -> str: ...

@final
class ProxyDecoder:
    """The decoder of a PROXY header."""

    def __new__(cls) -> ProxyDecoder: ...
    def decode(self, chunk: Buffer) -> ProxyHeader | None: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def fault(self) -> ProxyFault | None: ...

# The session.

@final
class MailData:
    """Mail data, in order, transparency undone."""

    __match_args__: ClassVar[tuple[str]] = ("octets",)
    @property
    def octets(self) -> bytes: ...

@final
class AuthResponse:
    """A line of an AUTH exchange (RFC 4954 §4); waits for a reply."""

    __match_args__: ClassVar[tuple[str]] = ("response",)
    @property
    def response(self) -> bytes: ...

@final
class EndOfChunk:
    """A chunk of BDAT is whole and broke no rule (RFC 3030 §2); waits for a reply."""

    __match_args__: ClassVar[tuple[str]] = ("size",)
    @property
    def size(self) -> int: ...

@final
class EndOfMailData:
    """Mail data is whole and broke no rule; waits for a reply."""

    __match_args__: ClassVar[tuple[str]] = ("report",)
    @property
    def report(self) -> DataReport: ...

@final
class Aborted:
    """Mail data that was begun will not be delivered."""

    __match_args__: ClassVar[tuple[str, str, str]] = ("reason", "octets", "only_command")
    @property
    def reason(self) -> Literal["eof", "reset", "timeout", "shutdown", "violation", "abandoned"]: ...
    @property
    def octets(self) -> int: ...
    @property
    def only_command(self) -> Literal["QUIT", "RSET"] | None: ...
    @property
    def violation(self) -> Violation | None: ...
    @property
    def text(self) -> str: ...

@final
class Closed:
    """The session has ended."""

    __match_args__: ClassVar[tuple[str]] = ("reason",)
    @property
    def reason(
        self,
    ) -> Literal["quit", "eof", "reset", "timeout", "shutdown", "errors", "limit", "drain", "refused"]: ...

_Event: TypeAlias = (
    Ehlo | Helo | Lhlo | Mail | Rcpt | Data | Bdat | Rset | Noop | Quit | Vrfy | Expn | Help | Auth | AuthResponse
    | Etrn | Xclient | Xforward | Unknown | StartTls | MailData | EndOfChunk | EndOfMailData | Aborted | Closed
)  # fmt: skip

class _Limits(Protocol):
    @property
    def max_size(self) -> int | None: ...
    @property
    def max_line(self) -> int: ...
    @property
    def drain(self) -> int: ...
    @property
    def max_recipients(self) -> int: ...
    @property
    def max_errors(self) -> int: ...
    @property
    def max_messages(self) -> int | None: ...
    @property
    def max_session_octets(self) -> int | None: ...

class _Policies(Protocol):
    @property
    def bare_cr(self) -> _Bare: ...
    @property
    def bare_lf(self) -> _Bare: ...
    @property
    def long_line(self) -> _Keep: ...
    @property
    def nul(self) -> _Keep: ...
    @property
    def strict_grammar(self) -> bool: ...
    @property
    def early_talk(self) -> Literal["note", "reject"]: ...
    @property
    def unknown_parameters(self) -> _Keep: ...

@final
class Settings:
    """What the sessions of a listener have in common."""

    def __new__(
        cls,
        *,
        hostname: str,
        dialect: _Dialect,
        limits: _Limits,
        policies: _Policies,
        line_ends: _LineEnds,
        extensions: Iterable[str],
        security: Iterable[str],
        questions: Iterable[str],
    ) -> Settings: ...

@final
class ReadBuffer:
    """Memory that a socket reads into and the session reads from."""

    def __new__(cls, size: int) -> ReadBuffer: ...
    def __len__(self) -> int: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...
        def __release_buffer__(self, buffer: memoryview, /) -> None: ...

@disjoint_base
class Session:
    """The server side of one connection, without a socket or a clock."""

    def __new__(cls, settings: Settings, greeting: Reply | None = None, tls: bool = False) -> Self: ...
    def receive_data(self, data: Buffer) -> list[_Event]: ...
    def receive_from(self, buffer: ReadBuffer, length: int) -> list[_Event]: ...
    def receive_eof(self) -> list[_Event]: ...
    def reply(self, reply: Reply | None) -> list[_Event]: ...
    def reply_recipient(self, index: int, reply: Reply) -> list[_Event]: ...
    def abort(self, reason: str) -> list[_Event]: ...
    def tls_started(self) -> None: ...
    def discard_mail_data(self) -> None: ...
    def data_to_send(self) -> bytes: ...
    @property
    def paused(self) -> bool: ...
    @property
    def retaining(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    @property
    def in_mail_data(self) -> bool: ...
    @property
    def in_handshake(self) -> bool: ...
    @property
    def tls(self) -> bool: ...
    @property
    def authenticated(self) -> bool: ...
    @property
    def talk(self) -> tuple[str, ...]: ...
    @property
    def hello(self) -> Ehlo | Helo | Lhlo | None: ...
    @property
    def mail(self) -> Mail | None: ...
    @property
    def rcpts(self) -> tuple[Rcpt, ...]: ...

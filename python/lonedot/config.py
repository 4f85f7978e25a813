"""What a server is told once: its name, its limits, its policies.

Gives three frozen values, checked when made; a wrong one is a `ValueError` that names the field and what it takes.
`Config.settings()` turns them into what the core reads. Nothing here touches a socket or a clock.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, Self

from lonedot import _core
from lonedot.authenticator import Authenticator
from lonedot.domain import is_domain
from lonedot.header_policy import HeaderPolicy
from lonedot.networks import Networks, checked
from lonedot.offers import declared, keyword_of, offered
from lonedot.tls import TLS

BarePolicy = Literal["reject", "keep", "normalize"]
KeepPolicy = Literal["reject", "keep"]
EarlyTalkPolicy = Literal["note", "reject"]
LineEnds = Literal["crlf", "lf"]
Dialect = Literal["smtp", "lmtp"]
TlsUse = Literal["starttls", "implicit"]

_LEAST = {
    **dict.fromkeys(("max_size", "max_recipients", "max_errors", "max_connections", "max_messages"), 1),
    **dict.fromkeys(("max_session_octets", "max_octets_in_flight", "max_connections_per_network"), 1),
    **dict.fromkeys(("network_prefix_ipv4", "network_prefix_ipv6"), 1),
    **dict.fromkeys(("max_header", "max_header_fields", "max_header_field"), 1),
    "max_line": 4,
}
_MOST = {"max_errors": 2**32 - 1, "max_messages": 2**32 - 2, "network_prefix_ipv4": 32, "network_prefix_ipv6": 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound of a server, each with its unit, its section and what a peer hears past it.

    Exactly at a limit is accepted. `None`, where a limit takes it, means no limit; `drain` still holds for what is
    refused. Seconds are measured on the server's clock, which ticks once in one: never early, two late at most.
    """

    max_size: int | None = 52_428_800
    """Octets of mail data in a message (RFC 1870), the last CRLF counted. Past it: 552 5.3.4 at its end."""
    max_line: int = 1000
    """Octets of a text line with its CRLF and without the transparency dot (RFC 5321 §4.5.3.1.6). Past it, under
    `long_line="reject"`: 550 5.6.0 at the end of mail data."""
    drain: int = 268_435_456
    """Octets read on after mail data broke a rule, in the hope of its end. Past it: 421 4.3.1 and close."""
    max_header: int = 262_144
    """Octets of a header section that the header check reads (`Policies.header`). Past it, or one of the next two: a
    finding, and the rest of the section is not judged."""
    max_header_fields: int = 1000
    """Fields of a header section that it reads."""
    max_header_field: int = 65_536
    """Octets of one field, its line ends counted; the check holds no more of a message than that."""
    max_recipients: int = 1000
    """Recipients in a transaction (RFC 5321 §4.5.3.1.8, at least 100). Past it: 452 4.5.3."""
    max_errors: int = 20
    """Commands at fault in a connection (unknown, malformed or out of order; refusals by a handler are not counted).
    Past it: 421 4.7.0 and close."""
    max_messages: int | None = 10_000
    """Transactions in a connection (RFC 9422 §4.1). Past it: 421 4.7.0 and close."""
    max_session_octets: int | None = 10_737_418_240
    """Octets a client may send in a connection, commands and all. Past it: 421 4.7.0 and close."""
    max_connections: int = 1000
    """Connections of one server at a time, over all listeners. Past it: 421 4.3.2 instead of a greeting."""
    max_connections_per_network: int | None = 500
    """Connections of one client network at a time, over all listeners; on Unix sockets they are not counted. Half of
    `max_connections`, so that no single client can have all of them, and a gateway or a balancer in front of the server
    still has plenty. Past it: 421 4.7.0 instead of a greeting."""
    network_prefix_ipv4: int = 32
    """Bits of an IPv4 address that make its network for `max_connections_per_network`: 32, each address by itself."""
    network_prefix_ipv6: int = 64
    """Bits of an IPv6 address that make its network: 64, what a single host usually has to itself (RFC 4291 §2.5.4)."""
    max_octets_in_flight: int | None = 1_073_741_824
    """Octets of mail data, of all connections, that were received and not taken yet: kept for on_message, or waiting
    for a sink to take them. Past it: 452 4.3.1 to DATA, and inside mail data, or between two chunks of it, one
    connection is read from at a time until there is less. That one has half the `data_timeout` to come to the end of
    its message while it holds up the others; then 421 4.4.2. It may exceed this by its message, and each other one by a
    read."""
    command_timeout: float = 300.0
    """Seconds to wait for the next command (RFC 5321 §4.5.3.2.7, at least 300 on the open Internet). Then 421 4.4.2."""
    data_timeout: float = 300.0
    """Seconds without one octet inside mail data; each read renews it. Then 421 4.4.2, and nothing is delivered."""
    handshake_timeout: float = 60.0
    """Seconds for a trusted proxy's header, and again for a TLS handshake, whatever comes meanwhile. Then the
    connection is closed; nothing can be said."""
    min_data_rate: int = 100
    """Octets per second inside mail data, on average over each `data_timeout` from the 354 on; the time in which
    nothing was read, because a sink or `max_octets_in_flight` had it wait, is not counted. A tenth of what a mobile
    phone of the nineties sent: who is slower means to hold the connection. Below it: 421 4.4.2, and nothing is
    delivered. 0: as slow as one likes."""
    session_duration: float | None = 3600.0
    """Seconds a connection may last. Mail servers keep one for minutes, and 52,428,800 octets pass in this time at
    14.6 kB/s. Past it: 421 4.4.2 after the reply that is under way, or at once inside mail data, of which nothing is
    delivered; a message that is whole is delivered and answered first."""
    greeting_delay: float = 0.0
    """Seconds to hold back the greeting (RFC 5321 §3.1 has the client wait for it, §4.5.3.2.1 for five minutes). Who
    talks meanwhile is no mail server: `Policies.early_talk` says what is done."""
    handler_deadline: float = 240.0
    """Seconds a hook or a delivery may take, well under the 600 a client waits (RFC 5321 §4.5.3.2.6). Then it is
    cancelled and the peer hears 451 4.3.0, if nothing was stored."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None and "None" in str(item.type):
                continue
            seconds = item.name.endswith(("_timeout", "_deadline", "_duration", "_delay"))
            if isinstance(value, bool) or not isinstance(value, (int, float) if seconds else int):
                kind = "seconds" if seconds else "a whole number"
                raise ValueError(f"Limits.{item.name} takes {kind}, not {value!r}")
            least = "from 0 on" if item.name == "greeting_delay" else "above 0"
            if seconds and not (0 <= value < 1e9 and (value > 0 or least == "from 0 on")):
                raise ValueError(f"Limits.{item.name} takes seconds {least}, not {value!r}")
            if not seconds and value < _LEAST.get(item.name, 0):
                raise ValueError(f"Limits.{item.name} takes at least {_LEAST.get(item.name, 0)}, not {value!r}")
            if not seconds and value > _MOST.get(item.name, 2**63 - 1):
                raise ValueError(f"Limits.{item.name} takes at most {_MOST.get(item.name, 2**63 - 1)}, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What is done with mail data and commands that break a rule and are common all the same.

    The end of mail data is no policy: only `<CRLF>.<CRLF>` ends it, whatever is chosen here.
    """

    bare_cr: BarePolicy = "reject"
    """A CR no LF follows (RFC 5321 §2.3.8): refused, kept as it is, or made a space."""
    bare_lf: BarePolicy = "reject"
    """An LF no CR precedes (RFC 5321 §2.3.8): refused, kept as it is, or made a CRLF."""
    long_line: KeepPolicy = "reject"
    """A line past `Limits.max_line` (RFC 5321 §4.5.3.1.6): refused, or kept and counted in the report."""
    nul: KeepPolicy = "reject"
    """A NUL octet (RFC 2045 §2.8): refused, or kept and counted in the report."""
    early_talk: EarlyTalkPolicy = "note"
    """A client that sends on where it has to wait for a reply, after EHLO, DATA, STARTTLS or AUTH (RFC 2920 §3.1), or
    before the greeting, where that had to wait for `Limits.greeting_delay` or on_connect: noted in `Connection.notes`,
    or refused with 554 5.5.1 and the connection closed."""
    unknown_parameters: KeepPolicy = "reject"
    """A parameter of MAIL or RCPT that no offered extension has (RFC 5321 §4.1.1.11): 555, or left to the handler."""
    strict_grammar: bool = False
    """Refuse what the grammar of RFC 5321 §4.1.2 does not have and clients send all the same: a space after
    `MAIL FROM:`, names in EHLO that are no domain."""
    header: HeaderPolicy = field(default_factory=lambda: HeaderPolicy("off"))
    """The header check (RFC 5322): `HeaderPolicy("off")`; "report", which puts findings into `Transaction.findings`;
    "strict", which refuses errors with 550 at the end of mail data, and stores nothing of them; each may say otherwise
    for single findings. What `HeaderPolicy.of` takes is made one."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "header":
                try:
                    object.__setattr__(self, "header", HeaderPolicy.of(value))
                except ValueError as error:
                    raise ValueError(f"Policies.header{str(error).removeprefix('HeaderPolicy')}") from None
                continue
            allowed: tuple[object, ...] = ("reject", "keep")
            if item.name.startswith("bare_"):
                allowed = ("reject", "keep", "normalize")
            if item.name == "early_talk":
                allowed = ("note", "reject")
            if item.name == "strict_grammar":
                if not isinstance(value, bool):
                    raise ValueError(f"Policies.{item.name} takes true or false, not {value!r}")
                continue
            if value not in allowed:
                raise ValueError(f"Policies.{item.name} takes one of {', '.join(map(repr, allowed))}, not {value!r}")

    @classmethod
    def strict(cls) -> Self:
        """Refuse all that RFC 5321 does not allow in mail data. The default."""
        return cls()

    @classmethod
    def internet(cls) -> Self:
        """As strict, but long lines are kept and reported: honest senders make them too often to refuse them all."""
        return cls(long_line="keep")


def own_name() -> str:
    """The machine's own name, where it is a domain."""
    name = socket.gethostname()
    return name if is_domain(name) else "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that the listeners of a server have in common."""

    hostname: str = field(default_factory=own_name)
    """The name in the greeting, in the reply to EHLO and in `Received:` fields: a domain (RFC 5321 §4.1.2). When none
    is given, the machine's own, or `localhost` where that is no domain."""
    limits: Limits = field(default_factory=Limits)
    policies: Policies = field(default_factory=Policies.strict)
    networks: Mapping[str, Policies] = field(default_factory=dict, hash=False)
    """Policies for clients of a network, such as "192.0.2.0/24", "2001:db8::/32", an address, or "unix" for clients on
    Unix sockets. Of several networks a client is in, the longest counts; a client in none has `policies`."""
    trusted_proxies: tuple[str, ...] = field(default=(), hash=False)
    """Networks whose connections begin with a PROXY header, version 1 or 2, which names the client: required from them,
    never read from others. Whoever can connect from there can be any client."""
    trusted_clients: tuple[str, ...] = field(default=(), hash=False)
    """Networks of clients that may say XCLIENT and XFORWARD."""
    tls: TLS | None = field(default=None, hash=False)
    """Certificate and key, for STARTTLS (RFC 3207) and for listeners whose connections begin with TLS (RFC 8314 §3)."""

    require_tls: bool = False
    """Refuse mail on a connection without TLS: 530 5.7.0 to all but EHLO, STARTTLS, NOOP and QUIT (RFC 3207 §4). Not
    for a server that the Internet is to reach at port 25."""
    auth: Authenticator | None = None
    """Who may authenticate, and how (RFC 4954); None: AUTH is not offered."""
    extensions: frozenset[str] | None = None
    """The EHLO keywords to offer and no others, of those that can be honoured; None: all of them."""
    advertise: frozenset[str] = frozenset()
    """What the operator promises beyond what the delivery or the handler declares, as it stands in the reply to EHLO:
    "DSN", "DELIVERBY 240", "FUTURERELEASE 86400 2030-01-01T00:00:00Z"."""

    def __post_init__(self) -> None:
        if self.tls is not None and not isinstance(self.tls, TLS):
            raise ValueError(f"Config.tls takes a lonedot.TLS, not {self.tls!r}")
        for name in ("trusted_proxies", "trusted_clients"):
            object.__setattr__(self, name, checked(getattr(self, name), f"Config.{name}"))
        if not isinstance(self.networks, Mapping):
            raise ValueError(f"Config.networks takes a mapping of networks to Policies, not {self.networks!r}")
        try:
            Networks(self.networks)
        except ValueError as error:
            raise ValueError(f"Config.networks: {error}") from None
        for network, policies in self.networks.items():
            if not isinstance(policies, Policies):
                raise ValueError(f"Config.networks[{network!r}] takes Policies, not {policies!r}")
        object.__setattr__(self, "networks", MappingProxyType(dict(self.networks)))
        if not is_domain(self.hostname):
            raise ValueError(f"Config.hostname takes a domain such as mx.example.org, not {self.hostname!r}")
        if not isinstance(self.require_tls, bool):
            raise ValueError(f"Config.require_tls takes True or False, not {self.require_tls!r}")
        if self.require_tls and self.tls is None:
            raise ValueError("Config.require_tls takes Config.tls as well: nobody could send mail")
        if self.auth is not None and not isinstance(self.auth, Authenticator):
            raise ValueError(f"Config.auth takes an Authenticator, which takes your credentials, not {self.auth!r}")
        for name in ("extensions", "advertise"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ValueError(f"Config.{name} takes a set of EHLO keywords, not one text: {{{value!r}}}")
            if value is None and name == "extensions":
                continue
            object.__setattr__(self, name, frozenset(value))
        for line in self.advertise:
            try:
                keyword = declared(line)
                self.settings(extensions=(line,))
            except ValueError as error:
                raise ValueError(f"Config.advertise: {str(error).removeprefix('extensions: ')}") from None
            if sum(keyword_of(other) == keyword for other in self.advertise) > 1:
                raise ValueError(f"Config.advertise: {keyword} stands twice; leave one out")
        for keyword in self.extensions or ():
            if keyword.upper() not in _core.EXTENSIONS:
                raise ValueError(f"Config.extensions: {keyword!r} is none; there are {', '.join(_core.EXTENSIONS)}")

    def settings(
        self,
        dialect: Dialect = "smtp",
        *,
        line_ends: LineEnds = "crlf",
        extensions: Iterable[str] | None = None,
        security: Iterable[str] = (),
        questions: Iterable[str] = ("mail", "rcpt"),
        policies: Policies | None = None,
    ) -> _core.Settings:
        """What the core's session reads, made once and shared by every connection that speaks `dialect`.

        `extensions`: the lines of the reply to EHLO; those of a server that takes mail of any octets, when there are
        none. `policies`: in place of the config's own.
        """
        lines, secured = None if extensions is None else tuple(extensions), set(security)
        if self.require_tls:
            secured.add("require-tls")
        if self.auth is not None and self.auth.required:
            secured.add("require-auth")
        if self.auth is not None and self.auth.dangerously_without_tls:
            secured.add("auth-without-tls")
        return _settings(self, dialect, line_ends, lines, frozenset(secured), frozenset(questions), policies)


@lru_cache(maxsize=64)
def _settings(
    config: Config,
    dialect: Dialect,
    line_ends: LineEnds,
    extensions: tuple[str, ...] | None,
    security: frozenset[str],
    questions: frozenset[str],
    policies: Policies | None,
) -> _core.Settings:
    if extensions is None:
        extensions = offered(config, ("8BITMIME", "SMTPUTF8"), line_ends=line_ends)
    return _core.Settings(
        hostname=config.hostname,
        dialect=dialect,
        limits=config.limits,
        policies=policies or config.policies,
        line_ends=line_ends,
        extensions=extensions,
        security=security,
        questions=questions,
    )

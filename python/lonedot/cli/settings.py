"""The settings of `lonedot serve`: a value for each key, and what the server is told with them.

Takes values that `settle` has checked one by one. Gives a `Config`, the certificate and the users, read from their
files; what does not go together, and what is wrong with a file, is a `Mistake` that names the option or the key.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from lonedot.authenticator import Authenticator
from lonedot.cli.kinds import (
    Addresses,
    Clients,
    Directory,
    File,
    Flag,
    Hostname,
    Keywords,
    Logs,
    Mode,
    Preset,
    Promises,
    Proxies,
    Seconds,
)
from lonedot.cli.parser import Mistake
from lonedot.config import Config, Limits, LineEnds, Policies, own_name
from lonedot.maildir import MaildirDelivery
from lonedot.offers import keyword_of, offered
from lonedot.tls import TLS
from lonedot.users import Users

# What a key is nothing without.
_TAKES = {
    **dict.fromkeys(("tls_key", "tls_client_ca", "listen_tls", "require_tls"), "tls_cert"),
    **dict.fromkeys(("require_auth", "dangerously_auth_without_tls"), "users"),
}
# The same of a keyword among `extensions`; of all others it is a promise.
_KEYWORD_TAKES = {"STARTTLS": "tls_cert", "AUTH": "users", "XCLIENT": "trusted_clients", "XFORWARD": "trusted_clients"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One value for each key."""

    listen: Addresses = ("127.0.0.1:2525",)
    """Addresses for SMTP, each `host:port`, `[IPv6]:port` or `unix:PATH`; none where one of the next two is given
    alone."""
    listen_tls: Addresses = ()
    """Addresses for SMTP on connections that begin with a TLS handshake (RFC 8314 §3)."""
    lmtp: Addresses = ()
    """Addresses for LMTP (RFC 2033)."""
    socket_mode: Mode = None
    """The mode of the files of Unix sockets; None: what the umask leaves."""
    maildir: Directory = "mail"
    """The directory that holds tmp/, new/ and cur/; made when it is not there."""
    hostname: Hostname = field(default_factory=own_name)
    """The name in the greeting and in trace fields."""
    tls_cert: File = None
    """The file of the certificate with its chain, in PEM; with it STARTTLS is offered on `listen` and `lmtp`."""
    tls_key: File = None
    """The file of its private key; None: the same."""
    tls_client_ca: File = None
    """A file of authorities, in PEM, whose certificates clients may show."""
    users: File = None
    """A file of users, as `lonedot user` makes its lines: with it AUTH is offered under TLS."""
    require_tls: Flag = False
    """Refuse mail from whoever has not said STARTTLS, on every address."""
    require_auth: Flag = False
    """Refuse mail from whoever has not authenticated, on every address."""
    dangerously_auth_without_tls: Flag = False
    """Offer AUTH in the clear, where everybody on the way reads the passwords."""
    trusted_proxies: Proxies = ()
    """Networks whose connections begin with a PROXY header."""
    trusted_clients: Clients = ()
    """Networks of clients that may say XCLIENT and XFORWARD."""
    policy: Preset = "strict"
    """The preset that the table `[policies]` changes."""
    advertise: Promises = frozenset()
    """What the operator promises beyond what the Maildir honours, as it stands in the reply to EHLO."""
    extensions: Keywords = None
    """The EHLO keywords to offer and no others; None: all that can be honoured."""
    crlf: Flag = False
    """Store CRLF line ends, as they came, not the LF that readers of a Maildir expect."""
    log_format: Logs = "text"
    drain: Seconds = 30.0
    """Seconds that transactions under way have to end in when the server is told to stop."""
    limits: Limits = field(default_factory=Limits)
    policies: Policies = field(default_factory=Policies)
    networks: Mapping[str, Policies] = field(default_factory=dict)
    """What differs for clients of a network: policies by CIDR."""
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """By key, where its value stood: `serve: --tls-cert`, `lonedot.toml: tls_cert`."""

    def __post_init__(self) -> None:
        if not (self.listen or self.listen_tls or self.lmtp):
            raise Mistake(f"{self.place('listen')} takes an address, as there is none for listen_tls or lmtp")
        for key, needed in _TAKES.items():
            if getattr(self, key) and not getattr(self, needed):
                self._refuse(key, "takes", needed)
        if self.users and not (self.tls_cert or self.dangerously_auth_without_tls):
            self._refuse("users", "takes", "tls_cert", "passwords would come in the clear")
        promised = {keyword_of(line) for line in self.advertise}
        if "BINARYMIME" in promised and not self.crlf:
            self._refuse("advertise", "BINARYMIME takes", "crlf", "there are no lines in binary mail data")
        if "REQUIRETLS" in promised and not self.tls_cert:
            self._refuse("advertise", "REQUIRETLS takes", "tls_cert", "it is offered under TLS alone")
        if self.extensions is not None:
            if {"BINARYMIME", "CHUNKING"} & self.extensions == {"BINARYMIME"}:
                raise Mistake(f"{self.place('extensions')} BINARYMIME takes CHUNKING as well: it is sent in chunks")
            # Connections that begin with TLS have what is required.
            in_the_clear = self.require_tls and (self.listen or self.lmtp)
            for key, required, keyword in (
                ("require_tls", in_the_clear, "STARTTLS"),
                ("require_auth", self.require_auth, "AUTH"),
            ):
                if required and keyword not in self.extensions:
                    self._refuse(key, f"takes {keyword} among", "extensions", "nobody could send mail")

    def place(self, key: str) -> str:
        """Where the key stood."""
        return self.places.get(key, key)

    def config(self, users: Users | None = None) -> Config:
        """What the server is told. Raises `Mistake` when a certificate, or an extension, cannot be had."""
        auth = None
        if users is not None:
            auth = Authenticator(
                users, required=self.require_auth, dangerously_without_tls=self.dangerously_auth_without_tls
            )
        config = Config(
            hostname=self.hostname,
            limits=self.limits,
            policies=self.policies,
            networks=self.networks,
            trusted_proxies=self.trusted_proxies,
            trusted_clients=self.trusted_clients,
            tls=self.tls(),
            auth=auth,
            require_tls=self.require_tls,
            extensions=self.extensions,
            advertise=self.advertise,
        )
        self._check_extensions(config)
        return config

    def tls(self) -> TLS | None:
        """The certificate, read from its files. Raises `Mistake` when that cannot be."""
        if self.tls_cert is None:
            return None
        with self.reading("tls_client_ca", "tls_cert", "tls_key", takes="a file in PEM"):
            return TLS(self.tls_cert, self.tls_key, client_ca=self.tls_client_ca)

    def credentials(self) -> Users | None:
        """Who may authenticate, read from its file. Raises `Mistake` when that cannot be."""
        if self.users is None:
            return None
        with self.reading("users"):
            return Users(self.users)

    @contextlib.contextmanager
    def reading(self, *keys: str, takes: str = "a file of lines that `lonedot user` makes") -> Iterator[None]:
        """Makes a `Mistake` of what is wrong with the files of these keys; of the last one given, where that is not
        told."""
        try:
            yield
        except OSError as error:
            why = f"{error.filename}: {error.strerror}; this takes {takes}" if error.filename else str(error)
        except ValueError as error:
            why = str(error)
        else:
            return
        paths = {key: path for key in keys if (path := getattr(self, key)) is not None}
        named = [key for key, path in paths.items() if re.match(f"{re.escape(path)}[: ]", why)]
        raise Mistake(f"{self.place((named or list(paths))[-1])}: {why}")

    @property
    def line_ends(self) -> LineEnds:
        """Of stored messages."""
        return "crlf" if self.crlf else "lf"

    def _check_extensions(self, config: Config) -> None:
        """One that is asked for and that nobody would be offered is a mistake."""
        own = ("STARTTLS",) if config.tls is not None else ()
        trusting = ("XCLIENT", "XFORWARD") if config.trusted_clients else ()
        all_there_are = offered(
            replace(config, extensions=None),
            MaildirDelivery.capabilities,
            line_ends=self.line_ends,
            others=(*own, *trusting),
        )
        for keyword in sorted((config.extensions or frozenset()) - {keyword_of(line) for line in all_there_are}):
            self._refuse("extensions", f"{keyword} takes", _KEYWORD_TAKES.get(keyword, "advertise"))

    def _refuse(self, key: str, how: str, needed: str, why: str = "") -> NoReturn:
        place = self.place(key)
        name = f"--{needed.replace('_', '-')}" if place.startswith("serve: ") else needed
        raise Mistake(f"{place} {how} {name} as well{why and f': {why}'}")

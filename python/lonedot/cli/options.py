"""The options of `lonedot serve`: one for each setting that is not in a table of the file, and `--max-size`.

Gives what was given, by key, as TOML would have it; `settle` checks it. What a number looks like is checked here.
"""

from __future__ import annotations

import argparse
from typing import Any, get_args

from lonedot.cli.kinds import Policy
from lonedot.cli.logs import LogFormat
from lonedot.cli.parser import Parser
from lonedot.cli.settings import Settings

EXAMPLES = """\
examples:
  lonedot serve
      listen on 127.0.0.1:2525, deliver into ./mail, print a command that sends a first message
  lonedot serve --listen 0.0.0.0:25 --listen [::]:25 --hostname mx.example.org --policy internet \\
      --maildir /var/mail/in --tls-cert mx.pem --tls-key mx.key
      a public MX with STARTTLS
  lonedot serve --listen-tls 0.0.0.0:465 --tls-cert mx.pem --tls-key mx.key --users users --require-auth
      submission over TLS (RFC 8314), for users whose lines `lonedot user NAME` made
  lonedot serve --lmtp unix:/run/lonedot.sock --socket-mode 0666 --max-size 100M --log-format json
      behind another server on the same machine, for a log collector
  lonedot serve --listen 10.0.0.2:25 --trusted-proxies 10.0.0.1
      behind HAProxy with send-proxy-v2
  lonedot serve --config lonedot.toml --drain 5
      settings from a file, one of them changed

An option wins over the file, the file over the defaults. Only the file has the tables [limits], [policies], [networks].
SIGTERM or SIGINT: no new clients; those with a transaction open get --drain seconds, a second signal ends them at once.
SIGHUP: certificate and users are read again; connections go on.
Exit code: 0 when stopped so, 2 when an option, a key, a file, the Maildir or an address has to be changed first.
"""

_NO_SETTINGS = ("config", "parser", "run")
# Options with a shorter name than their key in the file.
_KEYS = {"max_size": "limits.max_size"}


def add_options(parser: Parser) -> None:
    """Every option, with what it does without."""
    default = Settings()
    addresses: dict[str, Any] = {"metavar": "ADDRESS", "action": "append"}
    file: dict[str, Any] = {"metavar": "FILE"}
    flag: dict[str, Any] = {"action": argparse.BooleanOptionalAction}

    def several(metavar: str) -> dict[str, Any]:
        return {"metavar": f"{metavar},...", "action": "extend", "type": listed}

    group = parser.add_argument_group("where mail comes in and goes to")

    def add(name: str, text: str, without: object, **options: Any) -> None:
        group.add_argument(name, help=f"{text} (default: {without})", **options)

    where = "host:port, [IPv6]:port or unix:PATH; may be given more than once"
    add("--listen", f"for SMTP: {where}", f"{default.listen[0]}, unless one of the next two is given", **addresses)
    add("--listen-tls", "for SMTP that begins with TLS (RFC 8314)", "none", **addresses)
    add("--lmtp", "for LMTP (RFC 2033)", "none", **addresses)
    add("--socket-mode", "of Unix sockets, as 0660", "what the umask leaves", metavar="MODE")
    add("--maildir", "made when not there", f"./{default.maildir}", metavar="DIR")
    add("--hostname", "name to greet with", "the machine's own", metavar="DOMAIN")
    group = parser.add_argument_group("who may send")
    add("--tls-cert", "certificate and chain in PEM; offers STARTTLS", "no TLS", **file)
    add("--tls-key", "its private key", "in the same file", **file)
    add("--tls-client-ca", "authorities whose certificates clients may show", "no client is asked", **file)
    add("--users", "of lines that `lonedot user` makes; offers AUTH under TLS", "no AUTH", **file)
    add("--require-tls", "refuse mail before STARTTLS", "no", **flag)
    add("--require-auth", "refuse mail before AUTH", "no", **flag)
    add("--dangerously-auth-without-tls", "offer AUTH where passwords can be read", "no", **flag)
    proxies = "an address, a CIDR or unix: connections from there begin with a PROXY header"
    add("--trusted-proxies", proxies, "none", **several("NETWORK"))
    add("--trusted-clients", "clients there may say XCLIENT and XFORWARD", "none", **several("NETWORK"))
    group = parser.add_argument_group("what is accepted")
    size = "of a message; K, M, G for powers of 1024, 0 for no limit"
    add("--max-size", size, in_units(default.limits.max_size), metavar="OCTETS", type=octets)
    policy = "strict: what RFC 5321 allows in mail data; internet: long lines too, as honest senders make them"
    add("--policy", policy, default.policy, choices=get_args(Policy))
    promises = "promise what the Maildir does not: DSN, ETRN, REQUIRETLS, 'DELIVERBY 240', ..."
    add("--advertise", promises, "nothing", **several("KEYWORD"))
    add("--extensions", "offer these and no others", "all that can be honoured", **several("KEYWORD"))
    add("--crlf", "store CRLF line ends, not the LF that Maildir readers expect", "no", **flag)
    group = parser.add_argument_group("running")
    add("--config", "settings in TOML; has every option and every limit", "none", **file)
    add("--log-format", "of the log on stderr", default.log_format, choices=get_args(LogFormat))
    drain = "for transactions under way when told to stop"
    add("--drain", drain, f"{default.drain:g}", metavar="SECONDS", type=float)


def given(options: argparse.Namespace) -> dict[str, object]:
    """The settings that were given, by key."""
    values = {_KEYS.get(name, name): value for name, value in vars(options).items() if name not in _NO_SETTINGS}
    return {key: value for key, value in values.items() if value is not None}


def listed(text: str) -> list[str]:
    """`DSN,DELIVERBY 240`: what stands between commas, with spaces in it; an empty text is an empty list."""
    return [item.strip() for item in text.split(",")] if text else []


def octets(text: str) -> int:
    """`1000`, `64K`, `25M`, `1G`."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in ("K", "M", "G") else (text, "")
    if not (number.isascii() and number.isdecimal()):
        raise argparse.ArgumentTypeError(f"takes a number of octets such as 1000, 64K, 25M or 1G, not {text!r}")
    return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def in_units(size: int | None) -> str:
    """The other way round."""
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size or 0)

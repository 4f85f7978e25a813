"""`lonedot serve`: receive mail into a Maildir until told to stop.

Takes `Settings`; gives one line on stdout when mail can be sent, the log on stderr, and an exit code. What the
operator has to change before it can run is a `Mistake`. SIGTERM and SIGINT stop it: transactions under way get `drain`
seconds to end; a second signal ends them at once, a third the process.

The exit code is 0 however many transactions were abandoned: none of them had its 250, so their senders keep them and
try again, and a supervisor that told the server to stop has no failure to report. The log says how many there were.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import logging
import os
import resource
import shlex
import shutil
import signal
import socket
import sys
import tempfile

from lonedot.cli import logs
from lonedot.cli.logs import one_line
from lonedot.cli.parser import Commands, Mistake
from lonedot.cli.settings import Settings, settle
from lonedot.maildir import MaildirDelivery
from lonedot.server import Server

_log = logging.getLogger("lonedot.cli")

_NO_SETTINGS = ("config", "parser", "run")
_EXAMPLES = """\
examples:
  lonedot serve
      listen on 127.0.0.1:2525, deliver into ./mail, print a command that sends a first message
  lonedot serve --listen 0.0.0.0:25 --listen [::]:25 --hostname mx.example.org --policy internet --maildir /var/mail/in
      a public MX
  lonedot serve --listen unix:/run/lonedot.sock --max-size 100M --log-format json
      behind another server on the same machine, for a log collector
  lonedot serve --config lonedot.toml --drain 5
      settings from a file, one of them changed

An option wins over the file, the file over the defaults. Only the file has the tables [limits] and [policies].
SIGTERM or SIGINT: no new clients; those with a transaction open get --drain seconds, a second signal ends them at once.
Exit code: 0 when stopped so, 2 when an option, a key, the Maildir or an address has to be changed first.
"""


def add(commands: Commands) -> None:
    """Add the command to the `lonedot` parser."""
    default = Settings()
    parser = commands.add_parser(
        "serve",
        help="receive mail into a Maildir",
        description="Receive mail by SMTP and store each message in a Maildir, durably, before it is answered 250.",
        epilog=_EXAMPLES,
    )
    group = parser.add_argument_group("where mail comes in and goes to")
    group.add_argument(
        "--listen", metavar="ADDRESS", action="append",
        help=f"host:port, [IPv6]:port or unix:PATH; may be given more than once (default: {default.listen[0]})",
    )  # fmt: skip
    group.add_argument("--maildir", metavar="DIR", help=f"made when not there (default: ./{default.maildir})")
    group.add_argument("--hostname", metavar="DOMAIN", help="name to greet with (default: the machine's own)")
    group = parser.add_argument_group("what is accepted")
    group.add_argument(
        "--max-size", metavar="OCTETS", type=octets,
        help="of a message; K, M, G for powers of 1024, 0 for no limit "
        f"(default: {_in_units(default.limits.max_size)})",
    )  # fmt: skip
    group.add_argument(
        "--policy", choices=("strict", "internet"),
        help="strict: what RFC 5321 allows in mail data; internet: long lines too, as honest senders make them "
        f"(default: {default.policy})",
    )  # fmt: skip
    group.add_argument(
        "--crlf", action=argparse.BooleanOptionalAction,
        help="store CRLF line ends, not the LF that Maildir readers expect (default: no)",
    )  # fmt: skip
    group = parser.add_argument_group("running")
    group.add_argument(
        "--config", metavar="FILE", help="settings in TOML; has every option and every limit (default: none)"
    )
    group.add_argument(
        "--log-format", choices=("text", "json"), help=f"of the log on stderr (default: {default.log_format})"
    )
    group.add_argument(
        "--drain", metavar="SECONDS", type=float,
        help=f"for transactions under way when told to stop (default: {default.drain:g})",
    )  # fmt: skip
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    given = {key: value for key, value in vars(options).items() if key not in _NO_SETTINGS and value is not None}
    if "max_size" in given:
        given["limits.max_size"] = given.pop("max_size")
    settings = settle(given, options.config)
    logs.install(settings.log_format)
    return asyncio.run(_serve(settings))


def octets(text: str) -> int:
    """`1000`, `64K`, `25M`, `1G`."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in ("K", "M", "G") else (text, "")
    if not (number.isascii() and number.isdecimal()):
        raise argparse.ArgumentTypeError(f"takes a number of octets such as 1000, 64K, 25M or 1G, not {text!r}")
    return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def _in_units(size: int | None) -> str:
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size or 0)


async def _serve(settings: Settings) -> int:
    stop = _Stop()
    _allow_open_files(settings.limits.max_connections)
    config = settings.config()
    delivery = _delivery(settings, config.hostname)
    server = Server(config=config, delivery=delivery)
    try:
        addresses = [await _listen(server, address) for address in settings.listen]
        print(_ready(addresses, settings.maildir), flush=True)
        await stop.asked.wait()
    except BaseException:
        await server.stop(0)
        raise
    abandoned = await _drain(server, settings.drain, stop)
    if abandoned:
        _log.warning("stopped; transactions abandoned: %d, none answered 250, their senders will try again", abandoned)
    else:
        _log.info("stopped; transactions abandoned: 0")
    return 0


class _Stop:
    """The signals that stop the server, as two events: asked to, and asked again."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        loop.add_signal_handler(
            signal.SIGHUP, _log.warning, "SIGHUP: nothing is reloaded; restart to read the settings again"
        )

    def _on_stop(self, number: signal.Signals) -> None:
        if not self.asked.is_set():
            _log.info("%s: stopping; once more to stop at once", number.name)
            self.asked.set()
            return
        _log.info("%s again: stopping at once", number.name)
        self.insisted.set()
        # Should even that hang, on a dead disk say, the next signal does what it does to any process.
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)


async def _drain(server: Server, seconds: float, stop: _Stop) -> int:
    stopping = asyncio.ensure_future(server.stop(seconds))
    insisted = asyncio.ensure_future(stop.insisted.wait())
    await asyncio.wait((stopping, insisted), return_when=asyncio.FIRST_COMPLETED)
    insisted.cancel()
    if stopping.done():
        return stopping.result()
    # Beside the drain, which is not cancelled: it ends by itself as soon as there is nothing left to wait for.
    return await server.stop(0)


def _allow_open_files(connections: int) -> None:
    """A connection is an open file, and the soft limit is often 1024: raise it to what the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):
        pass
    # Each connection may have a file in tmp/ open as well; some more are the process's own.
    if soft != resource.RLIM_INFINITY and soft < 2 * connections + 64:
        _log.warning(
            "%d open files are allowed: few for limits.max_connections of %d; raise `ulimit -Hn`", soft, connections
        )


def _delivery(settings: Settings, hostname: str) -> MaildirDelivery:
    try:
        delivery = MaildirDelivery(settings.maildir, hostname=hostname, line_ends="crlf" if settings.crlf else "lf")
        for name in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(settings.maildir, name), mode=0o700, exist_ok=True)
            # Only a file that was made tells: permissions say nothing to root, or of a disk mounted read-only.
            with tempfile.TemporaryFile(dir=os.path.join(settings.maildir, name)):
                pass
    except OSError as error:
        why = error.strerror or error
        raise Mistake(
            f"serve: cannot write to the Maildir {settings.maildir}: {why}; choose another with --maildir"
        ) from None
    return delivery


async def _listen(server: Server, address: str) -> str:
    try:
        return (await server.listen(address)).address
    except ValueError as error:
        raise Mistake(
            f"serve: cannot listen on {address}: {error}; write host:port, [IPv6]:port or unix:PATH"
        ) from None
    except OSError as error:
        # asyncio's own text tells the address once more; a gaierror's number is no errno.
        why = error.strerror or str(error)
        if error.errno is not None and not isinstance(error, socket.gaierror):
            why = os.strerror(error.errno)
        todo = "choose another address with --listen"
        if error.errno == errno.EADDRINUSE:
            todo = "another program listens there: stop it, or " + todo
        elif error.errno == errno.EACCES:
            todo = "a port below 1024 takes root or CAP_NET_BIND_SERVICE, a socket a directory to write in; or " + todo
        raise Mistake(f"serve: cannot listen on {address}: {why}; {todo}") from None


def _ready(addresses: list[str], maildir: str) -> str:
    """The line for a first message. Its command takes Python alone, which is there, and works from any directory."""
    address = addresses[0]
    # The client's name is given: smtplib would ask the DNS for it, and may wait.
    if address.startswith("unix:"):
        path = json.dumps(os.path.abspath(address.removeprefix("unix:")))
        connect = (
            'import smtplib, socket; s = smtplib.SMTP(local_hostname="localhost"); '
            f"s.sock = socket.socket(socket.AF_UNIX); s.sock.connect({path}); s.getreply()"
        )
    else:
        host, _, port = address.rpartition(":")
        # A wildcard is no address to connect to.
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
        connect = f'import smtplib; s = smtplib.SMTP("{host}", {port}, "localhost")'
    send = r's.sendmail("me@example.org", "you@example.org", "Subject: Hello\n\nIt works."); s.quit()'
    python = "python3" if shutil.which("python3") else shlex.quote(sys.executable)
    command = f"{python} -c {shlex.quote(f'{connect}; {send}')}"
    new = one_line(os.path.join(maildir, "new"))
    return f"lonedot: listening on {', '.join(addresses)}; mail appears in {new}; send a first message with: {command}"

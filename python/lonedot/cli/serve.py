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
import logging
import os
import resource
import signal
import socket
import tempfile
from typing import Any

from lonedot.cli import logs
from lonedot.cli.options import EXAMPLES, add_options, given
from lonedot.cli.parser import Commands, Mistake
from lonedot.cli.ready import Place, Use, ready
from lonedot.cli.settings import Settings
from lonedot.cli.settle import settle
from lonedot.listener import Listener
from lonedot.maildir import MaildirDelivery
from lonedot.server import Server
from lonedot.users import Users

_log = logging.getLogger("lonedot.cli")

# By key, what its listeners are.
_LISTENERS: dict[str, tuple[Use, dict[str, Any]]] = {
    "listen": ("SMTP", {}),
    "listen_tls": ("TLS", {"tls": "implicit"}),
    "lmtp": ("LMTP", {"dialect": "lmtp"}),
}


def add(commands: Commands) -> None:
    """Add the command to the `lonedot` parser."""
    parser = commands.add_parser(
        "serve",
        help="receive mail into a Maildir",
        description="Receive mail by SMTP or LMTP; store it in a Maildir, durably, before it is answered 250.",
        epilog=EXAMPLES,
    )
    add_options(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    settings = settle(given(options), options.config)
    logs.install(settings.log_format)
    return asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    stop = _Stop()
    _allow_open_files(settings.limits.max_connections)
    users = settings.credentials()
    config = settings.config(users)
    server = Server(config=config, delivery=_delivery(settings))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, server, settings, users)
    try:
        places = [
            Place((await _listen(server, address, key, settings, **options)).address, use)
            for key, (use, options) in _LISTENERS.items()
            for address in getattr(settings, key)
        ]
        print(ready(places, settings), flush=True)
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


def _reload(server: Server, settings: Settings, users: Users | None) -> None:
    """Reads certificate and users again, each for itself. What is wrong with a file is logged, and what was stays."""
    if settings.tls_cert is None and users is None:
        _log.info("SIGHUP: nothing is reloaded; there is neither a certificate nor a users file")
    try:
        tls = settings.tls()
        if tls is not None:
            server.set_tls(tls)
            _log.info("SIGHUP: the certificate was read again; connections that stand go on with theirs")
    except Mistake as mistake:
        _log.error("SIGHUP: %s; going on with the certificate that was read before", mistake)
    try:
        if users is not None:
            with settings.reading("users"):
                users.reload()
            _log.info("SIGHUP: the users were read again")
    except Mistake as mistake:
        _log.error("SIGHUP: %s; going on with the users that were read before", mistake)


def _delivery(settings: Settings) -> MaildirDelivery:
    try:
        delivery = MaildirDelivery(settings.maildir, hostname=settings.hostname, line_ends=settings.line_ends)
        for name in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(settings.maildir, name), mode=0o700, exist_ok=True)
            # Only a file that was made tells: permissions say nothing to root, or of a disk mounted read-only.
            with tempfile.TemporaryFile(dir=os.path.join(settings.maildir, name)):
                pass
    except OSError as error:
        why = error.strerror or error
        raise Mistake(
            f"serve: cannot write to the Maildir {settings.maildir}: {why}; {_choose(settings, 'maildir')}"
        ) from None
    return delivery


async def _listen(server: Server, address: str, key: str, settings: Settings, **options: Any) -> Listener:
    try:
        return await server.listen(address, mode=settings.socket_mode, **options)
    except ValueError as error:
        place = settings.place(key).removeprefix("serve: ")
        raise Mistake(
            f"serve: cannot listen on {address}: {error}; {place} takes host:port, [IPv6]:port or unix:PATH"
        ) from None
    except OSError as error:
        # asyncio's own text tells the address once more; a gaierror's number is no errno.
        why = error.strerror or str(error)
        if error.errno is not None and not isinstance(error, socket.gaierror):
            why = os.strerror(error.errno)
        todo = _choose(settings, key)
        if error.errno == errno.EADDRINUSE:
            todo = "another program listens there: stop it, or " + todo
        elif error.errno == errno.EACCES:
            todo = "a port below 1024 takes root or CAP_NET_BIND_SERVICE, a socket a directory to write in; or " + todo
        raise Mistake(f"serve: cannot listen on {address}: {why}; {todo}") from None


def _choose(settings: Settings, key: str) -> str:
    place = settings.places.get(key, f"--{key.replace('_', '-')}").removeprefix("serve: ")
    return f"choose another with {place}"

"""Where clients connect: an address, a dialect, and the sockets that listen there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lonedot.client_settings import ClientSettings
    from lonedot.config import Dialect, TlsUse

# Clients that wait to be accepted, and those accepted at a time.
_BACKLOG = 1024
_AT_A_TIME = 32


class Listener:
    """One address of a server. `address`: as it is bound, "host:port" or "unix:/path". `dialect`: "smtp" or "lmtp".
    `config`: the server's. `tls`: "starttls", "implicit", or None without TLS."""

    def __init__(
        self,
        dialect: Dialect,
        settings: ClientSettings,
        tls: TlsUse | None = None,
    ) -> None:
        self.address = ""
        self.dialect = dialect
        self.config = settings.config
        self.tls = tls
        self.settings = settings
        self._server: asyncio.Server | None = None
        self._path: str | None = None
        # Which file of that path is ours.
        self._bound = (0, 0)

    async def open(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        address: str | None,
        sock: socket.socket | None,
        mode: int | None = None,
    ) -> None:
        """Binds, and accepts clients. `mode`: of a Unix socket's file. Raises ValueError for an address that is none,
        OSError when it cannot be had."""
        if (address is None) == (sock is None):
            raise ValueError("a listener takes an address or a socket, one of the two")
        loop = asyncio.get_running_loop()
        place = None if address is None else parse_address(address)
        if isinstance(place, tuple):
            self._server = await loop.create_server(factory, *place, backlog=_AT_A_TIME)
        else:
            if place is not None:
                self._path, sock = place, _unix_socket(place, mode)
                self._bound = _identity(place)
            assert sock is not None
            make = loop.create_unix_server if sock.family == socket.AF_UNIX else loop.create_server
            self._server = await make(factory, sock=sock, backlog=_AT_A_TIME)
        for listening in self._server.sockets:
            # asyncio takes its backlog for the number of clients to accept at a time too; short of descriptors it then
            # tries, and logs, as often in a row.
            with socket.fromfd(listening.fileno(), listening.family, listening.type) as same:
                same.listen(_BACKLOG)
        self.address = _written(self._server.sockets[0].getsockname())

    def close(self) -> None:
        """Accepts nobody any more, and leaves no socket file behind."""
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                # Another server may have taken the path meanwhile.
                if _identity(self._path) == self._bound:
                    os.unlink(self._path)
            self._path = None

    def __repr__(self) -> str:
        return f"<Listener {self.address} {self.dialect}>"


def parse_address(address: str) -> tuple[str, int] | str:
    """Host and port of "host:port" or "[IPv6]:port", or the path of "unix:/path". Raises ValueError otherwise."""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        if not path or "\0" in path:
            raise ValueError(f"address {address!r} names no path; write unix:/run/lonedot.sock")
        return path
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"address {address!r} is ambiguous; write an IPv6 address in brackets, as [::1]:2525")
    if not colon or not host or not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"address {address!r} is neither host:port nor unix:/path; write, say, 127.0.0.1:2525")
    return host, int(port)


def _written(name: object) -> str:
    """What a socket is bound to, as `parse_address` reads it."""
    match name:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case bytes():
            return f"unix:{os.fsdecode(name)}"
    return f"unix:{name}"


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _unix_socket(path: str, mode: int | None) -> socket.socket:
    """A bound socket. A socket file that nobody answers at is taken over; where somebody does, OSError."""
    in_use = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.setblocking(False)
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    os.unlink(path)
                except BlockingIOError:
                    raise in_use from None
                else:
                    raise in_use
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(path)
        if mode is not None:
            os.chmod(path, mode)
    except OSError as error:
        bound.close()
        # Python itself refuses a path that is too long, and gives no number.
        number = error.errno or errno.ENAMETOOLONG
        raise OSError(number, os.strerror(number), path) from None
    return bound

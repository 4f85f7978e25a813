"""Next hops for what relays: a `lonedot.Server` in a thread of its own, and one that answers what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Self

import lonedot

from tests.support import PATIENCE


@contextlib.contextmanager
def next_hop(handler: object, config: lonedot.Config | None = None, port: int = 0) -> Iterator[int]:
    """A server that runs for as long as the block lasts. Gives its port."""
    listening, found = threading.Event(), 0
    loop = asyncio.new_event_loop()
    told_to_stop = asyncio.Event()

    async def main() -> None:
        nonlocal found
        server = lonedot.Server(handler, config or lonedot.Config(hostname="next.example"))
        listener = await server.listen(f"127.0.0.1:{port}")
        found = int(listener.address.rpartition(":")[2])
        listening.set()
        await told_to_stop.wait()
        await server.stop(drain=0)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert listening.wait(PATIENCE)
        yield found
    finally:
        loop.call_soon_threadsafe(told_to_stop.set)
        thread.join(PATIENCE)
        loop.close()


class Scripted:
    """A server that answers each verb with what `said` has for it: "" is the greeting, "." the end of mail data; and
    first with what `once` has, where None is no answer. `closed`: how many connections have ended."""

    def __init__(self) -> None:
        self.said = {"": b"220 x", "EHLO": b"250-x\r\n250-SIZE 100000\r\n250 8BITMIME", "DATA": b"354 go"}
        self.once: dict[str, bytes | None] = {}
        self.closed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept)
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(PATIENCE)
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        in_mail_data = False

        def answer(verb: str) -> bool:
            said = self.once.pop(verb) if verb in self.once else self.said.get(verb, b"250 ok")
            if said is not None:
                sock.sendall(said + b"\r\n")
            return said is not None and said.startswith(b"354")

        with sock, sock.makefile("rb") as file, contextlib.suppress(OSError):
            answer("")
            for line in file:
                if in_mail_data:
                    in_mail_data = line != b".\r\n"
                    if not in_mail_data:
                        answer(".")
                else:
                    in_mail_data = answer(line[:4].decode())
        self.closed += 1

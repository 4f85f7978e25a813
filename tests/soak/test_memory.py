"""Memory: bounded whatever arrives, and little for a client that waits. The server is a process of its own, and what
counts is what the kernel says it holds.

The smallest run of each is in the default suite; `make soak` has the long ones.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest

from tests.serving import SECONDS, forget_peak, resident, serving

KIB, MIB = 1 << 10, 1 << 20

WAITING = """
import asyncio, lonedot

class Handler:
    async def on_message(self, connection, message):
        pass

async def main():
    config = lonedot.Config(hostname="mx.example.org", limits=lonedot.Limits(max_connections=100_000))
    listener = await lonedot.Server(Handler(), config).listen("127.0.0.1:0")
    print(listener.address.rpartition(":")[2], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


STREAMING = """
import asyncio, lonedot

class Sink:
    def __init__(self):
        self.octets = 0

    async def write(self, chunk):
        await asyncio.sleep(0.001)  # as a disk or the next server may have it wait
        self.octets += len(chunk)

    async def finish(self, report):
        return lonedot.Reply(250, "2.0.0", f"{self.octets} octets")

    async def abort(self, reason):
        pass

class Handler:
    def on_data(self, connection, transaction):
        return Sink()

async def main():
    listener = await lonedot.Server(Handler(), lonedot.Config(hostname="mx.example.org")).listen("127.0.0.1:0")
    print(listener.address.rpartition(":")[2], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Client:
    """One command at a time."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS, source_address=(source, 0))
        self.expect(220)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def expect(self, code: int) -> bytes:
        reply = b""
        while not reply.endswith(b"\n") or reply.splitlines()[-1][3:4] == b"-":
            octets = self.socket.recv(4096)
            assert octets, f"closed after {reply!r}"
            reply += octets
        assert reply.startswith(b"%d" % code), reply
        return reply

    def command(self, line: bytes, code: int) -> None:
        self.socket.sendall(line + b"\r\n")
        self.expect(code)

    def begin_data(self) -> None:
        for line, code in (
            (b"EHLO c.example", 250),
            (b"MAIL FROM:<a@x.example>", 250),
            (b"RCPT TO:<b@y.example>", 250),
        ):
            self.command(line, code)
        self.command(b"DATA", 354)


def long_line_of_mail_data(client: Client, octets: int) -> None:
    client.begin_data()
    send(client, octets)
    client.command(b"\r\n.", 550)
    client.command(b"NOOP", 250)


def long_command_line(client: Client, octets: int) -> None:
    send(client, octets)
    client.command(b"", 500)
    client.command(b"NOOP", 250)


def send(client: Client, octets: int, piece: bytes = b"x" * (256 * KIB)) -> None:
    for _ in range(octets // len(piece)):
        client.socket.sendall(piece)


@pytest.mark.parametrize(
    "octets", [16 * MIB, pytest.param(64 * MIB, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]
)
@pytest.mark.parametrize("long_line", [long_line_of_mail_data, long_command_line])
def test_a_line_without_end_costs_nothing(
    long_line: Callable[[Client, int], None], octets: int, tmp_path: Path
) -> None:
    with serving(tmp_path) as server, Client(server.port) as client:
        long_line(client, 1 * MIB)  # what is made on first use is made
        forget_peak(server.process.pid)
        before, _ = resident(server.process.pid)
        long_line(client, octets)
        after, peak = (octets - before for octets in resident(server.process.pid))
        print(f"\n{octets // MIB} MiB, one line: {after / KIB:.0f} KiB more, {peak / KIB:.0f} at most")
        assert peak < 1 * MIB
        assert (server.stored(), server.unfinished()) == ({}, [])


@pytest.fixture
def open_files() -> Iterator[int]:
    """As many as are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(300)])])
def test_a_client_that_waits_costs_little(count: int, open_files: int) -> None:
    if open_files < count + 100:
        pytest.skip(f"{open_files} open files are allowed, too few for {count} connections")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True)
        )
        stack.callback(server.kill)
        assert server.stdout is not None
        port = int(server.stdout.readline())

        def connect(number: int) -> None:
            # An address has some 28,000 ports, and those of the last run may not be free yet.
            client = stack.enter_context(Client(port, f"127.0.0.{2 + number % 200}"))
            client.command(b"NOOP", 250)

        for number in range(20):  # what is made on first use is made
            connect(number)
        before, _ = resident(server.pid)
        for number in range(count):
            connect(number)
        each = (resident(server.pid)[0] - before) / count
        print(f"\n{count} connections, each greeted, answered and waiting: {each:.0f} octets each")
        assert each <= 8 * KIB


@pytest.mark.parametrize(
    ("clients", "octets"),
    [(5, 4 * MIB), pytest.param(20, 20 * MIB, marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
)
def test_large_messages_of_many_clients_are_not_kept(clients: int, octets: int, tmp_path: Path) -> None:
    line = b"x" * 78 + b"\r\n"
    piece = line * (64 * KIB // len(line))
    with serving(tmp_path) as server, contextlib.ExitStack() as stack:
        with Client(server.port) as client:  # what is made on first use is made
            client.begin_data()
            send(client, MIB, piece)
            client.command(b".", 250)
        forget_peak(server.process.pid)
        before, _ = resident(server.process.pid)
        all_of_them = [stack.enter_context(Client(server.port)) for _ in range(clients)]
        for client in all_of_them:
            client.begin_data()
        # In turns, so that each message is on its way for all of the time.
        for _ in range(octets // len(piece)):
            for client in all_of_them:
                client.socket.sendall(piece)
        _, under_way = resident(server.process.pid)
        for client in all_of_them:
            client.command(b".", 250)
        after, peak = resident(server.process.pid)
        print(
            f"\n{clients} messages of {octets // MIB} MiB at once: {(under_way - before) / KIB / clients:.0f} KiB each "
            f"under way, {(peak - before) / KIB / clients:.0f} at most; {(after - before) / KIB:.0f} in all afterwards"
        )
        # What a transaction may hold (lonedot.maildir: MEMORY and PIECE, and one being written), and a read.
        assert peak - before < clients * 640 * KIB + 2 * MIB
        assert len(server.stored()) == clients + 1
        assert server.unfinished() == []


@pytest.mark.parametrize(
    "octets", [2 * MIB, pytest.param(20 * MIB, marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
)
def test_fifty_clients_that_stream_stay_under_64_mib(octets: int) -> None:
    line = b"x" * 78 + b"\r\n"
    piece = line * (64 * KIB // len(line))
    pieces = octets // len(piece)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", STREAMING], stdout=subprocess.PIPE, text=True)
        )
        stack.callback(server.kill)
        assert server.stdout is not None
        port = int(server.stdout.readline())
        clients = [stack.enter_context(Client(port)) for _ in range(50)]
        for client in clients:
            client.begin_data()

        def stream(client: Client) -> None:
            for _ in range(pieces):
                client.socket.sendall(piece)
            client.socket.sendall(b".\r\n")
            assert b"%d octets" % (pieces * len(piece)) in client.expect(250)

        with ThreadPoolExecutor(len(clients)) as pool:
            list(pool.map(stream, clients))
        now, peak = resident(server.pid)
        print(f"\n50 clients with {octets // MIB} MiB each: {peak / MIB:.1f} MiB resident at most, {now / MIB:.1f} now")
        assert peak < 64 * MIB

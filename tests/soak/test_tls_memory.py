"""Memory of a client that waits behind TLS: what OpenSSL holds, and next to nothing of ours.

The server is a process of its own, and what counts is what the kernel says it holds.
"""

from __future__ import annotations

import contextlib
import resource
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.serving import resident
from tests.soak.test_memory import KIB, Client

WAITING = """
import asyncio, sys, lonedot

class Handler:
    async def on_message(self, connection, message):
        pass

async def main():
    limits = lonedot.Limits(max_connections=100_000)
    config = lonedot.Config(hostname="mx.example.org", limits=limits, tls=lonedot.TLS(sys.argv[1]))
    listener = await lonedot.Server(Handler(), config).listen("127.0.0.1:0", tls="implicit")
    print(listener.address.rpartition(":")[2], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def open_files() -> Iterator[int]:
    """As many as are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class TlsClient(Client):
    """The same behind TLS; the context is shared, as OpenSSL's is the greater part of a client's memory."""

    def __init__(self, port: int, source: str, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__(port, source)

    def expect(self, code: int) -> bytes:
        if not isinstance(self.socket, ssl.SSLSocket):
            self.socket = self.context.wrap_socket(self.socket, server_hostname="localhost")
        return super().expect(code)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
@pytest.mark.parametrize("octets", [0, 300_000], ids=["greeted", "delivered"])
@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(300)])])
def test_a_client_that_waits_behind_tls_costs_little(
    count: int, octets: int, version: ssl.TLSVersion, open_files: int, tmp_path: Path
) -> None:
    """What a message took on its way is given back: who has delivered one costs no more than who never did."""
    if open_files < count + 100:
        pytest.skip(f"{open_files} open files are allowed, too few for {count} connections")
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "mx.pem"))
    context = ssl.create_default_context()
    context.maximum_version = version
    authority.configure_trust(context)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", WAITING, str(tmp_path / "mx.pem")], stdout=subprocess.PIPE, text=True
            )
        )
        stack.callback(server.kill)
        assert server.stdout is not None
        port = int(server.stdout.readline())

        def connect(number: int) -> None:
            client = stack.enter_context(TlsClient(port, f"127.0.0.{2 + number % 200}", context))
            if octets:
                client.begin_data()
                client.socket.sendall((b"x" * 78 + b"\r\n") * (octets // 80))
                client.command(b".", 250)
            client.command(b"NOOP", 250)

        for number in range(20):  # what is made on first use is made
            connect(number)
        before, _ = resident(server.pid)
        for number in range(count):
            connect(number)
        each = (resident(server.pid)[0] - before) / count
        print(f"\n{count} connections behind {version.name}, each waiting: {each:.0f} octets each")
        assert each <= 64 * KIB

"""CPU per message behind TLS, beside the same in plain text: what the pump and OpenSSL add.

The server runs in a process of its own and takes whole messages; the client, in this one, has 20 connections that are
kept open and sends a message on each in turn, its commands in one group (RFC 2920). Both kinds take turns, the median
of the rounds counts, CPU seconds are the operating system's for the server's process. Each round asserts that the
server saw every message, whole. Handshakes are not counted.

    python benches/tls.py [--messages 12000] [--octets 4096] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import trustme
from serve import SESSIONS, Tally, cpu_seconds


def serve(certificate: str) -> None:
    """The server's process: says its two ports, serves until standard input closes, then prints its tally."""
    import lonedot

    class Handler:
        async def on_message(self, connection: lonedot.Connection, message: lonedot.Message) -> None:
            Tally.messages += 1
            Tally.octets += len(message.content)

    async def main() -> None:
        config = lonedot.Config(hostname="bench.test", tls=lonedot.TLS(certificate))
        server = lonedot.Server(Handler(), config)
        listeners = [await server.listen("127.0.0.1:0", tls=use) for use in (None, "implicit")]
        print(json.dumps([int(listener.address.rpartition(":")[2]) for listener in listeners]), flush=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
        await ended.wait()

    asyncio.run(main())
    print(json.dumps({"messages": Tally.messages, "octets": Tally.octets}), flush=True)


def expect(client: socket.socket, octets: bytes) -> None:
    """Reads up to the reply that begins so."""
    came = b""
    while not (came.endswith(b"\r\n") and came.splitlines()[-1].startswith(octets)):
        more = client.recv(65536)
        assert more, f"closed after {came!r}"
        came += more


def round_of(certificate: str, context: ssl.SSLContext | None, messages: int, octets: int) -> float:
    """CPU seconds of one round."""
    command = [sys.executable, __file__, "--serve", certificate]
    envelope = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n"
    message = (b"x" * 78 + b"\r\n") * (octets // 80) + b".\r\n"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        plain, implicit = json.loads(server.stdout.readline())
        clients: list[socket.socket] = []
        for _ in range(SESSIONS):
            client = socket.create_connection(("127.0.0.1", implicit if context else plain))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            clients.append(context.wrap_socket(client, server_hostname="localhost") if context else client)
            expect(clients[-1], b"220 ")
            clients[-1].sendall(b"EHLO x.example\r\n")
            expect(clients[-1], b"250 ")
        before = cpu_seconds(server.pid)
        for _ in range(messages // SESSIONS):
            for octets_to_send, reply in ((envelope, b"354 "), (message, b"250 ")):
                for client in clients:
                    client.sendall(octets_to_send)
                for client in clients:
                    expect(client, reply)
        cpu = cpu_seconds(server.pid) - before
        for client in clients:
            client.close()
        said, _ = server.communicate(timeout=20)
        assert json.loads(said) == {"messages": messages, "octets": messages * (len(message) - 3)}
    return cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=12000)
    parser.add_argument("--octets", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", metavar="CERTIFICATE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    messages = options.messages // SESSIONS * SESSIONS
    authority, context = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(context)
    cpu: dict[str, list[float]] = {"plain text": [], "TLS": []}
    with tempfile.TemporaryDirectory() as directory:
        certificate = Path(directory) / "bench.pem"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        for _ in range(options.rounds):
            for name, runs in cpu.items():
                use = context if name == "TLS" else None
                runs.append(round_of(str(certificate), use, messages, options.octets) / messages)
    print(f"{messages} messages of {options.octets} octets, {SESSIONS} sessions; median of {options.rounds}")
    for name, runs in cpu.items():
        print(f"{name:12} {statistics.median(runs) * 1e6:8.1f} µs of CPU a message")


if __name__ == "__main__":
    main()

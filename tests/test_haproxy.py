"""HAProxy in front of the running server: what its headers say of real clients, with and without TLS.

It is started by the test, on sockets of the test's, and skipped by name where it is not installed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from lonedot import Connection, Peer, Server

from tests.support import ENVELOPE, PATIENCE, Client, Recorder, run, serving, until

MESSAGE = b"Subject: x\r\n\r\nHello.\r\n.\r\n"
TRUSTED = {"trusted_proxies": ("127.0.0.1", "::1", "unix")}

COMMON = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 10s
    timeout client 1m
    timeout server 1m
"""
V2_OPTIONS = "proxy-v2-options ssl,cert-cn,ssl-cipher,authority,unique-id,crc32c"


@contextmanager
def haproxy(directory: Path, listen: str, *, family: int = socket.AF_INET) -> Iterator[tuple[Any, ...]]:
    """HAProxy with one section `listen`, in which FD is the socket that clients connect to; gives its address."""
    path = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        pytest.skip("haproxy is not installed")
    with socket.socket(family) as sock:
        sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        sock.listen()
        config, log = directory / "haproxy.cfg", directory / "haproxy.log"
        config.write_text(f"{COMMON}listen front\n    bind fd@{sock.fileno()} {listen}")
        with log.open("wb") as said:
            command = [path, "-db", "-f", str(config)]
            process = subprocess.Popen(command, stdout=said, stderr=said, pass_fds=[sock.fileno()])
        try:
            yield sock.getsockname()
            assert process.poll() is None, log.read_text()
        finally:
            process.kill()
            process.wait(PATIENCE)


def address_of(server: Server) -> str:
    """As HAProxy writes it."""
    return server.listeners[0].address.replace("unix:", "unix@")


async def deliver(address: tuple[Any, ...], tls: ssl.SSLContext | None = None) -> Peer:
    """Sends a message; where the client sent it from."""
    reader, writer = await asyncio.open_connection(
        *address[:2], ssl=tls, server_hostname="mx.example" if tls is not None else None
    )
    client = Client(reader, writer)
    try:
        await client.expect(220)
        await client.until_mail_data()
        client.send(MESSAGE)
        await client.expect(250)
        await client.say("QUIT", 221)
        return Peer(*writer.get_extra_info("sockname")[:2])
    finally:
        writer.transport.abort()


def delivered(handler: Recorder) -> Connection:
    """The connection of the one message that came."""
    (message,) = handler.of("on_message")
    assert message.content == b"Subject: x\r\n\r\nHello.\r\n"
    connection = message.transaction.connection
    assert isinstance(connection, Connection)
    return connection


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("option", ["send-proxy", f"send-proxy-v2 {V2_OPTIONS}"], ids=["v1", "v2"])
@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_names_its_client(option: str, family: int, over: str, tmp_path: Path) -> None:
    handler, sent_from = Recorder(on_connect=None), []

    async def main() -> None:
        address = "127.0.0.1:0" if over == "tcp" else f"unix:{tmp_path / 'mx'}"
        async with serving(handler, settings=TRUSTED, address=address) as server:
            with haproxy(tmp_path, f"\n    server mx {address_of(server)} {option}\n", family=family) as front:
                sent_from.append(await deliver(front))

    run(main())
    connection = delivered(handler)
    assert [connection.peer] == sent_from
    assert (connection.proxy.host if connection.proxy is not None else None) == ("127.0.0.1" if over == "tcp" else None)
    header = connection.proxy_header
    assert header is not None
    assert header.version == (1 if option == "send-proxy" else 2)
    assert header.tls is None


@pytest.mark.parametrize("certificate", [False, True], ids=["none", "client's"])
def test_tells_of_tls(certificate: bool, tmp_path: Path) -> None:
    authority, pem = trustme.CA(), tmp_path / "mx.pem"
    authority.issue_cert("mx.example").private_key_and_cert_chain_pem.write_to_path(pem)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate:
        authority.issue_cert("client.example", common_name="client.example").configure_cert(context)
    handler, sent_from = Recorder(on_connect=None), []

    async def main() -> None:
        async with serving(handler, settings=TRUSTED) as server:
            listen = f"ssl crt {pem} ca-file {tmp_path / 'ca.pem'} verify optional\n    unique-id-format %ci-%cp\n"
            listen += f"    server mx {address_of(server)} send-proxy-v2 {V2_OPTIONS}\n"
            with haproxy(tmp_path, listen) as front:
                sent_from.append(await deliver(front, context))

    run(main())
    connection = delivered(handler)
    assert [connection.peer] == sent_from
    (client,) = sent_from
    header = connection.proxy_header
    assert header is not None
    assert (header.authority, header.unique_id) == ("mx.example", f"{client.host}-{client.port}".encode())
    assert header.tls is not None
    assert header.tls.version is not None
    assert header.tls.version.startswith("TLSv1.")
    assert header.tls.cipher
    assert header.tls.client_verified == certificate
    assert header.tls.common_name == ("client.example" if certificate else None)


def test_its_own_connections_are_its_own(tmp_path: Path) -> None:
    """Its health checks begin with LOCAL, are greeted and say EHLO; with no answer it would pass no client on."""
    handler = Recorder(on_connect=None, on_hello=None)

    async def main() -> None:
        async with serving(handler, settings=TRUSTED) as server:
            listen = "\n    option smtpchk EHLO checks.example\n"
            listen += f"    server mx {address_of(server)} check inter 50ms send-proxy-v2 {V2_OPTIONS}\n"
            with haproxy(tmp_path, listen):
                await until(lambda: len(handler.of("on_hello")) >= 2)

    run(main())
    assert {hello.name for hello in handler.of("on_hello")} == {"checks.example"}
    for connection in handler.of("on_connect"):
        assert connection.proxy_header.command == "local"
        assert connection.peer == connection.proxy
        assert connection.peer.host == "127.0.0.1"


def test_many_at_once(tmp_path: Path) -> None:
    handler = Recorder()

    async def main() -> None:
        async with serving(handler, settings=TRUSTED) as server:
            with haproxy(tmp_path, f"\n    server mx {address_of(server)} send-proxy-v2 {V2_OPTIONS}\n") as front:
                clients = [Client(*await asyncio.open_connection(*front)) for _ in range(20)]
                for client in clients:
                    client.send(b"EHLO x.example\r\n" + ENVELOPE + MESSAGE + b"QUIT\r\n")
                for client in clients:
                    await client.expect(220, 250, 250, 250, 354, 250, 221)
                sent_from = {Peer(*client.writer.get_extra_info("sockname")) for client in clients}
                assert {message.transaction.connection.peer for message in handler.of("on_message")} == sent_from
                for client in clients:
                    client.writer.transport.abort()

    run(main())

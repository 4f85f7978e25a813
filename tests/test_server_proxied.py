"""Connections from trusted proxies: whose address a connection has, and what becomes of one that begins otherwise."""

from __future__ import annotations

import asyncio
import logging
import socket
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from lonedot import Connection, DiscardDelivery, Peer, Policies, trace
from lonedot.proxied import Proxied
from proxyprotocol.result import ProxyResultIPv4, ProxyResultIPv6, ProxyResultUnix
from proxyprotocol.tlv import ProxyProtocolSSLTLV, ProxyProtocolTLV
from proxyprotocol.v2 import ProxyProtocolV2

from tests.support import ENVELOPE, LOOPS, Client, Recorder, opened, run, serving, until

SOON = 0.1
MESSAGE = b"Subject: x\r\n\r\nHello.\r\n.\r\n"
CLIENT = Peer("192.0.2.1", 56324)
V1 = b"PROXY TCP4 192.0.2.1 127.0.0.1 56324 25\r\n"
V2 = ProxyProtocolV2().pack(
    ProxyResultIPv4(
        (IPv4Address("192.0.2.1"), 56324),
        (IPv4Address("198.51.100.7"), 25),
        protocol=socket.SOCK_STREAM,
        tlv=ProxyProtocolTLV(
            authority="mx.example",
            unique_id=b"id-1",
            ssl=ProxyProtocolSSLTLV(has_ssl=True, has_cert_conn=True, verified=True, version="TLSv1.3", cn="c.example"),
            auto_crc32c=True,
        ),
    )
)
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
FROM_LOOPBACK = {"trusted_proxies": ("127.0.0.0/8", "::1", "unix")}


class Listening(Recorder):
    """Remembers the connections it was told of."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(**{"on_connect": None, "on_disconnect": None, **answers})

    @property
    def connection(self) -> Connection:
        (connection,) = self.of("on_connect")
        assert isinstance(connection, Connection)
        return connection


async def closed_without_a_word(client: Client) -> None:
    try:
        assert await client.end() == b""
    except ConnectionResetError:
        pass  # what it sent was not read to its end


@pytest.mark.parametrize("loop", LOOPS)
class TestHeaders:
    @pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
    def test_name_the_client(self, header: bytes, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server:
                async with Client.to(server, greeting=None) as client:
                    client.send(header)
                    await client.expect(220)
                    await client.until_mail_data()
                    client.send(MESSAGE)
                    await client.expect(250)
                    await client.say("QUIT", 221)
                    assert await client.end() == b""
                await until(lambda: not server.conversations)
                assert not server.proxied

        run(main(), loop)
        connection = handler.connection
        assert connection.peer == CLIENT
        assert isinstance(connection.peer, Peer)
        assert connection.proxy is not None
        assert connection.proxy.host == "127.0.0.1"
        assert connection.proxy_header is not None
        assert connection.proxy_header.source == CLIENT
        assert "192.0.2.1:56324" in repr(connection)
        (message,) = handler.of("on_message")
        assert b"[192.0.2.1]" in trace.received(message.transaction, "mx.example")
        assert handler.of("on_disconnect") == ["quit"]

    def test_what_else_they_say(self, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with (
                serving(handler, settings=FROM_LOOPBACK) as server,
                Client.to(server, greeting=None) as client,
            ):
                client.send(V2)
                await client.expect(220)

        run(main(), loop)
        header = handler.connection.proxy_header
        assert header is not None
        assert (header.unique_id, header.authority) == (b"id-1", "mx.example")
        assert header.tls is not None
        assert (header.tls.version, header.tls.common_name, header.tls.client_verified) == (
            "TLSv1.3",
            "c.example",
            True,
        )

    @pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
    def test_split_at_every_octet(self, header: bytes, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
        handler, read = Listening(), [0]
        updated = Proxied.buffer_updated

        def counted(self: Proxied, nbytes: int) -> None:
            read[0] += nbytes
            updated(self, nbytes)

        monkeypatch.setattr(Proxied, "buffer_updated", counted)

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server:
                for split in range(1, len(header)):
                    async with Client.to(server, greeting=None) as client:
                        read[0] = 0
                        client.send(header[:split])
                        await until(lambda split=split: read[0] == split)  # type: ignore[misc]
                        client.send(header[split:] + b"NOOP\r\n")
                        await client.expect(220, 250)

        run(main(), loop)
        assert [connection.peer for connection in handler.of("on_connect")] == [CLIENT] * (len(header) - 1)

    def test_octet_by_octet(self, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server, Client.to(server, greeting=None) as client:
                sock: socket.socket = client.writer.get_extra_info("socket")
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for octet in V2 + b"NOOP\r\n":
                    client.send(bytes([octet]))
                    await asyncio.sleep(0)
                await client.expect(220, 250)

        run(main(), loop)
        assert handler.connection.peer == CLIENT

    @pytest.mark.parametrize("waits", [False, True])
    @pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
    def test_all_in_one_segment(self, header: bytes, waits: bool, loop: str) -> None:
        """Also what a client sends too early is the client's, while on_connect is awaited too."""
        gates: list[asyncio.Event] = []
        handler = Listening(on_connect=lambda _: opened(gates[0]) if waits else None)

        async def main() -> None:
            gates.append(asyncio.Event())
            async with serving(handler, settings=FROM_LOOPBACK) as server, Client.to(server, greeting=None) as client:
                client.send(header + b"EHLO x.example\r\n" + ENVELOPE)
                await until(lambda: handler.of("on_connect"))
                client.send(MESSAGE + b"QUIT\r\n")
                gates[0].set()
                await client.expect(220, 250, 250, 250, 354, 250, 221)

        run(main(), loop)
        assert handler.contents == [b"Subject: x\r\n\r\nHello.\r\n"]

    def test_a_second_header_is_the_clients(self, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server, Client.to(server, greeting=None) as client:
                client.send(V1 + V1.replace(b"192.0.2.1", b"203.0.113.9"))
                await client.expect(220, 500)
                await client.say("NOOP", 250)

        run(main(), loop)
        assert handler.connection.peer == CLIENT

    @pytest.mark.parametrize(
        "header",
        [
            b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ::1 ::1 1 2\r\n", LOCAL,
            LOCAL.replace(b"\x20\0\0\0", b"\x20\x11\0\x0c") + bytes(12), LOCAL.replace(b"\x20\0", b"\x21\0"),
            ProxyProtocolV2().pack(ProxyResultUnix("/run/a", "/run/b", protocol=socket.SOCK_STREAM)),
        ],
        ids=["UNKNOWN", "UNKNOWN, long", "LOCAL", "LOCAL with addresses", "UNSPEC", "Unix"],
    )  # fmt: skip
    def test_that_name_nobody_leave_the_sockets_address(self, header: bytes, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server, Client.to(server, greeting=None) as client:
                client.send(header)
                await client.expect(220)

        run(main(), loop)
        connection = handler.connection
        assert connection.peer is not None
        assert connection.peer == connection.proxy
        assert connection.peer.host == "127.0.0.1"
        assert connection.proxy_header is not None
        assert connection.proxy_header.source is None

    def test_ipv6(self, loop: str) -> None:
        handler = Listening()
        v6 = ProxyProtocolV2().pack(
            ProxyResultIPv6(
                (IPv6Address("2001:db8::1"), 56324),
                (IPv6Address("2001:db8::19"), 25),
                protocol=socket.SOCK_STREAM,
            )
        )

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK, address="[::1]:0") as server:
                for header in (v6, b"PROXY TCP6 2001:db8::1 2001:db8::19 56324 25\r\n"):
                    async with Client.to(server, greeting=None) as client:
                        client.send(header)
                        await client.expect(220)

        run(main(), loop)
        for connection in handler.of("on_connect"):
            assert connection.peer == Peer("2001:db8::1", 56324)
            assert connection.proxy.host == "::1"

    @pytest.mark.parametrize("dialect", ["smtp", "lmtp"])
    def test_over_a_unix_socket(self, dialect: Any, loop: str, tmp_path: Path) -> None:
        handler = Listening()

        async def main() -> None:
            async with (
                serving(handler, settings=FROM_LOOPBACK, address=f"unix:{tmp_path / 'mx'}", dialect=dialect) as server,
                Client.to(server, greeting=None) as client,
            ):
                client.send(V1 + (b"LHLO x.example\r\n" if dialect == "lmtp" else b"EHLO x.example\r\n"))
                await client.expect(220, 250)

        run(main(), loop)
        assert (handler.connection.peer, handler.connection.proxy) == (CLIENT, None)
        assert handler.connection.proxy_header is not None


NO_HEADERS = {
    "a client": b"EHLO x.example\r\n",
    "TLS": b"\x16\x03\x01\x02\0\x01\0",
    "too long": b"PROXY UNKNOWN " + b"x" * 100_000,
    "a NUL": V1.replace(b" 25", b"\x0025"),
    "an LF": V1.replace(b"\r\n", b"\n"),
    "a bad checksum": V2.replace(b"id-1", b"id-2"),
    "a TLV too long": LOCAL.replace(b"\x20\0\0\0", b"\x21\0\0\x04") + b"\x05\xff\xff\0",
    "longer than is waited for": LOCAL.replace(b"\x20\0\0\0", b"\x21\x11\xff\xff"),
    "version 3": LOCAL.replace(b"\x20\0\0\0", b"\x30\0\0\0"),
}


@pytest.mark.parametrize("loop", LOOPS)
class TestFaults:
    @pytest.mark.parametrize("octets", NO_HEADERS.values(), ids=NO_HEADERS)
    def test_end_the_connection_without_a_word(
        self, octets: bytes, loop: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server:
                async with Client.to(server, greeting=None) as client:
                    client.send(octets)
                    await closed_without_a_word(client)
                await until(lambda: not server.proxied)
                assert not server.conversations

        with caplog.at_level(logging.INFO, logger="lonedot"):
            run(main(), loop)
        # Nobody was there for hooks to be told of.
        assert handler.calls == []
        (record,) = caplog.records
        assert record.levelno == logging.INFO
        assert "closing a connection from the proxy at 127.0.0.1:" in record.getMessage()
        assert "of the PROXY header)" in record.getMessage()

    @pytest.mark.parametrize("start", [b"", V1[:-1], V2[:40]], ids=["nothing", "v1", "v2"])
    def test_a_slow_one_has_its_time(self, start: bytes, loop: str, caplog: pytest.LogCaptureFixture) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK, handshake_timeout=SOON) as server:
                async with Client.to(server, greeting=None) as client:
                    client.send(start)
                    await closed_without_a_word(client)
                await until(lambda: not server.proxied)

        with caplog.at_level(logging.INFO, logger="lonedot"):
            run(main(), loop)
        assert handler.calls == []
        assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["no whole header in time"]

    def test_the_time_is_for_the_header_alone(self, loop: str) -> None:
        async def main() -> None:
            async with (
                serving(Recorder(), settings=FROM_LOOPBACK, handshake_timeout=SOON) as server,
                Client.to(server, greeting=None) as client,
            ):
                client.send(V1)
                await client.expect(220)
                greeted = server.clock.now
                await until(lambda: server.clock.now > greeted + 3 * server.handshake_ticks)
                await client.say("NOOP", 250)

        run(main(), loop)

    @pytest.mark.parametrize("reset", [False, True])
    def test_a_proxy_that_leaves_is_no_news(self, reset: bool, loop: str, caplog: pytest.LogCaptureFixture) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server, Client.to(server, greeting=None) as client:
                client.send(V1[:5])
                await until(lambda: server.proxied)
                if reset:
                    client.reset()
                else:
                    client.writer.write_eof()
                    assert await client.end() == b""
                await until(lambda: not server.proxied)

        with caplog.at_level(logging.INFO, logger="lonedot"):
            run(main(), loop)
        assert (handler.calls, caplog.records) == ([], [])

    def test_stopping_waits_for_no_header(self, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK) as server, Client.to(server, greeting=None) as client:
                client.send(V1[:5])
                await until(lambda: server.proxied)
                assert await server.stop(drain=60) == 0
                assert not server.proxied
                await closed_without_a_word(client)

        run(main(), loop)
        assert handler.calls == []


@pytest.mark.parametrize("loop", LOOPS)
class TestOthers:
    @pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
    @pytest.mark.parametrize("trusted", [(), ("192.0.2.0/24", "unix")], ids=["nobody", "others"])
    def test_are_never_believed(self, trusted: tuple[str, ...], header: bytes, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings={"trusted_proxies": trusted}) as server, Client.to(server) as client:
                client.send(header + b"\r\n")
                assert (await client.reply())[0].startswith("500")
                client.send(b"QUIT\r\n")
                last = ""
                while not last.startswith("221"):
                    last = (await client.reply())[-1]
                    assert last[:3] in ("221", "500")

        run(main(), loop)
        connection = handler.connection
        assert connection.peer is not None
        assert connection.peer.host == "127.0.0.1"
        assert (connection.proxy, connection.proxy_header) == (None, None)

    def test_wait_for_no_header_beside_those_who_do(self, loop: str, tmp_path: Path) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings={"trusted_proxies": ("unix",)}) as server:
                await server.listen(f"unix:{tmp_path / 'mx'}")
                reader, writer = await asyncio.open_unix_connection(tmp_path / "mx")
                async with Client.to(server) as client:
                    await client.say("NOOP", 250)
                writer.write(V1)
                assert (await reader.readline()).startswith(b"220 ")
                writer.close()

        run(main(), loop)
        assert [connection.proxy_header is not None for connection in handler.of("on_connect")] == [False, True]

    def test_all_are_counted(self, loop: str) -> None:
        handler = Listening()

        async def main() -> None:
            async with serving(handler, settings=FROM_LOOPBACK, max_connections=2) as server:
                async with Client.to(server, greeting=None) as one, Client.to(server, greeting=None) as two:
                    one.send(V1)
                    await one.expect(220)
                    await until(lambda: len(server.proxied) == 1)
                    # One is greeted, one has said nothing yet: that is two.
                    async with Client.to(server, greeting=421) as three:
                        assert await three.end() == b""
                    two.send(V1)
                    await two.expect(220)
                    async with Client.to(server, greeting=421):
                        pass
                await until(lambda: not server.conversations)
                async with Client.to(server, greeting=None) as four:
                    four.send(V1)
                    await four.expect(220)

        run(main(), loop)
        assert len(handler.of("on_connect")) == 3


LF = b"Subject: x\n\r\n.\r\n"
NETWORKS = {
    "192.0.2.0/24": Policies(bare_lf="keep"),
    "192.0.2.7": Policies(bare_lf="reject"),
    "2001:db8::/32": Policies(bare_lf="normalize"),
}


@pytest.mark.parametrize("loop", LOOPS)
class TestPolicies:
    async def send(self, server: Any, header: bytes) -> str:
        async with Client.to(server, greeting=None) as client:
            client.send(header)
            await client.expect(220)
            await client.until_mail_data()
            client.send(LF)
            return (await client.reply())[-1]

    def test_are_those_of_the_clients_network(self, loop: str) -> None:
        handler = Recorder()
        hosts = {"192.0.2.1": "250", "192.0.2.7": "550", "203.0.113.9": "550", "2001:db8::1": "250", "::1": "550"}

        async def main() -> None:
            async with serving(handler, settings={**FROM_LOOPBACK, "networks": NETWORKS}) as server:
                for host, code in hosts.items():
                    header = f"PROXY TCP{6 if ':' in host else 4} {host} {host} 1 2\r\n"
                    assert (await self.send(server, header.encode())).startswith(code), host

        run(main(), loop)
        assert handler.contents == [b"Subject: x\n\r\n", b"Subject: x\r\n\r\n"]

    @pytest.mark.parametrize("network", ["127.0.0.0/8", "unix", "::/0"])
    def test_without_a_proxy(self, network: str, loop: str, tmp_path: Path) -> None:
        addresses = {"127.0.0.0/8": "127.0.0.1:0", "unix": f"unix:{tmp_path / 'mx'}", "::/0": "[::1]:0"}

        async def main() -> None:
            for where, address in addresses.items():
                settings = {"networks": {network: Policies(bare_lf="keep")}}
                async with serving(delivery=DiscardDelivery(), settings=settings, address=address) as server:
                    said = await self.send(server, b"")
                    assert said.startswith("250" if where == network else "550"), (network, where)

        run(main(), loop)

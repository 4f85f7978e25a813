"""`lonedot serve` behind a proxy, with clients that speak for others, and with policies that differ by network."""

from __future__ import annotations

import re
import smtplib
import socket
from pathlib import Path

import pytest

from tests.serving import HOSTNAME, SECONDS, Serving, eventually, serving, trace_of
from tests.submitting import FROM, MESSAGE, TO, run

HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"
KEPT = "MAIL FROM:<a@x.example> X-UNKNOWN=1"


def peers(server: Serving) -> list[str]:
    """Whom the log says messages came from."""
    return re.findall(r" message id=\S+ peer=(\S+) ", server.log())


def behind_header(port: int, header: bytes, source: str = "127.0.0.1") -> smtplib.SMTP:
    """A client whose connection begins with a header."""
    sock = socket.create_connection(("127.0.0.1", port), SECONDS, (source, 0))
    sock.sendall(header)
    client = smtplib.SMTP(local_hostname="client.example", timeout=SECONDS)
    client.sock = sock
    return client


def test_a_header_of_a_trusted_proxy_names_the_client(tmp_path: Path) -> None:
    with serving(tmp_path, "--trusted-proxies", "127.0.0.1") as server:
        with behind_header(server.port, HEADER) as client:
            assert client.getreply()[0] == 220
            assert client.sendmail(FROM, TO, MESSAGE) == {}
        eventually(lambda: peers(server) == ["192.0.2.1:56324"], "the client's address in the log")
        assert "Received: from client.example ([192.0.2.1]) by " in trace_of(server.message())


def test_a_header_is_required_from_a_proxy_and_read_from_nobody_else(tmp_path: Path) -> None:
    with serving(tmp_path, "--trusted-proxies", "127.0.0.1,unix") as server:
        with behind_header(server.port, b"EHLO client.example\r\n") as client, pytest.raises(OSError):
            client.getreply()
        with behind_header(server.port, HEADER, "127.0.0.2") as client:
            assert [client.getreply()[0] for _ in range(2)] == [220, 500]
            assert client.sendmail(FROM, TO, MESSAGE) == {}
        eventually(lambda: len(peers(server)) == 1, "the message in the log")
        assert peers(server)[0].startswith("127.0.0.2:")


def test_xclient_of_swaks(tmp_path: Path) -> None:
    with serving(tmp_path, "--trusted-clients", "127.0.0.1/32") as server:
        file = tmp_path / "message"
        file.write_bytes(MESSAGE + b".")
        run(
            *("swaks", "--server", f"127.0.0.1:{server.port}", "--helo", "client.example", "--from", FROM, "--to", TO),
            *("--xclient", "ADDR=192.0.2.7 PORT=4321 NAME=other.example", "--data", f"@{file}"),
        )
        eventually(lambda: peers(server) == ["192.0.2.7:4321"], "the other's address in the log")
        assert "([192.0.2.7])" in trace_of(server.message())


def test_xclient_is_nobody_elses(tmp_path: Path) -> None:
    with serving(tmp_path, "--trusted-clients", "127.0.0.2,unix") as server:
        for source, code in ("127.0.0.1", 502), ("127.0.0.2", 220):
            with smtplib.SMTP("127.0.0.1", server.port, "client.example", SECONDS, (source, 0)) as client:
                client.ehlo()
                assert [client.has_extn(keyword) for keyword in ("xclient", "xforward")] == [code == 220] * 2
                assert client.docmd("XCLIENT", "ADDR=192.0.2.7")[0] == code


def test_policies_differ_by_network(tmp_path: Path) -> None:
    config = tmp_path / "lonedot.toml"
    config.write_text(
        'trusted_proxies = ["127.0.0.3"]\n'
        '[networks."127.0.0.2"]\nunknown_parameters = "keep"\n'
        '[networks."192.0.2.0/24"]\nunknown_parameters = "keep"\nnul = "keep"\n'
    )
    with serving(tmp_path, "--config", str(config), listen=["127.0.0.1:0", "127.0.0.2:0"]) as server:
        # A client of the network gets there by either address of the server, and others do not.
        ports = [int(address.rpartition(":")[2]) for address in server.addresses]
        for source, code in ("127.0.0.1", 555), ("127.0.0.2", 250):
            for host, port in zip(("127.0.0.1", "127.0.0.2"), ports, strict=True):
                with smtplib.SMTP(host, port, "client.example", SECONDS, (source, 0)) as client:
                    assert client.ehlo()[1].startswith(HOSTNAME.encode())
                    assert client.docmd(KEPT)[0] == code
        # By the address that a proxy names, too.
        for header, code in (HEADER, 250), (HEADER.replace(b"192.0.2.1", b"192.0.3.1"), 555):
            with behind_header(server.port, header, "127.0.0.3") as client:
                client.getreply()
                client.ehlo()
                assert client.docmd(KEPT)[0] == code
        with behind_header(server.port, HEADER, "127.0.0.3") as client:
            client.getreply()
            assert client.sendmail(FROM, TO, MESSAGE + b"a\0b\r\n") == {}
        assert b"a\0b\n" in server.message()

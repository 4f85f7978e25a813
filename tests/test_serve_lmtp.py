"""`lonedot serve --lmtp`, alone and beside SMTP, on TCP and on Unix sockets: real clients hand mail over."""

from __future__ import annotations

import smtplib
import stat
from pathlib import Path

import pytest

from tests.serving import SECONDS, Serving, serving, trace_of, without_trace
from tests.submitting import FROM, MESSAGE, TO, run
from tests.tls_support import Authority

SOME = 20
ADDRESSES = {"tcp": "127.0.0.1:0", "unix": "unix:lmtp.sock"}


def place_of(server: Serving) -> tuple[str, int]:
    """For smtplib, a path is a host without a port."""
    address = server.addresses[0]
    if address.startswith("unix:"):
        return str(server.maildir.parent / server.path), 0
    return "127.0.0.1", server.port


@pytest.mark.parametrize("over", ADDRESSES)
def test_smtplib_hands_over(over: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--lmtp", ADDRESSES[over], listen=()) as server:
        assert server.uses == ["LMTP"]
        with smtplib.LMTP(*place_of(server), "client.example") as client:
            assert client.docmd("EHLO", "client.example")[0] == 500
            assert client.docmd("LHLO", "client.example")[0] == 250
            assert client.docmd("DATA")[0] == 503
            assert [client.docmd("MAIL", f"FROM:<{FROM}>")[0], client.docmd("DATA")[0]] == [250, 503]
            # One reply for each recipient.
            assert [client.docmd("RCPT", f"TO:<{to}>")[0] for to in (TO, "c@y.example", TO)] == [250] * 3
            assert client.docmd("DATA")[0] == 354
            client.send(MESSAGE + b".\r\n")
            assert [client.getreply()[0] for _ in range(3)] == [250] * 3
            assert client.noop()[0] == 250
        stored = server.message()
        assert without_trace(stored) == MESSAGE.replace(b"\r\n", b"\n")
        assert " with LMTP id " in trace_of(stored)


@pytest.mark.parametrize("over", ADDRESSES)
def test_smtp_source_hands_over(over: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--lmtp", ADDRESSES[over], listen=()) as server:
        host, port = place_of(server)
        where = f"unix:{host}" if over == "unix" else f"{host}:{port}"
        run("smtp-source", "-L", "-d", "-s", "4", "-m", str(SOME), "-f", FROM, "-t", TO, where)
        assert len(server.stored()) == SOME


def test_swaks_hands_over(tmp_path: Path) -> None:
    with serving(tmp_path, "--lmtp", ADDRESSES["unix"], listen=()) as server:
        file = tmp_path / "message"
        file.write_bytes(MESSAGE + b".")
        run(
            *("swaks", "--protocol", "LMTP", "--socket", place_of(server)[0], "--helo", "client.example"),
            *("--from", FROM, "--to", f"{TO},c@y.example", "--data", f"@{file}"),
        )
        assert without_trace(server.message()) == MESSAGE.replace(b"\r\n", b"\n")


def test_beside_smtp_and_tls(authority: Authority, tmp_path: Path) -> None:
    authority.write(tmp_path / "mx.pem")
    lmtp = ("--lmtp", ADDRESSES["unix"], "--lmtp", ADDRESSES["tcp"], "--listen-tls", "127.0.0.1:0")
    with serving(tmp_path, *lmtp, "--tls-cert", "mx.pem") as server:
        assert server.uses == ["SMTP", "TLS", "LMTP", "LMTP"]
        with smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=SECONDS) as client:
            assert [client.docmd("LHLO", "x")[0], client.docmd("EHLO", "x")[0]] == [500, 250]
        with smtplib.LMTP("127.0.0.1", int(server.addresses[-1].rpartition(":")[2]), "client.example") as client:
            client.ehlo()
            assert client.has_extn("starttls")


@pytest.mark.parametrize("option", ["--listen", "--lmtp"])
@pytest.mark.parametrize(("mode", "shown"), [("0600", 0o600), ("666", 0o666), ("", 0o644)])
def test_the_mode_of_the_socket(option: str, mode: str, shown: int, tmp_path: Path) -> None:
    under = ("/bin/sh", "-c", 'umask 133; exec "$0" "$@"')  # of 0777
    with serving(tmp_path, option, "unix:mx.sock", "--socket-mode", mode, listen=(), under=under) as server:
        assert stat.S_IMODE((tmp_path / "mx.sock").stat().st_mode) == shown
        assert server.stop() == 0
    assert not (tmp_path / "mx.sock").exists()


def test_chunks_have_one_reply_each_and_the_last_one_for_each_recipient(tmp_path: Path) -> None:
    with serving(tmp_path, "--lmtp", ADDRESSES["tcp"], listen=()) as server:
        with smtplib.LMTP("127.0.0.1", server.port, "client.example") as client:
            client.ehlo()
            client.send(f"MAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nRCPT TO:<c@y.example>\r\n".encode())
            client.send(b"BDAT 6\r\nx: y\r\nBDAT 0\r\nBDAT 7 LAST\r\n\r\n.\r\nz\n")
            assert [client.getreply()[0] for _ in range(7)] == [250, 250, 250, 250, 250, 550, 550]
            client.send(b"RSET\r\n")
            assert client.getreply()[0] == 250
            client.send(f"MAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nRCPT TO:<c@y.example>\r\n".encode())
            client.send(b"BDAT 6\r\nx: y\r\nBDAT 0\r\nBDAT 8 LAST\r\n\r\n.\r\nz\r\n")
            assert [client.getreply()[0] for _ in range(7)] == [250] * 7
        assert without_trace(server.message()) == b"x: y\n\n.\nz\n"

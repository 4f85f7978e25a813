"""`lonedot serve` as its user meets it: a process, its ready line, its signals, its exit code, its log.

Nothing here sleeps: a server is ready when it has said so, has begun to stop when an idle client hears its 421, and its
log is read when it has ended.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

SECONDS = 30.0
MESSAGE = "From: a@x.example\r\nSubject: Hello\r\n\r\nOne line.\r\n..and one with dots.\r\n"


class Served:
    """A running server. `address` is what it said it listens on, port 0 resolved."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self.directory = directory
        self.ready = process.stdout.readline()
        found = re.match(r"lonedot: listening on (.+); mail appears in (\S+); .* with: (.*)\n", self.ready)
        assert found, (self.ready, self.log())
        self.addresses = found[1].split(", ")
        self.new = directory / found[2]
        self.command = found[3]

    @property
    def port(self) -> int:
        return int(self.addresses[0].rpartition(":")[2])

    def connect(self) -> socket.socket:
        if self.addresses[0].startswith("unix:"):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(SECONDS)
            client.connect(str(self.directory / self.addresses[0].removeprefix("unix:")))
            return client
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def log(self) -> list[str]:
        """All of it once the server has ended; before that, what there is."""
        return (self.directory / "stderr").read_text(encoding="utf-8").splitlines()

    def messages(self) -> list[bytes]:
        return [path.read_bytes() for path in self.new.iterdir()]


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `lonedot serve` with the arguments given, in a directory of its own, on a free port unless told."""
    with ExitStack() as stack:

        def start(*argv: str) -> Served:
            elsewhere = {"--listen", "--listen-tls", "--lmtp", "--config"}.intersection(argv)
            listen = () if elsewhere else ("--listen", "127.0.0.1:0")
            stderr = stack.enter_context(open(tmp_path / "stderr", "wb"))
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "lonedot", "serve", *listen, *argv],
                    cwd=tmp_path, stdout=subprocess.PIPE, stderr=stderr, text=True,
                )
            )  # fmt: skip
            stack.callback(process.kill)  # before the wait that leaving Popen is; nothing for one that has ended
            return Served(process, tmp_path)

        yield start


class Client:
    """A client whose every step is one command and its reply's code."""

    def __init__(self, server: Served) -> None:
        self.socket = server.connect()
        self.replies = self.socket.makefile("rb")
        assert self.reply() == 220

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.replies.close()
        self.socket.close()

    def reply(self) -> int:
        """The code of the next reply, 0 when the server has closed."""
        while line := self.replies.readline():
            if line[3:4] != b"-":
                return int(line[:3])
        return 0

    def command(self, line: str) -> int:
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def begin_data(self) -> None:
        steps = ("EHLO client.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        assert [self.command(line) for line in steps] == [250, 250, 250, 354]


def send(server: Served) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=SECONDS) as client:
        client.sendmail("a@x.example", ["b@y.example", "c@z.example"], MESSAGE)


def refused(tmp_path: Path, *argv: str) -> str:
    """The one line on stderr of a server that did not start."""
    done = subprocess.run(
        [sys.executable, "-m", "lonedot", "serve", *argv], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


class TestReceiving:
    def test_a_message_of_smtplib(self, serve: Serve) -> None:
        server = serve()
        send(server)
        (stored,) = server.messages()
        assert stored.endswith(MESSAGE.replace("\r\n", "\n").encode())
        assert b"\r" not in stored

    def test_crlf_line_ends(self, serve: Serve) -> None:
        server = serve("--crlf", "--maildir", "other")
        assert server.new == server.directory / "other" / "new"
        send(server)
        (stored,) = server.messages()
        assert stored.endswith(MESSAGE.encode())
        assert stored.count(b"\n") == stored.count(b"\r\n")

    @pytest.mark.parametrize("option", ["--listen", "--lmtp"])
    @pytest.mark.parametrize("address", ["127.0.0.1:0", "unix:mx 'x'.sock"])
    def test_the_command_of_the_ready_line_works_when_pasted(
        self, option: str, address: str, serve: Serve, tmp_path: Path
    ) -> None:
        server = serve(option, address)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        # Nothing but a shell and the Python that the line names: no curl, no lonedot.
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "python3").symlink_to(sys.executable)
        subprocess.run(
            ["/bin/sh", "-c", server.command], cwd=elsewhere, env={"PATH": str(tools)}, timeout=SECONDS, check=True
        )
        (stored,) = server.messages()
        assert b"Subject: Hello\n\nIt works.\n" in stored

    def test_several_addresses(self, serve: Serve) -> None:
        server = serve("--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen", "unix:mx.sock")
        assert len(set(server.addresses)) == 3
        assert server.addresses[2].startswith("unix:")
        for address in server.addresses:
            server.addresses = [address]
            with Client(server) as client:
                assert client.command("QUIT") == 221

    @pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
    def test_ipv6(self, serve: Serve) -> None:
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6):
                pass
        except OSError:
            pytest.skip("no IPv6 loopback here")
        server = serve("--listen", "[::1]:0")
        assert re.fullmatch(r"\[::1\]:\d+", server.addresses[0])
        with smtplib.SMTP("::1", server.port, "client.example", timeout=SECONDS) as client:
            assert client.noop()[0] == 250

    def test_settings_of_a_file(self, serve: Serve, tmp_path: Path) -> None:
        (tmp_path / "lonedot.toml").write_text(
            'listen = "127.0.0.1:0"\nmaildir = "of-file"\nhostname = "mx.example.org"\nlog_format = "json"\n'
            "[limits]\nmax_size = 1000\n"
        )
        server = serve("--config", "lonedot.toml", "--maildir", "of-option")
        assert server.new == tmp_path / "of-option" / "new"
        with smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=SECONDS) as client:
            assert client.ehlo()[1].startswith(b"mx.example.org")
            assert client.esmtp_features["size"] == "1000"
        assert server.stop() == 0
        assert all(json.loads(line) for line in server.log())


class TestLog:
    def test_a_line_for_a_message(self, serve: Serve) -> None:
        server = serve()
        send(server)
        assert server.stop() == 0
        (line,) = [line for line in server.log() if " message " in line]
        octets = len(MESSAGE.encode())
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO message id=\S+ peer=127\.0\.0\.1:\d+ from=<a@x\.example> "
            rf'to=<b@y\.example>,<c@z\.example> octets={octets} seconds=\d+\.\d{{3}} reply="250 2\.\d\.\d .*"',
            line,
        ), line

    def test_a_line_for_an_aborted_transaction(self, serve: Serve) -> None:
        server = serve("--log-format", "json")
        with Client(server) as client:
            client.begin_data()
            client.socket.sendall(b"QUIT\r\n")
            client.socket.shutdown(socket.SHUT_WR)
            assert client.reply() in (0, 421)  # the server has seen the end
        assert server.stop() == 0
        (line,) = [one for one in map(json.loads, server.log()) if one["event"] == "aborted"]
        assert (line["reason"], line["only_command"], line["octets"]) == ("eof", "QUIT", 6)
        assert (line["reverse_path"], line["recipients"]) == ("a@x.example", ["b@y.example"])
        assert line["level"] == "INFO"
        assert server.messages() == []

    def test_json_lines_parse(self, serve: Serve) -> None:
        server = serve("--log-format", "json")
        send(server)
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log()]
        assert all({"time", "level", "logger", "event"} <= line.keys() for line in lines)
        (line,) = [line for line in lines if line["event"] == "message"]
        assert line["recipients"] == ["b@y.example", "c@z.example"]
        assert line["octets"] == len(MESSAGE.encode())
        assert line["reply"].startswith("250 2.")


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_an_idle_client_hears_421(self, number: signal.Signals, serve: Serve) -> None:
        server = serve()
        with Client(server) as idle:
            assert server.stop(number) == 0
            assert [idle.reply(), idle.reply()] == [421, 0]
        assert "transactions abandoned: 0" in server.log()[-1]

    def test_a_transaction_under_way_ends_and_is_stored(self, serve: Serve) -> None:
        server = serve()
        with Client(server) as idle, Client(server) as busy:
            busy.begin_data()
            server.process.send_signal(signal.SIGTERM)
            assert idle.reply() == 421
            assert busy.command("Subject: late\r\n\r\nbut whole.\r\n.") == 250
            assert server.process.wait(SECONDS) == 0
        (stored,) = server.messages()
        assert stored.endswith(b"Subject: late\n\nbut whole.\n")

    def test_what_takes_longer_than_the_drain_is_abandoned_and_counted(self, serve: Serve) -> None:
        server = serve("--drain", "0.1")
        with Client(server) as busy:
            busy.begin_data()
            busy.socket.sendall(b"half a message\r\n")
            assert server.stop() == 0  # nothing was lost: it had no 250
            assert busy.reply() in (0, 421)
        assert server.messages() == []
        assert re.search(r" WARNING .* transactions abandoned: 1,", server.log()[-1])

    def test_a_second_signal_stops_at_once(self, serve: Serve) -> None:
        server = serve("--drain", "3600")
        with Client(server) as idle, Client(server) as busy:
            busy.begin_data()
            server.process.send_signal(signal.SIGTERM)
            assert idle.reply() == 421
            assert server.process.poll() is None
            assert server.stop(signal.SIGINT) == 0
        assert server.messages() == []
        assert "transactions abandoned: 1," in server.log()[-1]

    def test_sighup_reloads_nothing_and_says_so(self, serve: Serve) -> None:
        server = serve()
        with Client(server) as client:
            server.process.send_signal(signal.SIGHUP)
            assert client.command("NOOP") == 250
        assert server.stop() == 0
        assert any("SIGHUP" in line and "nothing is reloaded" in line for line in server.log())


class TestRefusingToStart:
    def test_a_port_in_use(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            said = refused(tmp_path, "--listen", "127.0.0.1:0", "--listen", address)
        assert said.startswith(f"lonedot: serve: cannot listen on {address}: Address already in use; ")
        assert "--listen" in said

    @pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:", "127.0.0.1:99999", "unix:"])
    def test_a_malformed_address(self, address: str, tmp_path: Path) -> None:
        said = refused(tmp_path, "--listen", address)
        assert f"cannot listen on {address}: " in said
        assert "unix:PATH" in said

    def test_a_socket_in_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        assert "unix:no/such.sock: No such file or directory" in refused(tmp_path, "--listen", "unix:no/such.sock")

    def test_a_maildir_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "mail").touch()
        assert "cannot write to the Maildir mail: " in refused(tmp_path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_maildir_without_permission(self, tmp_path: Path) -> None:
        (tmp_path / "mail").mkdir(mode=0o500)
        assert "cannot write to the Maildir mail: Permission denied" in refused(tmp_path)

    def test_a_key_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "lonedot.toml").write_text("limits.max_sise = 1")
        assert "limits.max_sise; did you mean limits.max_size?" in refused(tmp_path, "--config", "lonedot.toml")

    def test_the_console_script_is_the_same_program(self, tmp_path: Path) -> None:
        script = shutil.which("lonedot", path=os.path.dirname(sys.executable))
        if script is None:
            pytest.skip("lonedot is not installed beside this Python")
        done = subprocess.run([script, "serve", "--policy", "x"], cwd=tmp_path, capture_output=True, timeout=SECONDS)
        assert done.returncode == 2
        assert done.stderr.startswith(b"lonedot: serve: ")

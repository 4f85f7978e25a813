"""`lonedot serve --users`: real clients log in with what `lonedot user` made of their passwords, over TLS alone."""

from __future__ import annotations

import base64
import smtplib
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from lonedot.users import argon2_installed

from tests.serving import HOSTNAME, SECONDS, Serving, serving, trace_of
from tests.submitting import CLIENTS, Submission
from tests.tls_support import Authority

ANN, TIM = ("ann@example.org", "correct horse"), ("tim@example.org", "b\u00e4tter\u00ff:")
READ_AGAIN = "SIGHUP: the users were read again"


@pytest.fixture(scope="module")
def trusted(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the authority; beside it the server's certificate, mx.pem."""
    directory = tmp_path_factory.mktemp("tls")
    authority.write(directory / "mx.pem", HOSTNAME, "127.0.0.1")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    return directory / "ca.pem"


def line_of(login: tuple[str, str], scheme: str = "scram") -> bytes:
    """What `lonedot user` prints."""
    name, password = login
    done = subprocess.run(
        [sys.executable, "-m", "lonedot", "user", name, "--scheme", scheme],
        input=f"{password}\n".encode(),
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A file with Ann in it."""
    file = tmp_path / "users"
    file.touch(mode=0o600)
    file.write_bytes(line_of(ANN))
    return file


def options(trusted: Path, users: Path) -> list[str]:
    return ["--tls-cert", str(trusted.with_name("mx.pem")), "--users", str(users), "--require-auth"]


def offers(client: smtplib.SMTP) -> str | None:
    """The mechanisms of AUTH, None where it is not offered."""
    client.ehlo()
    return client.esmtp_features["auth"].strip() if client.has_extn("auth") else None


def in_the_clear(server: Serving) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=SECONDS)


def over_tls(server: Serving, trusted: Path) -> smtplib.SMTP:
    client = in_the_clear(server)
    client.starttls(context=ssl.create_default_context(cafile=trusted))
    return client


def plain(client: smtplib.SMTP, login: tuple[str, str]) -> int:
    """The code that answers AUTH PLAIN."""
    name, password = login
    return client.docmd("AUTH", f"PLAIN {base64.b64encode(f'{chr(0)}{name}{chr(0)}{password}'.encode()).decode()}")[0]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_logs_in(client: str, mechanism: str, users: Path, trusted: Path, tmp_path: Path) -> None:
    with serving(tmp_path, *options(trusted, users)) as server:
        CLIENTS[client](Submission(server, tmp_path, trusted, "starttls", ANN, mechanism))
        assert " with ESMTPSA " in trace_of(server.message())
        assert server.stop() == 0
        (line,) = [line for line in server.log().splitlines() if " message " in line]
        assert " auth=ann@example.org " in line
        assert ANN[1] not in server.log()


@pytest.mark.skipif(not argon2_installed(), reason="argon2-cffi is not installed")
def test_an_argon2_hash(users: Path, trusted: Path, tmp_path: Path) -> None:
    users.write_bytes(line_of(ANN) + b"\n# by argon2\n" + line_of(TIM, "argon2"))
    with serving(tmp_path, *options(trusted, users)) as server, over_tls(server, trusted) as client:
        assert offers(client) == "PLAIN LOGIN"
        assert plain(client, (TIM[0], ANN[1])) == 535
        assert plain(client, TIM) == 235


def test_nobody_else_gets_in(users: Path, trusted: Path, tmp_path: Path) -> None:
    with serving(tmp_path, *options(trusted, users)) as server, over_tls(server, trusted) as client:
        assert offers(client) == "SCRAM-SHA-256 PLAIN LOGIN"
        assert [plain(client, login) for login in ((ANN[0], "wrong"), TIM)] == [535, 535]
        assert client.docmd("MAIL", "FROM:<a@x.example>")[0] == 530
        assert plain(client, ANN) == 235
        assert client.docmd("MAIL", "FROM:<a@x.example>")[0] == 250


def test_no_password_is_taken_in_the_clear(users: Path, trusted: Path, tmp_path: Path) -> None:
    with serving(tmp_path, *options(trusted, users)) as server, in_the_clear(server) as client:
        assert offers(client) is None
        assert plain(client, ANN) == 538
        assert client.docmd("MAIL", "FROM:<a@x.example>")[0] == 530
    without_tls = ("--users", str(users), "--dangerously-auth-without-tls")
    with serving(tmp_path, *without_tls) as server, in_the_clear(server) as client:
        assert offers(client) == "SCRAM-SHA-256 PLAIN LOGIN"
        # Not required here.
        assert client.docmd("MAIL", "FROM:<a@x.example>")[0] == 250
        assert client.docmd("RSET")[0] == 250
        assert plain(client, ANN) == 235


def test_a_new_user_by_sighup(users: Path, trusted: Path, tmp_path: Path) -> None:
    with serving(tmp_path, *options(trusted, users)) as server, over_tls(server, trusted) as client:
        client.ehlo()
        assert plain(client, TIM) == 535
        users.write_bytes(line_of(ANN) + line_of(TIM))
        server.hang_up(READ_AGAIN)
        assert plain(client, TIM) == 235
        # Ann is no user any more, and nobody is let in or shut out by a file that is wrong.
        users.write_bytes(line_of(TIM))
        server.hang_up(READ_AGAIN)
        users.write_bytes(line_of(ANN) + b"ann@example.org:x\n")
        server.hang_up("going on with the users that were read before")
        assert f" ERROR lonedot.cli: SIGHUP: serve: --users: {users}:2: " in server.log()
        with over_tls(server, trusted) as other:
            other.ehlo()
            assert plain(other, ANN) == 535
            assert plain(other, TIM) == 235

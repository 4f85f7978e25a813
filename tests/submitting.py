"""Real clients that submit one message to a running `lonedot serve`, under TLS and with AUTH where they are told to.

Each takes a `Submission`. A client that is not installed is skipped by its name, and so is one that cannot do what it
is told; a client that fails fails the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiosmtplib
import pytest

from tests.serving import SECONDS, Serving
from tests.support import until

FROM, TO = "a@x.example", "b@y.example"
MESSAGE = b"From: <a@x.example>\r\nTo: <b@y.example>\r\nSubject: a test\r\n\r\nOne line.\r\n"


@dataclass(frozen=True)
class Submission:
    """Where to, how, and as whom. `authority`: the file of whose certificates to believe; `context`: for clients that
    take one, instead. `mechanism`: of AUTH."""

    server: Serving
    directory: Path
    authority: Path | None = None
    tls: Literal["starttls", "implicit"] | None = None
    login: tuple[str, str] | None = None
    mechanism: str = "PLAIN"
    context: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return self.server.port_for("TLS" if self.tls == "implicit" else "SMTP")

    def believing(self) -> ssl.SSLContext:
        return self.context or ssl.create_default_context(cafile=self.authority)


def run(tool: str, *arguments: str) -> str:
    """What it said. Fails unless it ends well."""
    path = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([path, *arguments], capture_output=True, timeout=SECONDS)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    return said


def by_smtplib(submission: Submission) -> None:
    name: dict[str, Any] = {"local_hostname": "client.example", "timeout": SECONDS}
    client: smtplib.SMTP
    if submission.tls == "implicit":
        client = smtplib.SMTP_SSL("127.0.0.1", submission.port, context=submission.believing(), **name)
    else:
        client = smtplib.SMTP("127.0.0.1", submission.port, **name)
    with client:
        if submission.tls == "starttls":
            assert client.starttls(context=submission.believing())[0] == 220
        if submission.login is not None:
            client.ehlo()
            client.user, client.password = submission.login
            authenticate = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login}
            if submission.mechanism == "SCRAM-SHA-256":
                scram_by_smtplib(client, *submission.login)
            else:
                assert client.auth(submission.mechanism, authenticate[submission.mechanism])[0] == 235
        assert client.sendmail(FROM, [TO], MESSAGE) == {}


def scram_by_smtplib(client: smtplib.SMTP, name: str, password: str) -> None:
    """By scramp's client, which checks that the server knows the password too."""
    import scramp

    def exchange() -> Iterator[str]:
        scram = scramp.ScramClient(["SCRAM-SHA-256"], name, password)
        yield scram.get_client_first()
        scram.set_server_first(challenges[-1])
        yield scram.get_client_final()
        scram.set_server_final(challenges[-1])
        yield ""

    challenges: list[str] = []
    said = exchange()

    def respond(challenge: bytes | None = None) -> str:
        if challenge is not None:
            challenges.append(challenge.decode())
        return next(said)

    assert client.auth("SCRAM-SHA-256", respond)[0] == 235


def by_swaks(submission: Submission) -> None:
    arguments = ["--server", f"127.0.0.1:{submission.port}", "--helo", "client.example", "--from", FROM, "--to", TO]
    if submission.tls is not None:
        assert submission.authority is not None
        if "TLS supported" not in run("swaks", "--support"):
            pytest.skip("swaks has no TLS; it takes libnet-ssleay-perl")
        arguments.append("--tls" if submission.tls == "starttls" else "--tls-on-connect")
        arguments += ["--tls-verify", "--tls-ca-path", str(submission.authority)]
    if submission.login is not None:
        if submission.mechanism not in ("PLAIN", "LOGIN"):
            pytest.skip(f"swaks has no {submission.mechanism}")
        name, password = submission.login
        arguments += ["--auth", submission.mechanism, "--auth-user", name, "--auth-password", password]
    file = submission.directory / "message"
    file.write_bytes(MESSAGE + b".")
    run("swaks", *arguments, "--data", f"@{file}")


def by_curl(submission: Submission) -> None:
    file = submission.directory / "message"
    file.write_bytes(MESSAGE)
    scheme = "smtps" if submission.tls == "implicit" else "smtp"
    arguments = [f"{scheme}://127.0.0.1:{submission.port}/client.example", "--silent", "--show-error"]
    arguments += ["--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", str(file)]
    if submission.tls is not None:
        arguments += ["--ssl-reqd", "--cacert", str(submission.authority)]
    if submission.login is not None:
        if submission.mechanism.startswith("SCRAM") and "gsasl" not in run("curl", "--version"):
            pytest.skip("this curl has no SCRAM; it takes one built with gsasl")
        arguments += ["--user", ":".join(submission.login), "--login-options", f"AUTH={submission.mechanism}"]
    run("curl", *arguments)


@contextlib.asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[aiosmtplib.SMTP]:
    """A client of aiosmtplib, whose socket is closed when the block has ended: under TLS that takes another moment."""
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1", local_hostname="client.example", timeout=SECONDS, **options
    ) as client:
        sock = client.get_transport_info("socket")
        yield client
    await until(lambda: sock.fileno() == -1)


def by_aiosmtplib(submission: Submission) -> None:
    if submission.login is not None and submission.mechanism not in ("PLAIN", "LOGIN"):
        pytest.skip(f"aiosmtplib has no {submission.mechanism}")
    tls = {} if submission.tls is None else {"tls_context": submission.believing()}
    how: dict[str, Any] = {"use_tls": submission.tls == "implicit", "start_tls": submission.tls == "starttls"}

    async def main() -> None:
        async with connected(port=submission.port, **how, **tls) as client:
            if submission.login is not None:
                login = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login}[submission.mechanism]
                await client.ehlo()
                assert (await login(*submission.login)).code == 235
            assert (await client.sendmail(FROM, [TO], MESSAGE))[0] == {}

    asyncio.run(main())


CLIENTS: dict[str, Callable[[Submission], None]] = {
    "smtplib": by_smtplib,
    "swaks": by_swaks,
    "curl": by_curl,
    "aiosmtplib": by_aiosmtplib,
}

"""`lonedot serve` with a certificate: real clients over STARTTLS and over TLS from the first octet; a new certificate
by SIGHUP while a connection is open."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.serving import HOSTNAME, SECONDS, Serving, eventually, serving, trace_of, without_trace
from tests.submitting import CLIENTS, MESSAGE, Submission
from tests.tls_support import Authority

READ_AGAIN = "SIGHUP: the certificate was read again"


@pytest.fixture(scope="module")
def trusted(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the authority."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def certificate(authority: Authority, tmp_path: Path) -> Path:
    """The server's, with its key."""
    return authority.write(tmp_path / "mx.pem", HOSTNAME, "127.0.0.1")


@pytest.fixture
def server(certificate: Path, tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, "--tls-cert", str(certificate), "--listen-tls", "127.0.0.1:0") as running:
        yield running


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sends(client: str, tls: str, server: Serving, trusted: Path, tmp_path: Path) -> None:
    CLIENTS[client](Submission(server, tmp_path, trusted, tls))  # type: ignore[arg-type]  # parametrized
    stored = server.message()
    assert without_trace(stored) == MESSAGE.replace(b"\r\n", b"\n")
    assert " with ESMTPS " in trace_of(stored)


def greeted(server: Serving, trusted: Path) -> tuple[smtplib.SMTP, bytes]:
    """A client after STARTTLS, and the certificate it was shown."""
    client = smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=SECONDS)
    client.starttls(context=ssl.create_default_context(cafile=trusted))
    assert isinstance(client.sock, ssl.SSLSocket)
    shown = client.sock.getpeercert(binary_form=True)
    assert shown is not None
    return client, shown


def test_a_new_certificate_by_sighup(server: Serving, certificate: Path, authority: Authority, trusted: Path) -> None:
    old, first = greeted(server, trusted)
    with old:
        old.ehlo()
        assert old.docmd("MAIL", "FROM:<a@x.example>")[0] == 250
        authority.write(certificate, HOSTNAME, "127.0.0.1")
        server.hang_up(READ_AGAIN)
        new, second = greeted(server, trusted)
        new.quit()
        assert second != first
        with smtplib.SMTP_SSL(
            "127.0.0.1", server.port_for("TLS"), context=ssl.create_default_context(cafile=trusted)
        ) as implicit:
            assert implicit.sock.getpeercert(binary_form=True) == second  # type: ignore[union-attr]  # an SSLSocket
        # The transaction that was open goes on.
        assert old.docmd("RCPT", "TO:<b@y.example>")[0] == 250
        assert old.data(MESSAGE)[0] == 250
    assert without_trace(server.message()) == MESSAGE.replace(b"\r\n", b"\n")


def test_a_broken_certificate_by_sighup(server: Serving, certificate: Path, trusted: Path) -> None:
    old, first = greeted(server, trusted)
    good = certificate.read_bytes()
    with old:
        for broken, why in (b"no certificate", "holds no certificate in PEM"), (None, "No such file or directory"):
            certificate.unlink() if broken is None else certificate.write_bytes(broken)
            server.hang_up("going on with the certificate that was read before")
            (line,) = [line for line in server.log().splitlines() if why in line]
            assert f" ERROR lonedot.cli: SIGHUP: serve: --tls-cert: {certificate}" in line
            assert old.noop()[0] == 250
            new, second = greeted(server, trusted)
            new.quit()
            assert second == first
        # Nothing is lost by it: the next signal finds the file as it should be.
        certificate.write_bytes(good)
        server.hang_up(READ_AGAIN)


def test_mail_without_tls_is_refused_where_it_is_required(certificate: Path, trusted: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--tls-cert", str(certificate), "--require-tls") as server:
        with smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=SECONDS) as client:
            client.ehlo()
            assert client.docmd("MAIL", "FROM:<a@x.example>") == (530, b"5.7.0 Say STARTTLS first")
        CLIENTS["smtplib"](Submission(server, tmp_path, trusted, "starttls"))
        assert server.message()


def test_a_key_in_its_own_file_and_a_clients_certificate(authority: Authority, trusted: Path, tmp_path: Path) -> None:
    issued = authority.issue_cert(HOSTNAME, "127.0.0.1")
    issued.private_key_pem.write_to_path(str(tmp_path / "mx.key"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "mx.crt"))
    tls = ("--tls-cert", "mx.crt", "--tls-key", "mx.key", "--tls-client-ca", str(trusted))
    with serving(tmp_path, *tls) as server:
        context = ssl.create_default_context(cafile=trusted)
        authority.issue_cert("client@x.example").configure_cert(context)
        # One that it cannot believe ends the handshake, one that is not shown does not.
        for known in context, ssl.create_default_context(cafile=trusted):
            CLIENTS["smtplib"](Submission(server, tmp_path, context=known, tls="starttls"))
        stranger = ssl.create_default_context(cafile=trusted)
        Authority().issue_cert("client@x.example").configure_cert(stranger)
        with pytest.raises((OSError, smtplib.SMTPException)):
            CLIENTS["smtplib"](Submission(server, tmp_path, context=stranger, tls="starttls"))
        eventually(lambda: "TLS failed with " in server.log(), "the failed handshake in the log")


def test_an_expired_certificate_is_served_and_warned_of(authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue_cert(HOSTNAME, not_after=datetime(2020, 1, 1, tzinfo=UTC))
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "mx.pem"))
    with serving(tmp_path, "--tls-cert", "mx.pem") as server:
        assert " WARNING lonedot.server: the certificate in mx.pem has expired on 2020-01-01" in server.log()

"""What `lonedot serve` offers, keyword for keyword, by default, with TLS and users, and as three large receivers do;
and that each keyword is good for what a client does with it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.message import EmailMessage
from pathlib import Path

import pytest
from lonedot import encode_data

from tests.serving import HOSTNAME, SECONDS, Serving, serving, trace_of, without_trace
from tests.submitting import connected
from tests.tls_support import Authority

EXAMPLES = Path(__file__).parent.parent / "examples"

DEFAULT = [
    "SIZE 52428800",
    "8BITMIME",
    "PIPELINING",
    "ENHANCEDSTATUSCODES",
    "SMTPUTF8",
    "CHUNKING",
    "LIMITS RCPTMAX=1000 MAILMAX=10000",
    "HELP",
]
RECEIVERS = {
    "gmail": ["SIZE 157286400", "8BITMIME", "STARTTLS", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "SMTPUTF8"],
    "microsoft": [
        "SIZE 49283072",
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
        "8BITMIME",
        "BINARYMIME",
        "CHUNKING",
        "SMTPUTF8",
    ],
    "hornetsecurity": [
        "PIPELINING",
        "SIZE 157286400",
        "ETRN",
        "STARTTLS",
        "ENHANCEDSTATUSCODES",
        "8BITMIME",
        "DSN",
    ],
}  # fmt: skip
HEADER = b"From: <a@x.example>\r\nSubject: a test\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's; beside it the authority's, ca.pem."""
    directory = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    return authority.write(directory / "mx.pem", HOSTNAME, "127.0.0.1")


class Client(smtplib.SMTP):
    """One that has said EHLO, and can say what smtplib does not know."""

    def __init__(self, server: Serving) -> None:
        super().__init__("127.0.0.1", server.port, "client.example", timeout=SECONDS)
        self.ehlo()

    @property
    def offers(self) -> list[str]:
        """The lines of the reply to EHLO after the first, in an order of their own."""
        return sorted(self.ehlo()[1].decode().split("\n")[1:])

    def say(self, *lines: str) -> list[int]:
        """The codes that answer the lines, each sent once the one before was answered."""
        return [self.docmd(line)[0] for line in lines]

    def chunk(self, octets: bytes, last: bool = False) -> int:
        """BDAT."""
        assert self.sock is not None
        self.sock.sendall(b"BDAT %d%b\r\n%b" % (len(octets), b" LAST" if last else b"", octets))
        return self.getreply()[0]

    def secure(self, certificate: Path) -> None:
        """STARTTLS, and EHLO again."""
        assert self.starttls(context=ssl.create_default_context(cafile=certificate.with_name("ca.pem")))[0] == 220
        self.ehlo()


class TestOffers:
    def test_by_default(self, tmp_path: Path) -> None:
        with serving(tmp_path) as server, Client(server) as client:
            assert client.offers == sorted(DEFAULT)

    def test_with_a_certificate(self, certificate: Path, tmp_path: Path) -> None:
        with serving(tmp_path, "--tls-cert", str(certificate)) as server, Client(server) as client:
            assert client.offers == sorted([*DEFAULT, "STARTTLS"])
            client.secure(certificate)
            assert client.offers == sorted(DEFAULT)

    def test_with_users(self, certificate: Path, tmp_path: Path) -> None:
        (tmp_path / "users").touch(mode=0o600)
        options = ("--tls-cert", str(certificate), "--users", "users")
        with serving(tmp_path, *options) as server, Client(server) as client:
            assert client.offers == sorted([*DEFAULT, "STARTTLS"])
            client.secure(certificate)
            assert client.offers == sorted([*DEFAULT, "AUTH SCRAM-SHA-256 PLAIN LOGIN"])

    def test_all_that_can_be_promised(self, certificate: Path, tmp_path: Path) -> None:
        promises = ["DSN", "ETRN", "BINARYMIME", "DELIVERBY 240", "MT-PRIORITY MIXER", "CHECKPOINT", "VRFY", "EXPN"]
        promises.append("FUTURERELEASE 86400 2040-01-01T00:00:00Z")
        advertise = ("--crlf", "--advertise", ",".join([*promises, "REQUIRETLS"]))
        with serving(tmp_path, "--tls-cert", str(certificate), *advertise) as server, Client(server) as client:
            assert client.offers == sorted([*DEFAULT, *promises, "STARTTLS"])
            assert client.say("MAIL FROM:<a@x.example> REQUIRETLS") == [530]
            client.secure(certificate)
            assert client.offers == sorted([*DEFAULT, *promises, "REQUIRETLS"])
            for promised in "REQUIRETLS", "BY=240;R", "HOLDFOR=86400", "MT-PRIORITY=3", "TRANSID=<1@x.example>":
                assert client.say(f"MAIL FROM:<a@x.example> {promised}", "RSET") == [250, 250]
            assert client.say("MAIL FROM:<a@x.example> BY=239;R", "VRFY a@x.example", "EXPN a") == [555, 252, 252]

    def test_lmtp_offers_the_same(self, tmp_path: Path) -> None:
        with (
            serving(tmp_path, "--lmtp", "127.0.0.1:0", listen=()) as server,
            smtplib.LMTP("127.0.0.1", server.port, "client.example") as client,
        ):
            assert sorted(client.ehlo()[1].decode().split("\n")[1:]) == sorted(DEFAULT)

    @pytest.mark.parametrize("receiver", RECEIVERS)
    def test_as_large_receivers_do(self, receiver: str, certificate: Path, tmp_path: Path) -> None:
        with announcing(receiver, certificate, tmp_path) as server, Client(server) as client:
            assert client.offers == sorted(RECEIVERS[receiver])
            client.secure(certificate)
            assert client.offers == sorted(set(RECEIVERS[receiver]) - {"STARTTLS"})


def announcing(receiver: str, certificate: Path, directory: Path) -> AbstractContextManager[Serving]:
    if receiver == "default":
        return serving(directory, "--tls-cert", str(certificate))
    config = EXAMPLES / f"offers-{receiver}.toml"
    return serving(directory, "--config", str(config), "--tls-cert", str(certificate))


def lines(message: bytes) -> list[bytes]:
    return message.replace(b"\r\n", b"\n").split(b"\n")


def lines_of(stored: bytes) -> list[bytes]:
    """Whichever ends they are stored with."""
    return lines(without_trace(stored))


# What a client does with each keyword. A use takes a client that has said EHLO, and the server.


def use_size(client: Client, server: Serving) -> None:
    most = int(client.esmtp_features["size"])
    assert client.say(f"MAIL FROM:<a@x.example> SIZE={most + 1}", f"MAIL FROM:<a@x.example> SIZE={most}") == [552, 250]


def use_8bitmime(client: Client, server: Serving) -> None:
    message = HEADER + "na\u00efve\r\n".encode() + bytes(range(128, 256)) + b"\r\n"
    assert client.sendmail("a@x.example", "b@y.example", message, mail_options=["BODY=8BITMIME"]) == {}
    assert lines_of(server.message()) == lines(message)


def use_starttls(client: Client, server: Serving) -> None:
    (certificate,) = [argument for argument in server.arguments if argument.endswith("mx.pem")]
    client.secure(Path(certificate))
    assert isinstance(client.sock, ssl.SSLSocket)
    assert client.sendmail("a@x.example", "b@y.example", HEADER) == {}
    assert " with ESMTPS " in trace_of(server.message())


def use_enhanced_codes(client: Client, server: Serving) -> None:
    replies = [client.docmd(line) for line in ("MAIL FROM:<a@x.example>", "RCPT TO:<b@y", "RSET", "NOOP", "NONSENSE")]
    assert [(code, text.split()[0]) for code, text in replies] == [
        (250, b"2.1.0"),
        (501, b"5.1.3"),
        (250, b"2.0.0"),
        (250, b"2.0.0"),
        (500, b"5.5.2"),
    ]


def use_pipelining(client: Client, server: Serving) -> None:
    assert client.sock is not None
    client.sock.sendall(
        b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<nobody\r\nRCPT TO:<c@y.example>\r\nDATA\r\n"
    )
    assert [client.getreply()[0] for _ in range(5)] == [250, 250, 501, 250, 354]
    client.sock.sendall(encode_data(HEADER) + b"NOOP\r\n")
    assert [client.getreply()[0] for _ in range(2)] == [250, 250]
    assert lines_of(server.message()) == lines(HEADER)


def use_chunking(client: Client, server: Serving) -> None:
    # What would end mail data after DATA, and a transparency dot, are octets like any others.
    chunks = [HEADER + b"one\r\n.\r\n..two\r", b"\nMAIL FROM:<c@x.example>\r\n", b"", b"three\r\n"]
    assert client.say("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>") == [250, 250]
    assert [client.chunk(chunk) for chunk in chunks] == [250] * len(chunks)
    assert client.chunk(b"", last=True) == 250
    assert lines_of(server.message()) == lines(b"".join(chunks))
    assert client.say("RSET", "NOOP") == [250, 250]


def use_smtputf8(client: Client, server: Serving) -> None:
    client.send_message(message_in_utf8(), "j\u00f6rg@x.example", ["\u7528\u6237@y.example"])
    trace = trace_of(server.message())
    assert trace.startswith("Return-Path: <j\u00f6rg@x.example>\n")
    assert " with UTF8SMTP id " in trace
    assert " for <\u7528\u6237@y.example>;" in trace


def use_dsn(client: Client, server: Serving) -> None:
    assert client.say(
        "MAIL FROM:<a@x.example> RET=HDRS ENVID=QQ+2B314159",
        "RCPT TO:<b@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@y.example",
        "RCPT TO:<c@y.example> NOTIFY=NEVER",
        "RCPT TO:<d@y.example> NOTIFY=NEVER,SUCCESS",
    ) == [250, 250, 250, 501]


def use_binarymime(client: Client, server: Serving) -> None:
    octets = bytes(range(256)) * 3 + b"\0\r\r\n\n\r.\r\n.\n" + b"x" * 5000 + b"\r"
    message = HEADER + octets
    assert client.say("MAIL FROM:<a@x.example> BODY=BINARYMIME", "RCPT TO:<b@y.example>", "DATA") == [250, 250, 503]
    assert [client.chunk(message[at : at + 333]) for at in range(0, len(message), 333)] == [250] * (
        len(message) // 333 + 1
    )
    assert client.chunk(b"\n", last=True) == 250
    assert without_trace(server.message()) == message + b"\n"


def use_etrn(client: Client, server: Serving) -> None:
    assert client.say("ETRN example.org", "ETRN @example.org", "ETRN a b") == [251, 251, 501]


USES: dict[str, Callable[[Client, Serving], None]] = {
    "SIZE": use_size,
    "8BITMIME": use_8bitmime,
    "STARTTLS": use_starttls,
    "ENHANCEDSTATUSCODES": use_enhanced_codes,
    "PIPELINING": use_pipelining,
    "CHUNKING": use_chunking,
    "SMTPUTF8": use_smtputf8,
    "DSN": use_dsn,
    "BINARYMIME": use_binarymime,
    "ETRN": use_etrn,
}
# What is refused where the keyword is not offered, and how.
REFUSED = {
    "CHUNKING": ("BDAT 0 LAST", 502),
    "SMTPUTF8": ("MAIL FROM:<a@x.example> SMTPUTF8", 555),
    "DSN": ("MAIL FROM:<a@x.example> RET=HDRS", 555),
    "BINARYMIME": ("MAIL FROM:<a@x.example> BODY=BINARYMIME", 555),
    "ETRN": ("ETRN example.org", 502),
}


def message_in_utf8() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "j\u00f6rg@x.example", "\u7528\u6237@y.example"
    message["Subject"] = "Gr\u00fc\u00dfe"
    message.set_content("Hello.\n")
    return message


@pytest.mark.parametrize("keyword", USES)
@pytest.mark.parametrize("receiver", ["default", *RECEIVERS])
def test_a_keyword_is_good_for_its_use(receiver: str, keyword: str, certificate: Path, tmp_path: Path) -> None:
    with announcing(receiver, certificate, tmp_path) as server, Client(server) as client:
        offered = RECEIVERS.get(receiver, [*DEFAULT, "STARTTLS"])
        if keyword in {line.partition(" ")[0] for line in offered}:
            USES[keyword](client, server)
        else:
            line, code = REFUSED[keyword]
            assert client.say(line, "NOOP") == [code, 250]


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_utf_8_of_another_client(tls: bool, certificate: Path, tmp_path: Path) -> None:
    believing = ssl.create_default_context(cafile=certificate.with_name("ca.pem"))
    with serving(tmp_path, "--tls-cert", str(certificate)) as server:

        async def main() -> None:
            async with connected(port=server.port, start_tls=tls, tls_context=believing) as client:
                assert (await client.send_message(message_in_utf8()))[0] == {}

        asyncio.run(main())
        trace = trace_of(server.message())
        assert trace.startswith("Return-Path: <j\u00f6rg@x.example>\n")
        assert f" with UTF8SMTP{'S' if tls else ''} id " in trace
        assert "Subject: Gr\u00fc\u00dfe\n".encode() in server.message()


def test_a_message_in_chunks_of_which_one_is_too_much(tmp_path: Path) -> None:
    with serving(tmp_path, "--max-size", "100") as server, Client(server) as client:
        for size, code in (10, 250), (11, 552):
            assert client.say("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>") == [250, 250]
            assert client.chunk(b"x" * 88 + b"\r\n") == 250
            assert client.chunk(b"y" * (size - 2) + b"\r\n", last=True) == code
            assert client.say("RSET") == [250]
        assert without_trace(server.message()) == b"x" * 88 + b"\n" + b"y" * 8 + b"\n"

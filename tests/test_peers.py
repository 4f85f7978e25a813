"""Postfix, Exim and OpenSMTPD relay mail into lonedot: what arrives is what they were given, and how it came is known.

Each is a client as the Internet has them: without TLS, with STARTTLS, and with TLS from the start, where it verifies
lonedot's certificate. What it makes of an extension is looked at on the wire, in what the hooks were told and in its
own log, and has to be what `USES` says of it. One that is not installed is skipped by its name.
"""

from __future__ import annotations

import base64
import random
import re
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lonedot import Config

from tests.peers.certificates import certified
from tests.peers.exim import exim
from tests.peers.opensmtpd import opensmtpd
from tests.peers.peer import NextHop, Peer, TlsUse
from tests.peers.postfix import postfix
from tests.peers.receiving import Dialogue, Received, Receiver, receiving
from tests.serving import serving, without_trace

PEERS = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd}

USES = {
    "postfix": {"size", "8bitmime", "pipelining", "dsn", "smtputf8"},
    "exim": {"size", "pipelining", "dsn", "smtputf8", "chunking"},
    "opensmtpd": {"dsn"},
}
"""What each does as a client where it is offered: Postfix 3.7, Exim 4.96, OpenSMTPD 6.8."""

# Those which a relay would add, so that it has none to add.
ADDED = b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x.example>\r\n"
FIELDS = b"From: <a@x.example>\r\nTo: <b@y.example>\r\n" + ADDED

_random = random.Random(5321)

BODIES = {
    "plain": b"One line.\r\n",
    "empty": b"",
    "periods": b".\r\n..\r\n...\r\n.x\r\n..x\r\nx.\r\n. \r\n\r\n.\r\n\r\n.\r\n",
    "what smugglers send": b".\r\nMAIL FROM:<c@z.example>\r\nDATA\r\n.\r\nQUIT\r\n",
    "8-bit": b"na\xc3\xafve\r\n\xe9t\xe9 \x80\xff\r\n." + bytes(range(128, 256)) + b"\r\n",
    "the longest lines": b"".join(b"%d" % (n % 10) * 998 + b"\r\n" for n in range(300)),
    "base64": base64.encodebytes(_random.randbytes(300_000)).replace(b"\n", b"\r\n"),
    "2 MiB": b"".join(b".%06d\r\n" % n * 7 for n in range(2 * 1024 * 1024 // 63)),
}

MESSAGES = {name: FIELDS + b"Subject: %b\r\n\r\n" % name.encode() + body for name, body in BODIES.items()}


@dataclass(frozen=True)
class Relay:
    """A peer that relays into a receiver."""

    name: str
    tls: TlsUse | None
    peer: Peer
    receiver: Receiver

    def uses(self, keyword: str) -> bool:
        """Whether the peer makes use of an extension, which lonedot offers."""
        assert keyword in self.receiver.offers()
        return keyword in USES[self.name]

    def relayed(
        self, message: bytes, to: str = "b@y.example", from_: str = "a@x.example", **options: list[str]
    ) -> Received:
        """What arrives of one message, and nothing else does."""
        before = len(self.receiver.messages)
        self.peer.send(message, [to], from_, **options)
        self.peer.until(lambda: len(self.receiver.messages) > before, "the message")
        self.peer.until(self.peer.queue_empty, "an empty queue")
        assert len(self.receiver.messages) == before + 1
        return self.receiver.messages[before]

    def dialogue(self) -> Dialogue:
        """The one in which a plain message is relayed."""
        self.relayed(MESSAGES["plain"])
        return self.receiver.dialogues[-1]


def as_relayed(message: bytes) -> tuple[list[bytes], bytes]:
    """The header fields, without those that a relay adds, and the body."""
    header, _, body = message.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", header)
    return [one for one in fields if not one.startswith((b"Received:", b"Return-Path:"))], body


def ways(tls: TlsUse | None) -> list[Any]:
    """The parameters of `relay` for each peer, with TLS as it is said."""
    return [pytest.param((name, tls), id=f"{name}-{tls}" if tls else name) for name in PEERS]


@pytest.fixture(scope="module", params=[*ways(None), *ways("starttls"), *ways("implicit")])
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    name, tls = request.param
    with ExitStack() as stack:
        config, authority = Config(hostname="mx.example.org"), None
        if tls:
            config, authority = stack.enter_context(certified(config))
        receiver = stack.enter_context(receiving(Receiver(), config, tls=tls))
        assert ("starttls" in receiver.offers()) == (tls == "starttls")
        peer = stack.enter_context(PEERS[name](NextHop(receiver.port, tls=tls, authority=authority)))
        yield Relay(name, tls, peer, receiver)


@pytest.fixture(scope="module")
def arrived(relay: Relay) -> dict[str, Received]:
    """All messages, given to the peer one after the other and relayed as it likes, by what is in them."""
    before = len(relay.receiver.messages)
    for message in MESSAGES.values():
        relay.peer.send(message, ["b@y.example"], mail=["BODY=8BITMIME"])
    relay.peer.until(lambda: len(relay.receiver.messages) >= before + len(MESSAGES), "all messages")
    relay.peer.until(relay.peer.queue_empty, "an empty queue")
    arrived = relay.receiver.messages[before:]
    names = [re.search(rb"\r\nSubject: (.*)\r\n", received.content) for received in arrived]
    assert sorted(name[1].decode() for name in names if name) == sorted(MESSAGES)
    return {name[1].decode(): received for name, received in zip(names, arrived, strict=True) if name}


@pytest.mark.parametrize("name", MESSAGES)
def test_arrives_as_it_was_given(name: str, relay: Relay, arrived: dict[str, Received]) -> None:
    received = arrived[name]
    assert as_relayed(received.content) == as_relayed(MESSAGES[name])
    assert received.mail.reverse_path == "a@x.example"
    assert [rcpt.forward_path for rcpt in received.rcpts] == ["b@y.example"]
    assert (received.tls is not None) == (relay.tls is not None)


def test_what_mail_declares(relay: Relay, arrived: dict[str, Received]) -> None:
    declared = arrived["8-bit"].mail.parameters
    assert (declared.body == "8BITMIME") == relay.uses("8bitmime")
    assert (declared.size is not None) == relay.uses("size")
    if declared.size is not None:
        assert declared.size >= len(MESSAGES["8-bit"])


def test_dsn(relay: Relay) -> None:
    assert relay.uses("dsn")
    received = relay.relayed(
        MESSAGES["plain"],
        mail=["RET=HDRS", "ENVID=QQ+3D314159"],
        rcpt=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Other+2Bone@y.example"],
    )
    mail, rcpt = received.mail.parameters, received.rcpts[0].parameters
    assert (mail.ret, mail.envid) == ("HDRS", "QQ=314159")
    assert rcpt.notify == ("SUCCESS", "FAILURE")
    assert rcpt.orcpt is not None
    assert (rcpt.orcpt.type, rcpt.orcpt.address) == ("rfc822", "Other+one@y.example")


def test_smtputf8(relay: Relay) -> None:
    message = ADDED + "From: <ü@x.example>\r\nTo: <bücher@y.example>\r\nSubject: grün\r\n\r\nÜ\r\n".encode()
    options = {"mail": ["SMTPUTF8", "BODY=8BITMIME"]}
    if not relay.uses("smtputf8"):
        with pytest.raises(smtplib.SMTPNotSupportedError):
            relay.peer.send(message, ["bücher@y.example"], "ü@x.example", **options)
        return
    received = relay.relayed(message, "bücher@y.example", "ü@x.example", **options)
    assert received.mail.parameters.smtputf8
    assert (received.mail.reverse_path, received.rcpts[0].forward_path) == ("ü@x.example", "bücher@y.example")
    assert as_relayed(received.content) == as_relayed(message)


@pytest.mark.parametrize("relay", ways(None), indirect=True)
def test_pipelining(relay: Relay) -> None:
    uses = relay.uses("pipelining")
    together = [turn for turn in relay.dialogue().turns() if b"MAIL FROM:" in turn and b"RCPT TO:" in turn]
    assert bool(together) == uses


@pytest.mark.parametrize("relay", ways(None), indirect=True)
def test_chunking(relay: Relay, arrived: dict[str, Received]) -> None:
    uses = relay.uses("chunking")
    said = relay.dialogue().client()
    assert (b"\r\nBDAT " in said, b"\r\nDATA\r\n" in said) == (uses, not uses)


@pytest.mark.parametrize("name", PEERS)
def test_each_does_without(name: str) -> None:
    nothing = Config(hostname="mx.example.org", extensions=frozenset())
    with receiving(Receiver(), nothing) as receiver, PEERS[name](NextHop(receiver.port)) as peer:
        assert receiver.offers() == {}
        received = Relay(name, None, peer, receiver).relayed(MESSAGES["periods"])
        assert as_relayed(received.content) == as_relayed(MESSAGES["periods"])
        assert received.mail.parameters.items() == received.rcpts[0].parameters.items() == []
        turns = receiver.dialogues[-1].turns()[:4]
        assert [turn.partition(b" ")[0].strip() for turn in turns] == [b"EHLO", b"MAIL", b"RCPT", b"DATA"]
        assert [turn.count(b"\r\n") for turn in turns] == [1, 1, 1, 1]


@pytest.mark.parametrize("relay", ways("starttls"), indirect=True)
def test_starttls(relay: Relay, arrived: dict[str, Received]) -> None:
    assert {received.tls.version for received in arrived.values()} <= {"TLSv1.2", "TLSv1.3"}
    hello, starttls, handshake, *_ = relay.receiver.dialogues[0].turns()
    assert (hello[:5], starttls, handshake[:1]) == (b"EHLO ", b"STARTTLS\r\n", b"\x16")
    # EHLO in the clear, and once more behind TLS: the server has forgotten the first (RFC 3207 §4.2).
    name = hello[5:].decode().rstrip()
    assert all(relay.receiver.hellos[received.connection] == [name, name] for received in arrived.values())


@pytest.mark.parametrize("relay", ways("implicit"), indirect=True)
def test_implicit_tls(relay: Relay, arrived: dict[str, Received]) -> None:
    assert {received.tls.version for received in arrived.values()} <= {"TLSv1.2", "TLSv1.3"}
    assert relay.receiver.dialogues[0].client()[:1] == b"\x16"


@pytest.mark.parametrize("relay", [*ways("starttls"), *ways("implicit")], indirect=True)
def test_what_the_peer_says_of_tls(relay: Relay) -> None:
    relay.relayed(MESSAGES["plain"])
    match relay.name:
        case "postfix":
            relay.peer.wait_for("Verified TLS connection established to localhost")
            assert relay.uses("pipelining")
            # What it sends behind TLS is marked with >, each reply that it reads with <.
            relay.peer.wait_for(r"(?s)> \S+: MAIL FROM:((?!\]: < ).)*> \S+: RCPT TO:((?!\]: < ).)*> \S+: DATA\n")
        case "exim":
            marks = relay.peer.wait_for(r"=> b@y\.example .* X=TLS1\.[23]:\S+ CV=yes(.*) C=")[1].split()
            assert ("L" in marks) == relay.uses("pipelining")
            assert ("K" in marks) == relay.uses("chunking")
        case "opensmtpd":
            relay.peer.wait_for(r"mta tls ciphers=TLSv1\.[23]:")
            relay.peer.wait_for('mta server-cert-check result="success"')


@pytest.mark.parametrize("name", PEERS)
def test_lonedot_serve_stores_what_it_is_relayed(name: str, tmp_path: Path) -> None:
    with serving(tmp_path) as server, PEERS[name](NextHop(server.port)) as peer:
        for message in MESSAGES.values():
            peer.send(message, ["b@y.example"])
        peer.until(lambda: len(server.stored()) == len(MESSAGES), "all messages")
        peer.until(peer.queue_empty, "an empty queue")
        stored = [without_trace(path.read_bytes()).replace(b"\n", b"\r\n") for path in server.stored().values()]
        assert sorted(map(as_relayed, stored)) == sorted(map(as_relayed, MESSAGES.values()))
        assert server.unfinished() == []

"""The header check on every way mail data comes and to everybody it goes to: the same findings and replies, one message
after the other on one connection, and not an octet changed."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from lonedot import HeaderFinding, HeaderPolicy, Policies, Reply, Transaction, check_headers, encode_data

from tests.support import Client, RecordingSink, run, serving

FIELDS = b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Ann <ann@a.example>\r\nMessage-ID: <1@a.example>\r\n"
SEVEN_BIT = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n"
MESSAGES = {
    "nothing wrong": FIELDS + b"\r\n.hello\r\n",
    "shown by a field": b"Cc:\r\n" + FIELDS + b"\r\nhello\r\n",
    "shown by the section's end": FIELDS.partition(b"\r\n")[2] + b"\r\nhello\r\n",
    "shown by the body": FIELDS + SEVEN_BIT + b"\r\n\xff\r\n",
    "too large": FIELDS + b"X: y\r\n" * 1100 + b"\r\nhello\r\n",
    "no empty line": FIELDS.partition(b"\r\n")[2],
    "no body": FIELDS + b"\r\n",
    "no header": b"hello\r\n",
    "an empty line at once": b"\r\nhello\r\n",
    "UTF-8": "Subject: grüße\r\n".encode() + FIELDS + b"\r\nhello\r\n",
    "nothing": b"",
}
POLICIES = {
    "off": HeaderPolicy("off"),
    "report": HeaderPolicy("report"),
    "strict": HeaderPolicy("strict"),
    "single": HeaderPolicy(
        "strict", {"eight-bit-body": "refuse", "missing-date": "report", "empty-destination": "ignore"}
    ),
}
Received = list[tuple[bytes, tuple[HeaderFinding, ...] | None]]


class OfMessages:
    """Hears of whole messages."""

    line_ends: Literal["crlf", "lf"] = "crlf"
    capabilities = frozenset({"8bitmime", "smtputf8", "binarymime"})

    def __init__(self) -> None:
        self.received: Received = []
        self.aborts: list[str] = []

    def on_message(self, connection: Any, message: Any) -> None:
        self.received.append((message.content, message.findings))

    def on_abort(self, connection: Any, transaction: Transaction, reason: str) -> None:
        self.aborts.append(str(reason))


class Sink(RecordingSink):
    """Takes its time."""

    def __init__(self, owner: Any, transaction: Transaction) -> None:
        super().__init__()
        self.owner, self.transaction = owner, transaction

    async def write(self, chunk: bytes) -> None:
        await asyncio.sleep(0)
        super().write(chunk)

    async def finish(self, report: Any) -> Reply:
        self.owner.received.append((b"".join(self.chunks), self.transaction.findings))
        return Reply(250, "2.0.0", "Ok")

    async def abort(self, reason: Any) -> None:
        await asyncio.sleep(0)
        self.owner.aborts.append(str(reason))


class OfSinks:
    """Takes mail data as it comes."""

    line_ends: Literal["crlf", "lf"] = "crlf"
    capabilities = OfMessages.capabilities

    def __init__(self) -> None:
        self.received: Received = []
        self.aborts: list[str] = []

    def on_data(self, connection: Any, transaction: Transaction) -> Sink:
        return Sink(self, transaction)


class OfLines:
    """A delivery whose lines end with LF."""

    line_ends: Literal["crlf", "lf"] = "lf"
    capabilities = frozenset({"8bitmime", "smtputf8"})

    def __init__(self) -> None:
        self.received: Received = []
        self.aborts: list[str] = []

    async def begin(self, transaction: Transaction) -> Sink:
        return Sink(self, transaction)


async def by_data(client: Client, message: bytes, replies: int) -> list[str]:
    await client.say("DATA", 354)
    client.send(encode_data(message))
    return [(await client.reply())[-1] for _ in range(replies)]


async def in_chunks(client: Client, message: bytes, replies: int, *chunks: bytes) -> list[str]:
    """All in one write, as CHUNKING with PIPELINING allows. The replies to the message: those of the last chunk, or the
    first refusal, after which there is nothing but 503."""
    for chunk in chunks:
        client.send(b"BDAT %d\r\n" % len(chunk) + chunk)
    client.send(b"BDAT %d LAST\r\n" % len(message) + message)
    before = [(await client.reply())[-1] for _ in chunks]
    last = [(await client.reply())[-1] for _ in range(replies)]
    refused = [said for said in before if not said.startswith("250 ")]
    if not refused:
        return last
    assert all(said.startswith("503 ") for said in refused[1:] + last)
    return refused[:1] * replies


async def by_one_chunk(client: Client, message: bytes, replies: int) -> list[str]:
    return await in_chunks(client, message, replies)


async def by_many(client: Client, message: bytes, replies: int) -> list[str]:
    step = len(message) // 4 or 1
    parts = [message[at : at + step] for at in range(0, len(message), step)] or [b""]
    return await in_chunks(client, parts[-1], replies, *parts[:-1])


async def by_an_empty_last(client: Client, message: bytes, replies: int) -> list[str]:
    return await in_chunks(client, b"", replies, message)


WAYS = (by_data, by_one_chunk, by_many, by_an_empty_last)


@pytest.mark.parametrize("dialect", ["smtp", "lmtp"])
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("kind", [OfMessages, OfSinks, OfLines])
def test_the_same_on_every_way(kind: Any, policy: HeaderPolicy, dialect: Any) -> None:
    owner = kind()
    replies = 2 if dialect == "lmtp" else 1

    async def one(client: Client, way: Any, message: bytes, parameters: str) -> None:
        findings = policy.told(check_headers(message, smtputf8="SMTPUTF8" in parameters))
        condemning = policy.condemning(findings)
        owner.received, owner.aborts = [], []
        await client.say("MAIL FROM:<a@example.org>" + parameters, 250)
        for _ in range(2):
            await client.say("RCPT TO:<b@example.org>", 250)
        said = await way(client, message, replies)
        if condemning is not None:
            assert said == [str(condemning.reply)] * replies
            assert (owner.received, owner.aborts) == ([], ["refused"])
            await client.say("RSET", 250)
        else:
            assert all(reply.startswith("250 ") for reply in said)
            stored = message if owner.line_ends == "crlf" else message.replace(b"\r\n", b"\n")
            assert (owner.received, owner.aborts) == ([(stored, findings if policy.checks else None)], [])

    async def main() -> None:
        handler, delivery = (None, owner) if hasattr(owner, "begin") else (owner, None)
        server = serving(handler, delivery=delivery, policies=Policies(header=policy), dialect=dialect)
        async with server as made, Client.to(made) as client:
            await client.say("LHLO there.example" if dialect == "lmtp" else "EHLO there.example", 250)
            for message in MESSAGES.values():
                for way in WAYS:
                    await one(client, way, message, "")
                await one(client, by_data, message, " SMTPUTF8")
                if "binarymime" in owner.capabilities:
                    await one(client, by_many, message, " BODY=BINARYMIME")

    run(main())

"""The cases whose instructions `instructions.py` counts between Python and the core, and in the server.

    LONEDOT_BACKEND=avx2 python benches/instructions_python.py    # runs each case, and asserts what comes out

As in rust/core/benches/instructions.rs: a case runs between two calls of getppid(2), at which callgrind writes down its
count, and a line says its name and how often it ran. timeit makes a loop of its own for each case, so that none runs in
bytecode that Python has specialized for another, and keeps the garbage collector out of it.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import timeit
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lonedot
from lonedot import (
    ChunkDecoder,
    Config,
    DataDecoder,
    MailData,
    Server,
    Session,
    check_headers,
    decode_data,
    encode_data,
    parse_command,
)
from lonedot.client_settings import ClientSettings
from lonedot.conversation import Conversation
from lonedot.listener import Listener

# malloc keeps freed memory up to so many octets for the next request of that size, and does not join it with other.
CACHED = 1032

SECTION = Path(__file__).with_name("header_section.eml").read_bytes() + b"\r\n"


class Case(NamedTuple):
    """What is run, with which names, how often for one count; and whether what it gives is right."""

    name: str
    times: int
    statement: str
    names: dict[str, Any]
    right: Callable[[Any], bool]


def lines(octets: int, line: bytes = b"") -> bytes:
    """Whole lines, as many as fit: this one, or base64."""
    text = line * octets or base64.encodebytes(random.Random(1).randbytes(octets)).replace(b"\n", b"\r\n")
    return text[: text.rindex(b"\r\n", 0, octets) + 2]


def decoding(name: str, times: int, chunk: bytes, expected: bytes, kind: type = bytes, **policies: Any) -> Case:
    """Mail data that has begun and does not end. Each chunk ends a line, so that all calls are alike."""
    names = {"decode": DataDecoder(**policies).decode, "chunk": kind(chunk)}
    return Case(f"DataDecoder.decode/{name}", times, "decode(chunk)", names, lambda decoded: decoded == expected)


def chunking(name: str, times: int, octets: bytes) -> Case:
    """A chunk that never ends, as far as these calls go."""
    names = {"decode": ChunkDecoder(2**62).decode, "octets": octets}
    return Case(f"ChunkDecoder.decode/{name}", times, "decode(octets)", names, lambda decoded: decoded == octets)


def calling(name: str, function: Callable[[bytes], Any], octets: bytes, right: Callable[[Any], bool]) -> Case:
    return Case(name, 1000, "f(octets)", {"f": function, "octets": octets}, right)


def converse(config: Config, reads: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """A whole connection through Session: mail data, and what was sent."""
    session = Session(config)
    content, sent = b"", [session.data_to_send()]
    for octets in reads:
        events = session.receive_data(octets)
        while events:
            for event in events:
                if isinstance(event, MailData):
                    content += event.octets
            events = session.reply(None) if session.paused else []
        sent.append(session.data_to_send())
    assert session.closed
    return content, sent


def level_heap(kept: deque[bytes]) -> None:
    """Fills the holes in malloc's heap, so that the case's memory comes from its end. What was imported before leaves
    others each time, and memory from a hole makes 6 % of what `encode_data` costs. Kept in a deque, which grows where
    it is: a list is moved at times, and its old place would be such a hole."""
    kept.extend(bytes(120_000) for _ in range(32))
    end = max(map(id, kept))
    for octets in range(120_000, 480, -16):
        filling = bytes(octets)
        while id(filling) < end:
            kept.append(filling)
            filling = bytes(octets)
        if octets <= CACHED:
            kept.append(filling)
        del filling


class Handler:
    """Keeps the last message."""

    content = b""

    def on_rcpt(self, connection: lonedot.Connection, rcpt: lonedot.Rcpt) -> None:
        pass

    def on_message(self, connection: lonedot.Connection, message: lonedot.Message) -> None:
        self.content = message.content


class Transport(asyncio.Transport):
    """A socket that is none: keeps what is sent."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 4025)})
        self.sent: list[bytes] = []
        self.closing = False

    def write(self, data: Any) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


def serve(server: Server, listener: Listener, handler: Handler, reads: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """A whole connection as the event loop drives it: mail data, and what was sent."""
    transport = Transport()
    conversation = Conversation(server, listener)
    conversation.connection_made(transport)
    for octets in reads:
        memoryview(conversation.get_buffer(-1))[: len(octets)] = octets
        conversation.buffer_updated(len(octets))
    assert transport.closing
    conversation.connection_lost(None)
    return handler.content, transport.sent


def connections(message: bytes) -> list[Case]:
    """One message from a client that pipelines, through Session and through Server."""
    envelope = b"MAIL FROM:<a@example.org> SIZE=2048\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    reads = [b"EHLO client.example.org\r\n", envelope, encode_data(message), b"QUIT\r\n"]
    config, handler = Config(hostname="mx.example.org"), Handler()
    server = Server(handler, config)
    settings = config.settings("smtp", questions=server.hooks.questions())
    listener = Listener("smtp", ClientSettings(config, lambda *_: settings))

    def right(seen: tuple[bytes, list[bytes]]) -> bool:
        replies = [line[:3] for line in b"".join(seen[1]).splitlines() if line[3:4] == b" "]
        return seen[0] == message and replies == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]

    return [
        Case("Session", 100, "f(config, reads)", {"f": converse, "config": config, "reads": reads}, right),
        Case("Server", 100, "f(*given)", {"f": serve, "given": (server, listener, handler, reads)}, right),
    ]


def cases() -> list[Case]:
    large, small, dotted = lines(65_536), lines(1024), lines(65_536, b"..ab\r\n")
    message = lines(2048)
    wire = message + b".\r\n"
    mail = b"MAIL FROM:<first.last@example.org> SIZE=10240 BODY=8BITMIME"
    return [
        decoding("64 KiB", 10, large, large),
        decoding("64 KiB, dots", 10, dotted, dotted.replace(b"..", b".")),
        decoding("64 KiB, lf", 10, large, large.replace(b"\r", b""), line_ends="lf"),
        decoding("64 KiB, bytearray", 10, large, large, bytearray),
        decoding("64 KiB, memoryview", 10, large, large, memoryview),
        decoding("1 KiB", 1000, small, small),
        chunking("64 KiB", 10, large),
        calling("decode_data/2 KiB", decode_data, wire, lambda decoded: decoded == message),
        calling("encode_data/2 KiB", encode_data, message, lambda encoded: encoded == wire),
        calling("check_headers/20 fields", check_headers, SECTION, lambda found: found == []),
        calling("parse_command/mail", parse_command, mail, lambda parsed: parsed.parameters.size == 10240),
        *connections(message),
    ]


def main() -> None:
    kernel = os.environ.get("LONEDOT_BACKEND") or lonedot._core.backends()[0]
    kept: deque[bytes] = deque()
    for case in cases():
        assert case.right(eval(case.statement, dict(case.names))), case.name
        timer = timeit.Timer(case.statement, globals=case.names)
        level_heap(kept)
        timer.timeit(case.times)  # Python specializes what runs often
        os.getppid()
        timer.timeit(case.times)
        os.getppid()
        print(f"{case.name}/{kernel} {case.times}")


if __name__ == "__main__":
    main()

"""kill -9 at random moments under load: what was answered 250 is in new/, and nothing in new/ is incomplete.

Each message says how long it is and what its checksum is; the client keeps the markers of those answered 250. The
server is started again on the same Maildir each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.serving import Serving, serving, without_trace

SESSIONS = 24
# Most are small, as mail is; some are streamed to tmp/ in pieces before they end.
SIZES = [1_000] * 6 + [4_000] * 6 + [60_000] * 2 + [700_000]

_MARKS = re.compile(rb"Subject: (\d+) (\d+) ([0-9a-f]{64})\n\n")


@dataclass
class Load:
    """Clients that send until the server is gone."""

    port: int
    numbers: itertools.count[int]
    choose: random.Random
    begun: int = 0
    answered: set[int] = field(default_factory=set)
    under_load: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return
        try:
            await self._expect(reader, 220)
            await self._command(reader, writer, b"EHLO client.example", 250)
            while True:
                await self._send(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the server was killed
        finally:
            writer.close()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, size = next(self.numbers), self.choose.choice(SIZES)
        body = b"%078d\n" % number * (size // 79)
        checksum = hashlib.sha256(body).hexdigest().encode()
        message = b"Subject: %d %d %s\n\n%s" % (number, len(body), checksum, body)
        await self._command(reader, writer, b"MAIL FROM:<a@x.example>", 250)
        await self._command(reader, writer, b"RCPT TO:<b@y.example>", 250)
        await self._command(reader, writer, b"DATA", 354)
        self.begun += 1
        writer.write(message.replace(b"\n", b"\r\n") + b".\r\n")
        await writer.drain()
        await self._expect(reader, 250)
        self.answered.add(number)
        self.under_load.set()

    async def _command(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes, code: int
    ) -> None:
        writer.write(line + b"\r\n")
        await self._expect(reader, code)

    async def _expect(self, reader: asyncio.StreamReader, code: int) -> None:
        while True:
            line = await reader.readuntil(b"\n")
            assert line.startswith(b"%d" % code), line
            if line[3:4] == b" ":
                return


def number_of(stored: bytes) -> int:
    """The message's marker. It is complete: as long as it says, and of its checksum."""
    text = without_trace(stored)
    marks = _MARKS.match(text)
    assert marks, f"not the beginning of a message: {text[:100]!r}"
    body = text[marks.end() :]
    assert len(body) == int(marks[2]), f"{len(body)} octets of {int(marks[2])} in new/"
    assert hashlib.sha256(body).hexdigest().encode() == marks[3]
    return int(marks[1])


async def load_until_killed(server: Serving, numbers: itertools.count[int], choose: random.Random) -> Load:
    load = Load(server.port, numbers, choose)
    clients = [asyncio.create_task(load.run()) for _ in range(SESSIONS)]
    try:
        await asyncio.wait_for(load.under_load.wait(), 60)
        # The moment is what is random here; nothing is waited for.
        await asyncio.sleep(choose.uniform(0, 0.4))
    finally:
        server.kill()
        await asyncio.wait_for(asyncio.gather(*clients), 60)
    return load


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_what_was_answered_250_outlives_kill_9(rounds: int, tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"\nseed {seed}")
    choose, numbers = random.Random(seed), itertools.count()
    begun = answered = 0
    stored: dict[int, str] = {}
    unfinished = 0
    for _ in range(rounds):
        with serving(tmp_path) as server:
            load = asyncio.run(load_until_killed(server, numbers, choose))
            new = server.stored()
            assert new.keys() >= set(stored.values()), "a message of an earlier round is gone"
            for name in new.keys() - set(stored.values()):
                number = number_of(new[name].read_bytes())
                assert number not in stored, "stored twice"
                stored[number] = name
            missing = load.answered - stored.keys()
            assert not missing, f"answered 250 and not in new/: {missing}"
            begun += load.begun
            answered += len(load.answered)
            unfinished += len(server.unfinished())
            for path in server.unfinished():
                path.unlink()
    print(
        f"{rounds} kills: {begun} messages begun, {answered} answered 250, all of them in new/ and whole; "
        f"{len(stored) - answered} more in new/, whole, whose 250 was not out; {unfinished} files left in tmp/"
    )
    assert begun > answered, "no kill met a message on its way"

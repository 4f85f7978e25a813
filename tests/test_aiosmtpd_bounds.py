"""What a client can make `lonedot.aiosmtpd.SMTP` keep, and how long it can hold it."""

from __future__ import annotations

import itertools
import socket
import time
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest

from tests.aiosmtpd_support import (
    HELLO,
    MESSAGE,
    OURS,
    UPSTREAM,
    Connection,
    QuietLoop,
    Taker,
    in_memory,
    read_until,
    served,
)

MIB = 1 << 20
READ = 1 << 16
"""Octets that one read of a socket brings."""


def kept(smtp: Any, unit: bytes, octets: int) -> tuple[int, int]:
    """What mail data that begins with as many octets of the unit takes, in octets: at the end of them, and at most."""
    chunk = unit * (READ // len(unit))

    async def main(loop: QuietLoop) -> tuple[int, int]:
        handler = Taker()
        connection = Connection(smtp(handler, loop=loop, hostname="mx.example", data_size_limit=MIB))
        await connection.until_mail_data()
        tracemalloc.start()
        try:
            for _ in range(octets // len(chunk)):
                # A read brings octets of its own.
                assert await connection.say(bytes(bytearray(chunk))) == b""
            took = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (await connection.say(b"\r\n.\r\n"))[:3] in (b"500", b"552") or octets < MIB
        connection.lose()
        await loop.quiet()
        return took

    return in_memory(main)


class TestMemory:
    """16 MiB to a server that takes 1 MiB. aiosmtpd, which is slow at lines, is given as many as it takes to show what
    it keeps of them."""

    @pytest.mark.parametrize(
        ("unit", "enough"),
        [(b"\r\n", 4 * READ), (b"a", 16 * MIB), (b".", 16 * MIB), (b"..\r\n", 8 * READ)],
        ids=["lines of two octets", "one line", "one line of dots", "lines of dots"],
    )
    def test_of_refused_mail_data(self, unit: bytes, enough: int) -> None:
        (rest, ours), (_, theirs) = kept(OURS.SMTP, unit, 16 * MIB), kept(UPSTREAM.SMTP, unit, enough)
        print(f"{ours / MIB:.2f} MiB, aiosmtpd {theirs / MIB:.2f} MiB")
        assert ours < 3 * MIB
        assert theirs > 4 * ours
        # Nothing, once it is refused.
        assert rest < MIB // 4

    def test_of_mail_data_that_fits(self) -> None:
        """Its own octets, and no more than as many again while they are put together."""

        async def main(loop: QuietLoop) -> int:
            handler = Taker()
            connection = Connection(OURS.SMTP(handler, loop=loop, hostname="mx.example", data_size_limit=MIB))
            await connection.until_mail_data()
            tracemalloc.start()
            try:
                for _ in range(MIB // READ):
                    await connection.say(bytes(bytearray(b"\r\n" * (READ // 2))))
                assert await connection.say(b".\r\n") == b"250 taken\r\n"
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert [len(content) for content in handler.contents] == [MIB]
            connection.lose()
            await loop.quiet()
            return most

        assert in_memory(main) < 3 * MIB


class Counting(OURS.SMTP):  # type: ignore[name-defined,misc]
    """Counts what gives the client more time."""

    resets = 0

    def _reset_timeout(self, duration: float | None = None) -> None:
        self.resets += 1
        super()._reset_timeout(duration)


class TestTime:
    def resets(self, reads: Iterable[bytes], *, step: float = 0.0, **options: Any) -> list[int]:
        """How often each read, some seconds after the one before, renews the client's time."""

        async def main(loop: QuietLoop) -> list[int]:
            connection = Connection(Counting(Taker(), loop=loop, **options))
            await connection.until_mail_data()
            counts = []
            for octets in reads:
                before = connection.smtp.resets
                loop.now += step
                await connection.say(octets)
                counts.append(connection.smtp.resets - before)
            if not connection.closing:
                connection.lose()
            await loop.quiet()
            return counts

        return in_memory(main)

    def test_each_chunk_renews_it(self) -> None:
        assert self.resets([b"o", b"ne\r\n", b".", b"x"]) == [1] * 4
        # The end is no chunk more, and the command behind it has a time of its own.
        assert self.resets([b"one", b"\r\n.\r\n", b"NOOP\r\n"]) == [1, 0, 1]

    @pytest.mark.parametrize("refused", [b"a" * 2000, b"a\r\n" * 40], ids=["500", "552"])
    def test_none_does_after_a_refusal(self, refused: bytes) -> None:
        reads = [b"one\r\n", refused, b"x", b"y"]
        assert self.resets(reads, data_size_limit=100) == [1, 0, 0, 0]

    def test_none_does_after_the_duration(self) -> None:
        """An hour: mail data that comes at an octet a minute is over after that."""
        counts = self.resets([b"x"] * 80, step=60)
        assert counts == [1] * 59 + [0] * 21

    def test_then_it_runs_out(self) -> None:
        async def main(loop: QuietLoop) -> float:
            handler = Taker()
            connection = Connection(OURS.SMTP(handler, loop=loop, timeout=300))
            await connection.until_mail_data()
            while not connection.closing:
                loop.now += 60
                await connection.say(b"x\r\n")
            await loop.quiet()
            assert handler.calls == []
            return loop.now

        assert 3600 < in_memory(main) <= 3600 + 300

    def test_refused_mail_data_has_the_time_it_had(self) -> None:
        async def main(loop: QuietLoop) -> float:
            connection = Connection(OURS.SMTP(Taker(), loop=loop, timeout=300, data_size_limit=1))
            await connection.until_mail_data()
            while not connection.closing:
                loop.now += 60
                await connection.say(b"x\r\n")
            await loop.quiet()
            return loop.now

        assert in_memory(main) == 300


def sends_slowly(of: Any) -> bytes | None:
    """What a client is told that sends a line every tenth of a second, for three times as long as the server waits.
    None where the machine was busy and the client slower than that."""
    slowest = 0.0
    controller = of.Controller(Taker(), hostname="127.0.0.1", timeout=0.5)
    with served(controller), socket.create_connection((controller.hostname, controller.port)) as client:
        client.sendall(HELLO + MESSAGE)
        said = read_until(client, b"<CR><LF>.<CR><LF>\r\n")
        before = time.monotonic()
        try:
            for line in [*itertools.repeat(b"one\r\n", 15), b".\r\n"]:
                time.sleep(0.1)
                client.sendall(line)
                now = time.monotonic()
                slowest, before = max(slowest, now - before), now
            said = read_until(client, b"\r\n")
        except ConnectionError:
            said = b""
    return said if slowest < 0.3 else None


def test_a_client_that_keeps_sending_is_served() -> None:
    """aiosmtpd's timer runs from the DATA command, whatever comes meanwhile."""
    tries = (sends_slowly(OURS) for _ in range(20))
    assert next(said for said in tries if said is not None) == b"250 taken\r\n"
    assert not sends_slowly(UPSTREAM)

"""LMTP at the running server: one reply for each recipient, in order, each as soon as it is known (RFC 2033 §4.2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lonedot import Reply

from tests.support import LOOPS, Client, Recorder, RecordingSink, opened, run, serving, until
from tests.test_server_sinks import handler_of

ENVELOPE = b"MAIL FROM:<a@example.org>\r\n" + b"".join(b"RCPT TO:<%d@example.org>\r\n" % n for n in range(3))
YES, NO, FULL = Reply(250, "2.0.0", "yes"), Reply(550, "5.1.1", "no"), Reply(452, "4.2.2", "full")


def answered(handler: Recorder, codes: list[int], loop: str = "asyncio", **options: Any) -> None:
    async def main() -> None:
        async with serving(handler, dialect="lmtp", **options) as server, Client.to(server) as client:
            await client.say("EHLO x.example", 500)
            await client.say("LHLO x.example", 250)
            for _ in range(2):
                client.send(ENVELOPE + b"DATA\r\n")
                await client.expect(250, 250, 250, 250, 354)
                client.send(b"body\r\n.\r\nNOOP\r\n")
                await client.expect(*codes, 250)
            await client.say("QUIT", 221)
            assert await client.end() == b""

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
class TestOnMessage:
    @pytest.mark.parametrize(
        ("answer", "codes"),
        [
            (None, [250] * 3), (FULL, [452] * 3), ([YES, NO, FULL], [250, 550, 452]), ((NO, NO, YES), [550, 550, 250]),
            ([YES], [451] * 3), ([YES] * 4, [451] * 3), ([YES, "250", NO], [451] * 3), ([YES, None, NO], [451] * 3),
            ([YES, Reply(354), NO], [451] * 3), ("yes", [451] * 3), (3, [451] * 3), (ValueError(), [451] * 3),
        ],
        ids=repr,
    )  # fmt: skip
    def test_answers(self, loop: str, awaits: bool, answer: Any, codes: list[int]) -> None:
        answered(Recorder(awaits=awaits, on_message=answer), codes, loop)

    def test_a_violation_is_answered_for_each(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_abort=None)

        async def main() -> None:
            async with serving(handler, dialect="lmtp") as server, Client.to(server) as client:
                await client.say("LHLO x.example", 250)
                client.send(ENVELOPE + b"DATA\r\nbad\n\r\n.\r\nNOOP\r\n")
                await client.expect(250, 250, 250, 250, 354, 550, 550, 550, 250)

        run(main(), loop)
        assert len(handler.of("on_abort")) == 1


class Telling(RecordingSink):
    """Finishes with what the test makes of it: an iterator, in one of two shapes."""

    def __init__(self, tell: Callable[[], AsyncIterator[Any]], awaited: bool) -> None:
        super().__init__()
        self.tell = tell
        self.awaited = awaited

    def finish(self, report: Any) -> Any:
        self.ends.append("finish")
        return self.later() if self.awaited else self.tell()

    async def later(self) -> Any:
        return self.tell()


def telling(*pairs: Any, raising: BaseException | None = None) -> Callable[[], AsyncIterator[Any]]:
    async def tell() -> AsyncIterator[Any]:
        for pair in pairs:
            await asyncio.sleep(0)
            yield pair
        if raising is not None:
            raise raising

    return tell


@pytest.mark.parametrize("awaited", [False, True], ids=["generator", "coroutine"])
class TestIterators:
    @pytest.mark.parametrize(
        ("tell", "codes"),
        [
            (telling((0, YES), (1, NO), (2, FULL)), [250, 550, 452]),
            (telling((2, FULL), (0, YES), (1, NO)), [250, 550, 452]),
            (telling((1, NO)), [451, 550, 451]),
            (telling(), [451] * 3),
            (telling((0, YES), raising=ValueError()), [250, 451, 451]),
            (telling((0, YES), (0, NO), (1, YES), (2, YES)), [250, 451, 451]),
            (telling((0, YES), (3, NO)), [250, 451, 451]),
            (telling((0, YES), (-1, NO)), [250, 451, 451]),
            (telling((0, "250"), (1, YES)), [451] * 3),
            (telling((0, Reply(354))), [451] * 3),
            (telling(("0", YES)), [451] * 3),
            (telling(YES), [451] * 3),
            (telling((0, YES), (1, YES), (2, YES), (3, YES)), [250] * 3),
            (telling((0, None), (1, NO), (2, None)), [250, 550, 250]),
        ],
    )
    def test_answers(self, awaited: bool, tell: Any, codes: list[int]) -> None:
        answered(handler_of(Telling(tell, awaited)), codes)

    def test_each_reply_goes_out_as_soon_as_it_can(self, awaited: bool) -> None:
        gates: list[asyncio.Event] = []

        async def tell() -> AsyncIterator[Any]:
            for index, gate in zip((1, 0, 2), gates, strict=True):
                await gate.wait()
                yield index, Reply(250, None, str(index))

        async def main() -> None:
            gates.extend(asyncio.Event() for _ in range(3))
            handler = handler_of(Telling(tell, awaited))
            async with serving(handler, dialect="lmtp") as server, Client.to(server) as client:
                await client.say("LHLO x.example", 250)
                client.send(ENVELOPE + b"DATA\r\nbody\r\n.\r\n")
                await client.expect(250, 250, 250, 250, 354)
                gates[0].set()
                gates[1].set()
                assert await client.expect(250, 250) == "250 1"
                gates[2].set()
                assert await client.expect(250) == "250 2"

        run(main())

    def test_at_the_deadline_those_without_a_reply_hear_451(self, awaited: bool) -> None:
        async def tell() -> AsyncIterator[Any]:
            yield 0, YES
            await opened(asyncio.Event())

        answered(handler_of(Telling(tell, awaited)), [250, 451, 451], handler_deadline=0.1)

    def test_the_log_says_what_was_said(self, awaited: bool, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "lonedot.mail")
        answered(handler_of(Telling(telling((2, NO), (0, YES)), awaited)), [250, 451, 550])
        replies = [record.__dict__["mail"]["reply"] for record in caplog.records if record.name == "lonedot.mail"]
        assert [[one[:3] for one in reply.split("; ")] for reply in replies] == [["250", "451", "550"]] * 2

    def test_in_smtp_there_is_nobody_to_answer_one_by_one(self, awaited: bool) -> None:
        sink = Telling(telling((0, YES)), awaited)

        async def main() -> None:
            async with serving(handler_of(sink)) as server, Client.to(server) as client:
                await client.until_mail_data()
                await client.say(".", 451)
                await client.say("QUIT", 221)

        run(main())

    def test_the_client_goes_away_meanwhile(self, awaited: bool) -> None:
        gates: list[asyncio.Event] = []
        ended: list[int] = []

        async def tell() -> AsyncIterator[Any]:
            await gates[0].wait()
            for index in range(3):
                yield index, YES
            ended.append(1)

        sink = Telling(tell, awaited)

        async def main() -> None:
            gates.append(asyncio.Event())
            async with serving(handler_of(sink), dialect="lmtp") as server, Client.to(server) as client:
                await client.say("LHLO x.example", 250)
                client.send(ENVELOPE + b"DATA\r\nbody\r\n.\r\n")
                await until(lambda: sink.ends)
                client.reset()
                gates[0].set()
                await until(lambda: not server.conversations)

        run(main())
        assert ended
        assert sink.ends == ["finish"]

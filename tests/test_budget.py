"""The budget for mail data in flight: who waits, who is favoured, and that everybody gets on in the end."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from lonedot import Reply, Server
from lonedot.budget import Budget, Reader
from lonedot.conversation import Conversation

from tests.support import ENVELOPE, LOOPS, Client, GatedSink, Recorder, opened, run, serving, until
from tests.test_server_sinks import handler_of

KIB = 1024
LINE = b"x" * 98 + b"\r\n"


def port_of(conversation: Conversation) -> int | None:
    peer = conversation._application.connection.peer
    return peer.port if peer is not None else None


class Reading:
    """A connection that reads as much as it may of its message, and delivers it."""

    def __init__(self, budget: Budget, size: int) -> None:
        self.left = size
        self.kept = 0
        self.reads = True
        self.budget = budget

    def proceed(self) -> None:
        self.reads = not (self.budget.full and self.budget.defers(self))

    @property
    def favoured(self) -> bool:
        return self.budget.favours(self)

    def read(self, octets: int) -> None:
        assert self.reads and self.left
        octets = min(octets, self.left)
        self.left -= octets
        self.kept += octets
        self.budget.take(octets)
        if self.left:
            self.proceed()
        else:
            self.end()

    def end(self) -> None:
        octets, self.kept = self.kept, 0
        self.budget.give(octets)
        self.budget.forget(self)


class TestBudget:
    def test_the_first_that_would_wait_is_favoured_and_then_the_next(self) -> None:
        budget = Budget(100)
        one, two, three = (Reading(budget, 1000) for _ in range(3))
        one.read(60)
        two.read(50)  # past the limit
        assert two.reads and two.favoured
        one.read(1)
        three.read(1)
        assert not one.reads and not three.reads
        two.end()  # 62 are held: nobody waits
        assert one.reads and three.reads and not budget.full
        assert not any(each.favoured for each in (one, two, three))

    def test_favour_lasts_until_what_is_held_is_given_back(self) -> None:
        budget = Budget(10)
        one, two, three = (Reading(budget, 1000) for _ in range(3))
        for each in (one, two, three):
            each.read(20)
        assert [each.reads for each in (one, two, three)] == [True, False, False]
        one.read(500)
        assert not two.reads and not three.reads
        one.end()
        assert [each.reads for each in (two, three)] == [True, False]  # 40 of 10 are held
        two.end()
        assert three.reads and three.favoured
        three.end()
        assert budget.held == 0 and not budget.full

    def test_one_that_goes_away_while_it_waits_is_not_favoured(self) -> None:
        budget = Budget(10)
        one, two, three = (Reading(budget, 1000) for _ in range(3))
        for each in (one, two, three):
            each.read(20)
        two.end()
        one.end()
        assert three.reads and not two.reads
        assert budget.held == 20

    @pytest.mark.parametrize("seed", range(50))
    def test_all_get_to_their_end_and_few_octets_are_held(self, seed: int) -> None:
        rng = random.Random(seed)
        limit, largest, a_read = rng.randrange(1, 300), rng.randrange(1, 200), rng.randrange(1, 40)
        budget = Budget(limit)
        clients = [Reading(budget, rng.randrange(1, largest + 1)) for _ in range(rng.randrange(1, 30))]
        most = 0
        while unfinished := [client for client in clients if client.left]:
            reading = [client for client in unfinished if client.reads]
            assert reading, "all of them wait"
            rng.choice(reading).read(rng.randrange(1, a_read + 1))
            most = max(most, budget.held)
        assert budget.held == 0 and not budget.full
        assert most < limit + largest + len(clients) * a_read

    def test_without_a_limit_none_is_reached(self) -> None:
        budget = Budget()
        budget.take(2**62)
        assert not budget.full
        budget.give(2**62)
        assert budget.held == 0

    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_limit_below_one_is_a_mistake(self, limit: int) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            Budget(limit)


@pytest.mark.parametrize("loop", LOOPS)
class TestServer:
    def test_many_whose_sum_is_over_it_are_all_delivered(self, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
        handler = Recorder(on_message=lambda *_: asyncio.sleep(0))
        size, clients, limit = 600 * KIB // len(LINE) * len(LINE), 12, 1024 * KIB
        most = [0]
        deferred: set[Reader] = set()
        take, defers = Budget.take, Budget.defers

        def watched_take(self: Budget, octets: int) -> None:
            take(self, octets)
            most[0] = max(most[0], self.held)

        def watched_defers(self: Budget, reader: Reader) -> bool:
            answer = defers(self, reader)
            if answer:
                deferred.add(reader)
            return answer

        monkeypatch.setattr(Budget, "take", watched_take)
        monkeypatch.setattr(Budget, "defers", watched_defers)

        async def main() -> None:
            async with serving(handler, max_octets_in_flight=limit) as server:

                async def send(number: int) -> None:
                    async with Client.to(server) as client:
                        await client.until_mail_data()
                        begun.append(number)
                        await until(lambda: len(begun) == clients)  # DATA is refused later
                        client.send(LINE * (size // len(LINE)) + b".\r\n")
                        await client.expect(250)
                        await client.say("QUIT", 221)

                begun: list[int] = []
                await asyncio.gather(*map(send, range(clients)))
                assert len(deferred) > clients // 2  # or nothing was tried here
                await until(lambda: not server.conversations)
                assert server.budget.held == 0 and not server.budget.full

        run(main(), loop)
        assert [len(content) for content in handler.contents] == [size] * clients
        assert limit < most[0] < limit + size + clients * 64 * KIB

    def test_over_it_data_is_452_and_later_354(self, loop: str) -> None:
        gates: list[asyncio.Event] = []
        handler = Recorder(on_message=lambda *_: opened(gates[0]))

        async def main() -> None:
            gates.append(asyncio.Event())
            async with (
                serving(handler, max_octets_in_flight=1000) as server,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                await one.until_mail_data()
                one.send(LINE * 10 + b".\r\n")
                await until(lambda: handler.of("on_message"))
                await two.say("EHLO x.example", 250)
                two.send(ENVELOPE)
                assert "4.3.1" in await two.expect(250, 250, 452)
                await two.say("NOOP", 250)
                gates[0].set()
                await one.expect(250)
                # The transaction is open still.
                await two.say("DATA", 354)
                await two.say("body\r\n.", 250)

        run(main(), loop)
        assert len(handler.contents) == 2

    def test_over_it_bdat_is_452_and_its_chunk_is_skipped(self, loop: str) -> None:
        handler = Recorder()

        async def main() -> None:
            async with (
                serving(handler, max_octets_in_flight=1000) as server,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                await one.say("EHLO x.example", 250)
                one.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 1100\r\n" + LINE * 11)
                await one.expect(250, 250, 250)
                assert server.budget.held == 1100  # also between two chunks
                await two.say("EHLO x.example", 250)
                two.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 100 LAST\r\n" + LINE + b"NOOP\r\n")
                await two.expect(250, 250, 452, 250)
                one.send(b"BDAT 100 LAST\r\n" + LINE)
                await one.expect(250)
                assert server.budget.held == 0

        run(main(), loop)
        assert handler.contents == [LINE * 12]

    def test_just_below_it_nobody_is_refused(self, loop: str) -> None:
        async def main() -> None:
            async with (
                serving(Recorder(), max_octets_in_flight=1000) as server,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                await one.until_mail_data()
                one.send(LINE * 9 + b"y" * 97 + b"\r\n")
                await until(lambda: server.budget.held == 999)
                await two.until_mail_data()

        run(main(), loop)

    def test_who_waits_for_us_is_not_timed_out(self, loop: str) -> None:
        """The data_timeout passes several times over while another is favoured, and neither it nor the rate counts."""
        handler = Recorder()
        timeout = 0.4

        async def main() -> None:
            async with serving(
                handler, max_octets_in_flight=3000, data_timeout=timeout, min_data_rate=10_000
            ) as server:
                server.favour_ticks = 10**6  # longer than this test
                async with Client.to(server) as one, Client.to(server) as two:
                    await one.until_mail_data()
                    await two.until_mail_data()
                    (first,) = [
                        each
                        for each in server.conversations
                        if port_of(each) == one.writer.get_extra_info("sockname")[1]
                    ]
                    (second,) = server.conversations - {first}
                    one.send(LINE * 31)
                    await until(lambda: server.budget.favours(first))
                    two.send(LINE)
                    await until(lambda: second._waits)
                    begun = server.clock.now
                    while server.clock.now < begun + 3 * server.data_ticks:
                        one.send(LINE * 1000)  # a favoured one has to keep its pace
                        await asyncio.sleep(timeout / 10)
                    assert second in server.conversations and second._waits
                    one.send(b".\r\n")
                    await one.expect(250)
                    two.send(b".\r\n")
                    await two.expect(250)

        run(main(), loop)
        assert handler.contents[1] == LINE

    def test_who_is_favoured_and_trickles_is_cut_and_the_others_go_on(self, loop: str) -> None:
        handler = Recorder(on_abort=None)

        async def main() -> None:
            async with (
                serving(handler, max_octets_in_flight=3000, data_timeout=1.0, min_data_rate=0) as server,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                await one.until_mail_data()
                await two.until_mail_data()
                one.send(LINE * 31)
                await until(lambda: any(server.budget.favours(each) for each in server.conversations))

                async def trickle() -> None:
                    while True:
                        one.send(b"x\r\n")
                        await asyncio.sleep(0.05)

                trickling = asyncio.create_task(trickle())
                two.send(LINE * 10 + b".\r\n")
                assert "4.4.2" in await one.expect(421)
                trickling.cancel()
                await two.expect(250)

        run(main(), loop)
        assert handler.contents == [LINE * 10]
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["timeout"]

    def test_who_is_favoured_and_waits_between_two_chunks_is_cut_too(self, loop: str) -> None:
        async def main() -> None:
            async with (
                serving(Recorder(), max_octets_in_flight=1000, data_timeout=1.0) as server,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                await two.until_mail_data()
                await one.say("EHLO x.example", 250)
                one.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 1200\r\n" + LINE * 11)
                await until(lambda: any(server.budget.favours(each) for each in server.conversations))
                two.send(LINE)
                await until(lambda: any(each._waits for each in server.conversations))
                one.send(LINE)
                assert "4.4.2" in await one.expect(250, 250, 250, 421)
                two.send(b".\r\n")
                await two.expect(250)

        run(main(), loop)

    @pytest.mark.parametrize("manner", ["close", "reset"])
    def test_what_a_client_leaves_behind_is_given_back(self, loop: str, manner: str) -> None:
        handler = Recorder()

        async def main() -> None:
            async with (
                serving(handler, max_octets_in_flight=1000) as server,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                await one.until_mail_data()
                await two.until_mail_data()
                one.send(LINE * 11)
                await until(lambda: server.budget.full)
                two.send(LINE)
                await until(lambda: any(each._waits for each in server.conversations))
                one.writer.close() if manner == "close" else one.reset()
                two.send(b".\r\n")
                await two.expect(250)
                assert server.budget.held == 0

        run(main(), loop)
        assert handler.contents == [LINE]

    def test_a_violation_gives_back_what_was_kept(self, loop: str) -> None:
        async def main() -> None:
            async with serving(Recorder(), max_octets_in_flight=1000) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(LINE * 20)
                await until(lambda: server.budget.full)
                client.send(b"bare\nlf\r\n")
                await until(lambda: server.budget.held == 0)
                client.send(LINE * 100 + b".\r\n")
                await client.expect(550)

        run(main(), loop)

    def test_what_is_dropped_does_not_wait(self, loop: str) -> None:
        async def main() -> None:
            async with (
                serving(Recorder(), max_octets_in_flight=1000) as server,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                await one.until_mail_data()
                await two.until_mail_data()
                one.send(LINE * 11)
                await until(lambda: any(server.budget.favours(each) for each in server.conversations))
                two.send(b"bare\nlf\r\n" + LINE * 5000 + b".\r\n")
                await two.expect(550)
                assert server.budget.full

        run(main(), loop)

    @pytest.mark.parametrize("end", ["violation", "reply", "close"])
    @pytest.mark.parametrize("dialect", ["smtp", "lmtp"])
    def test_favour_passes_on_while_another_holds_all_there_is(self, loop: str, dialect: Any, end: str) -> None:
        gates: list[asyncio.Event] = []
        handler = Recorder(on_message=lambda _, message: opened(gates[0]) if len(message.content) > 1000 else None)
        hello = "LHLO x.example" if dialect == "lmtp" else "EHLO x.example"

        async def main() -> None:
            gates.append(asyncio.Event())
            async with (
                serving(handler, dialect=dialect, max_octets_in_flight=1000) as server,
                Client.to(server) as holding,
                Client.to(server) as one,
                Client.to(server) as two,
            ):
                for client in (holding, one, two):
                    await client.until_mail_data(hello)
                holding.send(LINE * 11 + b".\r\n")
                await until(lambda: handler.of("on_message"))
                one.send(LINE)
                await until(lambda: any(server.budget.favours(each) for each in server.conversations))
                two.send(LINE)
                await until(lambda: any(each._waits for each in server.conversations))
                if end == "close":
                    one.writer.close()
                else:
                    one.send(b"bare\nlf\r\n.\r\n" if end == "violation" else b".\r\n")
                    await one.expect(550 if end == "violation" else 250)
                two.send(b".\r\n")
                await two.expect(250)
                assert server.budget.full
                gates[0].set()
                await holding.expect(250)

        run(main(), loop)

    def test_chunks_that_wait_for_a_sink_count(self, loop: str) -> None:
        sink = GatedSink()

        async def main() -> None:
            async with serving(handler_of(sink), max_octets_in_flight=10**9) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(LINE)
                await until(lambda: server.budget.held == len(LINE))
                client.send(LINE * 3)
                await until(lambda: server.budget.held == 4 * len(LINE))
                sink.gate.set()
                client.send(b".\r\n")
                await client.expect(250)
                assert server.budget.held == 0

        run(main(), loop)
        assert b"".join(sink.chunks) == LINE * 4

    def test_servers_may_share_one(self, loop: str) -> None:
        async def main() -> None:
            budget = Budget(1000)
            servers = [Server(Recorder(on_message=Reply(250)), budget=budget) for _ in range(2)]
            for server in servers:
                await server.listen("127.0.0.1:0")
            async with Client.to(servers[0]) as one, Client.to(servers[1]) as two:
                await one.until_mail_data()
                one.send(LINE * 11)
                await until(lambda: budget.full)
                await two.say("EHLO x.example", 250)
                two.send(ENVELOPE)
                await two.expect(250, 250, 452)
                one.send(b".\r\n")
                await one.expect(250)
                await two.say("DATA", 354)
            for server in servers:
                await server.stop(drain=0)
            assert budget.held == 0

        run(main(), loop)

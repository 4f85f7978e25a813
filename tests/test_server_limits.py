"""Bounds on a connection's life at the running server: its duration, its pace, its network, its patience."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lonedot import Config, Limits, Policies, Reply, Server

from tests.support import ENVELOPE, LOOPS, Client, GatedSink, Recorder, RecordingSink, opened, run, serving, until
from tests.test_server_sinks import handler_of

LINE = b"x" * 98 + b"\r\n"


async def gone(server: Server) -> None:
    await until(lambda: not server.conversations)


@contextlib.asynccontextmanager
async def repeating(client: Client, octets: bytes, every: float) -> AsyncIterator[None]:
    """Sends octets again and again meanwhile."""

    async def repeat() -> None:
        while True:
            client.send(octets)
            await asyncio.sleep(every)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()


@pytest.mark.parametrize("loop", LOOPS)
class TestSessionDuration:
    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_ends_a_client_that_is_never_idle(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_vrfy=None, on_disconnect=None)

        async def main() -> None:
            async with (
                serving(handler, session_duration=0.3, command_timeout=60) as server,
                Client.to(server) as client,
            ):
                begun = asyncio.get_running_loop().time()
                async with repeating(client, b"VRFY x\r\n" * 3, 0.001):
                    while (reply := await client.reply())[0][:3] == "252":
                        pass
                assert "421 4.4.2" in reply[0]
                assert asyncio.get_running_loop().time() - begun >= 0.3
                client.writer.close()
                await gone(server)

        run(main(), loop)
        assert handler.of("on_disconnect") == ["timeout"]
        assert len(handler.of("on_vrfy")) > 2

    def test_ends_one_that_waits(self, loop: str) -> None:
        async def main() -> None:
            async with serving(Recorder(), session_duration=0.1) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                assert "4.4.2" in await client.expect(421)
                assert await client.end() == b""

        run(main(), loop)

    @pytest.mark.parametrize("hook", ["on_message", "on_data"])
    def test_inside_mail_data_at_once_and_nothing_is_delivered(self, loop: str, hook: str) -> None:
        sink = RecordingSink()
        handler = handler_of(sink) if hook == "on_data" else Recorder(on_abort=None)

        async def main() -> None:
            async with serving(handler, session_duration=0.5) as server, Client.to(server) as client:
                await client.until_mail_data()
                async with repeating(client, LINE * 10, 0.005):
                    assert "nothing was delivered" in await client.expect(421)
                client.writer.close()
                await gone(server)

        run(main(), loop)
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["timeout"]
        assert handler.of("on_message") == []
        assert sink.ends == (["timeout"] if hook == "on_data" else [])

    def test_a_sink_that_is_at_work_is_told_when_it_has_taken_its_chunk(self, loop: str) -> None:
        sink = GatedSink()
        handler = handler_of(sink)

        async def main() -> None:
            async with serving(handler, session_duration=0.5) as server, Client.to(server) as client:
                await client.until_mail_data()
                (conversation,) = server.conversations
                client.send(LINE)
                await until(lambda: sink.chunks)
                await until(lambda: server.clock.now > conversation._ends)
                assert sink.ends == []
                sink.gate.set()
                await client.expect(421)

        run(main(), loop)
        assert sink.ends == ["timeout"]

    def test_a_message_whose_end_has_come_while_a_sink_was_at_work_is_delivered(self, loop: str) -> None:
        sink = GatedSink()

        async def main() -> None:
            async with serving(handler_of(sink), session_duration=0.5) as server, Client.to(server) as client:
                await client.until_mail_data()
                (conversation,) = server.conversations
                client.send(LINE + b".\r\n")
                await until(lambda: sink.chunks)
                await until(lambda: server.clock.now > conversation._ends)
                sink.gate.set()
                await client.expect(250, 421)

        run(main(), loop)
        assert sink.ends == ["finish"]

    @pytest.mark.parametrize("hook", ["on_message", "on_data"])
    def test_a_message_that_is_whole_is_delivered_and_answered_first(self, loop: str, hook: str) -> None:
        class Storing(RecordingSink):
            async def finish(self, report: Any) -> Any:
                await gates[0].wait()
                return await super().finish(report)

        sink = Storing()
        gates: list[asyncio.Event] = []
        handler = handler_of(sink) if hook == "on_data" else Recorder(on_message=lambda *_: opened(gates[0]))

        async def main() -> None:
            gates.append(asyncio.Event())
            async with serving(handler, session_duration=0.5) as server, Client.to(server) as client:
                await client.until_mail_data()
                (conversation,) = server.conversations
                client.send(LINE + b".\r\n" + ENVELOPE)
                await until(lambda: server.clock.now > conversation._ends + 2)
                gates[0].set()
                # Of those MAIL and RCPT are answered, as no hook is asked about them; DATA is not.
                assert "4.4.2" in await client.expect(250, 250, 250, 421)
                assert await client.end() == b""

        run(main(), loop)
        if hook == "on_data":
            assert sink.ends == ["finish"]
        else:
            assert handler.contents == [LINE]

    def test_a_slow_hook_ends_it_with_its_reply(self, loop: str) -> None:
        gates: list[asyncio.Event] = []
        handler = Recorder(on_rcpt=lambda *_: opened(gates[0]))

        async def main() -> None:
            gates.append(asyncio.Event())
            async with serving(handler, session_duration=0.5) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                (conversation,) = server.conversations
                client.send(b"MAIL FROM:<>\r\n" + b"RCPT TO:<a@example.org>\r\n" * 100)
                await until(lambda: server.clock.now > conversation._ends)
                gates[0].set()
                await client.expect(250, 250, 421)
                assert await client.end() == b""

        run(main(), loop)
        assert len(handler.of("on_rcpt")) == 1

    def test_none_is_without_end(self, loop: str) -> None:
        async def main() -> None:
            async with serving(Recorder(), session_duration=None) as server, Client.to(server) as client:
                (conversation,) = server.conversations
                assert conversation._ends * server.clock.resolution > 10**8
                await client.say("NOOP", 250)

        run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
class TestMinDataRate:
    def test_below_it_is_cut_though_each_read_renews_the_data_timeout(self, loop: str) -> None:
        handler = Recorder(on_abort=None)

        async def main() -> None:
            async with serving(handler, data_timeout=0.5, min_data_rate=10_000) as server, Client.to(server) as client:
                await client.until_mail_data()
                async with repeating(client, b"x\r\n", 0.01):
                    assert "421 4.4.2" in await client.expect(421)
                client.writer.close()
                await gone(server)

        run(main(), loop)
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["timeout"]
        assert handler.contents == []

    def test_a_sinks_time_is_not_the_clients(self, loop: str) -> None:
        sink = GatedSink()

        async def main() -> None:
            async with (
                serving(handler_of(sink), data_timeout=0.4, min_data_rate=1_000) as server,
                Client.to(server) as client,
            ):
                await client.until_mail_data()
                (conversation,) = server.conversations
                begun = server.clock.now
                client.send(LINE)
                await until(lambda: sink.chunks)
                client.send(LINE)
                await until(lambda: conversation._paused)
                await until(lambda: server.clock.now > begun + 3 * server.data_ticks)
                sink.gate.set()
                await until(lambda: sink.holds(2 * len(LINE)))
                client.send(LINE)
                await until(lambda: sink.holds(3 * len(LINE)))
                client.send(b".\r\n")
                await client.expect(250)

        run(main(), loop)
        assert sink.ends == ["finish"]


def test_each_message_begins_its_pace_anew() -> None:
    """A delivery's time, with the next transaction sent along, is none in which the client could send."""
    gates: list[asyncio.Event] = []
    handler = Recorder(on_message=lambda *_: opened(gates[0]))

    async def main() -> None:
        gates.append(asyncio.Event())
        async with serving(handler, data_timeout=0.4, min_data_rate=1_000) as server, Client.to(server) as client:
            await client.until_mail_data()
            begun = server.clock.now
            client.send(LINE + b".\r\n" + ENVELOPE)
            await until(lambda: server.clock.now > begun + 3 * server.data_ticks)
            gates[0].set()
            await client.expect(250, 250, 250, 354)
            client.send(LINE)
            await until(lambda: server.budget.held)
            client.send(b".\r\n")
            await client.expect(250)

    run(main())
    assert handler.contents == [LINE, LINE]


def test_who_keeps_the_pace_is_not_cut() -> None:
    handler = Recorder()

    async def main() -> None:
        async with serving(handler, data_timeout=0.4, min_data_rate=1000) as server, Client.to(server) as client:
            await client.until_mail_data()
            (conversation,) = server.conversations
            begun = server.clock.now
            async with repeating(client, LINE * 10, 0.01):
                await until(lambda: server.clock.now > begun + 3 * server.data_ticks)
            assert conversation._closed is None
            client.send(b".\r\n")
            await client.expect(250)

    run(main())
    assert len(handler.contents) == 1


@pytest.mark.parametrize("loop", LOOPS)
class TestNetworks:
    def test_one_network_has_no_more_than_its_part(self, loop: str) -> None:
        handler = Recorder(on_connect=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, max_connections_per_network=2) as server, Client.to(server) as one:
                async with Client.to(server), Client.to(server, greeting=None) as third:
                    assert "421 4.7.0" in (await third.reply())[0]
                    assert await third.end() == b""
                await until(lambda: len(server.conversations) == 1)
                assert len(server.census) == 1
                async with Client.to(server):
                    await one.say("NOOP", 250)
                one.writer.close()
                await gone(server)
                assert len(server.census) == 0

        run(main(), loop)
        # Of one that was turned away no hook hears.
        assert len(handler.of("on_connect")) == len(handler.of("on_disconnect")) == 3

    def test_another_network_has_its_own(self, loop: str) -> None:
        async def main() -> None:
            async with serving(Recorder(), max_connections_per_network=1) as server, Client.to(server):
                host, _, port = server.listeners[0].address.rpartition(":")
                reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))
                assert (await reader.readline()).startswith(b"220 ")
                writer.close()

        run(main(), loop)

    def test_behind_a_proxy_it_is_the_clients(self, loop: str) -> None:
        async def main() -> None:
            config = Config(
                hostname="mx.example",
                limits=Limits(max_connections_per_network=1),
                trusted_proxies=("127.0.0.1",),
            )
            server = Server(Recorder(), config)
            await server.listen("127.0.0.1:0")
            header = b"PROXY TCP6 %s 2001:db8::25 4025 25\r\n"
            async with (
                Client.to(server, greeting=None) as one,
                Client.to(server, greeting=None) as neighbour,
                Client.to(server, greeting=None) as other,
            ):
                one.send(header % b"2001:db8:1::1")
                await one.expect(220)
                neighbour.send(header % b"2001:db8:1::2")
                assert "4.7.0" in await neighbour.expect(421)
                other.send(header % b"2001:db8:2::1")
                await other.expect(220)
                assert len(server.census) == 2
            await server.stop(drain=0)
            assert len(server.census) == 0

        run(main(), loop)

    def test_a_unix_socket_is_not_counted(self, loop: str, tmp_path: Any) -> None:
        async def main() -> None:
            async with (
                serving(Recorder(), address=f"unix:{tmp_path}/s", max_connections_per_network=1) as server,
                Client.to(server),
                Client.to(server) as two,
            ):
                await two.say("NOOP", 250)

        run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
class TestGreetingDelay:
    def test_who_waits_is_greeted_after_it(self, loop: str) -> None:
        handler = Recorder(on_connect=lambda connection: seen.append(set(connection.notes)))
        seen: list[set[str]] = []

        async def main() -> None:
            async with serving(handler, greeting_delay=0.2, policies=Policies(early_talk="reject")) as server:
                begun = asyncio.get_running_loop().time()
                async with Client.to(server) as client:
                    assert asyncio.get_running_loop().time() - begun >= 0.2
                    await client.until_mail_data()
                    await client.say("body\r\n.", 250)

        run(main(), loop)
        assert seen == [set()]

    def test_who_talks_is_noted_and_then_answered(self, loop: str) -> None:
        handler = Recorder(on_connect=lambda connection: seen.append(set(connection.notes)))
        seen: list[set[str]] = []

        async def main() -> None:
            async with serving(handler, greeting_delay=0.2) as server, Client.to(server, greeting=None) as client:
                client.send(b"EHLO x.example\r\n")
                await until(lambda: any(each._early for each in server.conversations))
                client.send(ENVELOPE + LINE + b".\r\n")
                await client.expect(220, 250, 250, 250, 354, 250)

        run(main(), loop)
        assert seen == [{"talked-before-greeting"}]
        assert handler.contents == [LINE]

    def test_who_talks_is_refused_where_the_policy_says_so(self, loop: str) -> None:
        handler = Recorder(on_connect=None, on_disconnect=None)

        async def main() -> None:
            async with (
                # Longer than the test: it is answered at once.
                serving(handler, greeting_delay=60, policies=Policies(early_talk="reject")) as server,
                Client.to(server, greeting=None) as client,
            ):
                client.send(b"EHLO x.example\r\n")
                assert "5.5.1" in await client.expect(554)
                client.send(LINE * 1000)  # which is dropped, and does not cost the client its reply
                assert await client.end() == b""
                client.writer.close()
                await gone(server)
                assert len(server.census) == 0

        run(main(), loop)
        assert handler.calls == []

    @pytest.mark.parametrize(("network", "code"), [("127.0.0.0/8", 554), ("192.0.2.0/24", 220)])
    def test_the_policy_is_that_of_the_clients_network(self, loop: str, network: str, code: int) -> None:
        async def main() -> None:
            limits = Limits(greeting_delay=0.2)
            networks = {network: Policies(early_talk="reject")}
            server = Server(Recorder(), Config(hostname="mx.example", limits=limits, networks=networks))
            await server.listen("127.0.0.1:0")
            async with Client.to(server, greeting=None) as client:
                client.send(b"NOOP\r\n")
                await client.expect(code)
            await server.stop(drain=0)

        run(main(), loop)

    @pytest.mark.parametrize("policy", ["note", "reject"])
    @pytest.mark.parametrize("answer", [None, Reply(450, None, "not now")], ids=["accepted", "refused"])
    def test_while_on_connect_is_awaited(self, loop: str, policy: Any, answer: Reply | None) -> None:
        async def on_connect(_: Any) -> Reply | None:
            await gates[0].wait()
            return answer

        gates: list[asyncio.Event] = []
        handler = Recorder(on_connect=on_connect, on_disconnect=None)

        async def main() -> None:
            gates.append(asyncio.Event())
            async with (
                serving(handler, policies=Policies(early_talk=policy)) as server,
                Client.to(server, greeting=None) as client,
            ):
                client.send(b"NOOP\r\n")
                await until(lambda: any(each._early for each in server.conversations))
                (conversation,) = server.conversations
                assert conversation._application.connection.notes == {"talked-before-greeting"}
                gates[0].set()
                if policy == "note":
                    await client.expect(*((220, 250) if answer is None else (450, 503)))
                else:
                    await client.expect(554 if answer is None else 450)
                    assert await client.end() == b""

        run(main(), loop)

    @pytest.mark.parametrize("manner", ["close", "reset", "half"])
    def test_who_goes_away_meanwhile_leaves_nothing_behind(self, loop: str, manner: str) -> None:
        handler = Recorder(on_connect=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, greeting_delay=60) as server, Client.to(server, greeting=None) as client:
                await until(lambda: server.conversations)
                if manner == "half":
                    client.writer.write_eof()
                else:
                    client.writer.close() if manner == "close" else client.reset()
                await gone(server)
                assert len(server.census) == 0

        run(main(), loop)
        assert handler.calls == []

    def test_the_server_stops_meanwhile(self, loop: str) -> None:
        handler = Recorder(on_connect=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, greeting_delay=60) as server, Client.to(server, greeting=None) as client:
                await until(lambda: server.conversations)
                stopping = asyncio.ensure_future(server.stop(drain=10))
                await client.expect(421)
                assert await client.end() == b""
                client.writer.close()
                assert await stopping == 0

        run(main(), loop)
        assert handler.calls == []

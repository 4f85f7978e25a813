"""Stopping the server: idle clients, running transactions, those that take too long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lonedot import Reply, Server

from tests.support import ENVELOPE, LOOPS, Client, Recorder, RecordingSink, opened, run, serving, until
from tests.test_server_sinks import handler_of


@pytest.mark.parametrize("loop", LOOPS)
class TestStop:
    def test_idle_clients_hear_421(self, loop: str) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client, Client.to(server) as other:
                await other.say("EHLO x.example", 250)
                stopping = asyncio.ensure_future(server.stop(drain=10))
                for idle in (client, other):
                    assert "4.3.2" in await idle.expect(421)
                    assert await idle.end() == b""
                    idle.writer.close()
                assert await stopping == 0
                assert not server.conversations

        run(main(), loop)
        assert handler.of("on_disconnect") == ["shutdown"] * 2

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_a_running_transaction_ends_first(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_rcpt=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                await client.say("MAIL FROM:<>", 250)
                stopping = asyncio.ensure_future(server.stop(drain=10))
                await until(lambda: server.stopping)
                await client.say("RCPT TO:<b@example.org>", 250)
                await client.say("DATA", 354)
                client.send(b"body\r\n.\r\n")
                await client.expect(250, 421)
                assert await client.end() == b""
                client.writer.close()
                assert await stopping == 0

        run(main(), loop)
        assert handler.contents == [b"body\r\n"]

    def test_a_handler_at_work_gives_its_250(self, loop: str) -> None:
        gates: list[asyncio.Event] = []
        handler = Recorder(on_message=lambda *_: opened(gates[0]))

        async def main() -> None:
            gates.append(asyncio.Event())
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"body\r\n.\r\n")
                await until(lambda: handler.calls)
                stopping = asyncio.ensure_future(server.stop(drain=10))
                await until(lambda: server.stopping)
                gates[0].set()
                await client.expect(250, 421)
                client.writer.close()
                assert await stopping == 0

        run(main(), loop)

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_a_client_that_does_not_finish_is_abandoned(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_abort=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"half a mess")
                stopping = asyncio.ensure_future(server.stop(drain=0))
                await client.expect(421)
                assert await client.end() == b""
                client.writer.close()
                assert await stopping == 1

        run(main(), loop)
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["shutdown"]
        assert handler.of("on_disconnect") == ["shutdown"]
        assert handler.contents == []

    def test_its_sink_is_aborted(self, loop: str) -> None:
        class Slow(RecordingSink):
            async def abort(self, reason: Any) -> None:
                await asyncio.sleep(0)
                await super().abort(reason)

        sink = Slow()
        handler = handler_of(sink)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                stopping = asyncio.ensure_future(server.stop(drain=0))
                await client.expect(421)
                client.writer.close()
                assert await stopping == 1

        run(main(), loop)
        assert sink.ends == ["shutdown"]
        assert len(handler.of("on_abort")) == 1

    def test_a_handler_that_takes_too_long_is_cancelled(self, loop: str) -> None:
        handler = Recorder(on_message=lambda *_: opened(asyncio.Event()), on_disconnect=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"body\r\n.\r\n")
                await until(lambda: handler.calls)
                stopping = asyncio.ensure_future(server.stop(drain=0))
                await client.expect(451, 421)
                client.writer.close()
                assert await stopping == 1

        run(main(), loop)
        assert handler.of("on_disconnect") == ["shutdown"]

    def test_one_that_starts_in_the_very_moment_is_cancelled_too(self, loop: str) -> None:
        """A task that is cancelled before its first step runs nothing: its sink would get neither finish nor abort."""
        sinks: list[RecordingSink] = []

        def on_data(*_: Any) -> RecordingSink:
            class Hanging(RecordingSink):
                async def finish(self, report: Any) -> Any:
                    self.ends.append("finish")
                    await asyncio.Event().wait()

            sinks.append(Hanging())
            return sinks[-1]

        handler = handler_of(None)
        handler.__dict__["on_data"] = on_data

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                (conversation,) = server.conversations
                conversation._advance(conversation._session.receive_data(b"body\r\n.\r\n"))
                server.stopping = True
                assert conversation.abandon()
                await client.expect(451, 421)

        run(main(), loop)
        assert [sink.ends for sink in sinks] == [["finish"]]

    def test_a_delivery_past_its_point_of_no_return_still_says_so(self, loop: str) -> None:
        class Stubborn(RecordingSink):
            async def finish(self, report: Any) -> Any:
                self.ends.append("finish")
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    await asyncio.sleep(0)
                return Reply(250, "2.0.0", "stored")

        sink = Stubborn()

        async def main() -> None:
            async with serving(handler_of(sink)) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"body\r\n.\r\n")
                await until(lambda: sink.ends)
                stopping = asyncio.ensure_future(server.stop(drain=0))
                await client.expect(250, 421)
                client.writer.close()
                assert await stopping == 1

        run(main(), loop)
        assert sink.ends == ["finish"]

    def test_nobody_new_is_accepted(self, loop: str) -> None:
        async def main() -> None:
            async with serving(Recorder()) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                await client.say("MAIL FROM:<>", 250)
                stopping = asyncio.ensure_future(server.stop(drain=10))
                await until(lambda: server.stopping)
                with pytest.raises(OSError):
                    async with Client.to(server):
                        pass
                with pytest.raises(RuntimeError, match="stopped"):
                    await server.listen("127.0.0.1:0")
                await client.say("RSET", 250)
                await client.expect(421)
                client.writer.close()
                assert await stopping == 0

        run(main(), loop)

    def test_twice(self, loop: str) -> None:
        async def main() -> None:
            server = Server(Recorder())
            await server.listen("127.0.0.1:0")
            assert await server.stop() == 0
            assert await server.stop() == 0
            assert await Server(Recorder()).stop() == 0

        run(main(), loop)

    def test_at_the_same_time(self, loop: str) -> None:
        """The second one is in more of a hurry; both return when nobody is left."""

        async def main() -> None:
            async with serving(Recorder()) as server, Client.to(server) as client:
                await client.until_mail_data()
                patient = asyncio.ensure_future(server.stop(drain=600))
                await until(lambda: server.stopping)
                hurried = asyncio.ensure_future(server.stop(drain=0))
                await client.expect(421)
                client.writer.close()
                assert (await hurried, await patient) == (1, 1)

        run(main(), loop)

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_a_pipelined_group_is_answered_as_far_as_its_transaction(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_mail=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                stopping = asyncio.ensure_future(server.stop(drain=10))
                await until(lambda: server.stopping)
                client.send(b"one\r\n.\r\n" + ENVELOPE + b"two\r\n.\r\n")
                await client.expect(250, 250, 250, 354, 250, 421)
                client.writer.close()
                assert await stopping == 0

        run(main(), loop)
        assert handler.contents == [b"one\r\n", b"two\r\n"]


def test_a_socket_that_another_server_has_taken_over_is_left(tmp_path: Path) -> None:
    path = tmp_path / "mx.sock"

    async def main() -> None:
        first, second = Server(Recorder()), Server(Recorder())
        await first.listen(f"unix:{path}")
        path.unlink()
        await second.listen(f"unix:{path}")
        await first.stop(0)
        assert path.exists()
        await second.stop(0)
        assert not path.exists()

    run(main())

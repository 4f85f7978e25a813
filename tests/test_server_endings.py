"""How mail data ends at the running server, and how it does not; clients that break off inside it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from lonedot import Policies

from tests import reference
from tests.support import ENVELOPE, KEEP, LOOPS, Client, Recorder, RecordingSink, run, serving, until
from tests.test_mail_data import NEVER_ENDS

SMUGGLED = b"MAIL FROM:<smuggled@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nsmuggled\r\n.\r\n"
KEPT: dict[str, Any] = {"bare_cr": "keep", "bare_lf": "keep", "nul": "keep", "long_line": "keep"}


class TestEndings:
    def converse(self, ending: bytes, policies: Policies) -> tuple[Recorder, bytes]:
        handler = Recorder(on_mail=None, on_abort=None)
        wire = b"From: x\r\n\r\nbody" + ending + SMUGGLED

        async def main() -> None:
            async with serving(handler, policies=policies) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(wire)
                (reply,) = await client.reply()
                assert reply.startswith("250 " if policies == KEEP else "550 5.6.0 ")
                await client.say("NOOP", 250)  # and no other reply came
                await client.say("QUIT", 221)

        run(main())
        return handler, wire

    @pytest.mark.parametrize("ending", NEVER_ENDS, ids=repr)
    def test_kept(self, ending: bytes) -> None:
        handler, wire = self.converse(ending, KEEP)
        assert [mail.reverse_path for mail in handler.of("on_mail")] == ["a@example.org"]
        assert handler.contents == [reference.decode(wire, **KEPT).out]

    @pytest.mark.parametrize("ending", NEVER_ENDS, ids=repr)
    def test_strict(self, ending: bytes) -> None:
        handler, _ = self.converse(ending, Policies.strict())
        assert [mail.reverse_path for mail in handler.of("on_mail")] == ["a@example.org"]
        assert handler.contents == []
        ((transaction, reason),) = handler.of("on_abort")
        assert reason == "violation"
        assert reason.violation.code == 550
        assert transaction.reverse_path == "a@example.org"

    def test_crcrlf_before_the_real_end(self) -> None:
        async def main() -> None:
            handler = Recorder()
            async with serving(handler, policies=KEEP) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"a\r\r\n.\r\nQUIT\r\n")
                await client.expect(250, 221)
            assert handler.contents == [b"a\r\r\n"]

        run(main())

    @pytest.mark.parametrize("hooks", [{}, {"on_mail": None, "on_rcpt": None}], ids=["unasked", "asked"])
    def test_a_refused_message_and_the_next_one_in_one_segment(self, hooks: dict[str, Any]) -> None:
        """The envelope told is the refused message's, though the session is past it when the handler hears of it."""
        handler = Recorder(on_abort=None, **hooks)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                client.send(
                    ENVELOPE + b"\nbad\r\n.\r\n" + ENVELOPE.replace(b"a@", b"second@") + b"good\r\n.\r\n"
                    b"MAIL FROM:<third@example.org>\r\n"
                )
                await client.expect(250, 250, 354, 550, 250, 250, 354, 250, 250)

        run(main())
        ((transaction, reason),) = handler.of("on_abort")
        assert (transaction.reverse_path, reason) == ("a@example.org", "violation")
        assert [message.reverse_path for message in handler.of("on_message")] == ["second@example.org"]
        assert handler.contents == [b"good\r\n"]


BROKEN_OFF = [(b"QUIT\r\n", "QUIT"), (b"RSET\r\n", "RSET"), (b"", None), (b"Subject: half a mess", None)]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("manner", ["eof", "reset", "half-closed"])
@pytest.mark.parametrize(("octets", "only"), BROKEN_OFF, ids=lambda value: repr(value))
class TestBrokenOff:
    """The client this project began with: it gives up inside DATA, and may say so where only mail data is read."""

    def break_off(self, handler: Recorder, manner: str, octets: bytes, loop: str) -> None:
        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("HELO client.example", 250)
                client.send(ENVELOPE)
                await client.expect(250, 250, 354)
                client.send(octets)
                if manner == "half-closed":
                    client.writer.write_eof()
                    assert await client.end() == b""
                elif manner == "eof":
                    client.writer.close()
                else:
                    client.reset()
                await until(lambda: not server.conversations)

        run(main(), loop)

    def check(self, handler: Recorder, manner: str, octets: bytes, only: str | None) -> None:
        ((transaction, reason),) = handler.of("on_abort")
        assert transaction.forward_paths == ("b@example.org",)
        if manner == "reset":
            assert reason == "reset"
            assert reason.octets in (0, len(octets))  # the kernel may drop what was not read
            assert reason.only_command == (only if reason.octets else None)
        else:
            assert reason == "eof"
            assert (reason.octets, reason.only_command) == (len(octets), only)
            assert f"{len(octets)} octets" in reason.text
        assert handler.of("on_disconnect") == [str(reason)]

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_nothing_is_delivered_nothing_executed(
        self, loop: str, manner: str, octets: bytes, only: str | None, awaits: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "lonedot.mail")
        handler = Recorder(awaits=awaits, on_abort=None, on_disconnect=None)
        self.break_off(handler, manner, octets, loop)
        assert handler.of("on_message") == []
        self.check(handler, manner, octets, only)
        (record,) = [record for record in caplog.records if record.name == "lonedot.mail"]
        reason = handler.of("on_abort")[0][1]
        mail = record.__dict__["mail"]
        assert record.message == "aborted"
        assert (mail["reason"], mail["octets"]) == (str(reason), reason.octets)
        assert mail["only_command"] == reason.only_command
        assert mail["recipients"] == ["b@example.org"]

    def test_the_sink_is_aborted_once(self, loop: str, manner: str, octets: bytes, only: str | None) -> None:
        sink = RecordingSink()
        handler = Recorder(on_abort=None, on_disconnect=None)
        del handler.on_message  # type: ignore[attr-defined]
        handler.__dict__["on_data"] = lambda *_: sink
        self.break_off(handler, manner, octets, loop)
        self.check(handler, manner, octets, only)
        assert sink.ends == [str(handler.of("on_abort")[0][1])]


class TestMemory:
    def test_a_client_that_sends_one_unending_line(self) -> None:
        """Strict policies: nothing is answered before the end, nothing kept, and past the drain the connection ends."""
        handler = Recorder(on_abort=None)

        async def main() -> None:
            async with serving(handler, drain=1 << 20) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"x" * (1 << 20))
                await until(lambda: handler.of("on_abort"))
                client.send(b"x" * (1 << 17))
                await client.expect(421)
                assert await client.end() == b""

        run(main())
        assert handler.contents == []
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["violation"]

    def test_an_over_long_command_line(self) -> None:
        async def main() -> None:
            async with serving(Recorder()) as server, Client.to(server) as client:
                client.send(b"NOOP " + b"x" * 3_000_000 + b"\r\nNOOP\r\n")
                await client.expect(500, 250)
                await asyncio.sleep(0)

        run(main())

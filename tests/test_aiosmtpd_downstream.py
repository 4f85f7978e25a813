"""What programs override and touch of aiosmtpd's SMTP is there in lonedot's, and does the same."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.aiosmtpd_support import (
    BEGUN,
    BOTH,
    BYE,
    CLASSES,
    HELLO,
    MESSAGE,
    OFFERED,
    OURS,
    QUIT,
    SENT,
    TAKEN,
    Connection,
    QuietLoop,
    Taker,
    converse,
    in_memory,
)


@BOTH
class TestCommands:
    def test_overridden_with_super_inside(self, of: str) -> None:
        steps: list[Any] = []

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            async def smtp_EHLO(self, hostname: str) -> None:
                steps.append(hostname)
                await super().smtp_EHLO(hostname)

            async def smtp_MAIL(self, arg: str | None) -> None:
                await super().smtp_MAIL(arg)
                steps.append(self.envelope.mail_from)

            async def smtp_DATA(self, arg: str) -> None:
                steps.append("354 next")
                await super().smtp_DATA(arg)
                steps.append(self.envelope.mail_from)

        handler = Taker()
        assert converse(SMTP, handler, HELLO + SENT + QUIT) == [*OFFERED, *TAKEN, BYE]
        assert steps == ["x", "a@b.example", "354 next", None]
        assert handler.contents == [b"one\r\n"]

    def test_data_that_answers_for_itself(self, of: str) -> None:
        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            async def smtp_DATA(self, arg: str) -> None:
                if self.session.host_name == "x":
                    await self.push("450 4.7.1 Later")
                else:
                    await super().smtp_DATA(arg)

        said = converse(SMTP, Taker(), HELLO + MESSAGE, b"EHLO y\r\n" + SENT)
        assert said == [*OFFERED, *BEGUN[:2], b"450 4.7.1 Later", *OFFERED, *TAKEN]

    def test_data_with_a_time_limit_around_it(self, of: str) -> None:
        """The message is not delivered, the connection ends."""

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            async def smtp_DATA(self, arg: str) -> None:
                async with asyncio.timeout(10):
                    await super().smtp_DATA(arg)

        handler = Taker()

        async def main(loop: QuietLoop) -> None:
            connection = Connection(SMTP(handler, loop=loop))
            await connection.until_mail_data()
            await connection.say(b"one\r\n")
            loop.now += 11
            await loop.quiet()
            assert connection.closing
            assert handler.contents == []

        in_memory(main)

    def test_of_ones_own_that_read_the_reader(self, of: str) -> None:
        read: list[bytes] = []

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            async def smtp_XCMD(self, arg: str) -> None:
                await self.push("354 go on")
                read.append(await self._reader.readline())
                read.append(await self._reader.readuntil(b"!"))
                read.append(await self._reader.readexactly(int(arg)))
                await self.push(b"250 as bytes")

        asked = b"XCMD 3\r\n.\r\na line!abc"
        handler = Taker()
        for reads in [HELLO + asked + SENT + asked + QUIT], [HELLO, asked, SENT, asked, QUIT]:
            said = converse(SMTP, handler, *reads)
            assert said == [*OFFERED, b"354 go on", b"250 as bytes", *TAKEN, b"354 go on", b"250 as bytes", BYE]
        assert read == [b".\r\n", b"a line!", b"abc"] * 4
        assert handler.contents == [b"one\r\n"] * 2

    def test_help_tells_of_data(self, of: str) -> None:
        assert converse(CLASSES[of].SMTP, Taker(), b"HELP DATA\r\n") == [b"250 Syntax: DATA"]

    def test_data_out_of_turn(self, of: str) -> None:
        assert converse(CLASSES[of].SMTP, Taker(), b"DATA\r\n") == [b"503 Error: send HELO first"]
        said = converse(CLASSES[of].SMTP, Taker(), HELLO, b"DATA\r\n", MESSAGE[:-6] + b"DATA x\r\n")
        assert said[4:] == [b"503 Error: need RCPT command", b"250 OK", b"250 OK", b"501 Syntax: DATA"]
        said = converse(CLASSES[of].SMTP, Taker(), HELLO, b"DATA\r\n", auth_required=True, tls_context=None)
        assert said[4:] == [b"530 5.7.0 Authentication required"]


@BOTH
class TestInside:
    """What begins with an underscore, and is overridden all the same."""

    def test_push(self, of: str) -> None:
        pushed: list[Any] = []

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            async def push(self, status: Any) -> None:
                pushed.append(status)
                await super().push(status if status != "250 taken" else "250 taken, thanks")

        said = converse(SMTP, Taker(), HELLO + SENT + MESSAGE + b"a" * 2000 + b"\r\n.\r\n")
        assert said[-5:] == [b"250 taken, thanks", *BEGUN, b"500 Line too long (see RFC5321 4.5.3.1.6)"]
        assert pushed[-5:] == ["250 taken", *(line.decode() for line in said[-4:])]

    def test_set_post_data_state(self, of: str) -> None:
        states: list[Any] = []

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            def _set_post_data_state(self) -> None:
                states.append(self.envelope and self.envelope.mail_from)
                super()._set_post_data_state()

        converse(SMTP, Taker(), HELLO + SENT + MESSAGE + b"a" * 2000 + b"\r\n.\r\n" + b"RSET\r\n")
        assert states == [None, None, "a@b.example", "a@b.example", None]

    def test_handle_client(self, of: str) -> None:
        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            ended = False

            async def _handle_client(self) -> None:
                self.session.began = True
                try:
                    await super()._handle_client()
                finally:
                    SMTP.ended = True

        assert converse(SMTP, Taker(), HELLO + SENT + QUIT)[-1] == BYE
        assert SMTP.ended

    def test_connection_made_and_lost(self, of: str) -> None:
        steps: list[Any] = []

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                steps.append((transport is self.transport, self.transport.get_extra_info("peername")))

            def connection_lost(self, error: Exception | None) -> None:
                steps.append(error)
                super().connection_lost(error)

            def data_received(self, data: bytes) -> None:
                steps.append(data)
                super().data_received(data)

        reads = [HELLO, MESSAGE, b"on", b"e\r\n.\r\nNO", b"OP\r\n"]
        assert converse(SMTP, Taker(), *reads) == [*OFFERED, *TAKEN, b"250 OK"]
        assert steps == [(True, ("127.0.0.1", 40_000)), *reads, None]

    def test_a_reader_that_is_wrapped(self, of: str) -> None:
        """Mail data goes through it, by the calls that aiosmtpd makes; what is behind it stays there."""

        class Recording:
            def __init__(self, reader: asyncio.StreamReader) -> None:
                self._wrapped = reader
                self.read_until: list[bytes] = []

            def __getattr__(self, name: str) -> Any:
                return getattr(self._wrapped, name)

            async def readuntil(self, separator: bytes = b"\n") -> bytes:
                self.read_until.append(await self._wrapped.readuntil(separator))
                return self.read_until[-1]

        wrapped: list[Recording] = []

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            def _cb_client_connected(self, reader: Any, writer: Any) -> None:
                wrapped.append(Recording(reader))
                super()._cb_client_connected(wrapped[-1], writer)

        handler = Taker()
        wire = HELLO + MESSAGE + b"one\r\n..two\n\r\n.\r\n" + SENT + QUIT
        for reads in [wire], [HELLO, MESSAGE, wire[len(HELLO + MESSAGE) :]], [bytes([octet]) for octet in wire]:
            assert converse(SMTP, handler, *reads) == [*OFFERED, *TAKEN, *TAKEN, BYE]
            assert b"".join(wrapped[-1].read_until) == wire
        too_long = b"a" * 5000 + b"\r\n.\r\n"
        assert converse(SMTP, handler, HELLO + MESSAGE, too_long, QUIT)[-2:] == [
            b"500 Line too long (see RFC5321 4.5.3.1.6)",
            BYE,
        ]
        assert handler.contents == [b"one\r\n.two\n\r\n", b"one\r\n"] * 3

    def test_a_reader_that_is_another(self, of: str) -> None:
        """Fed by the program, which thinks about the octets first."""

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            def _cb_client_connected(self, reader: Any, writer: Any) -> None:
                super()._cb_client_connected(asyncio.StreamReader(loop=self.loop), writer)

            def data_received(self, data: bytes) -> None:
                self._reader.feed_data(data.replace(b"one", b"another"))

        handler = Taker()
        assert converse(SMTP, handler, HELLO, SENT + SENT + QUIT) == [*OFFERED, *TAKEN, *TAKEN, BYE]
        assert handler.contents == [b"another\r\n"] * 2

    def test_the_writer(self, of: str) -> None:
        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            async def smtp_DATA(self, arg: str) -> None:
                self._writer.write(b"250-")
                await super().smtp_DATA(arg)

        assert converse(SMTP, Taker(), HELLO + SENT)[-2] == b"250-354 End data with <CR><LF>.<CR><LF>"


def test_a_reader_of_ones_own_that_ends() -> None:
    """Here the connection is closed; aiosmtpd would read on, and answer, for ever."""

    class SMTP(OURS.SMTP):  # type: ignore[name-defined,misc]
        def _cb_client_connected(self, reader: Any, writer: Any) -> None:
            super()._cb_client_connected(asyncio.StreamReader(loop=self.loop), writer)
            self._reader.feed_data(HELLO + MESSAGE + b"one\r\n.\r")
            self._reader.feed_eof()

    async def main(loop: QuietLoop) -> None:
        handler = Taker()
        connection = Connection(SMTP(handler, loop=loop))
        await loop.quiet()
        assert connection.closing
        assert isinstance(connection.smtp._handler_coroutine.exception(), ConnectionResetError)
        assert handler.calls == []

    in_memory(main)

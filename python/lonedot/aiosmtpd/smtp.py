"""aiosmtpd's `SMTP` and `LMTP` with the DATA phase on `DataDecoder`.

Everything else is aiosmtpd's own: commands, replies, hooks, AUTH, TLS, timers. Takes the octets that come after DATA
from the same `_reader`; gives the same envelope to the same hooks, and the same replies. What differs: mail data is
delivered whole or not at all; no more of it is kept than `data_size_limit` allows, however short its lines; a client
that keeps sending is not timed out; a line is measured without its transparency dot (RFC 5321 §4.5.3.1.6), and so is a
message (RFC 1870 §6.3); `line_length_limit` may be raised after a connection was made; what is set wrong is said before
the 354, not after it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from warnings import warn

from aiosmtpd import lmtp as upstream_lmtp
from aiosmtpd import smtp as upstream
from aiosmtpd.smtp import MISSING, syntax

from lonedot._core import DataDecoder
from lonedot.aiosmtpd.mail_data import MailData

if TYPE_CHECKING:
    from lonedot.config import BarePolicy, KeepPolicy

# aiosmtpd's, so that what is configured for it holds.
log = logging.getLogger("mail.log")


class SMTP(upstream.SMTP):
    """aiosmtpd's server for one connection, whose mail data lonedot reads.

    All that aiosmtpd lets through in mail data is let through, because its replies stay as they are: set `bare_cr`,
    `bare_lf` or `nul` to "reject" in a subclass or on the class to have it refused with 550 5.6.0.
    """

    bare_cr: BarePolicy = "keep"
    """A CR no LF follows: "keep", "reject", or "normalize" to a space."""
    bare_lf: BarePolicy = "keep"
    """An LF no CR precedes: "keep", "reject", or "normalize" to a CRLF. None of them ends mail data."""
    nul: KeepPolicy = "keep"
    """A NUL octet: "keep" or "reject"."""
    data_duration: float = 3600.0
    """Seconds in which each chunk of mail data renews the timeout; after them it runs out, however much comes."""

    # Mail data under way that does not come through the reader.
    _incoming: MailData | None = None
    # asyncio's own, which aiosmtpd makes and calls `_reader` too.
    _stream_reader: asyncio.StreamReader | None

    # aiosmtpd's looks at its own class, whose limit is not the one that is set here.
    command_size_limits = defaultdict(lambda: SMTP.command_size_limit)  # noqa: RUF012

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        """DATA: reads mail data, hands it to the handler, answers."""
        if await self.check_helo_needed():
            return
        if await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        # What is set wrong raises here: after the 354, mail data would be read as commands.
        incoming = self._expected_mail_data()
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        mail_data = await self._receive(incoming)
        if isinstance(mail_data, str):
            await self.push(mail_data)
            self._set_post_data_state()  # type: ignore[no-untyped-call]
            return
        content = self._content(mail_data)
        if content is None:
            # As aiosmtpd does, with the transaction left open.
            await self.push("500 Error: strict ASCII mode")
            return
        self.envelope.content = content
        self.envelope.original_content = mail_data
        status = await self._deliver()
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push("250 OK" if status is MISSING else status)

    def data_received(self, data: bytes) -> None:
        """Octets have come: mail data, or lines for the `_reader`."""
        incoming = self._incoming
        if incoming is None:
            super().data_received(data)
        else:
            self._take(incoming, data)

    async def _receive(self, incoming: MailData) -> bytes | str:
        """Mail data as it was meant, or the reply to what cannot be taken. Raises when the connection ends before, so
        that no message is ever delivered in part."""
        try:
            if self._reader is self._stream_reader:
                # All it has, or what comes first; what is behind mail data can be put back. The rest comes past it.
                self._take(incoming, await self._reader.read(sys.maxsize))
                # Or nothing comes, where a hook has kept the cancellation to itself.
                if not incoming.whole and not self._reader.at_eof():
                    self._incoming = incoming
                    await incoming.ended
            while not incoming.whole:
                self._take(incoming, await self._read_line())
        except BaseException as error:
            if isinstance(error, (asyncio.CancelledError, ConnectionResetError)):
                log.info("Connection lost during DATA")
            # Whatever it is: what still comes is mail data, and must not be read as commands.
            self._writer.close()
            raise
        finally:
            self._incoming = None
        return incoming.result()

    def _expected_mail_data(self) -> MailData:
        # Limits below those of the decoder, which fit nothing with aiosmtpd either.
        max_size = max(self.data_size_limit, 0) if self.data_size_limit else None
        max_line = max(self.line_length_limit, 1)
        decoder = DataDecoder(
            max_size=max_size,
            max_line=max_line,
            bare_cr=self.bare_cr,
            bare_lf=self.bare_lf,
            nul=self.nul,
        )
        # aiosmtpd's tests let something in, through its own empty buffer, that no reader has seen.
        empty = upstream.EMPTY_BARR.join(())
        ended = self.loop.create_future()
        return MailData(decoder, max_line, ended, self.loop.time() + self.data_duration, empty)

    async def _read_line(self) -> bytes:
        # As aiosmtpd reads, for a reader that somebody has put in the place of asyncio's: it sees the same calls, and
        # what is behind mail data stays with it.
        try:
            return await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as overrun:
            return await self._reader.read(overrun.consumed)
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("the client closed its side inside mail data; nothing was delivered") from None

    def _take(self, incoming: MailData, chunk: bytes) -> None:
        incoming.take(chunk)
        if incoming.whole:
            self._incoming = None
            if incoming.behind and not self._reader.at_eof():
                super().data_received(incoming.behind)
            # Or it was cancelled, as the client went.
            if not incoming.ended.done():
                incoming.ended.set_result(None)
        # What was refused has as long as it has: nobody waits for ever for its end.
        elif not incoming.refused and self.loop.time() < incoming.renewable_until:
            self._reset_timeout()

    def _content(self, mail_data: bytes) -> bytes | str | None:
        """What hooks get of mail data: text where `decode_data` asks for it, None where there is none."""
        if not self._decode_data:
            return mail_data
        if self.enable_SMTPUTF8:
            return mail_data.decode("utf-8", errors="surrogateescape")
        try:
            return mail_data.decode("ascii")
        except UnicodeDecodeError:
            return None

    async def _deliver(self) -> Any:
        """What the handler says to the message: a status, or MISSING."""
        if "DATA" in self._handle_hooks:
            return await self._call_handler_hook("DATA")
        process_message = getattr(self.event_handler, "process_message", None)
        if process_message is None:
            return MISSING
        warn("Use handler.handle_DATA() instead of .process_message()", DeprecationWarning, stacklevel=2)
        assert self.session is not None
        assert self.envelope is not None
        envelope = self.envelope
        status = process_message(self.session.peer, envelope.mail_from, envelope.rcpt_tos, envelope.content)
        if asyncio.iscoroutinefunction(process_message):
            status = await status
        return MISSING if status is None else status


class LMTP(SMTP, upstream_lmtp.LMTP):
    """aiosmtpd's `LMTP` (RFC 2033), whose mail data lonedot reads.

    As with aiosmtpd, a handler that answers for several recipients gives several lines, with CRLF between them.
    """

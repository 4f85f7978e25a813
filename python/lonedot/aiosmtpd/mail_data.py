"""One message's mail data, from the octets behind DATA to what the handler gets.

States: taking chunks; whole, its end seen. Refused or not is another matter: what breaks a rule is read to its end all
the same, and nothing of it is kept.
"""

from __future__ import annotations

import asyncio

from lonedot._core import DataDecoder
from lonedot.content import Content

# aiosmtpd's replies, to the octet.
TOO_LONG = "500 Line too long (see RFC5321 4.5.3.1.6)"
TOO_MUCH = "552 Error: Too much mail data"


class MailData:
    """Takes chunks; knows when its end has come. `max_line`: what the decoder was given. `empty`: what to begin with.
    `ended` is done then. `renewable_until`: the loop's time to which what comes renews the client's time."""

    __slots__ = ("_decoder", "_kept", "_max_line", "_octets", "ended", "renewable_until")

    def __init__(
        self,
        decoder: DataDecoder,
        max_line: int,
        ended: asyncio.Future[None],
        renewable_until: float,
        empty: bytes | bytearray,
    ) -> None:
        self._decoder = decoder
        self._max_line = max_line
        self._kept = Content()
        if empty:
            self._kept.add(bytes(empty))
        self._octets = 0
        self.ended = ended
        self.renewable_until = renewable_until

    @property
    def whole(self) -> bool:
        """Whether the end has come."""
        return self._decoder.eof

    @property
    def refused(self) -> bool:
        """Whether it broke a rule, as far as it has come."""
        return self._decoder.violation is not None

    @property
    def behind(self) -> bytes:
        """What came behind the end."""
        return self._decoder.unused_data

    def take(self, chunk: bytes) -> None:
        """Decodes the next octets."""
        part = self._decoder.decode(chunk)
        if self.refused:
            self._kept = Content()
        elif part:
            self._kept.add(part)
            self._octets += len(part)

    def result(self) -> bytes | str:
        """Mail data that is whole, or the reply to what broke a rule."""
        violation, report = self._decoder.violation, self._decoder.report
        if violation is None:
            content = self._kept.whole()
            # What the decoder did not hand out is not delivered.
            return content if len(content) == self._octets else TOO_LONG
        if violation.name == "too-large":
            # aiosmtpd sees a line's length before it adds it up: what made a message too large may be a line too long.
            first = report.first_long_line
            return TOO_MUCH if first is None or first - self._max_line > violation.offset else TOO_LONG
        if violation.name == "long-line":
            return TOO_LONG
        return bytes(violation.reply()).decode("ascii").rstrip("\r\n")

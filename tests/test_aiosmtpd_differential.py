"""aiosmtpd's SMTP and lonedot's, given the same octets in the same reads: the same replies to the octet, the same
messages in the same envelopes. Three differences are meant, and each is a test of its own."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.aiosmtpd_support import (
    HELLO,
    MESSAGE,
    OURS,
    UPSTREAM,
    Connection,
    QuietLoop,
    Taker,
    in_memory,
    splits,
    subclass,
)

ENDINGS = tomllib.loads((Path(__file__).parent / "data/endings.toml").read_text())["ending"]
END = b".\r\n"
LINE = 1001
PIPELINED = [b"", b"NOOP\r\nQUIT\r\n", b"RSET\r\n", b"\r\nNOOP\r\n", b"no", b"DATA\r\nEHLO y\r\nHELP\r\n"]


@dataclass(frozen=True)
class Seen:
    """All that can be seen of a server from outside: what it writes, what its handler is told, whether it closes."""

    written: bytes
    calls: list[tuple[Any, ...]]
    closed: bool


def observe(smtp: Any, reads: Sequence[bytes], *, at_once: bool = False, **options: Any) -> Seen:
    """What becomes of these reads. `at_once`: the server has no turn between them where it has not stopped reading."""
    handler = Taker()

    async def main(loop: QuietLoop) -> Seen:
        connection = Connection(smtp(handler, hostname="mx.example", loop=loop, **options))
        await loop.quiet()
        for octets in reads:
            if not at_once or not connection.reading:
                await loop.quiet()
            connection.hand(octets)
        await loop.quiet()
        seen = Seen(bytes(connection.take()), list(handler.calls), connection.closing)
        connection.end()
        await loop.quiet()
        if not connection.closing:
            connection.lose()
        await loop.quiet()
        assert len(handler.calls) == len(seen.calls)
        return seen

    return in_memory(main)


def both(reads: Sequence[bytes], *, line_length_limit: int = LINE, **how: Any) -> tuple[Seen, Seen]:
    """Upstream's and ours."""
    theirs, ours = (subclass(of.SMTP, line_length_limit=line_length_limit) for of in (UPSTREAM, OURS))
    return observe(theirs, reads, **how), observe(ours, reads, **how)


def mail_data_in(wire: bytes) -> Iterator[list[bytes]]:
    """The lines of whatever may be a message: what comes after a DATA, up to a lone dot."""
    lines = [line + b"\r\n" for line in wire.split(b"\r\n")[:-1]]
    for number, line in enumerate(lines, 1):
        if line == b"DATA\r\n":
            yield list(itertools.takewhile(lambda line: line != END, lines[number:]))


def reply(lines: list[bytes], size: int | None, line_length_limit: int, *, upstreams: bool) -> int:
    """What mail data is answered with, by upstream's rules or by ours."""
    octets = 0
    for line in lines:
        length = len(line) if upstreams else len(line.removeprefix(b"."))
        octets += length
        # Upstream's reader gives up on a line before its CRLF; where it does not, the message is measured first.
        if length > line_length_limit + 2 * upstreams:
            return 500
        if size and octets > size:
            return 552
        if length > line_length_limit:
            return 500
    return 250


def meant_to_differ(wire: bytes, size: int | None, line_length_limit: int) -> bool:
    """Whether a message is one of those that the two answer differently."""
    return any(
        reply(lines, size, line_length_limit, upstreams=True) != reply(lines, size, line_length_limit, upstreams=False)
        for lines in mail_data_in(wire)
    )


pieces = st.one_of(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"\r\n.", b".\r\n", b"\0", b"\xff", "é".encode(), b"x"]),
    st.integers(990, 1005).map(lambda octets: b"a" * octets),
    st.integers(2000, 2100).map(lambda octets: b"a" * octets),
)
mail_data = st.lists(pieces, max_size=12).map(lambda drawn: b"".join(drawn) + b"\r\n" + END)


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """Two messages, and what may be behind each, cut anywhere."""
    wire = b"".join(
        [HELLO, MESSAGE, draw(mail_data), draw(st.sampled_from(PIPELINED)), draw(st.sampled_from([MESSAGE, b""]))]
    )
    wire += draw(mail_data) + draw(st.sampled_from(PIPELINED))
    cuts = sorted(draw(st.sets(st.integers(1, len(wire) - 1), max_size=8)))
    return [wire[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(wire)], strict=True)]


class TestTheSame:
    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        reads=reads(),
        data_size_limit=st.sampled_from([None, 0, 1, 7, 1002, 3000, 2**25]),
        line_length_limit=st.sampled_from([LINE, LINE, 1000, 60]),
        decode_data=st.booleans(),
        utf8=st.booleans(),
        at_once=st.booleans(),
    )
    def test_whatever_comes(
        self,
        reads: list[bytes],
        data_size_limit: int | None,
        line_length_limit: int,
        decode_data: bool,
        utf8: bool,
        at_once: bool,
    ) -> None:
        theirs, ours = both(
            reads,
            at_once=at_once,
            line_length_limit=line_length_limit,
            data_size_limit=data_size_limit,
            decode_data=decode_data,
            enable_SMTPUTF8=utf8,
        )
        if meant_to_differ(b"".join(reads), data_size_limit, line_length_limit):
            event("meant to differ")
        else:
            event(f"{len(ours.calls)} delivered")
            assert ours == theirs

    @pytest.mark.parametrize("at_once", [True, False])
    @pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending["name"])
    def test_every_ending(self, ending: dict[str, Any], at_once: bool) -> None:
        octets = ending["before"].encode() + ending["octets"].encode("latin-1")
        wire = octets + b"NOOP\r\n" + MESSAGE + b"two\r\n" + END + b"QUIT\r\n"
        for cut in splits(wire):
            theirs, ours = both([HELLO + MESSAGE, *cut], at_once=at_once)
            assert ours == theirs
        assert len(ours.calls) == (2 if ending["ends"] else 1)

    def test_two_messages_cut_anywhere(self) -> None:
        wire = HELLO + MESSAGE + b"one\r\n..\r\n" + END + MESSAGE + b"\r\n.\r\r\n\n.\r\n" + END + b"QUIT\r\n"
        whole = both([wire])[0]
        assert len(whole.calls) == 2
        for cut in splits(wire):
            assert both(cut) == (whole, whole)
            assert both(cut, at_once=True) == (whole, whole)
        assert both([bytes([octet]) for octet in wire]) == (whole, whole)

    @pytest.mark.parametrize("data_size_limit", [-1, 2**64, 2**80])
    def test_limits_that_are_no_sizes(self, data_size_limit: int) -> None:
        wire = HELLO + MESSAGE + b"one\r\n" + END + MESSAGE + END
        theirs, ours = both([wire], data_size_limit=data_size_limit)
        assert ours == theirs

    @pytest.mark.parametrize("hook", ["handle_DATA", "handle_RCPT"])
    def test_a_hook_that_raises(self, hook: str) -> None:
        async def raises(*_: Any) -> None:
            raise RuntimeError("no")

        wire = HELLO + MESSAGE + b"one\r\n" + END + b"DATA\r\nagain\r\n" + END + b"QUIT\r\n"
        seen = []
        for of in UPSTREAM, OURS:
            base = of.SMTP

            def smtp(handler: Any, base: Any = base, **options: Any) -> Any:
                setattr(handler, hook, raises)
                return base(handler, **options)

            seen.append(observe(smtp, [wire]))
        assert seen[0] == seen[1]
        assert b"451 raised" in seen[1].written


class TestMeantToDiffer:
    """Where upstream and we answer differently, and why."""

    def answers(self, mail_data: bytes, **options: Any) -> tuple[bytes, bytes]:
        """The reply codes to a message."""
        theirs, ours = both([HELLO + MESSAGE, mail_data + END], **options)
        assert meant_to_differ(MESSAGE + mail_data + END, options.get("data_size_limit"), LINE)
        return theirs.written.splitlines()[-1][:3], ours.written.splitlines()[-1][:3]

    def test_the_transparency_dot_is_no_part_of_its_line(self) -> None:
        """RFC 5321 §4.5.3.1.6: 1000 octets, "not counting the leading dot duplicated for transparency"."""
        stuffed = b"." + b"." + b"a" * (LINE - 3) + b"\r\n"
        assert len(stuffed) == LINE + 1
        assert self.answers(stuffed) == (b"500", b"250")

    def test_transparency_dots_are_no_part_of_the_size(self) -> None:
        """RFC 1870 §6.3: what is declared and measured is the message before transparency."""
        assert self.answers(b"..\r\n" * 10, data_size_limit=30) == (b"552", b"250")

    @pytest.mark.parametrize("octets", [1000, 1001])
    def test_a_line_too_long_in_a_message_too_large(self, octets: int) -> None:
        """Upstream says 552 to lines of 1002 and 1003 octets, and 500 to any longer; here it is 500 for all."""
        assert self.answers(b"a" * octets + b"\r\n", data_size_limit=100) == (b"552", b"500")

    @pytest.mark.parametrize("octets", [LINE - 2 + 3, 4000])
    def test_other_lines_are_answered_as_there(self, octets: int) -> None:
        theirs, ours = both([HELLO + MESSAGE, b"a" * octets + b"\r\n" + END], data_size_limit=100)
        assert ours == theirs
        assert b"500 Line too long" in ours.written

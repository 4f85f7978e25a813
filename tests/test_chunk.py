"""ChunkDecoder: the octets of BDAT (RFC 3030), from Python."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lonedot import ChunkDecoder, DataDecoder, DataReport, MailDataError, encode_data

ALPHABET = (b"\r", b"\n", b".", b"a", b"\0")
REJECT: dict[str, Any] = {"bare_cr": "reject", "bare_lf": "reject", "nul": "reject", "long_line": "reject"}
NORMALIZE: dict[str, Any] = {"bare_cr": "normalize", "bare_lf": "normalize"}
POLICIES: list[dict[str, Any]] = [
    {},
    REJECT,
    NORMALIZE,
    {"line_ends": "lf"},
    {**NORMALIZE, "line_ends": "lf"},
    {**REJECT, "max_line": 3},
    {"max_size": 3},
]
# As mail data these would be an end, a transparency dot, a smuggled command.
UNINTERPRETED = [
    b".\r\n",
    b"a\r\n.\r\nQUIT\r\n",
    b"..a\r\n.b\r\n",
    b"BDAT 3 LAST\r\nabc",
    b"\n.\n\r.\r",
    b"\0\xff\r\r\n",
]


class Decoded(NamedTuple):
    out: bytes
    unused: bytes
    violation: tuple[str, int] | None
    counted: tuple[int, ...]


def counted(report: DataReport) -> tuple[int, ...]:
    return (report.size, report.lines, report.longest_line, report.bare_cr, report.bare_lf, report.nul)


def reference(
    message: bytes,
    *,
    max_size: int | None = None,
    max_line: int = 1000,
    long_line: str = "keep",
    bare_cr: str = "keep",
    bare_lf: str = "keep",
    nul: str = "keep",
    line_ends: str = "crlf",
) -> Decoded:
    """The obvious decoder of a message that is whole: one octet after the other, wherever its chunks begin."""
    out, violation = bytearray(), None
    line = longest = lines = bare_crs = bare_lfs = 0
    for at in range(len(message)):
        becomes, faults = message[at : at + 1], []
        begins = message.startswith(b"\r\n", at)
        ends = message.startswith(b"\r\n", at - 1) if at else False
        if becomes == b"\r" and not begins:
            bare_crs += 1
            faults += ["bare-cr"] if bare_cr == "reject" else []
            becomes = b" " if bare_cr == "normalize" else becomes
        if becomes == b"\n" and not ends:
            bare_lfs += 1
            faults += ["bare-lf"] if bare_lf == "reject" else []
            becomes = b"\r\n" if bare_lf == "normalize" and line_ends == "crlf" else becomes
        if becomes == b"\0" and nul == "reject":
            faults.append("nul")
        line += 1
        if line == max_line + 1 and long_line == "reject":
            faults.append("long-line")
        if max_size is not None and at + 1 > max_size:
            faults.append("too-large")
        if begins and line_ends == "lf":
            becomes = b""
        if faults and violation is None:
            violation = faults[0], at
        if violation is None:
            out += becomes
        longest = max(longest, line)
        if ends:
            lines, line = lines + 1, 0
    counts = (len(message), lines, longest, bare_crs, bare_lfs, message.count(b"\0"))
    return Decoded(bytes(out), b"", violation, counts)


def decode_in(pieces: list[bytes], sizes: list[int], **policies: Any) -> Decoded:
    """A message in chunks of these sizes, its stream in these pieces, as a server would decode it."""
    decoder, later = ChunkDecoder(sizes[0], len(sizes) == 1, **policies), sizes[1:]
    out, seen = b"", 0
    for piece in pieces:
        out += decoder.decode(piece)
        seen += decoder.consumed
        while decoder.eof and later:
            size, *later = later
            rest = decoder.unused_data
            decoder.next_chunk(size, not later)
            assert (decoder.unused_data, decoder.consumed) == (b"", 0)
            out += decoder.decode(rest)
            seen += decoder.consumed
    assert decoder.eof
    assert seen == sum(sizes)
    violation = decoder.violation
    at = None if violation is None else (violation.name, violation.offset)
    return Decoded(out, decoder.unused_data, at, counted(decoder.report))


class TestAgainstTheReference:
    @pytest.mark.parametrize("policies", POLICIES, ids=repr)
    def test_every_short_string_in_two_chunks_at_every_split(self, policies: dict[str, Any]) -> None:
        for length in range(5):
            for octets in itertools.product(ALPHABET, repeat=length):
                message = b"".join(octets)
                expected = reference(message, **policies)
                for first, split in itertools.product(range(length + 1), repeat=2):
                    pieces, sizes = [message[:split], message[split:]], [first, length - first]
                    assert decode_in(pieces, sizes, **policies) == expected, (message, split, first)

    @given(
        parts=st.lists(st.sampled_from([*ALPHABET, b"\r\n", b"\r\n.\r\n", b"x" * 70, b"\xff"]), max_size=40),
        borders=st.lists(st.integers(0, 400), max_size=8),
        cuts=st.lists(st.integers(0, 400), max_size=8),
        policies=st.sampled_from(POLICIES),
    )
    def test_long_ones_in_any_chunks(
        self, parts: list[bytes], borders: list[int], cuts: list[int], policies: dict[str, Any]
    ) -> None:
        message = b"".join(parts)
        stream = message + b"RSET\r\n"
        borders = [0, *sorted(min(border, len(message)) for border in borders), len(message)]
        sizes = [b - a for a, b in itertools.pairwise(borders)]
        pieces = [stream[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), len(stream)])]
        expected = reference(message, **policies)._replace(unused=b"RSET\r\n")
        assert decode_in(pieces, sizes, **policies) == expected

    @given(st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"\xff", b"\0", b"a" * 100]), max_size=20))
    def test_the_same_message_over_data(self, lines: list[bytes]) -> None:
        message = b"".join(line + b"\r\n" for line in lines)
        chunks, data = ChunkDecoder(len(message)), DataDecoder(nul="keep")
        assert chunks.decode(message) == data.decode(encode_data(message)) == message
        assert counted(chunks.finish()) == counted(data.finish())
        assert chunks.report.header_end == data.report.header_end

    @pytest.mark.parametrize("octets", UNINTERPRETED, ids=repr)
    def test_no_octet_is_interpreted(self, octets: bytes) -> None:
        for border in range(len(octets) + 1):
            for split in range(len(octets) + 1):
                pieces = [octets[:split], octets[split:]]
                assert decode_in(pieces, [border, len(octets) - border]).out == octets


class TestChunk:
    def test_tells_what_follows_it(self) -> None:
        decoder = ChunkDecoder(5)
        assert decoder.decode(b"hello world") == b"hello"
        assert (decoder.eof, decoder.consumed, decoder.unused_data) == (True, 5, b" world")
        assert decoder.decode(b"!") == b""
        assert (decoder.consumed, decoder.unused_data) == (0, b" world!")
        report = decoder.finish()
        assert isinstance(report, DataReport)
        assert report == decoder.report
        assert (report.size, report.lines, report.longest_line) == (5, 0, 5)

    def test_the_very_object_where_nothing_changes(self) -> None:
        octets = b"some octets\r\n" * 1000
        decoder = ChunkDecoder(2 * len(octets) + 1)
        assert decoder.decode(octets) is octets
        assert decoder.decode(octets) is octets
        assert not decoder.eof
        assert decoder.decode(bytearray(b".")) == b"."
        assert decoder.eof

    def test_a_last_cr_is_decided_with_the_last_octet(self) -> None:
        decoder = ChunkDecoder(3)
        assert decoder.decode(b"ab\r") == b"ab\r"
        assert (decoder.finish().bare_cr, decoder.report.first_bare_cr) == (1, 2)
        assert ChunkDecoder(3, bare_cr="normalize").decode(b"ab\r") == b"ab "

    def test_a_cr_is_held_over_the_border(self) -> None:
        decoder = ChunkDecoder(2, last=False, **REJECT)
        assert decoder.decode(b"a\r") == b"a"
        assert decoder.eof
        decoder.next_chunk(2)
        assert decoder.decode(b"\nb") == b"\r\nb"
        assert (decoder.finish().lines, decoder.report.bare_cr) == (1, 0)

    def test_a_last_chunk_of_no_octets(self) -> None:
        empty = ChunkDecoder(0)
        assert empty.eof
        assert empty.finish().size == 0
        decoder = ChunkDecoder(2, last=False)
        assert decoder.decode(b"a\r") == b"a"
        decoder.next_chunk(0)
        assert decoder.eof
        with pytest.raises(MailDataError):
            decoder.finish()  # one octet has not been handed out
        assert decoder.decode(b"") == b"\r"
        assert decoder.decode(b"QUIT\r\n") == b""
        assert decoder.unused_data == b"QUIT\r\n"
        assert decoder.finish().size == 2

    def test_what_is_missing_is_told_at_its_place(self) -> None:
        broken_off = ChunkDecoder(10)
        broken_off.decode(b"abc")
        never_last = ChunkDecoder(3, last=False)
        never_last.decode(b"abc")
        for decoder in (broken_off, never_last):
            with pytest.raises(MailDataError, match=r"octet 3 of the mail data") as error:
                decoder.finish()
            violation = error.value.violation
            assert (violation.name, violation.code, violation.offset) == ("unfinished-chunks", 451, 3)
            assert error.value.report == decoder.report

    def test_a_violation_is_a_value_until_finish(self) -> None:
        decoder = ChunkDecoder(4, last=False, max_size=6)
        assert decoder.decode(b"abcd") == b"abcd"
        decoder.next_chunk(4)
        assert decoder.decode(b"ef") == b"ef"
        assert decoder.decode(b"ghRSET") == b""
        assert (decoder.eof, decoder.unused_data, decoder.report.size) == (True, b"RSET", 8)
        with pytest.raises(MailDataError) as error:
            decoder.finish()
        assert error.value.violation == decoder.violation
        assert (error.value.violation.name, error.value.violation.offset) == ("too-large", 6)

    def test_a_long_line_is_kept_and_counted(self) -> None:
        octets = b"x" * 1_000_000
        decoder = ChunkDecoder(len(octets))
        assert decoder.decode(octets) == octets
        assert (decoder.finish().long_lines, decoder.report.longest_line) == (1, len(octets))


class TestMisuse:
    def test_a_next_chunk_needs_the_end_of_one_that_is_not_the_last(self) -> None:
        decoder = ChunkDecoder(3, last=False)
        decoder.decode(b"ab")
        with pytest.raises(RuntimeError, match="missing"):
            decoder.next_chunk(1)
        assert decoder.decode(b"cX") == b"c"
        for size in (-1, 2**63):
            with pytest.raises(ValueError, match="octets"):
                decoder.next_chunk(size)
        assert decoder.unused_data == b"X"
        decoder.next_chunk(1)
        assert decoder.decode(b"X") == b"X"
        with pytest.raises(RuntimeError, match="last"):
            decoder.next_chunk(1)
        assert decoder.finish().size == 4

    @pytest.mark.parametrize("size", [-1, 2**63, 2**64, 10**400])
    def test_a_size_out_of_range(self, size: int) -> None:
        with pytest.raises(ValueError, match="octets"):
            ChunkDecoder(size)

    def test_the_largest_size(self) -> None:
        decoder = ChunkDecoder(2**63 - 1)
        assert decoder.decode(b"abc") == b"abc"
        assert not decoder.eof

    @pytest.mark.parametrize("size", [None, "1", 1.0, b"1"], ids=repr)
    def test_a_size_that_is_none(self, size: Any) -> None:
        with pytest.raises(TypeError):
            ChunkDecoder(size)

    @pytest.mark.parametrize(
        "wrong",
        [{"max_size": -1}, {"max_line": 0}, {"bare_cr": "drop"}, {"nul": "normalize"}, {"line_ends": "cr"}],
        ids=repr,
    )
    def test_a_wrong_policy(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="takes"):
            ChunkDecoder(1, **wrong)

    @pytest.mark.parametrize(
        "wrong", ["text", 3, None, memoryview(b"abcd")[::2]], ids=lambda wrong: type(wrong).__name__
    )
    def test_what_is_no_buffer(self, wrong: Any) -> None:
        with pytest.raises(TypeError):
            ChunkDecoder(1).decode(wrong)

    def test_nothing_can_be_set(self) -> None:
        decoder = ChunkDecoder(1)
        for name in ("eof", "consumed", "unused_data", "report", "violation", "other"):
            with pytest.raises(AttributeError):
                setattr(decoder, name, 1)

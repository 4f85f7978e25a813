"""DataEncoder and encode_data against the obvious encoder, however much is added; and which objects come back."""

from __future__ import annotations

import itertools
import re
import sys
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lonedot import DataEncoder, MailDataError, decode_data, encode_data

ALPHABET = (b"\r", b"\n", b".", b"a", b"\0")
CHOICES: list[dict[str, Any]] = [
    {"bare_cr": bare_cr, "bare_lf": bare_lf}
    for bare_cr, bare_lf in itertools.product(("reject", "normalize"), repeat=2)
]
NORMALIZE: dict[str, Any] = CHOICES[-1]
TEXT = (b"x" * 70 + b"\r\n") * 900

Encoded = bytes | tuple[str, int]


class Octets(bytes):
    pass


def obvious(data: bytes, bare_cr: str, bare_lf: str) -> Encoded:
    """The wire's octets, or which bare octet is refused where."""
    for bare in re.finditer(rb"\r(?!\n)|(?<!\r)\n", data):
        policy, name = (bare_cr, "bare-cr") if bare[0] == b"\r" else (bare_lf, "bare-lf")
        if policy == "reject":
            return name, bare.start()
    clean = re.sub(rb"(?<!\r)\n", b"\r\n", re.sub(rb"\r(?!\n)", b" ", data))
    if clean and not clean.endswith(b"\r\n"):
        clean += b"\r\n"
    return re.sub(rb"^\.", b"..", clean, flags=re.MULTILINE) + b".\r\n"


def encode_in(chunks: Iterable[bytes], policies: dict[str, Any]) -> Encoded:
    encoder = DataEncoder(**policies)
    try:
        return b"".join([encoder.encode(chunk) for chunk in chunks]) + encoder.finish()
    except MailDataError as error:
        return error.violation.name, error.violation.offset


def whole(data: bytes, policies: dict[str, Any]) -> Encoded:
    try:
        return encode_data(data, **policies)
    except MailDataError as error:
        return error.violation.name, error.violation.offset


@pytest.mark.parametrize("policies", CHOICES, ids=repr)
def test_every_short_string_at_every_split(policies: dict[str, Any]) -> None:
    for length in range(6):
        for octets in itertools.product(ALPHABET, repeat=length):
            data = b"".join(octets)
            wanted = obvious(data, **policies)
            assert whole(data, policies) == wanted, data
            assert encode_in(octets, policies) == wanted, data
            for split in range(1, length):
                assert encode_in((data[:split], data[split:]), policies) == wanted, (data, split)


@pytest.mark.parametrize("policies", CHOICES, ids=repr)
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from([b"text", b"\r\n", b"\n", b"..\n", b".\r\n", b"\r", b"\xff", b"a\r\n.b"]),
            st.integers(0, 900),
        ),
        max_size=6,
    ),
    cuts=st.lists(st.integers(0, 9000), max_size=6),
)
def test_long_ones_anywhere_cut(parts: list[tuple[bytes, int]], cuts: list[int], policies: dict[str, Any]) -> None:
    data = b"".join(part * times for part, times in parts)
    wanted = obvious(data, **policies)
    assert whole(data, policies) == wanted
    ends = [0, *sorted(cuts), len(data)]
    assert encode_in([data[start:end] for start, end in itertools.pairwise(ends)], policies) == wanted


@pytest.mark.parametrize("length", [0, 1, 2, 100, 130, 140, 2048, 65_536, 300_000])
@pytest.mark.parametrize("added", [b"\n", b".\n", b".\r\n", b"short\n", b"a line of usual length, or nearly so\n"])
def test_however_much_is_added(added: bytes, length: int) -> None:
    much = (added * (length // len(added) + 1))[:length]
    for data in (much, TEXT + much, much + TEXT, much + TEXT + much):
        wire = obvious(data, **NORMALIZE)
        assert encode_data(data, **NORMALIZE) == wire
        assert encode_in([data], NORMALIZE) == wire
        assert encode_in([data[:777], data[777:]], NORMALIZE) == wire
        clean = decode_data(encode_data(data, **NORMALIZE), max_line=10**6)
        assert encode_data(clean) == wire


def test_the_very_object_comes_back_where_nothing_is_added() -> None:
    encoder = DataEncoder()
    for chunk in (TEXT, TEXT[:1000], b"a dot . inside\r\n", b"", b"the end"):
        assert encoder.encode(chunk) is chunk
    assert encoder.finish() == b"\r\n.\r\n"


@pytest.mark.parametrize(
    "chunk",
    [b".dotted\r\n" + TEXT, TEXT + b".", TEXT + b"held\r", TEXT + b"bare\nline", b"bare\rline" + TEXT],
)
def test_new_bytes_come_back_where_something_is(chunk: bytes) -> None:
    out = DataEncoder(**NORMALIZE).encode(chunk)
    assert type(out) is bytes
    assert out != chunk
    single = DataEncoder(**NORMALIZE)
    assert b"".join(single.encode(chunk[i : i + 1]) for i in range(len(chunk))) == out


def test_a_cr_that_was_held_comes_with_the_next_octets() -> None:
    encoder, chunk = DataEncoder(bare_cr="normalize"), b"\n.a\r\n"
    assert [encoder.encode(b"a\r"), encoder.encode(b""), encoder.encode(chunk)] == [b"a", b"", b"\r\n..a\r\n"]
    assert [encoder.encode(b"\r"), encoder.encode(b"\r"), encoder.finish()] == [b"", b" ", b" \r\n.\r\n"]


@pytest.mark.parametrize("make", [bytearray, memoryview, Octets])
def test_octets_of_any_kind_come_back_as_bytes(make: Any) -> None:
    for data in (TEXT, b"." + TEXT):
        out = DataEncoder().encode(make(data))
        assert type(out) is bytes
        assert out + b".\r\n" == encode_data(make(data)) == encode_data(data)


def test_new_bytes_are_like_any_other() -> None:
    for length in range(600):
        digits = b"1" * (length + 1)
        out = DataEncoder(bare_lf="normalize").encode(b"\n" + digits)
        same = bytes(bytearray(b"\r\n" + digits))
        assert (len(out), hash(out), out) == (length + 3, hash(same), same)
        # Read in C up to the zero behind the last octet.
        assert int(out) == int(digits)
        assert out + b"" == same and out[-1:] == b"1" and {out: 1}[same] == 1


def test_what_comes_back_holds_little_more_memory_than_it_has() -> None:
    for data in (TEXT, b".\r\n" * 20_000, b"\n" * 40_000, b"\n" * 20_000 + TEXT, b"a line of twenty ..\n" * 5000):
        tracemalloc.start()
        try:
            out = encode_data(data, bare_lf="normalize")
            assert tracemalloc.get_traced_memory()[0] < len(out) / 3 * 4 + 2000
        finally:
            tracemalloc.stop()
        assert sys.getsizeof(out) == sys.getsizeof(bytes(bytearray(out)))


def test_a_violation_far_in_is_found_where_it_is() -> None:
    data = TEXT + b".\r\n" * 5000
    for bare, name in ((b"\n", "bare-lf"), (b"\r", "bare-cr")):
        assert whole(data + b"a" + bare + b"b" + TEXT, {}) == (name, len(data) + 1)
        assert encode_in([data, b"a" + bare, b"b" + TEXT], {}) == (name, len(data) + 1)

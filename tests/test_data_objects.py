"""Which objects come back from a decoder: the very one that came in, or new bytes that are like any other."""

from __future__ import annotations

import tracemalloc

import pytest
from lonedot import DataDecoder, decode_data

TEXT = (b"x" * 70 + b"\r\n") * 900


class Octets(bytes):
    pass


def test_the_very_object_comes_back_where_nothing_changed() -> None:
    decoder = DataDecoder()
    for chunk in (TEXT, TEXT[:1000], b"a dot . inside\r\n", b""):
        assert decoder.decode(chunk) is chunk
        assert (decoder.consumed, decoder.eof) == (len(chunk), False)
    assert decoder.report.size == len(TEXT) + 1000 + 16


@pytest.mark.parametrize(
    ("wire", "policies"),
    [
        (b"..dotted\r\n" + TEXT, {}),
        (TEXT + b"held\r", {}),
        (TEXT + b".", {}),
        (TEXT + b".\r\n", {}),
        (TEXT + b"bare\nline", {}),
        (TEXT + b"bare\nline", {"bare_lf": "normalize"}),
        (TEXT, {"line_ends": "lf"}),
        (TEXT, {"max_size": len(TEXT) - 1}),
        (TEXT, {"max_line": 71}),
    ],
)
def test_new_bytes_come_back_where_something_did(wire: bytes, policies: dict[str, str]) -> None:
    decoder = DataDecoder(**policies)  # type: ignore[arg-type]
    out = decoder.decode(wire)
    assert out is not wire
    assert type(out) is bytes
    assert out != wire
    single = DataDecoder(**policies)  # type: ignore[arg-type]
    assert b"".join(single.decode(wire[i : i + 1]) for i in range(len(wire))) == out


def test_what_is_kept_comes_back_as_it_is() -> None:
    chunk = TEXT + b"\0 \xff bare \r and \n here\r\n"
    assert DataDecoder(bare_cr="keep", bare_lf="keep", nul="keep").decode(chunk) is chunk


def test_a_class_made_from_bytes_comes_back_as_bytes() -> None:
    out = DataDecoder().decode(Octets(TEXT))
    assert type(out) is bytes
    assert out == TEXT


def test_new_bytes_are_like_any_other() -> None:
    for length in range(600):
        digits = b"1" * (length + 1)
        for out in (decode_data(b"." + digits + b"\r\n.\r\n"), DataDecoder().decode(b"." + digits + b"\r\n")):
            same = bytes(bytearray(digits + b"\r\n"))
            assert (len(out), hash(out), out) == (length + 3, hash(same), same)
            # Read in C up to the zero behind the last octet.
            assert int(out) == int(digits)
            assert out + b"" == same and out[-1:] == b"\n" and {out: 1}[same] == 1


def test_little_mail_data_holds_little_memory() -> None:
    decoder, wire = DataDecoder(line_ends="lf"), b".." + b"\r\n" * 40000
    tracemalloc.start()
    try:
        parts = [DataDecoder().decode(b"last line\r\n.\r\n" + TEXT) for _ in range(20)]
        assert parts == [b"last line\r\n"] * 20
        assert tracemalloc.get_traced_memory()[0] < 20_000
        out = decoder.decode(wire)
        assert len(out) == 40001
        assert tracemalloc.get_traced_memory()[0] < 70_000
    finally:
        tracemalloc.stop()

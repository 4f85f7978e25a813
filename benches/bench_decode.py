"""The decoder from Python, beside peers and a copy of the same octets. Each case first asserts what it gives.

A message is the same chunk of 64 KiB some times over, then its terminator. The copy that all is held against is
`memoryview.tobytes`, the cheapest way of Python's to new `bytes` of the same octets.

Where a chunk loses nothing, `decode` may hand back the very object that came in. That saves a copy and no decoding;
so the same is measured with a transparency dot in the first line of each chunk, which forces the copy. Whether the
object came back is looked at and noted, not assumed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import repeat

import corpora
import lonedot
import peers
import pytest
from corpora import CHUNK, TERMINATOR

Measure = Callable[..., None]  # the fixture of conftest.py

TIMES = 16
SMALL = 1024
FORMS: dict[str, Callable[[bytes], bytes | bytearray | memoryview]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": lambda octets: memoryview(bytearray(octets)),
}
FINDS = {"find-replace": peers.by_replace, "find-split": peers.by_split}
WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "lonedot": lonedot.decode_data,
    "find-replace": peers.find_and_replace,
    "find-split": peers.find_and_split,
}


def decode(chunk: bytes | bytearray | memoryview, times: int) -> lonedot.DataDecoder:
    decoder = lonedot.DataDecoder()
    for _ in repeat(None, times):
        decoder.decode(chunk)
    decoder.decode(TERMINATOR)
    return decoder


def asserted(chunk: bytes | bytearray | memoryview, data: bytes, times: int) -> bool:
    """Asserts what the decoder makes of the chunk; says whether it hands back the very object."""
    decoder = lonedot.DataDecoder()
    parts = [decoder.decode(chunk) for _ in repeat(None, times)]
    assert all(part == data for part in parts)
    assert decoder.decode(TERMINATOR) == b""
    assert decoder.finish().size == len(data) * times
    return all(part is chunk for part in parts)


@pytest.mark.parametrize("dotted", [False, True], ids=["", "copied"])
@pytest.mark.parametrize("name", corpora.NAMES)
def test_lonedot(measure: Measure, name: str, dotted: bool) -> None:
    data, wire = corpora.corpus(name, dotted=dotted)
    same = asserted(wire, data, TIMES)
    assert not (dotted and same)
    measure(
        lambda: decode(wire, TIMES),
        subject="decode",
        corpus=name,
        what="lonedot-copied" if dotted else "lonedot",
        octets=TIMES * CHUNK,
        calls=TIMES,
        same_object=same,
    )


def test_chunk(measure: Measure) -> None:
    """What follows BDAT: one chunk of RFC 3030 in as many calls."""
    data, _ = corpora.corpus("base64")

    def run() -> lonedot.ChunkDecoder:
        decoder = lonedot.ChunkDecoder(TIMES * len(data))
        for _ in repeat(None, TIMES):
            decoder.decode(data)
        return decoder

    decoder = lonedot.ChunkDecoder(TIMES * len(data))
    parts = [decoder.decode(data) for _ in repeat(None, TIMES)]
    same = all(part is data for part in parts)
    assert all(part == data for part in parts)
    assert run().finish() == decoder.finish()
    measure(run, subject="chunk", corpus="base64", what="lonedot", octets=TIMES * CHUNK, calls=TIMES, same_object=same)


@pytest.mark.parametrize("name", corpora.NAMES)
def test_copy(measure: Measure, name: str) -> None:
    view = memoryview(corpora.corpus(name).wire)
    assert view.tobytes() == view

    def run() -> None:
        for _ in repeat(None, TIMES):
            view.tobytes()

    measure(run, subject="decode", corpus=name, what="memcpy", octets=TIMES * CHUNK, calls=TIMES)


@pytest.mark.parametrize("what", FINDS)
@pytest.mark.parametrize("name", corpora.NAMES)
def test_find(measure: Measure, name: str, what: str) -> None:
    data, wire = corpora.corpus(name)
    chunks = [*repeat(wire, TIMES), TERMINATOR]
    assert b"".join(map(peers.Find(FINDS[what]).decode, chunks)) == data * TIMES

    def run() -> None:
        decoder = peers.Find(FINDS[what])
        for chunk in chunks:
            decoder.decode(chunk)

    measure(run, subject="decode", corpus=name, what=what, octets=TIMES * CHUNK, calls=TIMES)


@pytest.mark.parametrize("name", corpora.NAMES)
def test_aiosmtpd(measure: Measure, loop: asyncio.AbstractEventLoop, name: str) -> None:
    data, wire = corpora.corpus(name)
    chunks = (wire, TERMINATOR)
    assert peers.Aiosmtpd(loop, chunks).receive() == data
    measure(
        peers.Aiosmtpd.receive,
        subject="decode",
        corpus=name,
        what="aiosmtpd",
        octets=CHUNK,
        fresh=lambda: peers.Aiosmtpd(loop, chunks),
    )


@pytest.mark.parametrize("name", corpora.NAMES)
def test_twisted(measure: Measure, name: str) -> None:
    data, wire = corpora.corpus(name)
    chunks = (wire, TERMINATOR)
    # It ends a header section that was never begun, unless the first line is empty.
    assert peers.Twisted(chunks).receive() == (b"" if name == "empty" else b"\r\n") + data
    measure(
        peers.Twisted.receive,
        subject="decode",
        corpus=name,
        what="twisted",
        octets=CHUNK,
        fresh=lambda: peers.Twisted(chunks),
    )


@pytest.mark.parametrize("form", FORMS)
def test_input(measure: Measure, form: str) -> None:
    """Mail data of which something is taken away in each chunk, so that the decoder's own copy is in every figure."""
    data, wire = corpora.corpus("base64", dotted=True)
    chunk = FORMS[form](wire)
    assert not asserted(chunk, data, TIMES)
    measure(
        lambda: decode(chunk, TIMES),
        subject="input",
        corpus="base64",
        what=form,
        octets=TIMES * CHUNK,
        calls=TIMES,
    )


@pytest.mark.parametrize("dotted", [False, True], ids=["", "copied"])
def test_1k(measure: Measure, dotted: bool) -> None:
    data, wire = corpora.corpus("base64", SMALL, dotted=dotted)
    same = asserted(wire, data, SMALL)
    measure(
        lambda: decode(wire, SMALL),
        subject="1k",
        corpus="base64",
        what="lonedot-copied" if dotted else "lonedot",
        octets=SMALL * SMALL,
        calls=SMALL,
        same_object=same,
    )


def test_1k_copy(measure: Measure) -> None:
    view = memoryview(corpora.corpus("base64", SMALL).wire)
    assert view.tobytes() == view

    def run() -> None:
        for _ in repeat(None, SMALL):
            view.tobytes()

    measure(run, subject="1k", corpus="base64", what="memcpy", octets=SMALL * SMALL, calls=SMALL)


@pytest.mark.parametrize("name", ["base64", "mixed"])
@pytest.mark.parametrize("what", WHOLE)
def test_2k_message(measure: Measure, name: str, what: str) -> None:
    decode_whole = WHOLE[what]
    data, wire = corpora.corpus(name, 2048 - len(TERMINATOR))
    wire += TERMINATOR
    assert decode_whole(wire) == data

    def run() -> None:
        for _ in repeat(None, 1000):
            decode_whole(wire)

    measure(run, subject="2k", corpus=name, what=what, octets=1000 * len(wire), calls=1000)


@pytest.mark.parametrize("what", WHOLE)
def test_tiny_messages(measure: Measure, what: str) -> None:
    decode_whole = WHOLE[what]
    messages = corpora.tiny()
    wires = [message.wire for message in messages]
    assert [decode_whole(wire) for wire in wires] == [message.data for message in messages]

    def run() -> None:
        for wire in wires:
            decode_whole(wire)

    measure(run, subject="tiny", corpus="tiny", what=what, octets=sum(map(len, wires)), calls=len(wires))


@pytest.mark.parametrize("what", FINDS)
def test_find_is_right_at_every_split(what: str) -> None:
    """The peer that all speed-ups are told against deserves to be no slower, and no wronger, than it has to be."""
    wire = b"..a\r\n\r\n.b\r\n..\r\n.\r.\n.c\r\n\r\n.\r\n"
    whole = lonedot.decode_data(wire, bare_cr="keep", bare_lf="keep")
    assert WHOLE[what](wire) == whole
    for first in range(len(wire) + 1):
        for second in range(first, len(wire) + 1):
            decoder = peers.Find(FINDS[what])
            parts = [decoder.decode(part) for part in (wire[:first], wire[first:second], wire[second:])]
            assert decoder.eof
            assert b"".join(parts) == whole

"""What `lonedot lint` asks the core of a mbox: beside Python's own way of finding it."""

from __future__ import annotations

import random
import re

import pytest
from lonedot import check_headers
from lonedot._core import count_lines, from_lines, with_findings

from tests.linting import ADVISED, BAD, GOOD, WARNED


def test_lines_that_begin_with_from() -> None:
    chance = random.Random(8)
    parts = [b"From ", b">From ", b">>From ", b"\n", b"\r\n", b"From", b"> From ", b"x" * 61, b"\nFrom \n"]
    for _ in range(3000):
        octets = b"".join(chance.choices(parts, k=chance.randrange(20)))
        wanted = [found.end() - 5 for found in re.finditer(rb"(?<=\n)>*From ", octets)]
        assert from_lines(octets, 0) == from_lines(octets, 1) == wanted
        start = chance.randrange(1, 80)
        lines = [found.end() - 5 for found in re.finditer(rb"(?<=\n)>*From ", octets) if found.start() >= start]
        assert from_lines(octets, start) == lines


def test_lines_are_counted_from_place_to_place() -> None:
    octets = b"a\n" * 500
    for start, end in ((0, 1000), (1, 1), (1, 2), (333, 777)):
        assert count_lines(octets, start, end) == octets.count(b"\n", start, end)
    with pytest.raises(ValueError, match="1 to 1001 is no place in 1000 octets"):
        count_lines(octets, 1, 1001)


@pytest.mark.parametrize("threads", [1, 2, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 500])
def test_messages_with_findings(count: int, threads: int) -> None:
    chance = random.Random(count)
    kinds = [GOOD, BAD, WARNED, ADVISED, GOOD.replace(b"\n", b"\r\n"), GOOD.replace(b"\n", b"\r\n", 1), b"", b"\r"]
    messages = [chance.choice(kinds) for _ in range(count)]
    octets, places = b"", []
    for message in messages:
        places.append((len(octets), len(octets) + len(message)))
        octets += message
    wire = [one if b"\r\n" in one else one.replace(b"\n", b"\r\n") for one in messages]
    wanted = [index for index, one in enumerate(wire) if check_headers(one)]
    assert with_findings(octets, places, threads=threads) == wanted
    assert not count or 0 < len(wanted) < count or count == 1


def test_misuse_says_so() -> None:
    with pytest.raises(ValueError, match="5 to 3 is no place in 9 octets"):
        with_findings(b"Subject: ", [(0, 3), (5, 3)])
    with pytest.raises(ValueError, match="threads takes a number from 1 on, not 0"):
        with_findings(b"", [], threads=0)

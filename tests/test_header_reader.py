"""HeaderReader: any split, both line ends, and what a message that was made to cost much costs."""

from __future__ import annotations

import time

import pytest
from lonedot import DataDecoder, HeaderReader
from lonedot._core import HeaderFinding

MESSAGES = {
    "faults in it": b"Cc:\r\nFrom: a@a.example\r\n b@a.example\r\nSubject: =?x\r\n\tgr\xfc\xdfe\r\nhi\r\n\r\nbody\r\n",
    "a wide base64": b"Content-Transfer-Encoding: base64\r\nX: %b\r\n\r\n%b\r\n%b\r\n"
    % (b"y" * 80, b"YQ==" * 19, b"YQ==" * 20),
    "no empty line": b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: a@a.example\r\n",
    "a body at once": b"\r\nhello\r\n",
    "nothing": b"",
}


def found(message: bytes, line_ends: str, step: int) -> list[HeaderFinding]:
    """What is found in mail data that comes so many octets at a time."""
    decoder = DataDecoder(line_ends=line_ends)  # type: ignore[arg-type]
    reader = HeaderReader(line_ends=line_ends)  # type: ignore[arg-type]
    wire = message + b".\r\n"
    for at in range(0, len(wire), step):
        reader.read(decoder.decode(wire[at : at + step]))
    reader.finish(decoder.finish())
    return reader.findings


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_findings_are_the_same_at_every_split_and_with_both_line_ends(message: bytes) -> None:
    whole = found(message, "crlf", len(message) + 3)
    assert whole
    for line_ends in "crlf", "lf":
        for step in 1, 2, 3, 7, 64:
            assert found(message, line_ends, step) == whole, (line_ends, step)


def test_a_field_full_of_faults_costs_no_more_than_its_octets() -> None:
    # 262,144 addresses without a comma. To look at all before each of them took most of a minute.
    message = b"To:" + b" a@b" * (1 << 18) + b"\r\n\r\n"
    reader = HeaderReader(max_field=len(message), max_octets=len(message))
    begun = time.process_time()
    reader.read(message)
    assert time.process_time() - begun < 5
    assert {"missing-comma", "too-many-findings"} <= {finding.code for finding in reader.findings}

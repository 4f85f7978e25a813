"""Volume: everything smtp-source sends over many sessions is stored, each message once and whole.

The smallest run is in the default suite; `make soak` has the long ones.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.serving import serving, without_trace

# What smtp-source writes differently into each message.
_OWN = re.compile(rb"^(?:Date|Message-Id): [^\n]*\n", re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^Message-Id: (<[^\n]*>)\n", re.MULTILINE)

long = [pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("sessions", "messages", "octets"),
    [
        (5, 100, 4096),
        pytest.param(20, 2000, 4096, marks=long),
        pytest.param(10, 10, 20 << 20, marks=long),
    ],
)
def test_all_are_stored_whole(sessions: int, messages: int, octets: int, tmp_path: Path) -> None:
    tool = shutil.which("smtp-source")
    if tool is None:
        pytest.skip("smtp-source is not installed")
    with serving(tmp_path) as server:
        envelope = ["-f", "a@x.example", "-t", "b@y.example", f"127.0.0.1:{server.port}"]
        sizes = ["-s", str(sessions), "-m", str(messages), "-l", str(octets)]
        started = time.perf_counter()
        subprocess.run([tool, "-d", *sizes, *envelope], check=True, timeout=300)
        seconds = time.perf_counter() - started
        texts: Counter[bytes] = Counter()
        ids = set()
        for path in server.stored().values():
            text = without_trace(path.read_bytes())
            (message_id,) = _MESSAGE_ID.findall(text)
            ids.add(message_id)
            texts[_OWN.sub(b"", text, count=2)] += 1
            path.unlink()
        assert server.unfinished() == []
        assert server.stop() == 0
    # All equal, each with a Message-Id of its own: as many as were sent, none twice.
    assert list(texts.values()) == [messages]
    assert len(ids) == messages
    (text,) = texts
    # smtp-source counts what follows the header, with CRLF line ends; the line before the end of mail data is its own.
    header, _, body = text.partition(b"\n\n")
    assert header == b"From: <a@x.example>\nTo: <b@y.example>"
    assert re.fullmatch(rb"(?:\d*X+\n)+", body)
    assert octets <= len(body) + body.count(b"\n") <= octets + 2
    print(f"\n{messages} messages of {octets} octets over {sessions} sessions in {seconds:.2f} s: all stored, whole")

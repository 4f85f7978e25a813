"""The README's Python works as written."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path
from typing import Any

import lonedot
import pytest
from lonedot.networks import Networks

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_it_compiles() -> None:
    assert len(BLOCKS) == 4
    for block in BLOCKS:
        compile(block, "README.md", "exec")


def test_behind_a_proxy() -> None:
    names: dict[str, Any] = {"lonedot": lonedot}
    exec(next(block for block in BLOCKS if "trusted_proxies" in block), names)
    assert lonedot.Peer("10.1.2.3", 25) in Networks.of(names["config"].trusted_proxies, True)


def test_inside_your_own_server(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[-1], names)
    server, client = socket.socketpair()
    with server, client:
        thread = threading.Thread(target=names["converse"], args=(server,))
        thread.start()
        client.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n")
        thread.join()
        assert re.findall(rb"^(\d{3}) ", client.recv(65536), re.MULTILINE) == b"220 250 250 250 354 250 221".split()
    assert capsys.readouterr().out == "a@example.org 1000\n7\n"
    server, client = socket.socketpair()
    with server, client:
        client.sendall(b"hello\r\n.\r\nQUIT\r\n")
        assert names["receive"](server) == (b"hello\r\n", b"QUIT\r\n")

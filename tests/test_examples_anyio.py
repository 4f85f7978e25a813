"""examples/anyio_server.py where it is cancelled: what is stored is answered, what is not is not."""

from __future__ import annotations

import importlib.util
import re
import threading
from pathlib import Path
from types import ModuleType

import anyio
import lonedot
import pytest
from anyio.abc import SocketAttribute

from tests.recipes import ENVELOPE, EXAMPLES
from tests.support import PATIENCE


@pytest.fixture
def example() -> ModuleType:
    """The program as a module, made anew."""
    spec = importlib.util.spec_from_file_location("anyio_server", EXAMPLES / "anyio_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("second", [b"", ENVELOPE + b"two\r\n.\r\n"], ids=["alone", "another behind it"])
def test_cancelled_while_the_disk_is_at_work(
    example: ModuleType, backend: str, second: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on, store = threading.Event(), threading.Event(), example.store

    def slowly(directory: Path, message: bytes) -> str:
        began.set()
        assert go_on.wait(PATIENCE)
        return str(store(directory, message))

    monkeypatch.setattr(example, "store", slowly)
    said = bytearray()

    async def main() -> None:
        server = example.Server(lonedot.Config(), "example.org", tmp_path)
        with anyio.fail_after(PATIENCE):
            async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
                port = listener.extra(SocketAttribute.local_port)
                async with await anyio.connect_tcp("127.0.0.1", port) as client:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(listener.serve, server.serve)
                        await client.send(b"EHLO x\r\n" + ENVELOPE + b"one\r\n.\r\n" + second)
                        await anyio.to_thread.run_sync(began.wait, PATIENCE)
                        tasks.cancel_scope.cancel()
                        go_on.set()
                    async for octets in client:
                        said.extend(octets)

    anyio.run(main, backend=backend)
    assert re.findall(rb"^(\d{3}) ", said, re.MULTILINE) == [
        *b"220 250 250 250 354 250".split(),
        *(b"250 250 354".split() if second else []),
        b"421",
    ]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"one\r\n"]

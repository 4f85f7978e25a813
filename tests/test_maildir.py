"""Maildir delivery: durable before 250, nothing left behind otherwise, whatever step fails or is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import email
import errno
import gc
import hashlib
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lonedot import group_commit, maildir
from lonedot._core import Reply
from lonedot.delivery import Delivery, DiscardDelivery
from lonedot.maildir import MaildirDelivery, MaildirSink
from lonedot.maildir_entry import STALE, Entry, Maildir

REPORT: Any = None  # the Maildir does not look at it
REASON: Any = "eof"
SMALL = b"Subject: x\n\nbody\n"
LARGE = b"0123456789abcde\n" * 4096  # 64 KiB; eight of them are streamed


def transaction(number: int = 0) -> Any:
    hello = type("Ehlo", (), {"name": "client.example.net"})()
    peer = SimpleNamespace(host="192.0.2.1", port=40000)
    connection = SimpleNamespace(peer=peer, hello=hello, dialect="smtp", tls=None, auth=None)
    return SimpleNamespace(id=f"m{number}", reverse_path="a@x", forward_paths=("b@y",), connection=connection)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "Maildir"


def make(box: Path, **options: Any) -> MaildirDelivery:
    return MaildirDelivery(box, hostname="mx.example.org", **options)


async def filled(delivery: MaildirDelivery, *chunks: bytes, number: int = 0) -> MaildirSink:
    sink = await delivery.begin(transaction(number))
    for chunk in chunks:
        room = sink.write(chunk)
        if room is not None:
            await room
    return sink


async def deliver(delivery: MaildirDelivery, *chunks: bytes, number: int = 0) -> Reply:
    return await (await filled(delivery, *chunks, number=number)).finish(REPORT)


def files(box: Path) -> tuple[int, int]:
    """How many in tmp/ and in new/."""
    return len(os.listdir(box / "tmp")), len(os.listdir(box / "new"))


def stored(box: Path) -> list[bytes]:
    return [(box / "new" / name).read_bytes() for name in sorted(os.listdir(box / "new"))]


def opened(box: Path) -> list[str]:
    """The files of the Maildir that this process holds open."""
    held = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that listed them
            held.append(os.readlink(f"/proc/self/fd/{fd}"))
    return [path for path in held if path.startswith(str(box))]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 (it waits for threads and files)
            await asyncio.sleep(0.005)


class Gate:
    """Stops a system call at its door until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def stop(self) -> None:
        self.reached.set()
        assert self.opened.wait(10)


class Disk:
    """The system calls of a delivery, recorded; each can be made to wait or to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.threads: set[str] = set()
        self.before: dict[str, Callable[[], None]] = {}
        for name in ("open", "writev", "write", "fsync", "rename", "unlink"):
            monkeypatch.setattr(os, name, self._recorder(name, getattr(os, name)))

    def _recorder(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            step = name
            if name == "fsync":
                path = Path(os.readlink(f"/proc/self/fd/{args[0]}"))
                step = "fsync new" if path.name == "new" else "fsync file" if path.parent.name == "tmp" else "fsync"
            elif name == "open":
                step = "open" if len(args) > 1 and args[1] & os.O_EXCL else "open directory"
            self.calls.append(step)
            self.threads.add(threading.current_thread().name)
            self.before.get(step, lambda: None)()
            return real(*args, **kwargs)

        return call

    def fail(self, step: str, error: int) -> None:
        def refuse() -> None:
            raise OSError(error, os.strerror(error))

        self.before[step] = refuse

    def gate(self, step: str) -> Gate:
        gate = Gate()
        self.before[step] = gate.stop
        return gate


@pytest.fixture
def disk(box: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    make(box)
    return Disk(monkeypatch)


# What is stored


def test_a_message_is_stored_with_its_trace_fields(box: Path) -> None:
    reply = asyncio.run(deliver(make(box), b"Subject: x\n", b"\nbody\n"))
    assert (reply.code, reply.enhanced, reply.text) == (250, "2.0.0", "Ok: queued as m0")
    (content,) = stored(box)
    assert content.startswith(b"Return-Path: <a@x>\nReceived: from client.example.net ([192.0.2.1])")
    assert content.endswith(b"\nSubject: x\n\nbody\n")
    assert b"\r" not in content
    assert files(box) == (0, 1)


@pytest.mark.parametrize("start", [b" ", b"\t"])
@pytest.mark.parametrize("split", [False, True])
def test_mail_data_cannot_continue_the_trace_fields(box: Path, start: bytes, split: bool) -> None:
    """A line that begins with white space continues the field above it (RFC 5322 §2.2.3), with a date of the peer's."""
    mail_data = start + b"by x.example; Thu, 1 Jan 1970 00:00:00 +0000\nSubject: x\n\nbody\n"
    asyncio.run(deliver(make(box), *((mail_data[:1], mail_data[1:]) if split else (mail_data,))))
    (content,) = stored(box)
    assert content.endswith(b"\n\n" + mail_data)
    (received,) = email.message_from_bytes(content).get_all("Received", [])
    assert "1970" not in received


def test_line_ends_of_the_trace_fields_are_those_of_the_delivery(box: Path) -> None:
    delivery = make(box, line_ends="crlf")
    assert delivery.line_ends == "crlf"
    asyncio.run(deliver(delivery, b"Subject: x\r\n"))
    (content,) = stored(box)
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r") >= 3


def test_only_the_user_can_read(box: Path) -> None:
    asyncio.run(deliver(make(box / "deep"), SMALL))
    for directory in ("", "deep", "deep/tmp", "deep/new", "deep/cur"):
        assert (box / directory).stat().st_mode & 0o777 == 0o700
    (message,) = (box / "deep" / "new").iterdir()
    assert message.stat().st_mode & 0o777 == 0o600


def test_misuse_is_an_exception(box: Path) -> None:
    for options in ({"hostname": "a b"}, {"line_ends": "cr"}, {"workers": 0}):
        with pytest.raises(ValueError):
            MaildirDelivery(box, **{"hostname": "mx.example.org", **options})  # type: ignore[arg-type]
    box.write_bytes(b"")
    with pytest.raises(OSError):
        make(box)


def test_both_deliveries_are_deliveries(box: Path) -> None:
    delivery: Delivery = make(box)
    assert delivery.capabilities == {"8bitmime", "smtputf8"}
    delivery = DiscardDelivery()

    async def discard() -> Any:
        sink = await delivery.begin(transaction())
        assert sink.write(b"x") is None
        return await sink.finish(REPORT)

    assert asyncio.run(discard()).code == 250


def test_names_are_unique(box: Path) -> None:
    one, other = Maildir(box, "h"), Maildir(box, "h")
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.extend(one.name() for _ in range(2000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    names.extend(other.name() for _ in range(2000))
    for thread in threads:
        thread.join()
    assert len(set(names)) == len(names) == 10_000
    assert all(re.fullmatch(rf"\d+\.M\d{{6}}P{os.getpid()}Q\d+R[0-9a-f]{{16}}\.h", name) for name in names)


def test_names_escape_the_host_and_leave_it_room(box: Path) -> None:
    assert Maildir(box, "a/b:c").name().endswith(r".a\057b\072c")
    assert len(Maildir(box, "h" * 255).name()) < 255


def test_a_name_that_exists_is_not_touched(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = make(box)
    (box / "tmp" / "taken").write_bytes(b"another delivery's")
    monkeypatch.setattr(Maildir, "name", lambda self: "taken")
    assert asyncio.run(deliver(delivery, SMALL)).code == 451
    assert (box / "tmp" / "taken").read_bytes() == b"another delivery's"


def test_stale_files_are_swept(box: Path) -> None:
    make(box)
    for name, age in (("old", STALE + 60), ("young", STALE - 60)):
        for directory in ("tmp", "new"):
            path = box / directory / name
            path.write_bytes(b"")
            os.utime(path, (time.time() - age,) * 2)
    make(box)
    assert os.listdir(box / "tmp") == ["young"]
    assert sorted(os.listdir(box / "new")) == ["old", "young"]


# Durability


@pytest.mark.parametrize("chunks", [1, 8])
def test_250_comes_after_file_rename_and_directory_are_on_the_disk(box: Path, disk: Disk, chunks: int) -> None:
    sizes: list[int] = []
    disk.before["fsync file"] = lambda: sizes.append(os.stat(next((box / "tmp").iterdir())).st_size)

    async def main() -> None:
        await deliver(make(box), *[LARGE] * chunks)
        disk.calls.append("250")

    asyncio.run(main())
    order = [call for call in disk.calls if call not in ("open directory", "writev")]
    assert order == ["open", "fsync file", "rename", "fsync new", "250"]
    assert [len(content) for content in stored(box)] == sizes
    assert sizes[0] > chunks * len(LARGE)


def test_the_directories_are_on_the_disk_before_the_first_message(box: Path, disk: Disk, tmp_path: Path) -> None:
    disk.calls.clear()
    make(tmp_path / "a" / "b")
    assert disk.calls.count("fsync") == 5  # a, b, tmp, new, cur: each one's parent
    disk.calls.clear()
    make(tmp_path / "a" / "b")
    assert "fsync" not in disk.calls


def test_the_event_loop_never_touches_the_disk(box: Path, disk: Disk) -> None:
    async def main() -> None:
        delivery = make(box)
        disk.threads.clear()
        await deliver(delivery, SMALL)
        await deliver(delivery, *[LARGE] * 40)
        await (await filled(delivery, *[LARGE] * 8)).abort(REASON)
        disk.fail("rename", errno.EIO)
        await deliver(delivery, SMALL)

    asyncio.run(main())
    assert disk.threads == {"lonedot-maildir"}


def test_many_deliveries_share_directory_syncs(box: Path, disk: Disk) -> None:
    async def main() -> list[Reply]:
        delivery = make(box)
        return await asyncio.gather(*(deliver(delivery, SMALL, number=number) for number in range(100)))

    replies = asyncio.run(main())
    assert [reply.text for reply in replies] == [f"Ok: queued as m{number}" for number in range(100)]
    assert disk.calls.count("fsync file") == 100
    assert disk.calls.count("fsync new") < 50
    assert files(box) == (0, 100)


def test_a_batch_is_bounded_and_synced_once(box: Path, disk: Disk) -> None:
    gate = disk.gate("open")

    async def main() -> None:
        delivery = make(box, workers=1)
        first = asyncio.ensure_future(deliver(delivery, SMALL))
        await until(gate.reached.is_set)
        others = [asyncio.ensure_future(deliver(delivery, SMALL)) for _ in range(group_commit.BATCH + 1)]
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, *others)

    asyncio.run(main())
    assert disk.calls.count("fsync new") == 3


# Failures


STEPS = ["open", "writev", "fsync file", "rename", "open directory", "fsync new"]


@pytest.mark.parametrize("chunks", [1, 8], ids=["small", "streamed"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("error", "code", "enhanced"),
    [(errno.ENOSPC, 452, "4.3.1"), (errno.EDQUOT, 452, "4.3.1"), (errno.EIO, 451, "4.3.0")],
)
def test_a_failure_leaves_nothing_behind(
    box: Path,
    disk: Disk,
    caplog: pytest.LogCaptureFixture,
    chunks: int,
    step: str,
    error: int,
    code: int,
    enhanced: str,
) -> None:
    async def main() -> None:
        delivery = make(box)
        disk.fail(step, error)
        reply = await deliver(delivery, *[LARGE] * chunks)
        assert (reply.code, reply.enhanced) == (code, enhanced)
        assert files(box) == (0, 0)
        assert opened(box) == []
        disk.before.clear()
        assert (await deliver(delivery, SMALL)).code == 250

    asyncio.run(main())
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("lonedot.maildir", logging.ERROR)
    assert f"errno {error}" in record.getMessage() and str(box) in record.getMessage()


def test_one_failure_in_a_batch_is_its_own(box: Path, disk: Disk) -> None:
    gate = disk.gate("fsync file")

    async def main() -> list[int]:
        delivery = make(box, workers=1)
        first = asyncio.ensure_future(deliver(delivery, SMALL))
        await until(gate.reached.is_set)
        others = [asyncio.ensure_future(deliver(delivery, SMALL, b"%d\n" % number)) for number in range(5)]
        await asyncio.sleep(0)
        turn = iter(range(5))

        def second_fails() -> None:
            if next(turn) == 1:
                raise OSError(errno.EIO, "no")

        disk.before["fsync file"] = second_fails
        gate.opened.set()
        return [reply.code for reply in await asyncio.gather(first, *others)]

    assert asyncio.run(main()) == [250, 250, 451, 250, 250, 250]
    assert sorted(content[-2:] for content in stored(box)) == [b"0\n", b"2\n", b"3\n", b"4\n", b"y\n"]
    assert files(box) == (0, 5)


def test_short_writes_are_completed(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = make(box)
    monkeypatch.setattr(os, "writev", lambda fd, pieces, real=os.write: real(fd, b"".join(pieces)[:7]))
    monkeypatch.setattr(os, "write", lambda fd, octets, real=os.write: real(fd, octets[:1000]))
    asyncio.run(deliver(delivery, LARGE, SMALL))
    assert stored(box)[0].endswith(b"\n" + LARGE + SMALL)


def test_what_is_no_oserror_is_raised_and_nothing_stored(box: Path, disk: Disk) -> None:
    def broken() -> None:
        raise MemoryError

    disk.before["writev"] = broken
    for chunks in (1, 8):
        with pytest.raises(MemoryError):
            asyncio.run(deliver(make(box), *[LARGE] * chunks))
        assert files(box) == (0, 0)


def test_without_a_thread_there_is_a_reply(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    delivery = make(box)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for chunks in (1, 8):
        assert asyncio.run(deliver(delivery, *[LARGE] * chunks)).code == 451
    monkeypatch.undo()
    assert asyncio.run(deliver(delivery, SMALL)).code == 250


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs of 1 MiB needs root")
    target = tmp_path / "small"
    target.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", target], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"mounting a tmpfs of 1 MiB is not allowed here: {mount.stderr.strip()}")
    try:
        yield target
    finally:
        subprocess.run(["umount", target], check=True)


def test_a_disk_that_is_really_full(full_disk: Path) -> None:
    async def main() -> None:
        delivery = make(full_disk / "Maildir")
        for chunks in (40, 8):
            with (full_disk / "ballast").open("wb") as ballast:
                ballast.truncate(0)
                os.posix_fallocate(ballast.fileno(), 0, 1024 * 1024 - (64 * 1024 if chunks == 8 else 256 * 1024))
            reply = await deliver(delivery, *[LARGE] * chunks)
            assert (reply.code, reply.enhanced) == (452, "4.3.1")
            assert files(full_disk / "Maildir") == (0, 0)
        assert (await deliver(delivery, LARGE, LARGE)).code == 452
        os.unlink(full_disk / "ballast")
        assert (await deliver(delivery, *[LARGE] * 8)).code == 250
        assert files(full_disk / "Maildir") == (0, 1)

    asyncio.run(main())


# Cancellation


# Five chunks are streamed, but do not fill the second piece: the cancellation meets finish, not write.
@pytest.mark.parametrize("chunks", [1, 5], ids=["small", "streamed"])
@pytest.mark.parametrize("step", ["open", "writev", "fsync file"])
def test_cancelled_before_the_rename_stores_nothing(box: Path, disk: Disk, step: str, chunks: int) -> None:
    gate = disk.gate(step)

    async def main() -> None:
        task = asyncio.ensure_future(deliver(make(box), *[LARGE] * chunks))
        await until(gate.reached.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task  # at once, though the disk stands still
        gate.opened.set()
        await until(lambda: files(box) == (0, 0))
        await asyncio.sleep(0.02)
        assert files(box) == (0, 0)

    asyncio.run(main())
    assert "rename" not in disk.calls


@pytest.mark.parametrize("step", ["rename", "open directory", "fsync new"])
@pytest.mark.parametrize(("error", "code"), [(0, 250), (errno.EIO, 451)])
def test_cancelled_after_the_point_of_no_return_gives_the_true_reply(
    box: Path, disk: Disk, step: str, error: int, code: int
) -> None:
    delivery = make(box)
    gate = disk.gate(step)

    def stop_or_fail() -> None:
        if step == "fsync new":
            gate.stop()
        if error:
            raise OSError(error, "no")

    disk.before["fsync new"] = stop_or_fail

    async def main() -> None:
        task = asyncio.ensure_future(deliver(delivery, SMALL))
        await until(gate.reached.is_set)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
        gate.opened.set()
        assert (await task).code == code
        assert files(box) == (0, int(code == 250))

    asyncio.run(main())


def test_a_deadline_after_the_point_of_no_return_is_survived(box: Path, disk: Disk) -> None:
    gate = disk.gate("fsync new")

    async def main() -> Reply:
        sink = await filled(make(box), SMALL)
        asyncio.get_running_loop().call_later(0.1, gate.opened.set)
        async with asyncio.timeout(0.03):
            return await sink.finish(REPORT)

    assert asyncio.run(main()).code == 250


def test_cancelled_while_it_waits_for_a_worker(box: Path, disk: Disk) -> None:
    gate = disk.gate("fsync file")

    async def main() -> None:
        delivery = make(box, workers=1)
        tasks = [asyncio.ensure_future(deliver(delivery, SMALL))]
        await until(gate.reached.is_set)
        tasks += [asyncio.ensure_future(deliver(delivery, SMALL, b"%d\n" % number)) for number in range(3)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks.pop(2)
        gate.opened.set()
        assert {reply.code for reply in await asyncio.gather(*tasks)} == {250}

    asyncio.run(main())
    assert sorted(content[-2:] for content in stored(box)) == [b"0\n", b"2\n", b"y\n"]
    assert files(box) == (0, 3)
    assert disk.calls.count("open") == 3


def test_what_is_given_up_is_not_kept_in_memory(box: Path, disk: Disk) -> None:
    gate = disk.gate("open")

    async def main() -> None:
        delivery = make(box, workers=1)
        first = asyncio.ensure_future(deliver(delivery, SMALL))
        await until(gate.reached.is_set)
        tracemalloc.start()
        for _ in range(100):
            task = asyncio.ensure_future(deliver(delivery, bytes(200_000)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
        tracemalloc.stop()
        gate.opened.set()
        assert (await first).code == 250

    asyncio.run(main())


def test_cancelled_at_any_moment_tells_the_truth(box: Path) -> None:
    """No gates: cancellations at many moments, and what was said must be what is there."""

    async def main() -> None:
        delivery = make(box)

        async def one(number: int) -> bool:
            task = asyncio.ensure_future(deliver(delivery, SMALL, b"%d\n" % number, number=number))
            if number % 10:
                await asyncio.sleep(number % 40 / 4000)
                task.cancel()
            try:
                return (await task).code == 250
            except asyncio.CancelledError:
                return False

        kept: list[bool] = []
        for start in range(0, 800, 40):
            kept += await asyncio.gather(*map(one, range(start, start + 40)))
        said = [number for number, answered in enumerate(kept) if answered]
        await until(lambda: files(box)[0] == 0)
        await asyncio.sleep(0.05)
        assert sorted(int(content.split(b"\n")[-2]) for content in stored(box)) == said
        assert set(range(0, 800, 10)) <= set(said)

    asyncio.run(main())


# Abort


def test_finish_between_the_end_of_a_piece_and_its_callback(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The future of the piece is done, and the loop has not called back yet: this once was a loop that never yielded.
    def at_once(sink: MaildirSink, call: Callable[[], None]) -> asyncio.Future[Exception | None]:
        call()
        done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def main() -> None:
        delivery = make(box)
        sink = await delivery.begin(transaction())
        with monkeypatch.context() as patched:
            patched.setattr(MaildirSink, "_submit", at_once)
            assert sink.write(LARGE * 5) is None
        assert (await sink.finish(REPORT)).code == 250

    asyncio.run(main())
    assert [content.endswith(LARGE * 5) for content in stored(box)] == [True]


def test_abort_of_a_small_message_touches_no_disk(box: Path, disk: Disk) -> None:
    async def main() -> None:
        sink = await filled(make(box), SMALL)
        disk.calls.clear()
        await sink.abort(REASON)

    asyncio.run(main())
    assert disk.calls == []


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("step", ["open", "writev"])
def test_abort_in_flight_removes_everything(box: Path, disk: Disk, step: str, cancelled: bool) -> None:
    gate = disk.gate(step)

    async def main() -> None:
        sink = await make(box).begin(transaction())
        room = None
        while room is None:
            room = sink.write(LARGE)
        await until(gate.reached.is_set)
        writer = asyncio.ensure_future(room)
        writer.cancel()
        task = asyncio.ensure_future(sink.abort(REASON))
        await asyncio.sleep(0.01)
        if cancelled:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        gate.opened.set()
        if not cancelled:
            await task
            assert files(box) == (0, 0)
        await until(lambda: files(box) == (0, 0) and "unlink" in disk.calls)

    asyncio.run(main())


def test_a_piece_whose_turn_comes_after_retract_opens_no_file(box: Path) -> None:
    entry = Entry(Maildir(box, "h"), "m0")
    entry.retract()
    entry.stream([SMALL])
    assert files(box) == (0, 0)


def test_abort_after_a_streamed_write(box: Path, disk: Disk) -> None:
    async def main() -> None:
        sink = await filled(make(box), *[LARGE] * 20)
        await until(lambda: files(box) == (1, 0))
        await sink.abort(REASON)
        assert files(box) == (0, 0)

    asyncio.run(main())
    assert "rename" not in disk.calls


def test_only_one_of_finish_and_abort_once(box: Path) -> None:
    async def main() -> None:
        delivery = make(box)
        for chunks in (1, 8):
            finished, aborted = await filled(delivery, *[LARGE] * chunks), await filled(delivery, *[LARGE] * chunks)
            await finished.finish(REPORT)
            await aborted.abort(REASON)
            for sink in (finished, aborted):
                with pytest.raises(RuntimeError):
                    await sink.finish(REPORT)
                with pytest.raises(RuntimeError):
                    await sink.abort(REASON)
                with pytest.raises(RuntimeError):
                    sink.write(b"x")

    asyncio.run(main())
    assert files(box) == (0, 2)


# Memory


def test_streaming_20_mib_in_bounded_memory(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.writev

    def slow(fd: int, pieces: list[bytes]) -> int:
        time.sleep(0.002)
        return real(fd, pieces)

    monkeypatch.setattr(os, "writev", slow)
    expected = hashlib.sha256()
    peak = 0

    async def main() -> None:
        nonlocal peak
        delivery = make(box)
        assert (await deliver(delivery, SMALL)).code == 250
        waits = 0
        sink = await delivery.begin(transaction())
        tracemalloc.start()
        for number in range(320):
            chunk = number.to_bytes(4, "big") * 16384
            expected.update(chunk)
            room = sink.write(chunk)
            if room is not None:
                waits += 1
                await room
        assert (await sink.finish(REPORT)).code == 250
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert waits > 100

    asyncio.run(main())
    # 512 KiB, and the chunks in the hands of this test and of write.
    assert peak < 700 * 1024
    content = max(stored(box), key=len)
    assert hashlib.sha256(content[-20 * 1024 * 1024 :]).digest() == expected.digest()
    assert content[: -20 * 1024 * 1024].startswith(b"Return-Path")


def test_tiny_chunks_are_counted_with_what_they_cost(box: Path) -> None:
    async def main() -> None:
        sink = await make(box).begin(transaction())
        tracemalloc.start()
        for number in range(50_000):
            room = sink.write(number.to_bytes(2, "big"))
            if room is not None:
                await room
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
        tracemalloc.stop()
        assert (await sink.finish(REPORT)).code == 250

    asyncio.run(main())
    assert stored(box)[0].endswith(b"".join(number.to_bytes(2, "big") for number in range(50_000)))


def test_a_write_that_does_not_wait_is_refused(box: Path, disk: Disk) -> None:
    gate = disk.gate("open")

    async def main() -> None:
        sink = await make(box).begin(transaction())
        room = None
        while room is None:
            room = sink.write(LARGE)
        with pytest.raises(RuntimeError):
            sink.write(LARGE)
        gate.opened.set()
        await room
        sink.write(SMALL)
        assert (await sink.finish(REPORT)).code == 250

    asyncio.run(main())


def test_the_boundary_between_memory_and_streaming(box: Path, disk: Disk) -> None:
    async def main() -> None:
        for octets, streamed in ((maildir.MEMORY - 1024, False), (maildir.MEMORY, True)):
            sink = await filled(make(box), bytes(octets))
            await asyncio.sleep(0.05)
            assert files(box)[0] == int(streamed)
            assert (await sink.finish(REPORT)).code == 250

    asyncio.run(main())


# Threads and loops


def test_workers_outlive_a_loop(box: Path, disk: Disk) -> None:
    gate = disk.gate("fsync new")
    delivery = make(box, workers=1)
    loop = asyncio.new_event_loop()
    task = loop.create_task(deliver(delivery, SMALL))
    loop.run_until_complete(until(gate.reached.is_set))
    loop.close()
    gate.opened.set()
    assert asyncio.run(deliver(delivery, SMALL)).code == 250
    assert files(box) == (0, 2)
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    with contextlib.suppress(RuntimeError):
        task.get_coro().close()


def test_loops_in_two_threads_share_a_delivery(box: Path) -> None:
    delivery = make(box)

    async def many() -> None:
        replies = await asyncio.gather(*(deliver(delivery, SMALL) for _ in range(50)))
        assert {reply.code for reply in replies} == {250}

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(box) == (0, 150)


def test_idle_workers_end(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "IDLE", 0.02)
    before = set(threading.enumerate())

    async def main() -> None:
        delivery = make(box)
        for _ in range(2):
            await asyncio.gather(*(deliver(delivery, SMALL) for _ in range(20)))
            await until(lambda: set(threading.enumerate()) <= before)

    asyncio.run(main())
    assert files(box) == (0, 40)


def test_a_disk_that_hangs_does_not_keep_the_interpreter_alive(box: Path) -> None:
    code = """
        import asyncio, os, sys, time
        sys.path.insert(0, sys.argv[2])
        from test_maildir import deliver, make, Path, SMALL
        os.fsync = lambda fd: time.sleep(600)
        async def main():
            try:
                async with asyncio.timeout(0.2):
                    await deliver(delivery, SMALL)
            except TimeoutError:
                print("gave up")
        real, os.fsync = os.fsync, lambda fd: None
        delivery = make(Path(sys.argv[1]))
        os.fsync = real
        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(box), str(Path(__file__).parent)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "gave up\n", "")
    assert files(box)[1] == 0

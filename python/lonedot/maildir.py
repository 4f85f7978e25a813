"""Maildir delivery: one file for each message, on the disk before its 250.

Takes the mail data of a transaction, gives `path/new/NAME` with Return-Path and Received above it, and the reply.
Implements `lonedot.delivery.Delivery`. A message up to 256 KiB is kept in memory until `finish`, and is opened,
written, synced and published in one hop to a worker thread; a larger one is streamed to tmp/, with back-pressure. The
event loop never touches the disk. All recipients share one file: who wants one for each makes a delivery for each.

States of a sink: keeping (no file yet), streaming (a file in tmp/), failed (the reply is known, chunks are dropped),
ended (`finish` or `abort` was called).
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from lonedot import trace
from lonedot._core import Reply
from lonedot.domain import is_domain
from lonedot.group_commit import Commit, GroupCommit, Step
from lonedot.maildir_entry import Entry, Maildir

if TYPE_CHECKING:
    from lonedot._core import DataReport
    from lonedot.transaction import AbortReason, Transaction

# Octets kept in memory until a message is streamed, and octets in each piece from then on. While a worker writes one
# piece the next one grows, so that a transaction holds at most the sum and a chunk of each.
MEMORY = 256 * 1024
PIECE = 128 * 1024

# What a chunk costs besides its octets (object header and place in the list): without it, a peer that sends two octets
# at a time would have us hold thirty times what we count.
_CHUNK_COST = 64

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class MaildirDelivery:
    """Delivers into the Maildir at path, which is made (0700) where it does not exist.

    `hostname` stands in Received and in file names. `line_ends` is what the files have: "lf", as Unix mail readers
    expect, or "crlf"; the decoder hands out chunks with it. `workers` is the most threads that write, sync and rename;
    they are started when needed, serve all loops, and do not keep the interpreter alive.

    The constructor blocks: it makes directories and removes files in tmp/ that a crash left there, older than 36 hours.
    Raises OSError when the Maildir cannot be made or read, ValueError when hostname is no domain, line_ends is neither
    or workers is below one.
    """

    capabilities: frozenset[str] = frozenset({"8bitmime", "smtputf8"})

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        hostname: str,
        line_ends: Literal["lf", "crlf"] = "lf",
        workers: int = 4,
    ) -> None:
        if not is_domain(hostname):
            raise ValueError(f"hostname {hostname!r} is no domain (RFC 5321 section 4.1.2)")
        if line_ends not in ("lf", "crlf"):
            raise ValueError(f'line_ends {line_ends!r} is neither "lf" nor "crlf"')
        if workers < 1:
            raise ValueError(f"workers {workers} is below one")
        self.hostname = hostname
        self.line_ends = line_ends
        self._maildir = Maildir(path, hostname)
        self._maildir.sweep()
        self._group = GroupCommit(self._maildir.sync_new, workers)

    async def begin(self, transaction: Transaction) -> MaildirSink:
        """Raises ValueError when the trace fields cannot be made or the id cannot be sent in a reply."""
        fields = trace.return_path(transaction) + trace.received(transaction, self.hostname)
        if self.line_ends == "lf":
            fields = fields.replace(b"\r\n", b"\n")
        accepted = Reply(250, "2.0.0", f"Ok: queued as {transaction.id}")
        return MaildirSink(self._group, Entry(self._maildir, transaction.id), fields, accepted)


class MaildirSink:
    """Takes one message. Made by `MaildirDelivery.begin`, used on the loop it was made on."""

    def __init__(self, group: GroupCommit, entry: Entry, fields: bytes, accepted: Reply) -> None:
        self._loop = asyncio.get_running_loop()
        self._group = group
        self._entry = entry
        self._accepted = accepted
        self._pieces = [fields]
        self._line_end = b"\r\n" if fields.endswith(b"\r\n") else b"\n"
        self._begun = False
        self._cost = len(fields) + _CHUNK_COST
        self._most = MEMORY
        self._streaming = False
        self._writing: asyncio.Future[Exception | None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._ended = False

    def write(self, chunk: bytes) -> asyncio.Future[None] | None:
        """Keeps the chunk. Gives a future when the piece is full and the one before is still being written.

        Raises RuntimeError after `finish` or `abort`, or when the future given before was not awaited.
        """
        if self._ended:
            raise RuntimeError("write after finish or abort")
        if self._room is not None:
            raise RuntimeError("write before the awaitable of the last write was done")
        if self._failure is not None:
            return None
        if not self._begun:
            self._begun = True
            if chunk[:1] in (b" ", b"\t"):
                # A line that begins so continues the field above it, which is ours: let the peer's be a body.
                self._pieces.append(self._line_end)
        self._pieces.append(chunk)
        self._cost += len(chunk) + _CHUNK_COST
        if self._cost <= self._most:
            return None
        if self._writing is None:
            self._hand_over()
            return None
        self._room = self._loop.create_future()
        return self._room

    async def finish(self, report: DataReport) -> Reply:
        """250 when the message is in new/ and on the disk; 452 when disk or quota is full; 451 after any other OSError.

        With 451 and 452 nothing is left behind. Cancelled before the point of no return (the rename into new/) it
        raises CancelledError at once: nothing is stored nor will be, and a worker removes what is in tmp/. After it,
        cancellations are swallowed until the true reply is known; `Task.cancelling` still counts them. How long the
        disk takes is not bounded here.

        Raises RuntimeError when `finish` or `abort` was called before.
        """
        self._end()
        while (writing := self._writing) is not None:
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                self._retract()
                raise
            # A future that is done does not yield, so its callback may still be to come.
            self._written(writing)
        if self._failure is not None:
            return _refusal(self._failure)
        commit = Commit(self._loop, self._entry, self._pieces)
        self._pieces = []
        self._group.submit(commit)
        while True:
            try:
                failure = await asyncio.shield(commit.future)
            except asyncio.CancelledError:
                if commit.give_up():
                    raise
            else:
                return self._accepted if failure is None else _refusal(failure)

    async def abort(self, reason: AbortReason) -> None:
        """Removes everything. Cancelling it does not stop the removal. Raises RuntimeError as `finish` does."""
        self._end()
        retracted = self._retract()
        if retracted is not None:
            await asyncio.shield(retracted)

    def _end(self) -> None:
        if self._ended:
            raise RuntimeError("finish or abort was called before")
        self._ended = True

    def _retract(self) -> asyncio.Future[Exception | None] | None:
        """None when there is no file."""
        self._pieces = []
        self._cost = 0
        return self._submit(self._entry.retract) if self._streaming else None

    def _hand_over(self) -> None:
        """Gives what is kept to a worker. One piece at a time, so that they are written in order."""
        self._streaming = True
        self._most = PIECE
        self._writing = self._submit(partial(self._entry.stream, self._pieces))
        self._writing.add_done_callback(self._written)
        self._pieces = []
        self._cost = 0

    def _written(self, writing: asyncio.Future[Exception | None]) -> None:
        if self._writing is not writing:
            return
        self._writing = None
        self._failure = writing.result()
        if self._failure is not None:
            self._pieces = []
            self._cost = 0
        elif self._cost > self._most:
            self._hand_over()
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _submit(self, call: Callable[[], None]) -> asyncio.Future[Exception | None]:
        step = Step(self._loop, self._entry, call)
        self._group.submit(step)
        return step.future


def _refusal(failure: Exception) -> Reply:
    if not isinstance(failure, OSError):
        raise failure
    if failure.errno in _FULL:
        return Reply(452, "4.3.1", "Insufficient system storage")
    return Reply(451, "4.3.0", "Requested action aborted: local error in processing")

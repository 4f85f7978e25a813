"""What one process does at a time: some messages to check, wherever they are read from.

Takes a task, small or bounded; gives a result, bounded too: with many findings it ends early and says what is left.
Numbers and lines in a part of a mbox are counted from its beginning; whoever puts the parts in order adds what came
before.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from lonedot._core import count_lines
from lonedot.cli.lint.mbox import Batch, Piece, batches, blocks_of
from lonedot.cli.lint.message import MAX_OCTETS, SEVERITIES, Found, Message, check, mail_data

MAX_FOUND = 4096
"""Findings of one result; those of its last message may come on top."""


class Wanted(NamedTuple):
    """Findings of `codes` count; those of `shown` are told, unless only their number is asked for."""

    codes: frozenset[str]
    shown: frozenset[str]
    only_counts: bool = False
    smtputf8: bool = False


class Unread(NamedTuple):
    """What could not be read, and why; also a task, for its place in the order."""

    path: str
    why: str


COMPRESSED = re.compile(rb"\x1f\x8b|BZh[1-9]1AY&SY|\xfd7zXZ\0|\(\xb5/\xfd")
"""How files of gzip, bzip2, xz and zstd begin, and no message does."""

TO_UNPACK = "it is compressed; give what is in it on stdin, as in `zcat FILE | lonedot lint`"


class Files(NamedTuple):
    """Files of one message each. `before` of the folder's were handed out earlier; it has `total` as far as is
    known."""

    paths: list[str]
    before: int = 0
    total: int = 0


class Range(NamedTuple):
    """A part of the mbox `path`, from border to border; the mbox has `size` octets."""

    path: str
    start: int
    end: int
    size: int


class Held(NamedTuple):
    """Messages of a stream, which cannot be read twice; `octets` of it were read so far. `cut` names those that are
    not held whole."""

    messages: list[Message]
    octets: int
    cut: tuple[str, ...] = ()


Task: TypeAlias = Unread | Files | Range | Held


class Result:
    """`with_findings` messages have findings that are shown, `counts` those by code and `messages_by_code` the
    messages that have any. `worst` is an index of `SEVERITIES`, or -1. `rest` is left to do."""

    # Written out, as `dataclasses` takes as long to load as all of this command.
    def __init__(self) -> None:
        self.messages = 0
        self.with_findings = 0
        self.lines = 0
        self.worst = -1
        self.found: list[Found] = []
        self.counts: Counter[str] = Counter()
        self.messages_by_code: Counter[str] = Counter()
        self.unread: list[Unread] = []
        self.cut: list[str] = []
        self.rest: Task | None = None


def perform(task: Task, wanted: Wanted, threads: int = 1) -> Result:
    """Checks the messages of a task, with so many threads where they are of use."""
    result = Result()
    match task:
        case Unread():
            result.unread.append(task)
        case Files():
            _files(task, wanted, result)
        case Range():
            _range(task, wanted, threads, result)
        case Held():
            result.cut += task.cut
            for done, message in enumerate(task.messages, 1):
                _judge(message, mail_data(message), wanted, result)
                if len(result.found) >= MAX_FOUND and done < len(task.messages):
                    result.rest = task._replace(messages=task.messages[done:], cut=())
                    break
    return result


def _files(task: Files, wanted: Wanted, result: Result) -> None:
    for done, path in enumerate(task.paths, 1):
        try:
            message = _read(path, result)
        except OSError as error:
            result.unread.append(Unread(path, error.strerror or str(error)))
            continue
        _judge(message, mail_data(message), wanted, result)
        if len(result.found) >= MAX_FOUND and done < len(task.paths):
            result.rest = task._replace(paths=task.paths[done:])
            break


def _read(path: str, result: Result) -> Message:
    # What was a file when the folder was listed may be a FIFO by now, which nobody writes to.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(None, "Is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "Not a regular file")
        # Files of /proc have no size, and octets in them.
        octets = file.read(min(status.st_size, MAX_OCTETS) or 1 << 16) or b""
        if COMPRESSED.match(octets):
            raise OSError(None, TO_UNPACK)
        if status.st_size > MAX_OCTETS:
            result.cut.append(path)
    return Message(path, None, octets)


def _range(task: Range, wanted: Wanted, threads: int, result: Result) -> None:
    try:
        descriptor = os.open(task.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        result.unread.append(Unread(task.path, error.strerror or str(error)))
        return
    try:
        for start in _pieces(task, descriptor, wanted, threads, result):
            if len(result.found) >= MAX_FOUND and start < task.end:
                result.rest = task._replace(start=start)
                break
    except OSError as error:
        result.unread.append(Unread(task.path, error.strerror or str(error)))
    finally:
        os.close(descriptor)


def _pieces(task: Range, descriptor: int, wanted: Wanted, threads: int, result: Result) -> Iterator[int]:
    """Checks one message after the other; gives where the next one begins, each time that something was found."""
    offset = task.start
    for batch in batches(blocks_of(descriptor, task.start, task.end)):
        if isinstance(batch, Piece):
            offset = _piece(batch, offset, task, wanted, result)
            yield offset
            continue
        done = 0
        for index in batch.to_look_at(wanted.smtputf8, threads):
            offset += _pass_over(batch, done, index, result)
            offset = _piece(batch.piece(index), offset, task, wanted, result)
            done = index + 1
            yield offset
        offset += _pass_over(batch, done, len(batch.places), result)


def _pass_over(batch: Batch, first: int, end: int, result: Result) -> int:
    """Counts the messages from `first` on in which there is nothing. Gives their octets."""
    if first == end:
        return 0
    start, stop = batch.places[first][0], batch.places[end - 1][1]
    result.messages += end - first
    result.lines += count_lines(batch.octets, start, stop)
    return stop - start


def _piece(piece: Piece, offset: int, task: Range, wanted: Wanted, result: Result) -> int:
    """Checks the message of a piece. Gives where the next one begins."""
    message = piece.message(task.path, result.messages + 1, offset, result.lines + 1)
    data = mail_data(message)
    _judge(message, data, wanted, result)
    if piece.dropped:
        result.cut.append(f"{task.path}, octet {offset}")
    result.lines += piece.lines(message, data)
    return offset + len(piece.octets) + piece.dropped


def _judge(message: Message, data: bytes, wanted: Wanted, result: Result) -> None:
    result.messages += 1
    found = check(message, data, wanted.codes, wanted.smtputf8)
    if not found:
        return
    result.worst = max(result.worst, *(SEVERITIES.index(one.severity) for one in found))
    if wanted.shown != wanted.codes:
        found = [one for one in found if one.code in wanted.shown]
    if not found:
        return
    codes = [one.code for one in found]
    result.with_findings += 1
    result.counts.update(codes)
    result.messages_by_code.update(set(codes))
    if not wanted.only_counts:
        result.found += found

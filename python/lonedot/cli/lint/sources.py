"""From the arguments of `lonedot lint` to tasks, in the order of the arguments and, in a folder, of the names.

A file is a message, or a mbox when it begins with `From ` and its name does not end in `.eml`. A folder with `cur`,
`new` and `tmp` is a Maildir: its messages are the files of `cur` and `new`. Of any other folder the files are taken
whose names end in `.eml`, and those that look like messages or mboxes. Folders in folders are gone into, links to
folders are not. What can be read only once, such as standard input, is read as it comes.

Of a folder the names are held, of a file the octets of a few tasks.
"""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import cast

from lonedot.cli.lint.mbox import BLOCK, FROM_LINE, LINE, pieces, ranges
from lonedot.cli.lint.message import MAX_OCTETS, Message
from lonedot.cli.lint.task import COMPRESSED, TO_UNPACK, Files, Held, Range, Task, Unread

STDIN = "-"

FILES = 64
"""Files of a task."""

_SNIFFED = 4096
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
# Two of these make a file a message; other texts may have one.
_OFTEN = re.compile(
    rb"^(?:return-path|received|delivered-to|date|from|sender|to|cc|subject|message-id|mime-version)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_EMPTY_LINE = re.compile(rb"\n\r?\n")


def tasks(arguments: Iterable[str]) -> Iterator[Task]:
    """All there is to do."""
    paths: list[str] = []
    for argument in arguments:
        if argument != STDIN and _is_file(argument) and (_is_eml(argument) or not _begins(argument, b"From ")):
            # What cannot be opened is told by whoever reads it.
            paths.append(argument)
            if len(paths) == FILES:
                yield Files(paths)
                paths = []
            continue
        if paths:
            yield Files(paths)
            paths = []
        yield from _tasks_of(argument)
    if paths:
        yield Files(paths)


def _tasks_of(argument: str) -> Iterator[Task]:
    if argument == STDIN:
        yield from _standard_input()
        return
    try:
        status = os.stat(argument)
        if stat.S_ISDIR(status.st_mode):
            yield from _folders(argument)
        elif stat.S_ISREG(status.st_mode):
            yield from _mbox(argument)
        else:
            with open(argument, "rb", buffering=0) as file:
                # Whoever writes to a FIFO is read from to the end, and not killed for it. A device may have none.
                yield from _stream(argument, _blocks(file.read), to_end=not stat.S_ISCHR(status.st_mode))
    except (OSError, ValueError) as error:
        yield Unread(argument, getattr(error, "strerror", None) or str(error))


def _is_file(path: str) -> bool:
    """Whether it is to be read as a file, were it only to learn that it cannot be read."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _is_eml(path: str) -> bool:
    return path.lower().endswith(".eml")


def _begins(path: str, octets: bytes) -> bool:
    return _first_octets(path, len(octets)) == octets


def _first_octets(path: str, count: int) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(count) or b""
    except OSError:
        return b""


def _mbox(path: str) -> Iterator[Task]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        for start, end in ranges(descriptor, size):
            yield Range(path, start, end, size)
    finally:
        os.close(descriptor)


# Folders.


def _folders(path: str) -> Iterator[Task]:
    """Not by recursion, which a deep tree would end."""
    waiting = [path]
    while waiting:
        path = waiting.pop()
        try:
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Unread(path, error.strerror or str(error))
            continue
        folders = [entry.name for entry in entries if _is_folder(entry)]
        if {"cur", "new", "tmp"} <= set(folders):
            yield from _maildir(path)
            folders = [name for name in folders if name not in ("cur", "new", "tmp")]
        else:
            yield from _folder([entry.path for entry in entries if _may_be_file(entry)])
        waiting += [os.path.join(path, name) for name in reversed(folders)]


def _maildir(path: str) -> Iterator[Task]:
    paths = []
    for name in ("cur", "new"):
        try:
            with os.scandir(os.path.join(path, name)) as listing:
                # Readers of a Maildir leave names with a period alone.
                paths += sorted(entry.path for entry in listing if entry.name[0] != "." and _may_be_file(entry))
        except OSError as error:
            yield Unread(os.path.join(path, name), error.strerror or str(error))
    for at in range(0, len(paths), FILES):
        yield Files(paths[at : at + FILES], at, len(paths))


def _folder(paths: list[str]) -> Iterator[Task]:
    messages: list[str] = []
    for done, path in enumerate(paths):
        try:
            octets = _first_octets_of_message(path)
        except OSError:
            octets = None
        if octets is not None and not _is_eml(path):
            if FROM_LINE.match(octets, 0, LINE):
                if messages:
                    yield Files(messages, done - len(messages), len(paths))
                    messages = []
                yield from _tasks_of(path)
                continue
            if not _looks_like_message(octets):
                continue
        messages.append(path)
        if len(messages) == FILES:
            yield Files(messages, done + 1 - FILES, len(paths))
            messages = []
    if messages:
        yield Files(messages, len(paths) - len(messages), len(paths))


def _first_octets_of_message(path: str) -> bytes:
    if _is_eml(path):
        return b""
    with open(path, "rb", buffering=0) as file:
        return file.read(_SNIFFED) or b""


def _looks_like_message(octets: bytes) -> bool:
    section = _EMPTY_LINE.split(octets, 1)[0]
    return _FIELD.match(section) is not None and len({one.lower() for one in _OFTEN.findall(section)}) > 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """A file, or a link that leads nowhere: whoever reads it says so."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True


# What comes once.


def _standard_input() -> Iterator[Task]:
    if sys.stdin is None:
        yield Unread(STDIN, "standard input is closed")
        return
    try:
        # `read` would wait for all it can get without looking at signals in between.
        yield from _stream(STDIN, _blocks(cast(io.BufferedReader, sys.stdin.buffer).read1))
    except OSError as error:
        yield Unread(STDIN, error.strerror or str(error))


def _blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """A pipe gives little at a time: so much of it that joining blocks costs no more than reading them."""
    parts, held = [], 0
    while octets := read(1 << 20):
        parts.append(octets)
        held += len(octets)
        if held >= 1 << 20:
            yield b"".join(parts)
            parts, held = [], 0
    if parts:
        yield b"".join(parts)


def _stream(path: str, blocks: Iterator[bytes], *, to_end: bool = True) -> Iterator[Task]:
    first = b""
    while len(first) < 5 and (block := next(blocks, b"")):
        first += block
    if first.startswith(b"From "):
        yield from _mbox_stream(path, chain((first,), blocks))
        return
    if COMPRESSED.match(first):
        yield Unread(path, TO_UNPACK)
        return
    octets = [first]
    held = size = len(first)
    for block in blocks:
        size += len(block)
        if held < MAX_OCTETS:
            octets.append(block)
            held += len(block)
        elif not to_end:
            break
    yield Held([Message(path, None, b"".join(octets)[:MAX_OCTETS])], size, (path,) if size > MAX_OCTETS else ())


def _mbox_stream(path: str, blocks: Iterable[bytes]) -> Iterator[Task]:
    messages: list[Message] = []
    cut: list[str] = []
    held = offset = 0
    line = 1
    for number, piece in enumerate(pieces(blocks), 1):
        message = piece.message(path, number, offset, line)
        messages.append(message)
        if piece.dropped:
            cut.append(f"{path}, octet {offset}")
        held += len(piece.octets)
        offset += len(piece.octets) + piece.dropped
        line += piece.octets.count(b"\n") + piece.dropped_lines
        if held >= BLOCK or len(messages) >= 64 * FILES:
            yield Held(messages, offset, tuple(cut))
            messages, cut, held = [], [], 0
    if messages:
        yield Held(messages, offset, tuple(cut))

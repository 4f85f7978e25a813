"""One message file on its way through a Maildir: open, write, sync, publish; or retract.

Takes octets, gives a file in new/ that outlives a crash. All file-system calls of the Maildir delivery stand here. They
block, so they are made on worker threads only, and raise OSError. The order is the promise (https://cr.yp.to/proto/maildir.html):

    open      create tmp/NAME, which must not exist
    write     append octets
    sync      fsync the file: its octets are on the disk
    publish   rename it to new/NAME: readers see it, whole or not at all
    sync_new  fsync new/: the name is on the disk. Once for all entries published before it; only now may 250 be said
    retract   instead of any of these: nothing stays behind
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger("lonedot.maildir")

# Seconds after which a file in tmp/ was left by a crash, by the Maildir convention.
STALE = 36 * 3600

# The most buffers writev takes at once, IOV_MAX on Linux and the BSDs.
_VECTOR_MOST = 1024
# Leaves room under NAME_MAX (255) for the rest of the name.
_HOST_MOST = 150

_deliveries = itertools.count(1)


class Maildir:
    """The directory: path/{tmp,new,cur}.

    Raises OSError when it cannot be made. Made directories belong to the user alone (0700) and are on the disk before
    the first message is: an fsynced entry in a directory that a crash undoes would be lost with it.
    """

    def __init__(self, path: str | os.PathLike[str], host: str) -> None:
        self.path = Path(path)
        self.tmp = self.path / "tmp"
        self.new = self.path / "new"
        self._host = host[:_HOST_MOST].replace("/", r"\057").replace(":", r"\072")
        for directory in (self.tmp, self.new, self.path / "cur"):
            _make(directory)

    def name(self) -> str:
        """A name no other delivery has: `seconds.M<microseconds>P<process>Q<delivery>R<random>.host`.

        Publishing is by rename, which overwrites without a word, so uniqueness rests on the name alone. Within one
        process the delivery's number never repeats; processes alive at once on one host have different numbers; a
        process number used again later meets another time; a clock set back, another host of the same name on a shared
        disk, or containers that all are process 1 would have to draw the same 64 random bits in the same microsecond.
        Two deliveries writing at once are also kept apart by O_EXCL in tmp/.
        """
        seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
        number, random = next(_deliveries), os.urandom(8).hex()
        return f"{seconds}.M{microseconds:06}P{os.getpid()}Q{number}R{random}.{self._host}"

    def sync_new(self) -> None:
        """Puts every name published so far on the disk."""
        _sync_directory(self.new)

    def sweep(self) -> None:
        """Removes files in tmp/ that were neither read nor written for 36 hours. What cannot be removed is logged."""
        oldest = time.time() - STALE
        with os.scandir(self.tmp) as files:
            for file in files:
                try:
                    stat = file.stat(follow_symlinks=False)
                    if file.is_file(follow_symlinks=False) and max(stat.st_atime, stat.st_mtime) < oldest:
                        os.unlink(file.path)
                except FileNotFoundError:
                    pass  # another sweep was faster
                except OSError as error:
                    logger.warning("cannot remove stale file: %s", _reason(error, file.path))


class Entry:
    """One message's file. `message` is its transaction's id, for the log.

    One worker at a time takes the steps. Only `stream` and `retract` may meet, when a transaction is aborted while a
    piece is being written, and whichever is second finds nothing to do.
    """

    def __init__(self, maildir: Maildir, message: str) -> None:
        self._maildir = maildir
        self._message = message
        self._name: str | None = None
        self._fd: int | None = None
        self._publishing = False
        self._retracted = False
        self._turn = threading.RLock()

    def open(self) -> None:
        """Creates the file in tmp/, unless that was done."""
        if self._fd is None:
            name = self._maildir.name()
            self._fd = os.open(self._maildir.tmp / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._name = name  # not before: what exists already is not ours to retract

    def write(self, pieces: Sequence[bytes]) -> None:
        """Appends the pieces."""
        assert self._fd is not None
        for start in range(0, len(pieces), _VECTOR_MOST):
            vector = pieces[start : start + _VECTOR_MOST]
            written = os.writev(self._fd, vector)
            if written < sum(map(len, vector)):  # a disk about to be full, or a limit; the next call says which
                rest = memoryview(b"".join(vector))[written:]
                while rest:
                    rest = rest[os.write(self._fd, rest) :]

    def sync(self) -> None:
        """Puts the octets on the disk and closes the file."""
        assert self._fd is not None
        os.fsync(self._fd)
        self._close()

    def publish(self) -> None:
        """Moves the file to new/. `Maildir.sync_new` must follow."""
        assert self._name is not None
        self._publishing = True
        os.rename(self._maildir.tmp / self._name, self._maildir.new / self._name)

    def stream(self, pieces: Sequence[bytes]) -> None:
        """Opens where needed and writes, of a message too large to be kept. After a failure nothing is left behind."""
        with self._turn:
            if self._retracted:
                return
            try:
                self.open()
                self.write(pieces)
            except Exception as error:
                self.fail("write", error)
                raise

    def retract(self) -> None:
        """Removes the file, wherever it stands. What cannot be removed is logged."""
        with self._turn:
            self._retracted = True
            with contextlib.suppress(OSError):  # a write that failed fails again in close; the file goes anyway
                self._close()
            if self._name is None:
                return
            # A rename that failed may have happened all the same (NFS). A reader may have moved the file on from
            # new/: then the message is there twice after the peer's next try, which is better than not at all.
            for directory in (self._maildir.tmp, self._maildir.new) if self._publishing else (self._maildir.tmp,):
                path = directory / self._name
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    pass
                except OSError as error:
                    logger.error("message %s: left behind: %s", self._message, _reason(error, path))
            self._name = None

    def fail(self, step: str, error: Exception) -> None:
        """Logs why the step failed, and retracts."""
        path = (self._maildir.new if self._publishing else self._maildir.tmp) / (self._name or "")
        if isinstance(error, OSError):
            logger.error("message %s: cannot %s: %s", self._message, step, _reason(error, path))
        else:
            logger.error("message %s: cannot %s: %s", self._message, step, path, exc_info=error)
        self.retract()

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _reason(error: OSError, path: str | os.PathLike[str]) -> str:
    """Calls that take a file descriptor name no file."""
    return f"{error.filename or os.fspath(path)}: {error.strerror} (errno {error.errno})"


def _make(directory: Path) -> None:
    if directory.is_dir():
        return
    _make(directory.parent)
    with contextlib.suppress(FileExistsError):  # another process made it in between; a file in its place fails in use
        directory.mkdir(0o700)
    _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

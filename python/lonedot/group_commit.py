"""Group commit: worker threads that put many messages on the disk with few syncs.

Takes errands from coroutines (a step of one entry, or its commit), gives each its outcome on the loop it came from.
Knows threads and loops, but no replies. A directory fsync makes every rename before it durable, so a worker takes all
the commits that wait, writes and syncs and publishes each, syncs new/ once, and tells each loop once. Nothing waits
for company: a lone message is committed at once, and those that come meanwhile are the next batch.

A commit given up before its point of no return is never published (`Commit.give_up`).
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from lonedot.maildir_entry import Entry, logger

# Files one worker holds open at once: four workers stay far below the usual limit of 1024.
BATCH = 32
# Seconds without an errand after which a worker ends. A delivery that is dropped leaves no thread behind.
IDLE = 10.0


class Errand:
    """What a worker does for a coroutine. `future` gets the outcome: None, or what went wrong. It never raises."""

    def __init__(self, loop: asyncio.AbstractEventLoop, entry: Entry) -> None:
        self.loop = loop
        self.entry = entry
        self.future: asyncio.Future[Exception | None] = loop.create_future()
        self.outcome: Exception | None = None


class Step(Errand):
    """One call, such as `Entry.retract`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, entry: Entry, step: Callable[[], None]) -> None:
        super().__init__(loop, entry)
        self._step = step

    def run(self) -> None:
        """On a worker."""
        try:
            self._step()
        except Exception as error:
            self.outcome = error


class Commit(Errand):
    """The way of one entry into new/. The last pieces are written first."""

    class _Stage(enum.Enum):
        REVOCABLE = enum.auto()
        GIVEN_UP = enum.auto()
        IRREVOCABLE = enum.auto()

    def __init__(self, loop: asyncio.AbstractEventLoop, entry: Entry, pieces: Sequence[bytes]) -> None:
        super().__init__(loop, entry)
        self._pieces = pieces
        self._stage = Commit._Stage.REVOCABLE
        # Held for an assignment, never over a system call: the event loop takes it too.
        self._decision = threading.Lock()

    def give_up(self) -> bool:
        """On the event loop, never waits. True: not published, and never will be; a worker removes what is in tmp/.

        False: past the point of no return. The worker is about to publish, or has; its outcome says what came of it.
        """
        with self._decision:
            if self._stage is Commit._Stage.IRREVOCABLE:
                return False
            self._stage = Commit._Stage.GIVEN_UP
            self._pieces = ()  # a wedged disk may keep the commit waiting for long, but not the message in memory
            return True

    def write(self) -> None:
        """On a worker, as all below."""
        with self._decision:
            pieces, self._pieces = self._pieces, ()
        self.entry.write(pieces)

    def point_of_no_return(self) -> bool:
        """The decision between `give_up` and publishing. Whoever comes first has it."""
        with self._decision:
            if self._stage is Commit._Stage.REVOCABLE:
                self._stage = Commit._Stage.IRREVOCABLE
        return self._stage is Commit._Stage.IRREVOCABLE or self._retract()

    def attempt(self, *steps: Callable[[], None]) -> bool:
        """Takes the steps in order. False when the commit was given up or a step failed: then it is retracted."""
        for step in steps:
            if self._stage is Commit._Stage.GIVEN_UP:
                return self._retract()
            try:
                step()
            except Exception as error:
                self.fail(step.__name__, error)
                return False
        return True

    def fail(self, step: str, error: Exception) -> None:
        """Retracts, with the error as outcome."""
        self.outcome = error
        self.entry.fail(step, error)

    def _retract(self) -> bool:
        self.entry.retract()
        return False

    def prepare(self) -> bool:
        return self.attempt(self.entry.open, self.write)

    def sync(self) -> bool:
        return self.attempt(self.entry.sync)

    def publish(self) -> bool:
        return self.point_of_no_return() and self.attempt(self.entry.publish)


class GroupCommit:
    """At most `workers` threads, started when there is something to do."""

    def __init__(self, sync_new: Callable[[], None], workers: int) -> None:
        self._sync_new = sync_new
        self._workers = workers
        self._errands: deque[Errand] = deque()
        self._alive = 0
        self._idle = 0
        self._changed = threading.Condition()

    def submit(self, errand: Errand) -> None:
        """On the errand's loop; any number of loops may share the workers."""
        with self._changed:
            try:
                self._summon()
            except RuntimeError as error:  # no more threads, or the interpreter is ending
                logger.error("cannot start a worker: %s", error)
                # On the event loop, as there is nobody else to remove what is in tmp/.
                errand.entry.retract()
                errand.future.set_result(OSError(errno.EAGAIN, str(error)))
            else:
                self._errands.append(errand)

    def _summon(self) -> None:
        """Wakes or starts a worker where there is one to be had. Raises RuntimeError when there is none at all."""
        if self._idle:
            self._changed.notify()
        elif self._alive < self._workers:
            # A daemon: a disk that hangs must not keep the interpreter from ending, and what it interrupts was not
            # answered with 250, so that the peer still has the message.
            worker = threading.Thread(target=self._work, name="lonedot-maildir", daemon=True)
            try:
                worker.start()
            except RuntimeError:
                if not self._alive:
                    raise
            else:
                self._alive += 1

    def _work(self) -> None:
        while batch := self._take():
            match batch:
                case [Step() as step]:
                    step.run()
                case commits:
                    commit_together([commit for commit in commits if isinstance(commit, Commit)], self._sync_new)
            _tell(batch)

    def _take(self) -> list[Errand]:
        """The oldest errand, and with a commit all other commits up to a batch. Empty: the worker shall end."""
        with self._changed:
            if not self._errands:
                self._idle += 1
                self._changed.wait_for(lambda: self._errands, IDLE)
                self._idle -= 1
            if not self._errands:
                self._alive -= 1
                return []
            batch = [self._errands.popleft()]
            if isinstance(batch[0], Commit):
                rest: deque[Errand] = deque()
                for errand in self._errands:
                    (batch if isinstance(errand, Commit) and len(batch) < BATCH else rest).append(errand)
                self._errands = rest
            if self._errands:
                self._summon()
            return batch


def commit_together(batch: Iterable[Commit], sync_new: Callable[[], None]) -> None:
    """Commits what can be. One that fails or is given up drops out, and the others go on.

    Each step is taken for all before the next one, so that a journal flushed for one file holds the others too. On
    ext4 that commits about 20 % more messages a second with one worker than file by file.
    """
    prepared = [commit for commit in batch if commit.prepare()]
    synced = [commit for commit in prepared if commit.sync()]
    published = [commit for commit in synced if commit.publish()]
    if published:
        try:
            sync_new()
        except Exception as error:
            for commit in published:
                commit.fail("sync new/ with", error)


def _tell(batch: Iterable[Errand]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Errand]] = {}
    for errand in batch:
        by_loop.setdefault(errand.loop, []).append(errand)
    for loop, errands in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there, but in others they do
            loop.call_soon_threadsafe(_resolve, errands)


def _resolve(errands: Iterable[Errand]) -> None:
    for errand in errands:
        if not errand.future.done():
            errand.future.set_result(errand.outcome)

"""Tasks on all cores, results in the order of the tasks.

Takes tasks one at a time, only as many ahead as keep the cores busy, so that memory is bounded however many there
are. Threads share the checks of a task, which are Rust's. Where there is so much work that the rest of it, which is
Python's, takes long, processes do it, a task each. They end with this one, however it ends.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

from lonedot.cli.lint.task import Result, Task
from lonedot.cli.parser import Mistake

if TYPE_CHECKING:
    from concurrent.futures import Future

ALONE = 0.1
"""Seconds of work before other processes are begun, which takes as long. 100 MB of messages without findings, say."""

Perform = Callable[..., Result]


def usable() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(tasks: Iterator[Task], perform: Perform, jobs: int) -> Generator[tuple[Task, Result], None, None]:
    """Each task with its result. One that ended early comes again, with its rest."""
    begun = time.monotonic()
    for task in tasks:
        rest: Task | None = task
        while rest is not None:
            task, result = rest, perform(rest, threads=jobs)
            yield task, result
            rest = result.rest
        if jobs > 1 and time.monotonic() - begun > ALONE:
            yield from _in_processes(tasks, perform, jobs)
            return


def _in_processes(tasks: Iterator[Task], perform: Perform, jobs: int) -> Generator[tuple[Task, Result], None, None]:
    # Only here: importing them takes longer than most work.
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    # A process that is forked has all of Python there already; others would take a tenth of a second to begin.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else None)
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin)
    waiting: deque[tuple[Task, Future[Result]]] = deque()

    def submitted(task: Task) -> Future[Result]:
        # A process that begins here is not yet deaf to Ctrl-C.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(perform, task)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    try:
        while True:
            while len(waiting) < 2 * jobs and (task := next(tasks, None)) is not None:
                waiting.append((task, submitted(task)))
            if not waiting:
                return
            task, future = waiting.popleft()
            result = future.result()
            if result.rest is not None:
                waiting.appendleft((result.rest, submitted(result.rest)))
            yield task, result
    except BrokenProcessPool:
        raise Mistake("lint: a process that checked messages was killed; --jobs 1 takes less memory") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In each process: what a terminal says is said to all of them, and the first one decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    import multiprocessing.connection

    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

"""`lonedot lint`: what a strict receiver would refuse in the header sections of messages.

Takes files, folders, Maildirs, mboxes and standard input; gives the findings on stdout, in the order of the
arguments, and on stderr one line for each thing that could not be read. It changes nothing. One task at a time goes
from `sources` through `task`, on all `cores`, to a writer.

The exit code is 0, or 1 when something was found that `--fail-on` names, or 2 when something could not be read; 130
after Ctrl-C and 141 when nobody reads on, as of a process that a signal ended.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from functools import partial

from lonedot.cli.lint.cores import results, usable
from lonedot.cli.lint.explain import explained
from lonedot.cli.lint.message import MAX_OCTETS
from lonedot.cli.lint.options import EXAMPLES, add_options, fails, wanted, writer
from lonedot.cli.lint.progress import Progress
from lonedot.cli.lint.sources import STDIN, tasks
from lonedot.cli.lint.table import known, rows
from lonedot.cli.lint.task import Range, Result, perform
from lonedot.cli.lint.totals import Totals
from lonedot.cli.parser import Commands, Mistake
from lonedot.cli.stderr import say


def add(commands: Commands) -> None:
    """Add the command to the `lonedot` parser."""
    parser = commands.add_parser(
        "lint",
        help="check the header sections of messages",
        description="Check header sections against RFC 5322 and MIME, as the server does, before anybody sends them.",
        epilog=EXAMPLES,
    )
    add_options(parser)
    parser.set_defaults(run=run, parser=parser, operands="files")


def run(options: argparse.Namespace) -> int:
    """Check what there is."""
    if sys.stdout is None:
        raise Mistake("lint: standard output is closed; give it a place to write to")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A path may hold what the terminal's encoding does not.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if options.explain is not None:
            (code,) = known("--explain", [options.explain])
            _write(explained(rows()[code]))
            return 0
        return _lint(options)
    except KeyboardInterrupt:
        # Another one, while this one ends, would be told with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _give_up_stdout()
        return 128 + signal.SIGPIPE


def _lint(options: argparse.Namespace) -> int:
    files = options.files or [STDIN]
    if not options.files and sys.stdin is not None and sys.stdin.isatty():
        raise Mistake("lint: give a FILE, a folder or a mbox, or messages on stdin; see `lonedot lint --help`")
    if files.count(STDIN) > 1:
        raise Mistake("lint: - is given more than once, and stdin can be read once")
    form, want = writer(options), wanted(options)
    progress = Progress(None) if options.no_progress else Progress.where_seen()
    totals = Totals()
    _write(form.begin())
    # Before the part of a mbox that comes next.
    messages = lines = 0
    work = results(tasks(files), partial(perform, wanted=want), options.jobs or usable())
    try:
        for task, result in work:
            if isinstance(task, Range) and task.start and result.unread == totals.unread[-1:]:
                # Of a mbox that has gone, once for all its parts.
                result.unread = []
            totals.add(result)
            found = result.found
            if isinstance(task, Range):
                if task.start == 0:
                    messages = lines = 0
                if messages:
                    found = [one.moved(messages, lines) for one in found]
                messages += result.messages
                lines += result.lines
            if text := form.found(found):
                progress.hide()
                _write(text)
            _tell(progress, result)
            progress.done(task)
    finally:
        progress.hide()
        work.close()
    _write(form.end(totals))
    return 2 if totals.unread else int(fails(options, totals.worst))


def _tell(progress: Progress, result: Result) -> None:
    """On stderr, what could not be read, or not to its end."""
    told = [f"cannot read {path}: {why}" for path, why in result.unread]
    told += [f"{place}: a message over {MAX_OCTETS >> 20} MiB; the rest of it was not checked" for place in result.cut]
    if told:
        progress.hide()
    for line in told:
        say(f"lint: {line}")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _give_up_stdout()
        raise Mistake(f"lint: cannot write to standard output: {error.strerror or error}") from None


def _give_up_stdout() -> None:
    """What is left in its buffer has nowhere to go, and Python would complain of that when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

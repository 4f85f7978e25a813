"""The options of `lonedot lint`, and what they come to."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from lonedot.cli.lint.message import SEVERITIES
from lonedot.cli.lint.table import from_severity, known, rows
from lonedot.cli.lint.task import Wanted
from lonedot.cli.lint.writer import Summary, Text, Writer
from lonedot.cli.parser import Parser

EXAMPLES = """\
examples:
  lonedot lint message.eml
      what a strict receiver would refuse in it, each with its line, what to change and the section of the RFC
  ./newsletter --dry-run | lonedot lint
      before it is sent
  lonedot lint --format summary ~/Maildir /var/mail/ann
      how many messages of a Maildir and of a mbox have what
  lonedot lint --fail-on warning --ignore long-line --format sarif mails/ > lint.sarif
      for a pipeline
  lonedot lint --explain missing-date
      what it means, with an example

A file that begins with 'From ' is a mbox, its third message FILE#3, unless its name ends in .eml. A folder with cur,
new and tmp is a Maildir; of other folders the files are taken that end in .eml or look like messages. Lines may end in
LF or CRLF. Lines, columns and offsets are those of the file, counted in octets. Of a message over 64 MiB the first 64
are checked.
An error breaks the format, a warning is what a sender should not do, an advice an obsolete form or a matter of taste.
Exit code: 0 when nothing was found that --fail-on names, 1 when something was, 2 when something could not be read, or
an option has to be changed first.
"""


def add_options(parser: Parser) -> None:
    """Every option, with what it does without."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="a message, a mbox, a folder, or - for stdin (default: stdin)"
    )

    def add(name: str, text: str, without: object, **options: Any) -> None:
        group.add_argument(name, help=f"{text} (default: {without})", **options)

    code: dict[str, Any] = {"metavar": "CODE", "action": "append", "default": []}
    group = parser.add_argument_group("what is found")
    add("--only", "find this and no other; or several, with commas", "everything", **code)
    add("--ignore", "find all but this; or several, with commas", "nothing", **code)
    add("--smtputf8", "fields may hold UTF-8 (RFC 6532)", "no", action="store_true")
    group.add_argument("--explain", metavar="CODE", help="tell what a finding means, and read nothing")
    group = parser.add_argument_group("what is told")
    add("--format", "of the findings", "text", choices=("text", "json", "sarif", "summary"), default="text")
    add("--severity", "the least that is told", "advice", choices=SEVERITIES[::-1], default="advice")
    add(
        "--fail-on",
        "the least that makes the exit code 1",
        "error",
        choices=(*SEVERITIES[::-1], "never"),
        default="error",
    )
    add(
        "--color",
        "in text",
        "auto: on a terminal, without NO_COLOR",
        choices=("auto", "always", "never"),
        default="auto",
    )
    add("--no-progress", "show no progress on a terminal", "after a second", action="store_true")
    group = parser.add_argument_group("running")
    add("--jobs", "processes that work", "one for each core", metavar="N", type=_jobs)


def wanted(options: argparse.Namespace) -> Wanted:
    """What counts, and what is told of it. Raises Mistake for a code that is none."""
    codes = known("--only", _listed(options.only)) or frozenset(rows())
    codes -= known("--ignore", _listed(options.ignore))
    return Wanted(codes, codes & from_severity(options.severity), options.format == "summary", options.smtputf8)


def _listed(values: list[str]) -> list[str]:
    return [code.strip() for value in values for code in value.split(",")]


def writer(options: argparse.Namespace) -> Writer:
    """The form that was asked for."""
    match options.format:
        case "json" | "sarif":
            # Only here: what it takes is loaded no sooner than all the rest.
            from lonedot.cli.lint.machine import Json, Sarif

            return Json() if options.format == "json" else Sarif()
        case "summary":
            return Summary()
    return Text(colour=_colour(options.color))


def fails(options: argparse.Namespace, worst: int) -> bool:
    """Whether the worst finding, an index of `SEVERITIES`, makes the exit code 1."""
    return options.fail_on != "never" and worst >= SEVERITIES.index(options.fail_on)


def _colour(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    # https://no-color.org
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"takes a number of processes from 1 on, not {text!r}")
    return int(text)

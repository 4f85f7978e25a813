"""The command line: `lonedot COMMAND`, also `python -m lonedot COMMAND`.

Takes the arguments, gives the exit code: 0 when the command did what it was asked, 2 when the operator has to change
something first, told in one line on stderr. A command is a module beside this one that has `add(commands)`; listing
it in `COMMANDS` is all there is to adding one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lonedot import __version__
from lonedot.cli import lint, serve, user
from lonedot.cli.logs import one_line
from lonedot.cli.parser import Commands, Mistake, Parser

COMMANDS = (serve, user, lint)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is without the program's name, and `sys.argv`'s when not given."""
    try:
        options, unknown = _parser().parse_known_args(argv)
        if unknown:
            options.parser.take(options, unknown)
        code: int = options.run(options)
    except Mistake as mistake:
        # A file name, a key or an option can hold anything; the promise of one line has to hold for it too.
        print(one_line(f"lonedot: {mistake}"), file=sys.stderr)
        return 2
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="lonedot",
        description="The receiving side of SMTP and LMTP.",
        epilog="`lonedot COMMAND --help` tells a command's options.",
    )
    parser.add_argument("--version", action="version", version=f"lonedot {__version__}")
    commands: Commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser

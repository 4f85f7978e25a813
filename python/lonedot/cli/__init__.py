"""The command line: `lonedot COMMAND`, also `python -m lonedot COMMAND`.

Takes the arguments, gives the exit code: 0 when the command did what it was asked, 2 when the operator has to change
something first, told in one line on stderr. A command is a module beside this one that has `add(commands)`; listing
it in `COMMANDS` is all there is to adding one. The one that is asked for is imported, and no other: what `serve` takes
is no use to `lint`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

from lonedot import __version__
from lonedot.cli.parser import Commands, Mistake, Parser
from lonedot.cli.stderr import say

COMMANDS = ("serve", "user", "lint")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is without the program's name, and `sys.argv`'s when not given."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    named = arguments[0] if arguments else ""
    try:
        options, unknown = _parser((named,) if named in COMMANDS else COMMANDS).parse_known_args(arguments)
        if unknown:
            options.parser.take(options, unknown)
        code: int = options.run(options)
    except Mistake as mistake:
        # A file name, a key or an option can hold anything; the promise of one line has to hold for it too.
        say(str(mistake))
        return 2
    return code


def _parser(names: Iterable[str] = COMMANDS) -> Parser:
    parser = Parser(
        prog="lonedot",
        description="The receiving side of SMTP and LMTP.",
        epilog="`lonedot COMMAND --help` tells a command's options.",
    )
    parser.add_argument("--version", action="version", version=f"lonedot {__version__}")
    commands: Commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        import_module(f"lonedot.cli.{name}").add(commands)
    return parser

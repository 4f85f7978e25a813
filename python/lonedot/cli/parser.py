"""The argument parser every command shares: argparse, but a mistake is one line.

Gives `Mistake` to say what the operator has to change: what, where, what to do. Nothing is printed here for one and
nothing exits; `main` does both in one place, for options, settings files and sockets alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

# argparse's own class, which has no public name.
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Mistake(Exception):
    """What the operator has to change before the command can run."""


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises `Mistake` and writes its help as the texts are laid out in the source."""

    def __init__(self, **options: Any) -> None:
        # An abbreviated option would change its meaning on the day a longer name is added.
        super().__init__(formatter_class=Layout, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Without argparse's usage text: it is longer than the mistake, and `--help` has it."""
        command = self.prog.removeprefix("lonedot").strip()
        where = f"{command}: " if command else ""
        raise Mistake(f"{where}{message}; see `{self.prog} --help`")

    def take(self, options: argparse.Namespace, left: Sequence[str]) -> None:
        """What argparse leaves over: operands behind an option, where the command takes any number of them; else a
        mistake."""
        name = getattr(options, "operands", None)
        wrong = left if name is None else [one for one in left if one.startswith("-") and one != "-"]
        if wrong or name is None:
            self.refuse(wrong)
        getattr(options, name).extend(left)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Say what the arguments are that no option took, and the option one was meant for, if it looks like one."""
        # Only here: loading it takes longer than reading the arguments.
        import difflib

        near = difflib.get_close_matches(unknown[0].partition("=")[0], self._option_string_actions, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        self.error(f"unknown argument {' '.join(unknown)}{hint}")


class Layout(argparse.RawDescriptionHelpFormatter):
    """Descriptions and epilogs as they are written, options in a column wide enough for most of them."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

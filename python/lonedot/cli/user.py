"""`lonedot user`: make the line of a users file for `lonedot serve --users`.

Takes a name, and a password from the terminal, twice, or from the first line of stdin where that is none; never from
the command line, which every process of the machine can read. Prints `name:verifier` and keeps nothing.
"""

from __future__ import annotations

import argparse
import getpass
import sys

from lonedot.cli.parser import Commands, Mistake
from lonedot.sasl.saslprep import MAX_OCTETS, prepared
from lonedot.sasl.verifier import ScramVerifier
from lonedot.users import Argon2Verifier, argon2_installed, user_name

_EXAMPLES = """\
examples:
  lonedot user ann@example.org >> users
      ask for the password twice, append the line
  pass show mail/ann | lonedot user ann@example.org >> users
      take the password from the first line of another program's output

scram:  for PLAIN, LOGIN and SCRAM-SHA-256, with which the server never sees the password
argon2: for PLAIN and LOGIN; takes `pip install lonedot[argon2]`, and more memory from whoever stole the file
"""


def add(commands: Commands) -> None:
    """Add the command to the `lonedot` parser."""
    parser = commands.add_parser(
        "user",
        help="make a line of a users file",
        description="Ask for a password and print the line for the file of `lonedot serve --users`.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("name", metavar="NAME", help="the name the user authenticates with")
    parser.add_argument(
        "--scheme", choices=("scram", "argon2"), default="scram", help="of the verifier (default: scram)"
    )
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Print the line."""
    try:
        name = user_name(options.name)
    except ValueError as error:
        raise Mistake(f"user: {error}, not {options.name!r}") from None
    if options.scheme == "argon2" and not argon2_installed():
        raise Mistake("user: --scheme argon2 takes a package; pip install lonedot[argon2], or choose --scheme scram")
    password = prepared(_password(name), stored=True)
    if password is None:
        raise Mistake(
            f"user: a password has 1 to {MAX_OCTETS} octets, no control characters and none that a client may write "
            "otherwise (SASLprep, RFC 4013)"
        )
    verifier = ScramVerifier.make(password) if options.scheme == "scram" else Argon2Verifier.make(password)
    print(f"{name}:{verifier.written()}")
    return 0


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        # One octet too many is enough to know.
        line = sys.stdin.buffer.readline(MAX_OCTETS + 3)
        try:
            return line.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise Mistake("user: the password on stdin is not UTF-8") from None
    try:
        password = getpass.getpass(f"Password for {name}: ")
        again = getpass.getpass("Again: ")
    except (EOFError, KeyboardInterrupt):
        raise Mistake("user: no password was given; nothing was printed") from None
    if password != again:
        raise Mistake("user: the two passwords differ; nothing was printed")
    return password

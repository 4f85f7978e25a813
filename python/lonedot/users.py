"""A file of users: credentials for PLAIN, LOGIN and SCRAM-SHA-256.

One user a line, `name:verifier`; empty lines, and those that begin with `#`, say nothing. A verifier is what
`lonedot user` prints: SCRAM's (`SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, as PostgreSQL writes it), or an
argon2 hash (`$argon2id$…`), which takes the package argon2-cffi. SCRAM-SHA-256 is offered where all verifiers are
SCRAM's: clients choose it first, and those with an argon2 hash could not log in by it.

A check is made by a worker thread, and takes as long for a name nobody has: somebody else's verifier is checked, and
what comes out of it does not count. At most `workers` checks are made at a time, each with the memory its hash says
(64 MiB by default), and `waiting` more wait; past that the answer is 454 4.7.0.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import secrets
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from lonedot._core import Reply
from lonedot.sasl.saslprep import prepared
from lonedot.sasl.verifier import ITERATIONS, ScramVerifier

if TYPE_CHECKING:
    from lonedot.connection import Connection

log = logging.getLogger("lonedot.server")

BUSY = Reply(454, "4.7.0", "Too many authentications at a time; try again later")

ARGON2_MEMORY = 1 << 20
"""KiB an argon2 hash may take: a GiB. The library's default is 65,536."""


_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=([0-9]{1,10}),t=[0-9]{1,10},p=[0-9]{1,8}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
).fullmatch


class Argon2Verifier:
    """An argon2 hash in PHC's string format. Raises ValueError for a text that is none, or without argon2-cffi."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not argon2_installed():
            raise ValueError("an argon2 verifier takes a package; pip install lonedot[argon2]")
        match = _ARGON2(text)
        if match is None:
            raise ValueError("this is no argon2 hash; `lonedot user --scheme argon2` makes one")
        memory = int(match[1])
        if memory > ARGON2_MEMORY:
            raise ValueError(f"an argon2 hash may take {ARGON2_MEMORY} KiB of memory, not {memory}")
        self._text = text

    @classmethod
    def make(cls, password: str) -> Argon2Verifier:
        """Of a password that was prepared (RFC 4013), with the library's costs: 64 MiB, some 130 ms."""
        if not argon2_installed():
            raise ValueError("an argon2 verifier takes a package; pip install lonedot[argon2]")
        import argon2

        return cls(argon2.PasswordHasher().hash(password))

    def matches(self, password: str) -> bool:
        """Whether the hash is of this password."""
        import argon2

        try:
            return argon2.PasswordHasher().verify(self._text, password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    def written(self) -> str:
        """The text. A secret."""
        return self._text

    def __repr__(self) -> str:
        return "<Argon2Verifier>"


Verifier = ScramVerifier | Argon2Verifier


class _Known(NamedTuple):
    """What one reading of the file gave, whole or not at all."""

    verifiers: dict[str, Verifier]
    order: tuple[Verifier, ...]
    all_scram: bool


class Users:
    """The users in a file. Raises OSError when it cannot be read, ValueError that names the line when it is wrong.

    `workers`: threads that check, each with the memory of one argon2 hash. `waiting`: checks that may wait for one.
    """

    def __init__(self, path: str | os.PathLike[str], *, workers: int = 2, waiting: int = 64) -> None:
        for name, value, least in ("workers", workers, 1), ("waiting", waiting, 0):
            if type(value) is not int or value < least:
                raise ValueError(f"Users.{name} takes a whole number from {least} on, not {value!r}")
        self._path = os.fspath(path)
        self._secret = secrets.token_bytes(32)
        self._most = workers + waiting
        self._under_way = 0
        self._known = self._read()
        self._offers_scram = self._known.all_scram
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="lonedot-users")

    def reload(self) -> None:
        """Reads the file again. Where that raises, as the constructor does, what was read before holds."""
        known = self._read()
        if self._offers_scram and not known.all_scram:
            log.warning(
                "%s: SCRAM-SHA-256 is offered until the server is started anew, and fails for argon2 verifiers",
                self._path,
            )
        self._known = known

    async def check_password(self, connection: Connection, name: str, password: str) -> bool | Reply:
        """Whether it is the name's password; both prepared. 454 where too many wait already."""
        if self._under_way >= self._most:
            return BUSY
        known = self._known
        found = known.verifiers.get(name)
        verifier = found if found is not None else self._stranger(name, known)
        job = self._threads.submit(verifier.matches, password)
        self._under_way += 1
        # Not when the waiting is over: a check that was begun goes on when its client has left.
        loop = asyncio.get_running_loop()
        job.add_done_callback(lambda _: _tell(loop, self._done))
        matches = await asyncio.wrap_future(job)
        return matches and found is not None

    @property
    def scram_verifier(self) -> Callable[[Connection, str], ScramVerifier] | None:
        """What SCRAM-SHA-256 takes, or None where not all verifiers were SCRAM's when the file was first read."""
        return self._scram_verifier if self._offers_scram else None

    def _scram_verifier(self, connection: Connection, name: str) -> ScramVerifier:
        known = self._known
        found = known.verifiers.get(name)
        stranger = self._stranger(name, known)
        iterations = stranger.iterations if isinstance(stranger, ScramVerifier) else ITERATIONS
        decoy = ScramVerifier.decoy(name, self._secret, iterations)
        return found if isinstance(found, ScramVerifier) else decoy

    def _stranger(self, name: str, known: _Known) -> Verifier:
        """The verifier that stands in for a name nobody has: of one of the users, the same for the same name, so that
        strangers take as long, and hear of as many iterations, as users do."""
        if not known.order:
            return ScramVerifier.decoy(name, self._secret)
        number = int.from_bytes(hmac.digest(self._secret, name.encode("utf-8", "surrogatepass"), "sha256")[:8])
        return known.order[number % len(known.order)]

    def _done(self) -> None:
        self._under_way -= 1

    def _read(self) -> _Known:
        with open(self._path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & stat.S_IROTH:
                log.warning("%s can be read by everybody, who may then try passwords; chmod o-r it", self._path)
            octets = file.read()
        verifiers: dict[str, Verifier] = {}
        for number, line in enumerate(octets.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
            try:
                user = _user(line)
                if user is None:
                    continue
                name, verifier = user
                if name in verifiers:
                    raise ValueError("this name was there before; a user has one line")
                verifiers[name] = verifier
            except ValueError as error:
                # From None: what stands in the line is in none of its parts.
                raise ValueError(f"{self._path}:{number}: {error}") from None
        everybody = tuple(verifiers.values())
        return _Known(verifiers, everybody, all(isinstance(verifier, ScramVerifier) for verifier in everybody))

    def __repr__(self) -> str:
        return f"<Users of {self._path}: {len(self._known.verifiers)}>"


def argon2_installed() -> bool:
    """Whether the package argon2-cffi can be had."""
    return find_spec("argon2") is not None


def user_name(text: str) -> str:
    """A name as it can stand in the file, prepared (RFC 4013). Raises ValueError for one that cannot."""
    name = prepared(text, stored=True)
    if name is None:
        raise ValueError("a name has 1 to 1024 octets and no control characters (SASLprep, RFC 4013)")
    if ":" in name or name.startswith("#") or name != name.strip():
        raise ValueError("a name has no colon, does not begin with #, and has no spaces around it")
    return name


def _user(line: bytes) -> tuple[str, Verifier] | None:
    try:
        text = line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise ValueError("this is not UTF-8") from None
    if not text.strip() or text.startswith("#"):
        return None
    name, colon, written = text.partition(":")
    if not colon:
        raise ValueError("a line is name:verifier; `lonedot user NAME` makes one")
    written = written.rstrip()
    if written.startswith("SCRAM-SHA-256$"):
        return user_name(name), ScramVerifier.parse(written)
    if written.startswith("$argon2"):
        return user_name(name), Argon2Verifier(written)
    raise ValueError("a verifier begins with SCRAM-SHA-256$ or $argon2; `lonedot user NAME` makes one")


def _tell(loop: asyncio.AbstractEventLoop, done: Callable[[], None]) -> None:
    """From a worker thread, or from the loop where the check was cancelled before it began."""
    try:
        loop.call_soon_threadsafe(done)
    except RuntimeError:  # the loop is closed, and nobody asks any more
        pass

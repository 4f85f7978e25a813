"""SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, by the package scramp.

States: waiting for the client's first message; for its final one; for it to take note of the server's proof, which goes
in a last challenge because SMTP's success has no room for data (RFC 4954 §4); over.

A name nobody has is given a verifier that no password matches, made of the name and a secret of this process: it goes
the same way, to the same reply, and hears the same salt each time.
"""

from __future__ import annotations

import enum
import secrets
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lonedot._core import Reply
from lonedot.sasl.exchange import FAILED, UNCHECKED, Exchange, Outcome, log, malformed
from lonedot.sasl.saslprep import decoded, prepared
from lonedot.sasl.verifier import ScramVerifier

if TYPE_CHECKING:
    from lonedot.connection import Connection

_SECRET = secrets.token_bytes(32)

_MALFORMED = malformed("SCRAM-SHA-256 takes the messages of RFC 5802")
_NO_BINDING = Reply(535, "5.7.8", "Channel binding is not supported")
_NO_AUTHORIZATION = Reply(535, "5.7.8", "SCRAM-SHA-256 takes no authorization identity here")

# Octets: the longest name with all of it escaped, and a nonce, which goes back to the client in a 334.
_MAX_MESSAGE = 4096


def installed() -> bool:
    """Whether the package scramp can be had, in 1.5 or newer: those before raise something else at many a message."""
    if find_spec("scramp") is None:
        return False
    from importlib.metadata import version

    return tuple(map(int, version("scramp").split(".")[:2])) >= (1, 5)


class _State(enum.Enum):
    FIRST = enum.auto()
    FINAL = enum.auto()
    NOTED = enum.auto()


class ScramSha256(Exchange):
    """The server's side of SCRAM-SHA-256."""

    __slots__ = ("_name", "_server", "_state")

    mechanism = "SCRAM-SHA-256"
    method = "scram_verifier"

    def __init__(self, credentials: object, connection: Connection) -> None:
        super().__init__(credentials, connection)
        self._state = _State.FIRST
        self._name = ""
        self._server: Any = None

    async def _step(self, response: bytes | None) -> Outcome:
        if response is None:
            return b""
        if len(response) > _MAX_MESSAGE:
            return _MALFORMED
        if self._state is _State.NOTED:
            # RFC 4954 §4: the client's answer to a challenge that only tells is empty.
            return await self._authorized(self._name, "") if not response else _MALFORMED
        try:
            message = response.decode()
        except UnicodeDecodeError:
            return _MALFORMED
        return await self._first(message) if self._state is _State.FIRST else self._final(message)

    async def _first(self, message: str) -> Outcome:
        flag, _, rest = message.partition(",")
        if flag.startswith("p="):
            return _NO_BINDING
        if rest.startswith("a="):
            return _NO_AUTHORIZATION
        name = _name(message)
        if name is None:
            return _MALFORMED
        who = prepared(name)
        if who is None:
            return FAILED
        verifier = await self._verifier(who)
        if isinstance(verifier, Reply):
            return verifier
        self._name = who
        self._server = _server(verifier)
        self._server.set_client_first(message)
        self._state = _State.FINAL
        first: str = self._server.get_server_first()
        return first.encode()

    def _final(self, message: str) -> Outcome:
        scramp = _scramp()
        try:
            self._server.set_client_final(message)
            final: str = self._server.get_server_final()
        except scramp.ScramException as error:
            wrong = error.server_error is not None and error.server_error.value in (
                "invalid-proof",
                "channel-bindings-dont-match",
            )
            return FAILED if wrong else _MALFORMED
        self._state = _State.NOTED
        return final.encode()

    async def _verifier(self, name: str) -> ScramVerifier | Reply:
        # Made for every name, so that one nobody has takes no longer.
        decoy = ScramVerifier.decoy(name, _SECRET)
        answer = await self._ask(self.method, name)
        if answer is None:
            return decoy
        if isinstance(answer, ScramVerifier) or (type(answer) is Reply and answer.code >= 400):
            return answer
        given = f"{answer.code}" if type(answer) is Reply else type(answer).__name__
        log.error("%s gave %s; it gives a ScramVerifier or None", self.method, given)
        return UNCHECKED


@cache
def _scramp() -> Any:
    # Only where it is used: it brings a parser of ASN.1 with it.
    import scramp

    return scramp


def _server(verifier: ScramVerifier) -> Any:
    known = verifier.salt, verifier.stored_key, verifier.server_key, verifier.iterations
    return _scramp().ScramMechanism("SCRAM-SHA-256").make_server(lambda _: known)


def _name(message: str) -> str | None:
    """The name in a client's first message, or None where scramp would refuse the message.

    scramp looks a name up in the middle of reading, and cannot wait; so the message is read once for its name.
    """
    found: list[str] = []

    def remember(name: str) -> tuple[bytes, bytes, bytes, int]:
        found.append(name)
        return b"\0" * 12, b"", b"", 4096

    scramp = _scramp()
    try:
        scramp.ScramMechanism("SCRAM-SHA-256").make_server(remember).set_client_first(message)
    except scramp.ScramException:
        return None
    return found[0] if found and decoded(found[0].encode()) is not None else None

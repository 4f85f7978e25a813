"""The AUTH commands of one connection (RFC 4954 §4): what the session asks, answered as SMTP.

Takes a mechanism and responses; gives the reply to each, and sets `Connection.auth` on success. One exchange at a time:
an AUTH begins another, whatever became of the last. Never raises but for its own cancellation, after which the exchange
is over.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from lonedot._core import Reply
from lonedot.sasl import Exchange, Identity

if TYPE_CHECKING:
    from lonedot.authenticator import Authenticator
    from lonedot.connection import Connection

SUCCESSFUL = Reply(235, "2.7.0", "Authentication successful")


class Authentication:
    """What one connection's AUTH is answered."""

    __slots__ = ("_auth", "_connection", "_exchange")

    def __init__(self, auth: Authenticator, connection: Connection) -> None:
        self._auth = auth
        self._connection = connection
        self._exchange: Exchange | None = None

    async def begin(self, mechanism: str, initial: bytes | None) -> Reply:
        """AUTH, with its initial response or None: 334, 235 or a refusal."""
        begun = self._auth.exchange(mechanism, self._connection)
        if isinstance(begun, Reply):
            return begun
        self._exchange = begun
        return await self._step(initial)

    async def respond(self, response: bytes) -> Reply:
        """The client's answer to a 334. Raises RuntimeError where there was none."""
        return await self._step(response)

    async def _step(self, response: bytes | None) -> Reply:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            raise RuntimeError("no exchange is under way; a response follows a 334")
        outcome = await exchange.step(response)
        if isinstance(outcome, bytes):
            self._exchange = exchange
            return Reply(334, None, b64encode(outcome).decode("ascii"))
        if isinstance(outcome, Identity):
            self._connection.auth = outcome
            return SUCCESSFUL
        return outcome

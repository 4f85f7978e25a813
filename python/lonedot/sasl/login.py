"""LOGIN: a name, then a password, each asked for (draft-murchison-sasl-login-00, which never became an RFC).

States: none yet; waiting for the name; for the password; over. An initial response is the name, as many clients send
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lonedot.sasl.exchange import FAILED, Exchange, Outcome, malformed
from lonedot.sasl.saslprep import decoded, prepared

if TYPE_CHECKING:
    from lonedot.connection import Connection

# Clients compare them octet by octet.
_ASK_NAME = b"Username:"
_ASK_PASSWORD = b"Password:"

_MALFORMED = malformed("LOGIN takes a name and a password, in UTF-8, each of at most 1024 octets")


class Login(Exchange):
    """The server's side of LOGIN."""

    __slots__ = ("_name",)

    mechanism = "LOGIN"
    method = "check_password"

    def __init__(self, credentials: object, connection: Connection) -> None:
        super().__init__(credentials, connection)
        self._name: str | None = None

    async def _step(self, response: bytes | None) -> Outcome:
        if response is None:
            return _ASK_NAME
        text = decoded(response)
        if not text:
            return _MALFORMED
        if self._name is None:
            self._name = text
            return _ASK_PASSWORD
        name, password = prepared(self._name), prepared(text)
        if name is None or password is None:
            return FAILED
        refusal = self._refusal(self.method, await self._ask(self.method, name, password))
        return refusal if refusal is not None else await self._authorized(name, "")

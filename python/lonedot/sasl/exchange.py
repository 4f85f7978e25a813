"""One authentication exchange (RFC 4422 §3): responses in, one of three outcomes out.

An `Exchange` takes the client's decoded responses, the first of which may be None: AUTH without an initial response.
It gives, each time, a challenge to send (`bytes`), who the client has proved to be (`Identity`), or the `Reply` that
ends it. Nothing a client sends makes it raise, and nothing it is told stands in a log, a repr or an exception: what the
credentials raise is logged as types and places, without messages and without the values of variables.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import traceback
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from lonedot._core import Reply

if TYPE_CHECKING:
    from lonedot.connection import Connection

log = logging.getLogger("lonedot.server")

MAX_RESPONSE = 12_288
"""Octets of a response, the longest line of an exchange (RFC 4954 §4.0); longer ones do not come from the session."""

FAILED = Reply(535, "5.7.8", "Authentication credentials invalid")
UNCHECKED = Reply(454, "4.7.0", "Temporary authentication failure")
NOT_ALLOWED = Reply(535, "5.7.8", "Not authorized to act as another")
TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line is too long")


class Identity(NamedTuple):
    """Who a client has proved to be."""

    name: str
    """The name whose password, key or token was given, prepared (RFC 4013)."""
    mechanism: str
    """How: "PLAIN", say."""
    authorization: str
    """Who the client acts as: `name`, unless it asked for another and the credentials' `authorize` let it."""


Outcome = bytes | Identity | Reply
"""A challenge; success; failure, which is 4xx or 5xx."""


def malformed(text: str) -> Reply:
    """The answer to a response that is none of the mechanism's."""
    return Reply(501, "5.5.2", text)


class Exchange(ABC):
    """One mechanism's side of one exchange.

    `credentials`: see `lonedot.Authenticator`. `connection`: what they are told.
    """

    __slots__ = ("_connection", "_credentials", "_over")

    mechanism: ClassVar[str]
    """As AUTH names it."""
    method: ClassVar[str]
    """The method of the credentials that it takes."""

    def __init__(self, credentials: object, connection: Connection) -> None:
        self._credentials = credentials
        self._connection = connection
        self._over = False

    async def step(self, response: bytes | None) -> Outcome:
        """Takes the next response. Raises RuntimeError when the exchange is over; else only what cancels it."""
        if self._over:
            raise RuntimeError("the exchange is over; the next AUTH begins another")
        # Also where it is cancelled.
        self._over = True
        if response is not None and len(response) > MAX_RESPONSE:
            return TOO_LONG
        outcome = await self._step(response)
        self._over = not isinstance(outcome, bytes)
        return outcome

    @abstractmethod
    async def _step(self, response: bytes | None) -> Outcome: ...

    async def _ask(self, method: str, *arguments: object) -> Any:
        """What the credentials say, or `UNCHECKED` where they fail to."""
        try:
            answer = getattr(self._credentials, method)(self._connection, *arguments)
            if inspect.isawaitable(answer):
                answer = await answer
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            log_failure(method, error)
            return UNCHECKED
        except Exception as error:
            log_failure(method, error)
            return UNCHECKED
        return answer

    def _refusal(self, method: str, answer: object) -> Reply | None:
        """What a bool or a Reply of the credentials means: None where it is True."""
        if answer is True:
            return None
        if answer is False:
            return FAILED
        if type(answer) is Reply and answer.code >= 400:
            return answer
        # The answer itself may hold what must not be logged.
        given = f"{answer.code}" if type(answer) is Reply else type(answer).__name__
        log.error("%s gave %s; it gives True, False or a Reply that refuses, with 4xx or 5xx", method, given)
        return UNCHECKED

    async def _authorized(self, name: str, authorization: str) -> Identity | Reply:
        """Success, if `name` may act as `authorization`, which is empty where the client asked for nobody."""
        if authorization in ("", name):
            return Identity(name, self.mechanism, name)
        if getattr(self._credentials, "authorize", None) is None:
            return NOT_ALLOWED
        answer = await self._ask("authorize", name, authorization)
        refusal = self._refusal("authorize", answer)
        return refusal if refusal is not None else Identity(name, self.mechanism, authorization)

    def __repr__(self) -> str:
        return f"<{self.mechanism} exchange>"


def log_failure(method: str, error: BaseException) -> None:
    """Logs types and places. A message, like a variable, may hold a password or a token; so the exception itself is
    not handed to the log either, where a handler could look into its frames."""
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        kind = f"{type(cause).__module__}.{type(cause).__qualname__}".removeprefix("builtins.")
        # That text belongs to the number.
        number = cause.errno if isinstance(cause, OSError) else None
        said = f": {os.strerror(number)}" if type(number) is int else ""
        frames = "".join(traceback.format_tb(cause.__traceback__))
        parts.append(f"Traceback (most recent call last, messages left out):\n{frames}{kind}{said}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    record = log.makeRecord(log.name, logging.ERROR, __file__, 0, "%s failed", (method,), None)
    record.exc_text = "\n\n".join(reversed(parts))
    log.handle(record)

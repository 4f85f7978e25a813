"""PLAIN (RFC 4616): one response, `[authorization] NUL name NUL password`, in UTF-8.

States: waiting for the response; over.
"""

from __future__ import annotations

from lonedot.sasl.exchange import FAILED, Exchange, Outcome, malformed
from lonedot.sasl.saslprep import decoded, prepared

_MALFORMED = malformed("PLAIN takes [authorization] NUL name NUL password, in UTF-8, each of at most 1024 octets")


class Plain(Exchange):
    """The server's side of PLAIN."""

    __slots__ = ()

    mechanism = "PLAIN"
    method = "check_password"

    async def _step(self, response: bytes | None) -> Outcome:
        if response is None:
            return b""
        parts = [decoded(part) for part in response.split(b"\0")]
        # A NUL more would let what is checked and what is logged elsewhere be two names.
        if len(parts) != 3 or None in parts or not parts[1] or not parts[2]:
            return _MALFORMED
        return await self._check(*map(str, parts))

    async def _check(self, authorization: str, name: str, password: str) -> Outcome:
        # RFC 4616 §2: verification fails where the preparation does.
        who, what = prepared(name), prepared(password)
        act_as = prepared(authorization) if authorization else ""
        if who is None or what is None or act_as is None:
            return FAILED
        refusal = self._refusal(self.method, await self._ask(self.method, who, what))
        return refusal if refusal is not None else await self._authorized(who, act_as)

"""Tokens of OAuth 2: OAUTHBEARER (RFC 7628) and XOAUTH2, which came before it and which Google documents.

States: waiting for the response; waiting for the client to take note of an error, which both mechanisms tell in a last
challenge, as JSON; over. A refusal that may pass, 4xx, is answered at once: the JSON is about tokens.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from lonedot._core import Reply
from lonedot.sasl.exchange import FAILED, Exchange, Outcome, malformed
from lonedot.sasl.saslprep import decoded, prepared

if TYPE_CHECKING:
    from lonedot.connection import Connection

# RFC 6750 §2.1: "Bearer" 1*SP b64token; the scheme in any case.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE).fullmatch
_KEY = re.compile(r"[A-Za-z]+").fullmatch
# value = *(VCHAR / SP / HTAB / CR / LF )
_VALUE = re.compile(r"[\t\n\r\x20-\x7e]*").fullmatch
_SEPARATOR = b"\x01"


class _Response(NamedTuple):
    name: str
    token: str


class _Bearer(Exchange):
    """What the two have in common: a response with a name and a token, and an error that is told twice."""

    __slots__ = ("_refused",)

    method = "check_token"

    _error: ClassVar[bytes]
    _malformed: ClassVar[Reply]

    def __init__(self, credentials: object, connection: Connection) -> None:
        super().__init__(credentials, connection)
        # What is answered once the client has taken note.
        self._refused: Reply | None = None

    async def _step(self, response: bytes | None) -> Outcome:
        if self._refused is not None:
            return self._refused
        if response is None:
            return b""
        parsed = self._parse(response)
        if parsed is None:
            return self._malformed
        if isinstance(parsed, Reply):
            return parsed
        refusal = FAILED
        name = prepared(parsed.name) if parsed.name else ""
        if name is not None and parsed.token:
            answer = await self._ask(self.method, name, parsed.token)
            if isinstance(answer, str):
                proved = prepared(answer)
                if proved is not None:
                    return await self._authorized(proved, name)
                answer = False
            elif answer is True and not name:
                # Nobody said whose token it is.
                answer = None
            found = self._refusal(self.method, answer)
            if found is None:
                return await self._authorized(name, "")
            refusal = found
        if refusal.code < 500:
            return refusal
        self._refused = refusal
        return self._error

    @abstractmethod
    def _parse(self, response: bytes) -> _Response | Reply | None: ...


class OAuthBearer(_Bearer):
    """The server's side of OAUTHBEARER."""

    __slots__ = ()

    mechanism = "OAUTHBEARER"

    # RFC 7628 §3.2.2; invalid_token is what §4 has for all that is wrong with one.
    _error = json.dumps({"status": "invalid_token"}).encode()
    _malformed = malformed('OAUTHBEARER takes "n,a=name," ^A "auth=Bearer token" ^A ^A (RFC 7628)')

    # gs2-header  = ("n" / "y" / "p=" cb-name) "," [ "a=" saslname ] ","
    # kvpair      = key "=" value kvsep
    # client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep
    def _parse(self, response: bytes) -> _Response | Reply | None:
        header, _, rest = response.partition(_SEPARATOR)
        flag, comma, authorization = header.partition(b",")
        if comma and flag.startswith(b"p="):
            return Reply(535, "5.7.8", "Channel binding is not supported")
        if flag not in (b"n", b"y") or not authorization.endswith(b",") or authorization.count(b",") != 1:
            return None
        name = _saslname(authorization[:-1])
        values = _pairs(rest)
        if name is None or values is None or "auth" not in values:
            return None
        return _token(name, values["auth"])


class XOAuth2(_Bearer):
    """The server's side of XOAUTH2."""

    __slots__ = ()

    mechanism = "XOAUTH2"

    _error = json.dumps({"status": "401", "schemes": "bearer"}).encode()
    _malformed = malformed('XOAUTH2 takes "user=name" ^A "auth=Bearer token" ^A ^A')

    def _parse(self, response: bytes) -> _Response | None:
        user, _, rest = response.partition(_SEPARATOR)
        values = _pairs(rest)
        name = decoded(user.removeprefix(b"user="))
        if not user.startswith(b"user=") or not name or values is None or "auth" not in values:
            return None
        return _token(name, values["auth"])


def _pairs(octets: bytes) -> dict[str, str] | None:
    """`*(key "=" value ^A) ^A`, no key twice."""
    pairs = octets.split(_SEPARATOR)
    if len(pairs) < 2 or pairs[-1] or pairs[-2]:
        return None
    values: dict[str, str] = {}
    for pair in pairs[:-2]:
        key, equals, value = pair.decode("latin-1").partition("=")
        if not equals or not _KEY(key) or not _VALUE(value) or key in values:
            return None
        values[key] = value
    return values


def _token(name: str, value: str) -> _Response | None:
    """The token of `auth=`; none is what a client sends to be told what is wanted (RFC 7628 §4.3)."""
    if not value:
        return _Response(name, "")
    bearer = _BEARER(value)
    return _Response(name, bearer[1]) if bearer else None


def _saslname(octets: bytes) -> str | None:
    """`["a=" saslname]` (RFC 5801 §4), in which a comma is `=2C` and an equals sign `=3D`; empty for none."""
    if not octets:
        return ""
    text = decoded(octets.removeprefix(b"a="))
    if not octets.startswith(b"a=") or not text or re.search("=(?!2C|3D)", text):
        return None
    return text.replace("=2C", ",").replace("=3D", "=")

"""What the tests of authentication share: credentials that remember, and a client that takes an exchange's steps."""

from __future__ import annotations

import asyncio
from typing import Any

from lonedot import Authenticator, Config, Connection, Peer, Reply
from lonedot.authenticator import Exchange, Outcome, ScramVerifier
from lonedot.client_settings import ClientSettings
from lonedot.listener import Listener

NAME, PASSWORD, TOKEN = "ann@example.org", "correct-horse-battery", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="

VERIFIER = ScramVerifier.make(PASSWORD, iterations=4096, salt=b"0123456789abcdef")

INVALID = Reply(535, "5.7.8", "Authentication credentials invalid")
UNCHECKED = Reply(454, "4.7.0", "Temporary authentication failure")

MECHANISMS = ["SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]
"""Strongest first."""


class Known:
    """Knows one name. `awaits`: its methods are async, and suspend once. `answers`: by method, what it gives, or raises
    instead."""

    def __init__(self, *, awaits: bool = False, **answers: Any) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._awaits = awaits
        self._answers = answers

    def check_password(self, connection: Connection, name: str, password: str, /) -> Any:
        return self._give("check_password", (name, password), (name, password) == (NAME, PASSWORD))

    def scram_verifier(self, connection: Connection, name: str, /) -> Any:
        return self._give("scram_verifier", (name,), VERIFIER if name == NAME else None)

    def check_token(self, connection: Connection, name: str, token: str, /) -> Any:
        return self._give("check_token", (name, token), (name, token) == (NAME, TOKEN))

    def authorize(self, connection: Connection, name: str, authorization: str, /) -> Any:
        return self._give("authorize", (name, authorization), authorization == "team@example.org")

    def _give(self, method: str, arguments: tuple[str, ...], usual: Any) -> Any:
        self.calls.append((method, *arguments))
        answer = self._answers.get(method, usual)

        async def later() -> Any:
            await asyncio.sleep(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        if self._awaits:
            return later()
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Only:
    """Credentials with nothing but these methods."""

    def __init__(self, **methods: Any) -> None:
        self.__dict__.update(methods)


def is_malformed(outcome: Outcome) -> bool:
    """501 5.5.2."""
    return isinstance(outcome, Reply) and (outcome.code, outcome.enhanced) == (501, "5.5.2")


def connection() -> Connection:
    config = Config()
    settings = ClientSettings(config, lambda policies, trusted: config.settings("smtp"))
    return Connection(Peer("192.0.2.1", 4321), Listener("smtp", settings))


def exchange(mechanism: str, credentials: Any = None) -> Exchange:
    begun = Authenticator(credentials if credentials is not None else Known()).exchange(mechanism, connection())
    assert isinstance(begun, Exchange)
    return begun


def outcomes(begun: Exchange, *responses: bytes | None) -> list[Outcome]:
    """What each response came to."""

    async def main() -> list[Outcome]:
        return [await begun.step(response) for response in responses]

    return asyncio.run(main())


def last(mechanism: str, *responses: bytes | None, credentials: Any = None) -> Outcome:
    """What the last response came to; those before were answered by challenges."""
    *before, end = outcomes(exchange(mechanism, credentials), *responses)
    assert all(isinstance(outcome, bytes) for outcome in before), before
    return end


def bearer(name: str = NAME, token: str = TOKEN) -> bytes:
    return f"n,a={name},\x01host=mx.example.org\x01port=587\x01auth=Bearer {token}\x01\x01".encode()


def xoauth2(name: str = NAME, token: str = TOKEN) -> bytes:
    return f"user={name}\x01auth=Bearer {token}\x01\x01".encode()


def through(mechanism: str, credentials: Any, name: str = NAME, secret: str | None = None) -> list[Outcome]:
    """A whole exchange by the mechanism, up to its end; the secret is the right one unless another is given."""
    password = PASSWORD if secret is None else secret
    if mechanism == "SCRAM-SHA-256":
        return through_scram(credentials, name, password)
    said: dict[str, list[bytes | None]] = {
        "PLAIN": [None, f"\0{name}\0{password}".encode()],
        "LOGIN": [None, name.encode(), password.encode()],
        "OAUTHBEARER": [None, bearer(name, secret or TOKEN), b"\x01"],
        "XOAUTH2": [xoauth2(name, secret or TOKEN), b""],
    }
    begun = exchange(mechanism, credentials)
    came: list[Outcome] = []
    for response in said[mechanism]:
        came += outcomes(begun, response)
        if not isinstance(came[-1], bytes):
            break
    return came


def through_scram(credentials: Any, name: str = NAME, password: str = PASSWORD) -> list[Outcome]:
    """By scramp's own client, which checks what the server proves."""
    import scramp

    begun = exchange("SCRAM-SHA-256", credentials)
    client = scramp.ScramClient(["SCRAM-SHA-256"], name, password)
    came = outcomes(begun, client.get_client_first().encode())
    if isinstance(came[-1], bytes):
        client.set_server_first(came[-1].decode())
        came += outcomes(begun, client.get_client_final().encode())
        if isinstance(came[-1], bytes):
            client.set_server_final(came[-1].decode())
            came += outcomes(begun, b"")
    return came

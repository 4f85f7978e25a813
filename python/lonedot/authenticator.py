"""AUTH (RFC 4954): which mechanisms are offered, and who checks what they bring.

An `Authenticator` is made once and shared by all connections of a server. It takes credentials, an object with any of
the methods below; gives an exchange for each AUTH command. It keeps nothing a client sends. The mechanisms themselves
are in `lonedot.sasl`, credentials from a file in `lonedot.users`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Protocol

from lonedot._core import Reply
from lonedot.sasl import MECHANISMS, Exchange, Identity, Outcome, ScramVerifier, scram

if TYPE_CHECKING:
    from lonedot.connection import Connection

__all__ = ["Authenticator", "Credentials", "Exchange", "Identity", "Outcome", "ScramVerifier"]

Verdict = bool | Reply | Awaitable[bool | Reply]
"""True; False, answered 535 5.7.8; or a Reply that refuses, with 4xx or 5xx. Any of them may be awaited for."""


class ChecksPasswords(Protocol):
    """What PLAIN and LOGIN take."""

    def check_password(self, connection: Connection, name: str, password: str, /) -> Verdict:
        """Whether it is the name's password; both are prepared (RFC 4013). Take as long for a name nobody has."""
        raise AssertionError("never called")


class KnowsVerifiers(Protocol):
    """What SCRAM-SHA-256 takes, with the package scramp."""

    def scram_verifier(
        self, connection: Connection, name: str, /
    ) -> ScramVerifier | Reply | Awaitable[ScramVerifier | Reply | None] | None:
        """What is kept of the name's password, or None. The client hears the same then as after a wrong password, and
        first a salt and 60,000 iterations; where yours differ, give a `ScramVerifier.decoy` instead."""
        raise AssertionError("never called")


class ChecksTokens(Protocol):
    """What OAUTHBEARER and XOAUTH2 take."""

    def check_token(
        self, connection: Connection, name: str, token: str, /
    ) -> bool | str | Reply | Awaitable[bool | str | Reply]:
        """Whether the token is the name's. A str is the name it really is of, which has to be given where OAUTHBEARER
        came without one and `name` is empty."""
        raise AssertionError("never called")


class Authorizes(Protocol):
    """Asked after a success, where a client wants to act as another than it has proved to be. Without this method of
    the credentials nobody may."""

    def authorize(self, connection: Connection, name: str, authorization: str, /) -> Verdict:
        """Whether `name` may act as `authorization`."""
        raise AssertionError("never called")


Credentials = ChecksPasswords | KnowsVerifiers | ChecksTokens
"""An object with at least one of the methods, each sync or async. One that raises is answered 454 4.7.0, and logged
without the exception's message, which might hold a password."""


class Authenticator:
    """What a server offers with AUTH.

    `mechanisms`: some of those the credentials have the method for, by name; None: all of them. `required`: MAIL is
    refused until a client has authenticated. `dangerously_without_tls`: AUTH is offered, and passwords are taken, on
    connections anybody on the way can read.

    Raises TypeError for credentials without a method that any mechanism takes, ValueError for a mechanism that is none,
    whose method is missing, or whose package is not installed.
    """

    __slots__ = ("_credentials", "_dangerously_without_tls", "_mechanisms", "_required")

    def __init__(
        self,
        credentials: Credentials,
        mechanisms: Iterable[str] | None = None,
        required: bool = False,
        dangerously_without_tls: bool = False,
    ) -> None:
        for name, value in ("required", required), ("dangerously_without_tls", dangerously_without_tls):
            if not isinstance(value, bool):
                raise TypeError(f"Authenticator.{name} takes True or False, not {value!r}")
        self._credentials = credentials
        self._mechanisms = _offered(credentials, mechanisms)
        self._required = required
        self._dangerously_without_tls = dangerously_without_tls

    @property
    def credentials(self) -> Credentials:
        """Who checks."""
        return self._credentials

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Those offered, strongest first."""
        return self._mechanisms

    @property
    def required(self) -> bool:
        """Whether MAIL is refused until a client has authenticated."""
        return self._required

    @property
    def dangerously_without_tls(self) -> bool:
        """Whether AUTH is offered outside TLS too."""
        return self._dangerously_without_tls

    def exchange(self, mechanism: str, connection: Connection) -> Exchange | Reply:
        """The exchange an AUTH command begins, its `step` to be called with the initial response or None; or the reply
        to a mechanism that is not offered."""
        name = mechanism.upper()
        if name not in self._mechanisms:
            return Reply(504, "5.5.4", f"Unrecognized authentication type; there is {' '.join(self._mechanisms)}")
        return MECHANISMS[name](self._credentials, connection)

    def __repr__(self) -> str:
        return f"<Authenticator {' '.join(self._mechanisms)}>"


def _offered(credentials: object, asked: Iterable[str] | None) -> tuple[str, ...]:
    kind = type(credentials).__name__
    if isinstance(credentials, type):
        raise TypeError(f"{credentials.__name__} is a class; give Authenticator an object: {credentials.__name__}()")
    methods: dict[str, None] = dict.fromkeys(mechanism.method for mechanism in MECHANISMS.values())
    there = {method for method in methods if getattr(credentials, method, None) is not None}
    for method in (*there, *(["authorize"] if getattr(credentials, "authorize", None) is not None else [])):
        if not callable(getattr(credentials, method)):
            raise TypeError(
                f"{kind}.{method} cannot be called; Authenticator takes credentials whose {method} is a method"
            )
    if not there:
        raise TypeError(f"{kind} has none of {', '.join(methods)}; Authenticator takes credentials that have one")
    possible = [
        name
        for name, mechanism in MECHANISMS.items()
        if mechanism.method in there and (name != "SCRAM-SHA-256" or scram.installed())
    ]
    if asked is None:
        names = set(possible)
    else:
        if isinstance(asked, (str, bytes)):
            raise TypeError(f"Authenticator.mechanisms takes a list of names, not {asked!r}; write [{asked!r}]")
        names = set(asked)
        for name in names:
            if name not in MECHANISMS:
                raise ValueError(
                    f"Authenticator.mechanisms: there is no {name!r} here; there are {', '.join(MECHANISMS)}"
                )
            method = MECHANISMS[name].method
            if method not in there:
                raise ValueError(f"Authenticator.mechanisms: {name} takes {method}, which {kind} does not have")
            if name not in possible:
                raise ValueError(
                    f"Authenticator.mechanisms: {name} takes the package scramp; pip install lonedot[scram]"
                )
    if not names:
        what = (
            "names nothing" if asked is not None else "would be empty: SCRAM-SHA-256 takes pip install lonedot[scram]"
        )
        raise ValueError(f"Authenticator.mechanisms {what}; leave auth out of the Config to offer none")
    return tuple(name for name in MECHANISMS if name in names)

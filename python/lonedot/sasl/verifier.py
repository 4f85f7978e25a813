"""What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): enough to check it, not to use it.

Takes a password, or the text PostgreSQL stores, `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`; gives a
`ScramVerifier`, whose repr holds neither salt nor keys. Computing one takes as long as its iterations say: call `make`
and `matches` off the event loop.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Self

ITERATIONS = 60_000
"""Of a new verifier, 20 ms of a core. Cyrus SASL's clients, Postfix among them, refuse more than 65,536."""

LEAST, MOST = 4096, 10_000_000
"""Iterations that are taken: RFC 7677 §4's least, and what keeps a mistyped number from stopping the server."""

# Octets. The least is RFC 5802's example's and more; the most, what nobody needs more of.
_SALT = range(12, 257)
_KEY = hashlib.sha256().digest_size

_WRITTEN = re.compile(r"SCRAM-SHA-256\$([0-9]{1,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)").fullmatch


@dataclass(frozen=True, slots=True, repr=False)
class ScramVerifier:
    """Raises TypeError or ValueError for a value that no client could use, naming the field, not the value."""

    iterations: int
    """Of PBKDF2 with HMAC-SHA-256, from 4096 to 10,000,000."""
    salt: bytes
    """12 to 256 octets."""
    stored_key: bytes
    """SHA-256 of the client's key, 32 octets."""
    server_key: bytes
    """With which the server proves itself, 32 octets."""

    def __post_init__(self) -> None:
        if type(self.iterations) is not int:
            raise TypeError(f"ScramVerifier.iterations takes an int, not {type(self.iterations).__name__}")
        if not LEAST <= self.iterations <= MOST:
            raise ValueError(f"ScramVerifier.iterations takes {LEAST} to {MOST}, not {self.iterations}")
        for name, lengths in (
            ("salt", _SALT),
            ("stored_key", range(_KEY, _KEY + 1)),
            ("server_key", range(_KEY, _KEY + 1)),
        ):
            value = getattr(self, name)
            if type(value) is not bytes:
                raise TypeError(f"ScramVerifier.{name} takes bytes, not {type(value).__name__}")
            if len(value) not in lengths:
                takes = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else f"{lengths[0]}"
                raise ValueError(f"ScramVerifier.{name} takes {takes} octets, not {len(value)}")

    @classmethod
    def make(cls, password: str, *, iterations: int = ITERATIONS, salt: bytes | None = None) -> Self:
        """Of a password that was prepared (RFC 4013); the salt, when none is given, is random."""
        salt = secrets.token_bytes(16) if salt is None else salt
        return cls(iterations, salt, *_keys(password, salt, iterations))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The text `written` gives. Raises ValueError, without the text."""
        match = _WRITTEN(text)
        if match is None:
            raise ValueError("a SCRAM verifier is SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, in base64")
        try:
            salt, stored_key, server_key = (b64decode(match[group], validate=True) for group in (2, 3, 4))
        except ValueError:
            raise ValueError("a SCRAM verifier's salt and keys are base64, with its padding") from None
        return cls(int(match[1]), salt, stored_key, server_key)

    @classmethod
    def decoy(cls, name: str, secret: bytes, iterations: int = ITERATIONS) -> Self:
        """For a name that has none: the same for the same name and secret, and no password matches it."""
        salt, stored_key, server_key = (
            hmac.digest(secret, what + name.encode("utf-8", "surrogatepass"), "sha256") for what in (b"s", b"c", b"v")
        )
        return cls(iterations, salt[:16], stored_key, server_key)

    def matches(self, password: str) -> bool:
        """Whether the verifier was made of this password."""
        stored_key, server_key = _keys(password, self.salt, self.iterations)
        # Both, and neither comparison tells where it ended.
        return hmac.compare_digest(stored_key + server_key, self.stored_key + self.server_key)

    def written(self) -> str:
        """As PostgreSQL writes it. A secret: it lets guesses at the password be tried."""
        salt, stored_key, server_key = (
            b64encode(value).decode("ascii") for value in (self.salt, self.stored_key, self.server_key)
        )
        return f"SCRAM-SHA-256${self.iterations}:{salt}${stored_key}:{server_key}"

    def __repr__(self) -> str:
        return f"<ScramVerifier of {self.iterations} iterations>"


def _keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """StoredKey and ServerKey (RFC 5802 §3)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogatepass"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")

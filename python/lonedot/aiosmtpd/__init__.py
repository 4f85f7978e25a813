"""For servers that run aiosmtpd: its own classes with the DATA phase on lonedot's decoder, and its handlers on
lonedot's own server.

`from lonedot.aiosmtpd import Controller` in place of `from aiosmtpd.controller import Controller` is the whole change:
what an aiosmtpd program subclasses, overrides and touches is there. `AiosmtpdHandler` runs its handler on
`lonedot.Server`.

Takes aiosmtpd 1.4.6 or newer, which nothing else in lonedot imports.
"""

import re
from importlib.metadata import PackageNotFoundError, version

_OLDEST = (1, 4, 6)

try:
    _version = version("aiosmtpd")
except PackageNotFoundError:
    raise ImportError(
        "lonedot.aiosmtpd takes aiosmtpd, which is not installed; pip install lonedot[aiosmtpd]", name="aiosmtpd"
    ) from None
if tuple(map(int, re.findall(r"\d+", _version)[:3])) < _OLDEST:
    # Older ones end mail data at more than <CRLF>.<CRLF> before they get to ours, in the lines of commands they read.
    raise ImportError(
        f"lonedot.aiosmtpd takes aiosmtpd 1.4.6 or newer, not {_version}; pip install --upgrade lonedot[aiosmtpd]",
        name="aiosmtpd",
    )

from aiosmtpd.smtp import (  # noqa: E402
    MISSING,
    AuthResult,
    Envelope,
    LoginPassword,
    Session,
    TLSSetupException,
    auth_mechanism,
    syntax,
)

from lonedot.aiosmtpd.controller import (  # noqa: E402
    Controller,
    UnixSocketController,
    UnixSocketUnthreadedController,
    UnthreadedController,
)
from lonedot.aiosmtpd.handler import AiosmtpdHandler  # noqa: E402
from lonedot.aiosmtpd.smtp import LMTP, SMTP  # noqa: E402

__all__ = [
    "LMTP",
    "MISSING",
    "SMTP",
    "AiosmtpdHandler",
    "AuthResult",
    "Controller",
    "Envelope",
    "LoginPassword",
    "Session",
    "TLSSetupException",
    "UnixSocketController",
    "UnixSocketUnthreadedController",
    "UnthreadedController",
    "auth_mechanism",
    "syntax",
]

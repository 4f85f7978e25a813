"""aiosmtpd's controllers, making lonedot's `SMTP`; a subclass with a `factory` of its own makes what that returns."""

from __future__ import annotations

from aiosmtpd import controller as upstream

from lonedot.aiosmtpd.smtp import SMTP


class _Makes(upstream.BaseController):
    def factory(self) -> SMTP:
        """A server for one connection: override it to customize the server, as with aiosmtpd."""
        return SMTP(self.handler, **self.SMTP_kwargs)


class Controller(_Makes, upstream.Controller):
    """A server at a host and a port, in a thread of its own."""


class UnixSocketController(_Makes, upstream.UnixSocketController):
    """A server on a Unix socket, in a thread of its own."""


class UnthreadedController(_Makes, upstream.UnthreadedController):
    """A server at a host and a port, on a loop that is the caller's to run."""


class UnixSocketUnthreadedController(_Makes, upstream.UnixSocketUnthreadedController):
    """A server on a Unix socket, on a loop that is the caller's to run."""

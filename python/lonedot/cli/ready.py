"""The line that `lonedot serve` prints once mail can be sent: where, where it appears, and a command that sends some.

The command takes Python alone, which is there, and works from any directory. There is none where a client has to do
more than connect: begin with TLS, authenticate, or say for whom it is a proxy.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import Literal, NamedTuple

from lonedot.cli.settings import Settings
from lonedot.cli.stderr import one_line

Use = Literal["SMTP", "TLS", "LMTP"]


class Place(NamedTuple):
    """An address that is listened on, and for what: SMTP, SMTP that begins with TLS, or LMTP."""

    address: str
    use: Use

    def __str__(self) -> str:
        return self.address if self.use == "SMTP" else f"{self.address} ({self.use})"


def ready(places: Sequence[Place], settings: Settings) -> str:
    """The line, without its end."""
    new = one_line(os.path.join(settings.maildir, "new"))
    line = f"lonedot: listening on {', '.join(map(str, places))}; mail appears in {new}"
    closed = settings.require_tls or settings.require_auth or settings.trusted_proxies
    easiest = sorted((place for place in places if place.use != "TLS"), key=lambda place: place.use == "LMTP")
    return line if closed or not easiest else f"{line}; send a first message with: {_command(easiest[0])}"


def _command(place: Place) -> str:
    # The client's name is given: smtplib would ask the DNS for it, and may wait.
    client = "LMTP" if place.use == "LMTP" else "SMTP"
    if place.address.startswith("unix:"):
        path = json.dumps(os.path.abspath(place.address.removeprefix("unix:")))
        connect = (
            f'import smtplib, socket; s = smtplib.SMTP(local_hostname="localhost"); '
            f"s.sock = socket.socket(socket.AF_UNIX); s.sock.connect({path}); s.getreply()"
        )
        if client == "LMTP":
            connect = f'import smtplib; s = smtplib.LMTP({path}, local_hostname="localhost")'
    else:
        host, _, port = place.address.rpartition(":")
        # A wildcard is no address to connect to.
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
        connect = f'import smtplib; s = smtplib.{client}("{host}", {port}, "localhost")'
    send = r's.sendmail("me@example.org", "you@example.org", "Subject: Hello\n\nIt works."); s.quit()'
    python = "python3" if shutil.which("python3") else shlex.quote(sys.executable)
    return f"{python} -c {shlex.quote(f'{connect}; {send}')}"

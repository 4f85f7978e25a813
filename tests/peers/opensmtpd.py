"""OpenSMTPD, which has its paths compiled in: it runs in a mount namespace where they are its own.

There its /etc knows its users, no names but localhost, and the certificates it shall trust; its spool and its control
socket are in its directory. On the machine nothing changes, and an OpenSMTPD that runs there is not disturbed.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.peer import NextHop, Peer, directory, ended, free_port, program, takes_root

_CONFIGURATION = """\
smtp max-message-size 60M
listen on 127.0.0.1 port {port} hostname opensmtpd.example
action "out" relay host "{url}" helo opensmtpd.example
match from any for any action "out"
"""

_PROTOCOLS = {None: "smtp+notls", "starttls": "smtp+tls", "implicit": "smtps"}

_ETC = {
    "passwd": "root:x:0:0::/:/bin/sh\n"
    "opensmtpd:x:890:890::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n"
    "opensmtpq:x:891:891::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n",
    "group": "root:x:0:\nopensmtpd:x:890:\nopensmtpq:x:891:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "hosts": "127.0.0.1 localhost\n",
    "resolv.conf": "lookup file\n",
    "mailname": "opensmtpd.example\n",
}

_MOUNTS = {"etc": "/etc", "run": "/run", "lib": "/var/lib", "spool": "/var/spool"}


@contextlib.contextmanager
def opensmtpd(to: NextHop) -> Iterator[Peer]:
    """An OpenSMTPD that relays all mail."""
    binary = program("smtpd", "opensmtpd", "OpenSMTPD")
    takes_root("OpenSMTPD")
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("OpenSMTPD takes a mount namespace of its own, which is not to be had here")
    with directory() as place:
        port = free_port()
        _furnish(place, to)
        url = f"{_PROTOCOLS[to.tls]}://{to.host}:{to.port}"
        (place / "etc" / "smtpd.conf").write_text(_CONFIGURATION.format(port=port, url=url))
        mount = "".join(f"mount --bind {place / name} {over} && " for name, over in _MOUNTS.items())
        command = [unshare, "--mount", "sh", "-c", f'{mount} exec "$@"', "sh", str(binary), "-d", "-v"]
        with (
            open(place / "log", "wb") as log,
            ended(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            ) as process,
        ):
            queues = [place / "spool" / "smtpd" / name for name in ("queue", "incoming")]
            yield Peer(port, process, place / "log", queues)


def _furnish(place: Path, to: NextHop) -> None:
    for name in _MOUNTS:
        (place / name).mkdir()
    for name, content in _ETC.items():
        (place / "etc" / name).write_text(content)
    (place / "lib" / "opensmtpd" / "empty").mkdir(parents=True)
    spool = place / "spool" / "smtpd"
    spool.mkdir()
    spool.chmod(0o711)
    if to.authority:
        certificates = place / "etc" / "ssl" / "certs"
        certificates.mkdir(parents=True)
        shutil.copy(to.authority, certificates / "ca-certificates.crt")
    # Where libraries are looked for stands in /etc too.
    cache = Path("/etc/ld.so.cache")
    if cache.exists():
        shutil.copy(cache, place / "etc" / cache.name)

"""Postfix: smtpd, queue manager and its clients for SMTP and LMTP, with directories of their own.

Nothing of /etc/postfix or /var/spool/postfix is read or written. master(8) is started by root; its daemons run as the
user postfix. A first delivery is tried at once, a second not while a test lasts.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.peer import NextHop, Peer, directory, ended, free_port, takes_root
from tests.serving import SECONDS

_DAEMONS = Path("/usr/lib/postfix/sbin")

_MAIN = """\
compatibility_level = 3.6
queue_directory = {place}/queue
data_directory = {place}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {place}/log
maillog_file_prefixes = {place}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
relay_domains = static:ALL
default_transport = {transport}
relay_transport = {transport}
local_transport = {transport}
local_recipient_maps =
alias_maps =
alias_database =
disable_dns_lookups = yes
smtp_host_lookup = native
smtputf8_enable = yes
message_size_limit = 60000000
minimal_backoff_time = 1h
maximal_backoff_time = 1h
smtp_tls_security_level = {security}
smtp_tls_wrappermode = {wrapper}
smtp_tls_CAfile = {authority}
smtp_tls_verify_cert_match = hostname
smtp_tls_loglevel = 1
"""

# -v: the client says in the log what the server offered and what it makes of it.
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
smtp unix - - n - - smtp -v
relay unix - - n - - smtp -v
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


@contextlib.contextmanager
def postfix(to: NextHop) -> Iterator[Peer]:
    """A Postfix that relays all mail, bounces too; over LMTP where `to` is a Unix socket."""
    command = shutil.which("postfix", path="/usr/sbin")
    if command is None or not (_DAEMONS / "master").exists():
        pytest.skip("Postfix is not installed")
    takes_root("Postfix")
    transport = f"lmtp:unix:{to.unix}" if to.unix else f"smtp:[{to.host}]:{to.port}"
    with directory() as place:
        for name, owner in {"etc": "root", "queue": "root", "data": "postfix"}.items():
            (place / name).mkdir()
            shutil.chown(place / name, owner)
        port = free_port()
        main = _MAIN.format(
            place=place,
            daemons=_DAEMONS,
            transport=transport,
            security="verify" if to.tls else "none",
            wrapper="yes" if to.tls == "implicit" else "no",
            authority=to.authority or "",
        )
        (place / "etc" / "main.cf").write_text(main)
        (place / "etc" / "master.cf").write_text(_MASTER.format(port=port))
        # Makes the directories of the queue.
        checked = subprocess.run([command, "-c", place / "etc", "check"], capture_output=True, timeout=SECONDS)
        assert checked.returncode == 0, checked.stderr.decode(errors="replace")
        # -s keeps it in the foreground. It makes a process group of its own, and could not if it had one.
        master: list[str | Path] = [_DAEMONS / "master", "-c", place / "etc", "-s"]
        with ended(subprocess.Popen(master, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)) as process:
            queues = [place / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")]
            yield Peer(port, process, place / "log", queues)

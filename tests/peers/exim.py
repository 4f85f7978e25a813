"""Exim: one daemon that takes mail and delivers each message at once, with a spool of its own.

Runs as the user it is compiled to run as, or as who runs the tests; its program is copied, because a user may not be
let into where the checkout lies.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.peer import NextHop, Peer, directory, ended, free_port, program

_USER = "Debian-exim"

_CONFIGURATION = """\
exim_path = {place}/exim4
exim_user = {user}
exim_group = {group}
trusted_users = {user}
spool_directory = {place}/spool
log_file_path = {place}/%slog
log_selector = +pipelining +smtp_confirmation +tls_certificate_verified
pid_file_path = {place}/pid
primary_hostname = exim.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts =
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_queue_per_connection = 0
message_size_limit = 60M
deliver_drop_privilege = true
keep_environment =
add_environment =
acl_smtp_rcpt = accept
acl_smtp_data = accept

begin routers

all:
  driver = manualroute
  route_list = * {host} byname
  self = send
  transport = out

begin transports

out:
  driver = smtp
  port = {to}
  protocol = {protocol}
  allow_localhost
  hosts_try_chunking = *
  {tls}

begin retry

* * F,1d,1h
"""

_TLS = """\
hosts_require_tls = *
  tls_verify_certificates = {authority}
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
"""


@contextlib.contextmanager
def exim(to: NextHop) -> Iterator[Peer]:
    """An Exim that relays all mail."""
    binary = program("exim4", "exim4-daemon-light", "Exim")
    try:
        own = pwd.getpwnam(_USER)
    except KeyError:
        pytest.skip(f"Exim does not run where there is no user {_USER}")
    root = os.geteuid() == 0
    user = own if root else pwd.getpwuid(os.geteuid())
    become: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if root else {}
    with directory() as place:
        shutil.copy(binary, place / "exim4")
        (place / "exim4").chmod(0o755)  # without what would make it run as root
        port = free_port()
        configuration = _CONFIGURATION.format(
            place=place,
            user=user.pw_name,
            group=user.pw_gid,
            port=port,
            host=to.host,
            to=to.port,
            protocol="smtps" if to.tls == "implicit" else "smtp",
            tls=_TLS.format(authority=to.authority) if to.tls else "hosts_avoid_tls = *",
        )
        (place / "configuration").write_text(configuration)
        (place / "spool").mkdir()
        for path in (place, place / "spool"):
            os.chown(path, user.pw_uid, user.pw_gid)
        command = [str(place / "exim4"), "-C", str(place / "configuration"), "-bdf"]
        with (
            open(place / "output", "wb") as output,
            ended(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **become
                )
            ) as process,
        ):
            yield Peer(port, process, place / "mainlog", [place / "spool" / "input"])

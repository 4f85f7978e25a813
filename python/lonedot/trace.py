"""Trace fields: the lines a receiving server puts above a message (RFC 5321 section 4.4).

Takes a transaction, gives the octets of one header field with its CRLF. Return-Path is added at final delivery only;
Received by every server that takes responsibility.

What the peer chose reaches a field in two places. Paths were parsed before, so one that could break a line is the
caller's mistake and raises. The name said with EHLO is the peer's to make up: it stands as the domain when it has the
form of one, and otherwise, stripped, in a comment. Nothing here looks anything up.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from lonedot.domain import is_domain

if TYPE_CHECKING:
    from lonedot.connection import Connection
    from lonedot.transaction import Transaction

# Octets in a line without its CRLF (RFC 5322 section 2.1.1): the one to keep to, and the one never passed.
_FOLD_AT = 78
_LINE_MOST = 998

# Atom is all the grammar allows, but every mail system writes dots too, and every reader takes them.
_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,255}")
# C0, DEL and C1, and what Unicode calls a line end: some readers split lines at those too.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Not parentheses, quotes or backslash (a comment would end), nor "=" and "?" (readers decode =?…?= in comments).
_NOT_SAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]+")
_COMMENT_MOST = 60


def return_path(transaction: Transaction) -> bytes:
    """The Return-Path field, with its CRLF; `<>` for the null reverse-path.

    Raises ValueError when the reverse-path holds a control character or is too long for a line. A path changed to
    make it fit would send bounces to somebody else.
    """
    return _field(b"Return-Path:", [(_path(transaction.reverse_path),)])


def received(transaction: Transaction, hostname: str) -> bytes:
    """The Received field, with its CRLF, dated now in the local zone.

        Time-stamp-line = "Received:" FWS From-domain By-domain Opt-info [CFWS] ";" FWS date-time
        Opt-info        = [Via] [With] [ID] [For]

    `for` names a recipient only when there is exactly one: with more it would tell each of the others (RFC 5321
    section 7.2). A recipient without a domain (`<postmaster>`) is left out, as the grammar has no place for it.
    Raises ValueError when hostname is no domain, the id no atom, or the path of `for` cannot stand in a line.
    """
    if not is_domain(hostname):
        raise ValueError(f"hostname {hostname!r} is no domain (RFC 5321 section 4.1.2)")
    if not _ID.fullmatch(transaction.id):
        raise ValueError(f"transaction id {transaction.id!r} is no atom (RFC 5321 section 4.4)")
    clauses = _from(transaction.connection)
    clauses.append((b"by", hostname.encode()))
    clauses.append((b"with", _protocol(transaction)))
    clauses.append((b"id", transaction.id.encode()))
    if len(transaction.forward_paths) == 1 and "@" in transaction.forward_paths[0]:
        clauses.append((b"for", _path(transaction.forward_paths[0])))
    clauses[-1] = (*clauses[-1][:-1], clauses[-1][-1] + b";")
    clauses.append((_date(int(time.time())),))
    return _field(b"Received:", clauses)


def _from(connection: Connection) -> list[tuple[bytes, ...]]:
    """From-domain = "FROM" FWS ( Domain [FWS "(" TCP-info ")"] / address-literal FWS "(" TCP-info ")" )."""
    address = None if connection.peer is None else _literal(connection.peer.host)
    info = [] if address is None else [(b"(%b)" % address,)]
    if connection.hello is None:
        return [(b"from", address or b"unknown"), *info]
    name = connection.hello.name
    # Without TCP-info the grammar has no place for an address literal either.
    if is_domain(name) or (address is not None and _is_literal(name)):
        return [(b"from", name.encode()), *info]
    stripped = _NOT_SAFE.sub("", name)[:_COMMENT_MOST]
    comment = b"(%b %b)" % (type(connection.hello).__name__.upper().encode(), stripped.encode())
    return [(b"from", address or b"unknown"), *info, (comment,)]


def _literal(host: str) -> bytes | None:
    """The address literal of a peer (RFC 5321 section 4.1.3); None when the transport gave no IP address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # A socket that listens on both families calls IPv4 peers ::ffff:192.0.2.1.
        if address.ipv4_mapped is None:
            return b"[IPv6:%b]" % str(address).encode()
        address = address.ipv4_mapped
    return b"[%b]" % str(address).encode()


def _is_literal(name: str) -> bool:
    if not (name.startswith("[") and name.endswith("]")):
        return False
    try:
        if name[1:6].lower() == "ipv6:":
            ipaddress.IPv6Address(name[6:-1])
        else:
            ipaddress.IPv4Address(name[1:-1])
    except ValueError:
        return False
    return "%" not in name  # ipaddress takes a zone, of any characters; the grammar does not


def _protocol(transaction: Transaction) -> bytes:
    """The With keyword: RFC 5321 section 4.4, RFC 3848, and RFC 6531 section 4.3 when a path needs UTF-8."""
    connection = transaction.connection
    secured = ("S" if connection.tls is not None else "") + ("A" if connection.auth is not None else "")
    lmtp = connection.dialect == "lmtp"
    if not (transaction.reverse_path.isascii() and all(path.isascii() for path in transaction.forward_paths)):
        return f"UTF8{'LMTP' if lmtp else 'SMTP'}{secured}".encode()
    if lmtp:
        return f"LMTP{secured}".encode()
    # There is no name for HELO over TLS.
    return f"ESMTP{secured}".encode() if type(connection.hello).__name__ == "Ehlo" else b"SMTP"


def _path(path: str) -> bytes:
    if _CONTROL.search(path):
        raise ValueError(f"path {path!r} holds a control character (RFC 5321 section 4.1.2)")
    return b"<%b>" % path.encode()


@functools.lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    """date-time of RFC 5322 section 3.3. Kept for its second, as it is the dearest part of the field to make."""
    return format_datetime(datetime.fromtimestamp(second, UTC).astimezone()).encode()


def _field(name: bytes, clauses: Iterable[tuple[bytes, ...]]) -> bytes:
    """Joins clauses, folding before one that does not fit the line, and inside one only when it fits no line whole."""
    lines: list[bytes] = []
    line = name
    for clause in clauses:
        whole = b" ".join(clause)
        for words in (whole,) if len(whole) < _FOLD_AT else clause:
            if len(line) + 1 + len(words) > _FOLD_AT:
                lines.append(line)
                line = b""
            line += b" " + words
            if len(line) > _LINE_MOST:
                raise ValueError(f"{name.decode()} field with a word of {len(words)} octets (RFC 5322 section 2.1.1)")
    lines.append(line)
    return b"\r\n".join(lines) + b"\r\n"

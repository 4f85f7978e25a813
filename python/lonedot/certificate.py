"""When a certificate is valid: the one thing that `ssl` does not say of a server's own.

Takes a certificate in DER (X.690) and reads as far into it as the times stand (RFC 5280 §4.1); nothing else is looked
at or judged, OpenSSL does that. Never raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0


def validity(der: bytes) -> tuple[datetime | None, datetime | None]:
    """notBefore and notAfter; None for one that cannot be read.

    TBSCertificate ::= SEQUENCE { version [0] DEFAULT v1, serialNumber, signature, issuer, validity, … }
    Validity ::= SEQUENCE { notBefore Time, notAfter Time }
    """
    try:
        ((_, certificate),) = _values(der)
        _, to_be_signed = next(_values(certificate))
        fields = [value for tag, value in _values(to_be_signed) if tag != _VERSION]
        begins, ends = _values(fields[3])
        return _time(*begins), _time(*ends)
    except (ValueError, IndexError, StopIteration):
        return None, None


def _values(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents, one after the other. Raises IndexError where they stop in the middle of a length."""
    at = 0
    while at < len(octets):
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length & 0x80:
            more = length & 0x7F
            length = int.from_bytes(octets[at : at + more])
            at += more
        yield tag, octets[at : at + length]
        at += length


def _time(tag: int, value: bytes) -> datetime | None:
    """UTCTime with two digits of the year up to 2049, GeneralizedTime from then on; both to the second and in UTC."""
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        # What strptime takes two digits for turns in 1969; a certificate's turn in 1950.
        text = ("19" if text >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        return None
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)

"""The obvious decoder of mail data: whole input, one octet after the other. What the real one is held against."""

from __future__ import annotations

from typing import NamedTuple


class Decoded(NamedTuple):
    """What a DataDecoder should have given after all octets."""

    out: bytes
    eof: bool
    consumed: int
    violation: tuple[str, int] | None


def decode(
    wire: bytes,
    *,
    max_size: int | None = None,
    max_line: int = 1000,
    long_line: str = "reject",
    bare_cr: str = "reject",
    bare_lf: str = "reject",
    nul: str = "reject",
    line_ends: str = "crlf",
) -> Decoded:
    """Mail data ends at the first CRLF.CRLF of the stream, where a CRLF is thought before its first octet."""
    end = (b"\r\n" + wire).find(b"\r\n.\r\n")
    body = wire if end < 0 else wire[:end]
    out, violation = bytearray(), None
    line = size = 0
    for at, octet in enumerate(body):
        before, after = body[:at], wire[at + 1 :]
        starts_line = at == 0 or before.endswith(b"\r\n")
        transparent = octet == ord(".") and starts_line
        if (transparent and after in (b"", b"\r")) or (octet == ord("\r") and not after):
            break  # what it is depends on what comes next
        if transparent:
            continue
        line, size = line + 1, size + 1
        crlf_begins = octet == ord("\r") and after.startswith(b"\n")
        crlf_ends = octet == ord("\n") and before.endswith(b"\r")
        becomes = bytes([octet])
        faults = []
        if octet == ord("\r") and not crlf_begins:
            faults += ["bare-cr"] if bare_cr == "reject" else []
            becomes = b" " if bare_cr == "normalize" else becomes
        if octet == ord("\n") and not crlf_ends:
            faults += ["bare-lf"] if bare_lf == "reject" else []
            becomes = b"\r\n" if bare_lf == "normalize" and line_ends == "crlf" else becomes
        if octet == 0 and nul == "reject":
            faults.append("nul")
        if line == max_line + 1 and long_line == "reject":
            faults.append("long-line")
        if max_size is not None and size > max_size:
            faults.append("too-large")
        if crlf_begins and line_ends == "lf":
            becomes = b""
        if faults and violation is None:
            violation = faults[0], at
        if violation is None:
            out += becomes
        line = 0 if crlf_ends else line
    return Decoded(bytes(out), end >= 0, len(wire) if end < 0 else end + 3, violation)

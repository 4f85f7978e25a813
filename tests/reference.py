"""The obvious decoder of mail data: whole input, one octet after the other. What the real one is held against."""

from __future__ import annotations

from typing import NamedTuple


class Decoded(NamedTuple):
    """What a DataDecoder should have given after all octets."""

    out: bytes
    eof: bool
    consumed: int
    violation: tuple[str, int] | None
    report: dict[str, int]
    """By the fields' names. What is not in it is 0, or no place."""


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
    report = dict.fromkeys(("size", "lines", "longest_line", "dots_removed"), 0)
    line = 0
    for at, octet in enumerate(body):
        before, after = body[:at], wire[at + 1 :]
        transparent = octet == ord(".") and (at == 0 or before.endswith(b"\r\n"))
        if (transparent and after in (b"", b"\r")) or (octet == ord("\r") and not after):
            break  # what it is depends on what comes next
        if transparent:
            report["dots_removed"] += 1
            continue
        line += 1
        report["size"] += 1
        report["longest_line"] = max(report["longest_line"], line)
        crlf_begins = octet == ord("\r") and after.startswith(b"\n")
        crlf_ends = octet == ord("\n") and before.endswith(b"\r")
        is_bare_cr = octet == ord("\r") and not crlf_begins
        is_bare_lf = octet == ord("\n") and not crlf_ends
        for seen, count, first, fault in (
            (is_bare_cr, "bare_cr", "first_bare_cr", "bare-cr" if bare_cr == "reject" else None),
            (is_bare_lf, "bare_lf", "first_bare_lf", "bare-lf" if bare_lf == "reject" else None),
            (octet == 0, "nul", "first_nul", "nul" if nul == "reject" else None),
            (octet > 127, "eight_bit", "first_eight_bit", None),
            (line == max_line + 1, "long_lines", "first_long_line", "long-line" if long_line == "reject" else None),
        ):
            if seen:
                report[count] = report.get(count, 0) + 1
                report.setdefault(first, at)
                violation = violation or ((fault, at) if fault else None)
        if max_size is not None and report["size"] > max_size:
            violation = violation or ("too-large", at)
        becomes = bytes([octet])
        if crlf_begins and line_ends == "lf":
            becomes = b""
        elif is_bare_cr and bare_cr == "normalize":
            becomes = b" "
        elif is_bare_lf and bare_lf == "normalize" and line_ends == "crlf":
            becomes = b"\r\n"
        out += becomes if violation is None else b""
        if crlf_begins and line == 1:
            report.setdefault("header_end", report["size"] - 1)
        if crlf_ends:
            report["lines"] += 1
            line = 0
    return Decoded(bytes(out), end >= 0, len(wire) if end < 0 else end + 3, violation, report)

"""SASLprep (RFC 4013): the form in which names and passwords are compared.

Takes what a client sent; gives its prepared form, or None where there is none: a control character, a character that
steers a terminal, text that mixes directions, nothing at all. Never raises.
"""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

MAX_OCTETS = 1024
"""Octets of UTF-8 in a name or a password, before and after preparation. RFC 4616 §2 lets a server refuse over 255."""

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def decoded(octets: bytes) -> str | None:
    """UTF-8 within the bound, or None."""
    if len(octets) > MAX_OCTETS:
        return None
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return None


def prepared(text: str, *, stored: bool = False) -> str | None:
    """The prepared form. `stored`: of what is kept to be compared with, where characters that Unicode 3.2 does not
    assign are prohibited; in what a client sends they are let through (RFC 3454 §7)."""
    if not _within_bound(text):
        return None
    if text.isascii():  # nothing to map, and isprintable() is right about it
        return text if text and text.isprintable() else None
    mapped = "".join([" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c)])
    normal = ucd_3_2_0.normalize("NFKC", mapped)
    if not normal or not _within_bound(normal) or not _reads_one_way(normal):
        return None
    for character in normal:
        if any(table(character) for table in _PROHIBITED) or (stored and stringprep.in_table_a1(character)):
            return None
    return normal


def _within_bound(text: str) -> bool:
    # A lone surrogate has no octets, and is prohibited.
    return len(text) <= MAX_OCTETS and len(text.encode("utf-8", "surrogatepass")) <= MAX_OCTETS


def _reads_one_way(text: str) -> bool:
    """RFC 3454 §6: from right to left in all of it, from its first character to its last, or in none."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends and not any(map(stringprep.in_table_d2, text))

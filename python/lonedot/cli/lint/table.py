"""The codes of the header check: each row of its table, by code; and a code that was meant, when it is none."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from lonedot._core import HeaderRow, header_table
from lonedot.cli.lint.message import SEVERITIES
from lonedot.cli.parser import Mistake


@cache
def rows() -> dict[str, HeaderRow]:
    """In the order of docs/findings.md."""
    return {row.code: row for row in header_table()}


def known(option: str, codes: Iterable[str]) -> frozenset[str]:
    """`codes` as a set; a Mistake for one that nothing can have."""
    codes = frozenset(codes)
    if none := sorted(codes - rows().keys()):
        raise Mistake(f"lint: {option}: there is no finding {none[0]!r}; {_meant(none[0])}")
    return codes


def _meant(code: str) -> str:
    # Only here: loading it takes longer than checking a message.
    import difflib

    near = difflib.get_close_matches(code.lower(), rows(), n=3)
    return f"did you mean {' or '.join(near)}?" if near else "docs/findings.md lists them"


def from_severity(least: str) -> frozenset[str]:
    """The codes that are at least so bad."""
    place = SEVERITIES.index(least)
    return frozenset(code for code, row in rows().items() if SEVERITIES.index(row.severity) >= place)

"""What is done about the findings of the header check (RFC 5322): which are told, and which refuse a message.

Made once, with the server's policies; a wrong value is a ValueError that names what it takes. Judges findings; reads no
message.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Self, get_args

from lonedot._core import HeaderFinding, header_table

HeaderBase = Literal["off", "report", "strict"]
Verdict = Literal["refuse", "report", "ignore"]

_CODES = [row.code for row in header_table()]
_BASES = ", ".join(map(repr, get_args(HeaderBase)))


@dataclass(frozen=True, slots=True)
class HeaderPolicy:
    """`base`: "off" checks nothing; "report" tells all findings and refuses none; "strict" refuses a message for those
    of severity "error" with their own reply at the end of mail data: 550 5.6.0, but 552 5.3.4 past a limit of the
    section, and 554 5.4.6 for a loop. `codes`: what differs for single findings, by their code (docs/findings.md):
    "refuse", "report" or "ignore". A section past a limit is not judged to its end: whoever refuses single codes only
    will want those of the limits among them."""

    base: HeaderBase = "report"
    codes: Mapping[str, Verdict] = field(default_factory=dict, hash=False)
    checks: bool = field(init=False, repr=False, compare=False)
    """Whether there is anything to look for."""

    def __post_init__(self) -> None:
        if self.base not in get_args(HeaderBase):
            raise ValueError(
                f"HeaderPolicy.base takes one of {', '.join(map(repr, get_args(HeaderBase)))}, not {self.base!r}"
            )
        if not isinstance(self.codes, Mapping):
            raise ValueError(f"HeaderPolicy.codes takes a table of verdicts by code, not {self.codes!r}")
        for code, verdict in self.codes.items():
            if code not in _CODES:
                near = difflib.get_close_matches(str(code), _CODES, 1)
                hint = f"; did you mean {near[0]}?" if near else "; docs/findings.md lists them"
                raise ValueError(f"HeaderPolicy.codes: there is no finding {code!r}{hint}")
            if verdict not in get_args(Verdict):
                takes = ", ".join(map(repr, get_args(Verdict)))
                raise ValueError(f"HeaderPolicy.codes: {code} takes one of {takes}, not {verdict!r}")
        object.__setattr__(self, "codes", MappingProxyType(dict(self.codes)))
        checks = self.base != "off" or any(verdict != "ignore" for verdict in self.codes.values())
        object.__setattr__(self, "checks", checks)

    def __reduce__(self) -> tuple[type[Self], tuple[HeaderBase, dict[str, Verdict]]]:
        # A read-only view of a table cannot go to another process.
        return type(self), (self.base, dict(self.codes))

    @classmethod
    def of(cls, value: object) -> Self:
        """A policy; one of the bases; or a table of both, as a file has it: `{base = "strict", missing-date =
        "report"}`, where the base is "report" if there is none. Raises ValueError for anything else."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)  # type: ignore[arg-type]  # it says so
        if isinstance(value, Mapping):
            codes = dict(value)
            return cls(codes.pop("base", "report"), codes)
        raise ValueError(f"HeaderPolicy takes one of {_BASES}, or a table of verdicts, not {value!r}")

    def verdict(self, finding: HeaderFinding) -> Verdict:
        """What is done about a finding."""
        verdict = self.codes.get(finding.code)
        if verdict is not None:
            return verdict
        if self.base == "off":
            return "ignore"
        return "refuse" if self.base == "strict" and finding.severity == "error" else "report"

    def told(self, findings: Iterable[HeaderFinding]) -> tuple[HeaderFinding, ...]:
        """Those that are not ignored."""
        return tuple(finding for finding in findings if self.verdict(finding) != "ignore")

    def condemning(self, findings: Iterable[HeaderFinding]) -> HeaderFinding | None:
        """The first that refuses the message."""
        return next((finding for finding in findings if self.verdict(finding) == "refuse"), None)

"""The header check of one message on its way to a sink: what was found, and whether the message is refused for it.

Takes mail data as the decoder hands it out, before the sink does; puts what was found into the transaction once the
header section is whole, and once more at the end. Changes no octet, and keeps none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lonedot._core import HeaderReader
from lonedot.transaction import AbortReason

if TYPE_CHECKING:
    from lonedot._core import DataReport, HeaderFinding, Reply
    from lonedot.config import Limits, LineEnds
    from lonedot.header_policy import HeaderPolicy
    from lonedot.transaction import Transaction

Refusal = tuple["Reply", AbortReason]


class HeaderCheck:
    """`line_ends`: those of the octets. `limits`: those of the server."""

    __slots__ = ("_policy", "_reader", "_seen", "_transaction")

    def __init__(self, policy: HeaderPolicy, transaction: Transaction, line_ends: LineEnds, limits: Limits) -> None:
        self._policy = policy
        self._transaction = transaction
        self._reader = HeaderReader(
            smtputf8=transaction.parameters.smtputf8,
            line_ends=line_ends,
            max_octets=limits.max_header,
            max_fields=limits.max_header_fields,
            max_field=limits.max_header_field,
        )
        # What was found in the section has been judged.
        self._seen = False

    def read(self, octets: bytes) -> Refusal | None:
        """The next octets of mail data. A refusal, once the header section condemns the message."""
        reader = self._reader
        if self._seen and reader.done:
            return None
        reader.read(octets)
        if self._seen or not reader.complete:
            return None
        self._seen = True
        return self._judge()

    def finish(self, report: DataReport) -> Refusal | None:
        """The message is whole."""
        self._reader.finish(report)
        return self._judge()

    def _judge(self) -> Refusal | None:
        found = self._reader.findings
        if not found:
            self._transaction.findings = ()
            return None
        findings = self._transaction.findings = self._policy.told(found)
        condemning = self._policy.condemning(findings)
        return _refusal(condemning) if condemning is not None else None


def _refusal(finding: HeaderFinding) -> Refusal:
    text = f"the header check refused it: {finding.code}, line {finding.line}"
    return finding.reply, AbortReason("refused", text=text)

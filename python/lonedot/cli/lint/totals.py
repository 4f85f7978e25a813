"""What all results come to: numbers of messages and of findings, and what could not be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from lonedot.cli.lint.task import Result, Unread


@dataclass
class Totals:
    """`counts` findings by code, `messages_by_code` messages that have any; those that are shown."""

    messages: int = 0
    with_findings: int = 0
    worst: int = -1
    counts: Counter[str] = field(default_factory=Counter)
    messages_by_code: Counter[str] = field(default_factory=Counter)
    unread: list[Unread] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Adds what a task has brought."""
        self.messages += result.messages
        self.with_findings += result.with_findings
        self.worst = max(self.worst, result.worst)
        self.counts.update(result.counts)
        self.messages_by_code.update(result.messages_by_code)
        self.unread += result.unread

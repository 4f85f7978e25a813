"""What all results come to: numbers of messages and of findings, and what could not be read."""

from __future__ import annotations

from collections import Counter

from lonedot.cli.lint.task import Result, Unread


class Totals:
    """`counts` findings by code, `messages_by_code` messages that have any; those that are shown."""

    def __init__(self) -> None:
        self.messages = 0
        self.with_findings = 0
        self.worst = -1
        self.counts: Counter[str] = Counter()
        self.messages_by_code: Counter[str] = Counter()
        self.unread: list[Unread] = []

    def add(self, result: Result) -> None:
        """Adds what a task has brought."""
        self.messages += result.messages
        self.with_findings += result.with_findings
        self.worst = max(self.worst, result.worst)
        self.counts.update(result.counts)
        self.messages_by_code.update(result.messages_by_code)
        self.unread += result.unread

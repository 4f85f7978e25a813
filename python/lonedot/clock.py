"""Deadlines of all connections on one coarse wheel.

A deadline is a tick; setting one later costs an assignment, because the wheel looks again when the old one comes. A
timer per command would cost more than parsing it: `call_later` and `cancel` take 1.4 µs, `wait_for` 12, against one
attribute.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Protocol

log = logging.getLogger("lonedot.server")


class Timed(Protocol):
    """What can be put on the wheel."""

    deadline: int
    """The tick at which `expired` is called, unless it has been set later by then."""
    slot: int
    """The tick under which the wheel holds it; the wheel's own, 0 when it does not."""

    def expired(self) -> None:
        """The deadline has come. Set a new one; otherwise it is off the wheel."""


class Clock:
    """A wheel that ticks every `resolution` seconds while it runs."""

    __slots__ = ("_handle", "_loop", "_slots", "now", "resolution")

    def __init__(self, resolution: float) -> None:
        self.resolution = resolution
        self.now = 1
        self._slots: dict[int, set[Timed]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None

    def ticks(self, seconds: float) -> int:
        """Ticks that last `seconds` at the least, and less than two resolutions more."""
        return math.ceil(seconds / self.resolution) + 1

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ticks from now on."""
        if self._handle is None:
            self._loop = loop
            self._handle = loop.call_later(self.resolution, self._tick)

    def stop(self) -> None:
        """Ticks no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def watch(self, timed: Timed) -> None:
        """Puts `timed` on the wheel, or moves it there to an earlier deadline."""
        if timed.slot:
            if timed.slot <= timed.deadline:
                return
            self._slots[timed.slot].discard(timed)
        timed.slot = timed.deadline
        self._slots.setdefault(timed.slot, set()).add(timed)

    def forget(self, timed: Timed) -> None:
        """Takes `timed` off the wheel."""
        if timed.slot:
            held = self._slots[timed.slot]
            held.discard(timed)
            if not held:
                del self._slots[timed.slot]
            timed.slot = 0

    def _tick(self) -> None:
        assert self._loop is not None
        self._handle = self._loop.call_later(self.resolution, self._tick)
        self.now += 1
        due = self._slots.pop(self.now, ())
        for timed in due:
            timed.slot = 0
        for timed in due:
            try:
                if timed.deadline <= self.now:
                    timed.expired()
            except Exception:
                log.exception("a deadline could not be met for %r", timed)
            # Whatever one of them did, the others have their time.
            if timed.deadline > self.now:
                self.watch(timed)

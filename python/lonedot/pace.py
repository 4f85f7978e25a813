"""How fast a client's mail data comes: `Limits.min_data_rate`, on the server's coarse clock.

Takes how many octets came and when nothing was read; judges each window as a whole, when one has passed. Time in which
we did not read is not the client's: the window becomes as much longer. A tick is given away with each window, as it may
have begun and ended within one.
"""

from __future__ import annotations


class Pace:
    """One message's mail data, from its 354 on. `octets`: what came in this window, for the reader to add to."""

    __slots__ = ("_since", "_stopped", "octets")

    def __init__(self, now: int) -> None:
        self.octets = 0
        self._since = now
        # When reading was stopped, 0 while it is not: the clock begins at 1.
        self._stopped = 0

    def stop(self, now: int) -> None:
        """Nothing is read from now on."""
        if not self._stopped:
            self._stopped = now

    def go_on(self, now: int) -> None:
        """It is read again."""
        if self._stopped:
            self._since += now - self._stopped
            self._stopped = 0

    def is_kept(self, now: int, window: int, least: float) -> bool:
        """Whether the client was fast enough: `least` octets a tick over a window of so many ticks or more. True until
        one has passed; then the next begins."""
        passed = now - self._since
        if passed < window or self._stopped:
            return True
        kept = self.octets >= least * (passed - 1)
        self._since, self.octets = now, 0
        return kept

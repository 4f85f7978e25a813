"""Octets of mail data in flight: received, and not taken by the application yet (`Limits.max_octets_in_flight`).

What on_message will get is held from its first octet until the message is answered or aborted; what waits for a sink,
until the sink has taken it. A `Budget` is a server's own, or shared by servers on one event loop.

Past its limit DATA is refused, and inside mail data connections wait. Were all of them to wait, and what they hold only
given back once they have sent the rest, none of them ever would: so one is favoured, the first that would have had to
wait, and is read from as if there were no limit. Only one, because each may bring a whole message: what is held stays
below the limit, a message, and for each other connection one read. It stays favoured until what it holds is given back,
which is after its hook has answered, lest another message comes on top; then the next in line is. When there is less
than the limit, nobody waits any more.

That is why the favoured one's time is bounded, by whoever reads from it: a client that trickles would otherwise hold up
all others until they give up.
"""

from __future__ import annotations

from typing import Protocol


class Reader(Protocol):
    """What can be told to wait: a connection inside mail data."""

    def proceed(self) -> None:
        """There is room again, or it is favoured now."""


class Budget:
    """Counts octets in flight. `limit`: how many may be, None for any number. `held`: how many are. `full`: the limit
    is reached; who is inside mail data asks `defers` whether to wait."""

    __slots__ = ("_favoured", "_waiting", "full", "held", "limit")

    def __init__(self, limit: int | None = None) -> None:
        """Raises ValueError for a limit below 1."""
        if limit is not None and limit < 1:
            raise ValueError(f"a budget takes at least 1 octet, or None for no limit, not {limit!r}")
        self.limit = limit
        self.held = 0
        self.full = False
        self._favoured: Reader | None = None
        # In the order in which they came.
        self._waiting: dict[Reader, None] = {}

    def take(self, octets: int) -> None:
        """So many more are in flight."""
        self.held += octets
        self.full = self.limit is not None and self.held >= self.limit

    def give(self, octets: int) -> None:
        """So many are not any more. Below the limit all that wait go on: it costs them a read at most to find it
        reached again, and each of them gets on."""
        self.held -= octets
        if self.full and (self.limit is None or self.held < self.limit):
            self.full = False
            self._favoured = None
            waiting, self._waiting = self._waiting, {}
            for reader in waiting:
                reader.proceed()

    def defers(self, reader: Reader) -> bool:
        """Whether this one has to wait. It need not when it is the favoured one, or none was."""
        if self._favoured is None:
            self._favoured = reader
            self._waiting.pop(reader, None)
        if self._favoured is reader:
            return False
        self._waiting[reader] = None
        return True

    def favours(self, reader: Reader) -> bool:
        """Whether it is the favoured one."""
        return self._favoured is reader

    def forget(self, reader: Reader) -> None:
        """This one has nothing to wait for any more: the next in line is favoured."""
        self._waiting.pop(reader, None)
        if self._favoured is reader:
            self._favoured = next(iter(self._waiting), None)
            if self._favoured is not None:
                del self._waiting[self._favoured]
                self._favoured.proceed()

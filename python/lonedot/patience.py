"""How long a client is waited for: its deadlines, its pace in mail data, and its turn when many have mail data at once.

Takes the server's clock, limits and budget; gives the deadline that the clock watches. Whoever derives from `Patience`
reads and stops reading, and ends the session when it has lasted too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lonedot.pace import Pace
from lonedot.worker import Worker

if TYPE_CHECKING:
    from lonedot._core import Session
    from lonedot.application import Application
    from lonedot.server import Server


class Patience(Worker):
    """What is due when, in ticks of the server's clock."""

    __slots__ = (
        "_application",
        "_ends",
        "_lease",
        "_pace",
        "_paused",
        "_server",
        "_session",
        "_waits",
        "deadline",
        "slot",
    )

    _application: Application
    _session: Session

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        # Nothing is read.
        self._paused = False
        # The tick at which the session has lasted long enough.
        self._ends = server.clock.now + server.session_ticks
        # The budget has it wait.
        self._waits = False
        # The tick by which mail data that others wait for has to have ended; 0 when none do.
        self._lease = 0
        # How fast mail data comes, from the 354 on.
        self._pace: Pace | None = None
        self.deadline = 0
        self.slot = 0

    def _wait_for_mail_data(self) -> None:
        """Reads on, unless the client is too slow or the budget has it wait."""
        server, pace = self._server, self._pace
        now = server.clock.now
        if pace is None:
            self._pace = Pace(now)
        elif not pace.is_kept(now, server.data_ticks, server.least_octets):
            self._hang_up("timeout")
            return
        self._wait(server.data_ticks)
        self._take_turn()

    def _take_turn(self) -> None:
        """Reads on, unless the budget has it wait: inside mail data, or between two chunks of it. There a client that
        held back the next one would otherwise hold up all others, who are refused and never get in line."""
        server = self._server
        budget, self._waits = server.budget, False
        if not budget.full:
            self._lease = 0
        elif not self._application.receives():
            self._lose_favour()
        elif budget.defers(self):
            self._waits = True
            self._stop_reading()
            return
        else:
            self._lease = self._lease or server.clock.now + server.favour_ticks
            self._use_favour()
        if self._paused:
            self._read_on()

    def _use_favour(self) -> None:
        """Others wait for its mail data to end: it has no longer than its lease, be it between two chunks."""
        if self._application.receives():
            now = self._server.clock.now
            self._set_deadline(max(1, min(self.deadline, self._lease) - now))
        else:
            self._lose_favour()

    def _lose_favour(self) -> None:
        """It holds nothing any more: another one may go on."""
        self._lease = 0
        self._server.budget.forget(self)

    def _has_time(self) -> bool:
        """Whether the clock may wait on for the client: it was we who did not read, or others wait no longer for it."""
        now = self._server.clock.now
        lease, self._lease = self._lease, 0
        return now < self._ends and (self._waits or (lease > 0 and not self._server.budget.favours(self)))

    def _wait_for_client(self) -> None:
        self._wait(self._server.data_ticks if self._session.in_mail_data else self._server.command_ticks)

    def _wait(self, ticks: int) -> None:
        server = self._server
        now = server.clock.now
        deadline = now + ticks
        if deadline > self._ends:
            # Its session may have lasted too long by now: a tick finds it at rest, or `_go_on` it with an answer.
            deadline = max(self._ends, now + 1)
        self.deadline = deadline
        if not 0 < self.slot <= deadline:
            server.clock.watch(self)

    def _set_deadline(self, ticks: int) -> None:
        clock = self._server.clock
        self.deadline = deadline = clock.now + ticks
        if not 0 < self.slot <= deadline:
            clock.watch(self)

    def expired(self) -> None:
        """The deadline has come."""
        raise NotImplementedError

    def proceed(self) -> None:
        """There is room for mail data again."""
        raise NotImplementedError

    def _stop_reading(self) -> None:
        """Nothing more is read."""
        raise NotImplementedError

    def _read_on(self) -> None:
        """It is again, if nothing else is in the way."""
        raise NotImplementedError

    def _hang_up(self, reason: str) -> None:
        """The session ends."""
        raise NotImplementedError

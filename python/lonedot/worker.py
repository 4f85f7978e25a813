"""One task at a time that awaits the application: started eagerly where Python can, ended by a deadline or a stop.

Takes awaitables; gives what they gave, or the reply to send where they failed. Whoever derives from `Worker` sets the
deadlines, and cancels with `_cancel` when they come.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Coroutine
from typing import Any, cast

from lonedot.application import FAILED, TOO_SLOW

log = logging.getLogger("lonedot.server")


class Worker:
    """The task of a conversation, or none."""

    __slots__ = ("_cancelled", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        # The task was cancelled, by the clock or the server's stop.
        self._cancelled = False

    def _start(self, coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
        """Makes the task. Its coroutine unsets `_task` as it ends, and may have made another one by then."""
        self._cancelled = False
        if sys.version_info >= (3, 12):
            task = asyncio.Task(coroutine, loop=loop, eager_start=True)
            if not task.done():
                self._task = task
        else:
            self._task = loop.create_task(coroutine)

    def _cancel(self, task: asyncio.Task[None]) -> None:
        """Cancels what the task awaits, once, if it is still the one."""
        if task is self._task and not self._cancelled:
            self._cancelled = True
            task.cancel()

    async def _answer(self, answer: Awaitable[Any], event: object) -> Any:
        """Awaits the application. What it raises, and its deadline, become the answer."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            return await answer
        except asyncio.CancelledError:
            if self._cancelled:
                log.warning("the application was not done in time and was cancelled, answering %r", event)
                reply = TOO_SLOW
            elif task.cancelling():
                raise  # the loop is being closed
            else:
                log.exception("the application awaited what was cancelled, answering %r", event)
                reply = FAILED
        except Exception:
            log.exception("the application failed, answering %r", event)
            reply = FAILED
        finally:
            if self._cancelled:
                self._cancelled = False
                task.uncancel()
        failure = self._failure_of(event, reply)
        if failure is not None:
            await self._answer(failure, None)
        return reply

    def _failure_of(self, event: object, reply: Any) -> Awaitable[None] | None:
        """What else is to be awaited because no answer to the event will come."""
        raise NotImplementedError

"""Coroutine functions that never wait, called as the functions they are.

Many a hook is `async` because the others are, and awaits nothing. Awaiting one costs a task, which costs as much as the
rest of a command; calling one that has no `await` in it costs a call. Takes a hook; gives the hook to call.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from functools import wraps
from types import CodeType
from typing import Any

from lonedot._core import result_of

# What CPython compiles await, async for and async with to; and yield, in coroutines of types.coroutine.
_WAITS = frozenset({"SEND", "YIELD_VALUE", "GET_AWAITABLE", "GET_ANEXT"})


def never_waits(function: Callable[..., Any]) -> bool:
    """Whether it is an `async def` without anything to wait for in it. One that asks for the task it runs in is not:
    it shall have one."""
    code = getattr(function, "__code__", None)
    # A mock has what says that it is one.
    if not inspect.iscoroutinefunction(function) or type(code) is not CodeType:
        return False
    operations = {instruction.opname for instruction in dis.get_instructions(code)}
    # Compilers other than CPython's leave a code object with nothing in it.
    return "RETURN_GENERATOR" in operations and not operations & _WAITS and "current_task" not in code.co_names


def prompt(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself; or, for one that never waits, one that gives at once what awaiting it would."""
    if not never_waits(function):
        return function

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return result_of(function(*arguments))

    return call

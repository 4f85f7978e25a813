"""Coroutine functions that never wait are called as functions; all others are left alone."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from lonedot._core import result_of
from lonedot.prompt import never_waits, prompt


async def gives() -> int:
    return 7


async def raises() -> None:
    raise KeyError("said")


async def loops(count: int) -> list[int]:
    found = []
    for number in range(count):
        with contextlib.suppress(ValueError):
            found.append(number)
    return [number for number in found if number]


async def starts_a_task() -> asyncio.Task[int]:
    return asyncio.get_running_loop().create_task(gives())


class Holder:
    async def method(self, value: int) -> int:
        return value

    @classmethod
    async def of_class(cls) -> str:
        return cls.__name__

    @staticmethod
    async def static() -> int:
        return 8

    async def __call__(self) -> int:
        return 9


async def awaits() -> None:
    await asyncio.sleep(0)


async def awaits_seldom(never: bool = False) -> None:
    if never:
        await asyncio.sleep(0)


async def iterates(of: AsyncIterator[int]) -> list[int]:
    return [number async for number in of]


async def enters() -> None:
    async with contextlib.AsyncExitStack():
        pass


async def awaits_within() -> list[int]:
    return [await gives() for _ in range(2)]


async def asks_for_its_task() -> asyncio.Task[Any] | None:
    return asyncio.current_task()


async def yields() -> AsyncIterator[int]:
    yield 1


def plain() -> int:
    return 1


def gives_coroutine() -> Any:
    return awaits()


NEVER = [gives, raises, loops, starts_a_task, Holder().method, Holder.of_class, Holder.static]
OTHERS = [
    *(awaits, awaits_seldom, iterates, enters, awaits_within, asks_for_its_task, yields, plain, gives_coroutine),
    *(Holder(), print, int, object(), AsyncMock()),
]


@pytest.mark.parametrize("function", NEVER, ids=lambda function: function.__qualname__)
def test_without_await_nothing_waits(function: Any) -> None:
    assert never_waits(function)
    assert prompt(function) is not function
    assert prompt(function).__qualname__ == function.__qualname__


@pytest.mark.parametrize("function", OTHERS, ids=[str(place) for place in range(len(OTHERS))])
def test_all_others_are_left_alone(function: Any) -> None:
    assert not never_waits(function)
    assert prompt(function) is function


def test_it_gives_what_awaiting_it_would() -> None:
    assert prompt(gives)() == 7
    assert prompt(loops)(3) == [1, 2]
    assert prompt(Holder().method)(5) == 5
    assert prompt(Holder.of_class)() == "Holder"
    with pytest.raises(KeyError, match="said"):
        prompt(raises)()
    with pytest.raises(TypeError, match="positional"):
        prompt(loops)()


def test_it_may_start_tasks() -> None:
    async def main() -> int:
        return int(await prompt(starts_a_task)())

    assert asyncio.run(main()) == 7


def test_only_what_never_waits_has_a_result() -> None:
    waits = awaits()
    with pytest.raises(RuntimeError, match="waits; await it"):
        result_of(waits)
    waits.close()
    for none in (7, None, [1]):
        with pytest.raises(AttributeError, match="send"):
            result_of(cast(Any, none))


def test_a_hook_may_be_called_within_itself() -> None:
    async def counts(down: int) -> int:
        return 0 if down == 0 else 1 + prompted(down - 1)

    prompted = prompt(counts)
    assert prompted(5) == 5


def test_a_result_is_held_once() -> None:
    result = object()

    async def gives_it() -> object:
        return result

    held = sys.getrefcount(result)
    for _ in range(100):
        assert prompt(gives_it)() is result
    assert sys.getrefcount(result) == held

"""What the benchmarks have in common: how often a case runs, and what is noted of it for `report.py`.

make bench                       # all, with the table and the plots
.venv/bin/pytest benches -k 1k   # some; --quick takes fewer rounds
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import corpora
import pytest

# A round lasts so many seconds at least, where it can be repeated inside.
ROUND = 0.01


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="three rounds of each case: to try, not to quote")


@pytest.fixture(scope="session", autouse=True)
def corpora_are_those_of_rust() -> None:
    corpora.check()


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    return 3 if request.config.getoption("--quick") else 15


Measure = Callable[..., None]


@pytest.fixture
def measure(benchmark: Any, rounds: int) -> Measure:
    """Runs `run` and notes the figure under `subject`/`corpus`/`what`.

    `octets`: what a run takes in. `calls`: over how many calls of the thing measured. `fresh`: makes what `run`
    takes, outside the time that counts.
    """

    def measure(
        run: Callable[..., Any],
        *,
        subject: str,
        corpus: str,
        what: str,
        octets: int,
        calls: int = 1,
        fresh: Callable[[], Any] | None = None,
        **info: Any,
    ) -> None:
        benchmark.group = f"{subject} {corpus}"
        benchmark.extra_info.update(subject=subject, corpus=corpus, what=what, octets=octets, calls=calls, **info)
        if fresh is not None:
            benchmark.pedantic(run, setup=lambda: ((fresh(),), {}), rounds=rounds)
            return
        run()
        started = time.perf_counter()
        run()
        iterations = max(1, math.ceil(ROUND / (time.perf_counter() - started)))
        benchmark.pedantic(run, rounds=rounds, iterations=iterations, warmup_rounds=1)

    return measure


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()

"""aiosmtpd's own suite passes with lonedot's classes in the place of aiosmtpd's, wherever it passes with aiosmtpd's."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.aiosmtpd_suite import ROOT, command, networks_of_its_own

RUNS = [(classes, loop) for classes in ("upstream", "lonedot") for loop in ("asyncio", "uvloop")]
# Its tests wait for tenths of a second, which a busy machine may take: one that failed has to fail alone, and again.
TRIES = 2

Outcome = dict[str, Any]


def start(folder: Path, classes: str, loop: str, *tests: str) -> subprocess.Popen[str]:
    result = folder / f"{classes}-{loop}.json"
    result.unlink(missing_ok=True)
    arguments = command(classes, loop, str(result), *tests)
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str], folder: Path, classes: str, loop: str) -> Outcome:
    try:
        said, _ = process.communicate(timeout=400)
    except BaseException:
        process.kill()
        raise
    result = folder / f"{classes}-{loop}.json"
    assert result.exists(), said
    outcome: Outcome = json.loads(result.read_text())
    return outcome | {"said": said}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Outcome]:
    """All four runs, at a time where each can have a network of its own."""
    folder = tmp_path_factory.mktemp("suite")
    if networks_of_its_own():
        processes = {run: start(folder, *run) for run in RUNS}
        runs = {run: ended(process, folder, *run) for run, process in processes.items()}
    else:
        runs = {run: ended(start(folder, *run), folder, *run) for run in RUNS}
    for run, outcome in runs.items():
        for _ in range(TRIES):
            failed = [test for test, became in outcome["outcomes"].items() if became == "failed"]
            if failed:
                outcome["outcomes"] |= ended(start(folder, *run, *failed), folder, *run)["outcomes"]
    return runs


@pytest.mark.timeout(600)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_what_passes_with_aiosmtpd_passes_with_lonedot(
    outcomes: dict[tuple[str, str], Outcome], loop: str, record_property: Any
) -> None:
    theirs, ours = outcomes["upstream", loop], outcomes["lonedot", loop]
    for name, run in ("aiosmtpd", theirs), ("lonedot", ours):
        print(f"{loop}, {name}: {dict(Counter(run['outcomes'].values()))}")
    assert theirs["outcomes"].keys() == ours["outcomes"].keys()
    worse = {
        test: became
        for test, became in ours["outcomes"].items()
        if became != "passed" and theirs["outcomes"][test] == "passed"
    }
    assert not worse, ours["said"]
    assert Counter(ours["outcomes"].values())["passed"] > 500
    # It was lonedot's decoder that read, and no one else's.
    assert ours["messages"] > 30
    assert theirs["messages"] == 0


def test_on_asyncio_all_of_it_passes(outcomes: dict[tuple[str, str], Outcome]) -> None:
    if "failed" in outcomes["upstream", "asyncio"]["outcomes"].values():
        pytest.skip("not with aiosmtpd's own classes either, on this Python")
    assert set(outcomes["lonedot", "asyncio"]["outcomes"].values()) <= {"passed", "skipped"}

"""`lonedot lint` over a mbox of 10,000 messages, beside reading the file and doing nothing with it.

A mbox of 10,000 messages of 5 KB is written to disk. It is read in 1 MiB reads, and checked by `lonedot lint`, each
with the file in the page cache (`warm`) and after it was thrown out of it (`cold`); and so is a mbox of one message,
which tells what starting the program takes. They take turns, the median of the rounds counts. Each run asserts that
every message was read, and that nothing was found; with a field taken away something is.

    python benches/lint.py [--rounds 9] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MESSAGES = 10_000
SECTION = (Path(__file__).parent / "header_section.eml").read_text().splitlines()


def message(number: int, body: str) -> str:
    section = [f"Message-ID: <{number}@example.com>" if line.startswith("Message-ID:") else line for line in SECTION]
    return "\n".join(["From bob@example.com Tue Nov 17 10:01:20 2026", *section, "", body, ""])


def write_mbox(path: Path, messages: int) -> None:
    randomness = random.Random(1)
    bodies = [base64.encodebytes(randomness.randbytes(2300)).decode() for _ in range(100)]
    with path.open("w") as file:
        file.writelines(message(number, bodies[number % 100]) for number in range(messages))
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> float:
    """Seconds."""
    started = time.perf_counter()
    descriptor = os.open(path, os.O_RDONLY)
    octets = 0
    while block := os.read(descriptor, 1 << 20):
        octets += len(block)
    os.close(descriptor)
    assert octets == path.stat().st_size
    return time.perf_counter() - started


def lint(path: Path, messages: int, *options: str) -> float:
    """Seconds."""
    command = [sys.executable, "-m", "lonedot", "lint", "--format", "summary", *options, str(path)]
    started = time.perf_counter()
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - started
    told = f"{messages:,} message{'s' if messages > 1 else ''} read, nothing found"
    assert ran.stdout.strip().splitlines()[-1] == told, ran.stdout
    return seconds


def throw_out(path: Path) -> None:
    """Of the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def assert_it_judges(folder: Path) -> None:
    path = folder / "undated.mbox"
    path.write_text(message(1, "text").replace("\nDate:", "\nX-Date:"))
    ran = subprocess.run([sys.executable, "-m", "lonedot", "lint", str(path)], stdout=subprocess.PIPE, text=True)
    assert ran.returncode == 1, ran.stdout
    assert "missing-date" in ran.stdout


def measure(folder: Path, rounds: int) -> dict[str, float]:
    path, single = folder / "many.mbox", folder / "one.mbox"
    write_mbox(path, MESSAGES)
    write_mbox(single, 1)
    assert_it_judges(folder)
    ways: dict[str, Callable[[], float]] = {
        "read": lambda: read(path),
        "lint": lambda: lint(path, MESSAGES),
        "lint, one process": lambda: lint(path, MESSAGES, "--jobs", "1"),
        "lint of one message": lambda: lint(single, 1),
    }
    found: dict[str, list[float]] = {f"{name}, {cache}": [] for name in ways for cache in ("warm", "cold")}
    for _ in range(rounds):
        for name, way in ways.items():
            read(path)
            found[f"{name}, warm"].append(way())
            throw_out(path)
            found[f"{name}, cold"].append(way())
    return {"octets": path.stat().st_size, **{name: statistics.median(seconds) for name, seconds in found.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="one round: to try, not to quote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there, for report.py")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        figures = measure(Path(folder), 1 if options.quick else options.rounds)
    octets = figures.pop("octets")
    print(f"a mbox of {MESSAGES:,} messages, {octets / 1e6:.0f} MB")
    for name, seconds in figures.items():
        print(f"{name:28} {seconds * 1e3:6.0f} ms")
    for cache in ("warm", "cold"):
        beyond = figures[f"lint, {cache}"] - figures[f"lint of one message, {cache}"]
        print(
            f"{cache}: beyond its start {beyond * 1e3:.0f} ms, {beyond / figures[f'read, {cache}']:.1f} times reading"
        )
    if options.json:
        options.json.write_text(json.dumps({"octets": octets, "seconds": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""One handler of aiosmtpd's behind three servers: aiosmtpd's own, lonedot's in its place, and lonedot's engine.

Each server runs in a process of its own; Postfix's smtp-source is the client, with 20 sessions that are kept open.
Servers take turns, the median of the rounds counts, CPU seconds are the operating system's for the server's process.
Each round asserts that the handler saw every message, whole.

    python benches/drop_in.py [--rounds 5] [--quick] [--write]

`--write` puts the table into docs/aiosmtpd.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from serve import AiosmtpdStyle, round_of, serve

PAGE = Path(__file__).parent.parent / "docs" / "aiosmtpd.md"
BEGIN, END = "<!-- written by benches/drop_in.py --write -->\n", "<!-- until here -->\n"

# Octets of a message, and messages of a round: aiosmtpd's, and the others', who would be done too soon to measure.
SIZES = {4096: (6000, 12_000), 1_048_576: (100, 600), 20_971_520: (6, 60)}


# What a controller does in its thread, in this process's loop.


async def serve_aiosmtpd(port: int) -> None:
    from aiosmtpd.controller import Controller

    await _controlled(Controller, port)


async def serve_drop_in(port: int) -> None:
    from lonedot.aiosmtpd import Controller

    await _controlled(Controller, port)


async def _controlled(kind: Any, port: int) -> None:
    controller = kind(AiosmtpdStyle(), hostname="127.0.0.1", port=port, server_hostname="bench.test")
    controller.start()
    try:
        await asyncio.Event().wait()
    finally:
        controller.stop()


async def serve_engine(port: int) -> None:
    import lonedot
    from lonedot.aiosmtpd import AiosmtpdHandler

    await lonedot.Server(AiosmtpdHandler(AiosmtpdStyle()), lonedot.Config(hostname="bench.test")).listen(
        f"127.0.0.1:{port}"
    )
    await asyncio.Event().wait()


SERVERS = {
    "aiosmtpd's `Controller`": serve_aiosmtpd,
    "`lonedot.aiosmtpd.Controller`": serve_drop_in,
    "`Server(AiosmtpdHandler(…))`": serve_engine,
}


def table(runs: dict[int, dict[str, tuple[float, float]]], rounds: int) -> str:
    """Markdown. `runs`: by size and server, CPU and wall seconds a message."""
    model = next((line.partition(": ")[2] for line in cpu_info() if line.startswith("model name")), platform.machine())
    lines = [
        f"aiosmtpd {version('aiosmtpd')}, Python {platform.python_version()}, asyncio, {os.cpu_count()} × {model},",
        f"20 sessions, median of {rounds} rounds in turn:",
        "",
        "| message | server | µs CPU each | messages / CPU s | MB / CPU s | messages / s | times aiosmtpd |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for octets, servers in runs.items():
        size = f"{octets // 1024} KiB" if octets < 1 << 20 else f"{octets >> 20} MiB"
        (first, *_) = (cpu for cpu, _ in servers.values())
        for name, (cpu, wall) in servers.items():
            figures = (
                f"{cpu * 1e6:,.0f} | {1 / cpu:,.0f} | {octets / cpu / 1e6:,.0f} | {1 / wall:,.0f} | {first / cpu:.1f}"
            )
            lines.append(f"| {size} | {name} | {figures} |")
    return "\n".join(lines) + "\n"


def cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return [line.replace("\t", "") for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round of each: to try, not to quote")
    parser.add_argument("--write", action="store_true", help=f"puts the table into {PAGE.name}")
    parser.add_argument("--serve", nargs=2, metavar=("NAME", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(SERVERS[options.serve[0]], int(options.serve[1]))
        return
    if shutil.which("smtp-source") is None:
        sys.exit("smtp-source is not installed; it comes with Postfix")
    rounds = 1 if options.quick else options.rounds
    found: dict[int, dict[str, list[tuple[float, float]]]] = {size: {name: [] for name in SERVERS} for size in SIZES}
    for _ in range(rounds):
        for octets, (few, many) in SIZES.items():
            for name in SERVERS:
                messages = few if SERVERS[name] is serve_aiosmtpd else many
                messages = max(messages // 10, 4) if options.quick else messages
                cpu, wall = round_of(name, messages, octets, __file__)
                found[octets][name].append((cpu / messages, wall / messages))
    runs = {
        octets: {
            name: (statistics.median(cpu for cpu, _ in of), statistics.median(wall for _, wall in of))
            for name, of in servers.items()
        }
        for octets, servers in found.items()
    }
    text = table(runs, rounds)
    print(text, end="")
    if options.write:
        page = PAGE.read_text()
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        assert after, f"{PAGE} has no place for the table"
        PAGE.write_text(f"{before}{BEGIN}{text}{END}{after}")


if __name__ == "__main__":
    main()

"""CPU per message of whole servers, side by side: lonedot, aiosmtpd and Postfix's smtp-sink.

Each server runs in a process of its own and discards; Postfix's smtp-source is the client, with 20 sessions that are
kept open. Servers take turns, the median of the rounds counts, CPU seconds are the operating system's for the server's
process. Each round asserts that the server saw every message, whole.

    python benches/serve.py [--messages 12000] [--octets 4096] [--rounds 5] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

SESSIONS = 20


class Tally:
    """What a server saw."""

    messages = 0
    octets = 0


async def serve_lonedot(port: int) -> None:
    import lonedot

    class Handler:
        def on_mail(self, connection: lonedot.Connection, mail: lonedot.Mail) -> None:
            pass

        def on_rcpt(self, connection: lonedot.Connection, rcpt: lonedot.Rcpt) -> None:
            pass

        async def on_message(self, connection: lonedot.Connection, message: lonedot.Message) -> None:
            Tally.messages += 1
            Tally.octets += len(message.content)

    await lonedot.Server(Handler(), lonedot.Config(hostname="bench.test")).listen(f"127.0.0.1:{port}")
    await asyncio.Event().wait()


class AiosmtpdStyle:
    """A handler of aiosmtpd's: keeps the envelope as its hooks do, counts messages."""

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        Tally.messages += 1
        Tally.octets += len(envelope.content)
        return "250 OK"


async def serve_aiosmtpd(port: int) -> None:
    from aiosmtpd.smtp import SMTP

    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(AiosmtpdStyle(), hostname="bench.test", loop=loop), "127.0.0.1", port)
    await asyncio.Event().wait()


SERVERS = {"lonedot": serve_lonedot, "aiosmtpd": serve_aiosmtpd}


Serve = Callable[[int], Coroutine[Any, Any, None]]


def serve(server: Serve, port: int) -> None:
    """The server's process: serves until standard input closes, then prints its tally."""

    async def main() -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
        task = asyncio.create_task(server(port))
        await ended.wait()
        task.cancel()

    asyncio.run(main())
    print(json.dumps({"messages": Tally.messages, "octets": Tally.octets}), flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def round_of(name: str, messages: int, octets: int, script: str = __file__) -> tuple[float, float]:
    """CPU and wall seconds of one round. `script`: which serves under that name."""
    port = free_port()
    if name == "smtp-sink":
        command = ["smtp-sink", *(["-u", "nobody"] if os.getuid() == 0 else []), f"127.0.0.1:{port}", "1000"]
    else:
        command = [sys.executable, script, "--serve", name, str(port)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise RuntimeError(f"{name} did not start") from None
                time.sleep(0.01)
        source = ["smtp-source", "-d", "-s", str(SESSIONS), "-l", str(octets)]
        envelope = ["-f", "a@x.example", "-t", "b@y.example", f"127.0.0.1:{port}"]
        subprocess.run([*source, "-m", str(SESSIONS * 2), *envelope], check=True)
        before, started = cpu_seconds(server.pid), time.perf_counter()
        subprocess.run([*source, "-m", str(messages), *envelope], check=True)
        wall, cpu = time.perf_counter() - started, cpu_seconds(server.pid) - before
        if name != "smtp-sink":
            said, _ = server.communicate(timeout=20)
            tally = json.loads(said)
            expected = messages + SESSIONS * 2
            assert tally["messages"] == expected, f"{name} saw {tally['messages']} of {expected} messages"
            assert tally["octets"] >= expected * octets, f"{name} saw {tally['octets']} octets"
        return cpu, wall
    finally:
        server.kill()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=12000)
    parser.add_argument("--octets", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round of each: to try, not to quote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there, for report.py")
    parser.add_argument("--only", action="append", choices=[*SERVERS, "smtp-sink"])
    parser.add_argument("--serve", nargs=2, metavar=("NAME", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(SERVERS[options.serve[0]], int(options.serve[1]))
        return
    for tool in ("smtp-source", "smtp-sink"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed; it comes with Postfix")
    if options.quick:
        options.messages, options.rounds = 1000, 1
    names = options.only or [*SERVERS, "smtp-sink"]
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            runs[name].append(round_of(name, options.messages, options.octets))
    print(f"{options.messages} messages of {options.octets} octets, {SESSIONS} sessions; median of {options.rounds}")
    print(f"{'server':12} {'µs CPU/message':>15} {'messages/CPU s':>15} {'messages/s':>11}")
    cpu = {name: statistics.median(run[0] for run in runs[name]) for name in names}
    for name in names:
        wall = statistics.median(run[1] for run in runs[name])
        each = cpu[name] / options.messages
        print(f"{name:12} {each * 1e6:15.1f} {1 / each:15.0f} {options.messages / wall:11.0f}")
    if options.json:
        figures = {
            "messages": options.messages,
            "octets": options.octets,
            "rounds": options.rounds,
            "cpu_seconds": {name: cpu[name] / options.messages for name in names},
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    for other in names[1:]:
        print(f"{names[0]} does {cpu[other] / cpu[names[0]]:.2f} times the messages per CPU second of {other}")


if __name__ == "__main__":
    main()

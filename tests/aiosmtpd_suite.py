"""aiosmtpd's own test suite, as its wheel has it, with aiosmtpd's classes or with lonedot's in their place.

    python -m tests.aiosmtpd_suite upstream|lonedot asyncio|uvloop RESULT.json [TEST…]

Writes what became of each test, and how many messages lonedot's decoder has read meanwhile. The suite listens at ports
of its own choice (8025, 9025): `command` gives it a network of its own where the system lets it.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import json
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
MODULES = ("smtp", "controller", "lmtp", "handlers", "main")
CONTROLLERS = ("Controller", "UnixSocketController", "UnthreadedController", "UnixSocketUnthreadedController")
CLASSES = ("SMTP", "LMTP", *CONTROLLERS)
# What its tests replace in a module of aiosmtpd, and where lonedot's classes look for it.
MOVED = {"aiosmtpd.controller.SMTP": "lonedot.aiosmtpd.controller.SMTP"}


@cache
def networks_of_its_own() -> bool:
    """Whether a process can have one, so that several suites run at a time."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--map-root-user", "--net", "true"], capture_output=True).returncode == 0


def command(*arguments: str) -> list[str]:
    """The command line of a run."""
    prefix = ["unshare", "--map-root-user", "--net"] if networks_of_its_own() else []
    return [*prefix, sys.executable, "-m", "tests.aiosmtpd_suite", *arguments]


def _raise_loopback() -> None:
    """A new network's loopback interface is down."""
    siocgifflags, siocsifflags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(any_socket, siocgifflags, request), 16)
        if not flags & up:
            fcntl.ioctl(any_socket, siocsifflags, struct.pack("16sH14x", b"lo", flags | up))


class Plugin:
    """Counts, and what is replaced."""

    def __init__(self, swapped: bool) -> None:
        self.swapped = swapped
        self.outcomes: dict[str, str] = {}
        self.messages = 0

    def swap(self) -> None:
        """Puts lonedot's classes wherever aiosmtpd's are found by name."""
        import lonedot.aiosmtpd
        from lonedot.aiosmtpd.mail_data import MailData

        for module in [importlib.import_module(f"aiosmtpd.{name}") for name in MODULES]:
            for name in CLASSES:
                if hasattr(module, name):
                    setattr(module, name, getattr(lonedot.aiosmtpd, name))
        result = MailData.result

        def counted(mail_data: MailData) -> bytes | str:
            self.messages += 1
            return result(mail_data)

        setattr(MailData, "result", counted)  # noqa: B010

    @pytest.fixture(autouse=True)
    def _moved(self, request: pytest.FixtureRequest) -> Generator[None]:
        """A test that replaces a name does so where it is used."""
        if not self.swapped or "mocker" not in request.fixturenames:
            yield
            return
        mocker = request.getfixturevalue("mocker")
        patch = mocker.patch

        class Patch:
            def __call__(self, target: str, *arguments: Any, **named: Any) -> Any:
                return patch(MOVED.get(target, target), *arguments, **named)

            def __getattr__(self, name: str) -> Any:
                return getattr(patch, name)

        mocker.patch = Patch()
        yield

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test fails where any part of it does."""
        worst = self.outcomes.get(report.nodeid, "passed")
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome if worst == "passed" else worst


def main(classes: str, loop: str, result: str, *tests: str) -> int:
    """Runs the suite, or some tests of it."""
    _raise_loopback()
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    plugin = Plugin(classes == "lonedot")
    if plugin.swapped:
        plugin.swap()
    import aiosmtpd.tests

    folder = Path(aiosmtpd.tests.__file__).parent
    options = ["-q", "-c/dev/null", f"--rootdir={folder}", "-pno:cacheprovider", "--timeout=60", "-Wignore"]
    status = pytest.main([*options, *(str(folder / test) for test in tests or (".",))], plugins=[plugin])
    outcome = {"status": int(status), "outcomes": plugin.outcomes, "messages": plugin.messages}
    Path(result).write_text(json.dumps(outcome, indent=1))
    return int(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

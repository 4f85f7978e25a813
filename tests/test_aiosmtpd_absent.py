"""Without aiosmtpd, lonedot is all it is but for `lonedot.aiosmtpd`, which says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "python"

# No installed package is found, as after `pip install lonedot`; and who tries to import aiosmtpd is told on.
WITHOUT = f"""
import sys
sys.path.insert(0, {str(PACKAGE)!r})

class Forbids:
    asked = []

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] == "aiosmtpd":
            cls.asked.append(name)
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Forbids)
"""
NOBODY_ASKED = "assert not Forbids.asked and 'aiosmtpd' not in sys.modules, Forbids.asked"


def python(code: str, *options: str) -> str:
    """What a new interpreter prints, warnings being errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def without(code: str) -> str:
    """The same, without what is installed."""
    return python(f"{WITHOUT}\n{code}", "-I", "-S")


def test_nothing_is_installed_there() -> None:
    """Or the other tests would prove nothing."""
    printed = without("""
import importlib.metadata
print(sorted({d.name for d in importlib.metadata.distributions()}))
try:
    import aiosmtpd.smtp
except ModuleNotFoundError:
    print(Forbids.asked)
""")
    assert printed == "[]\n['aiosmtpd']\n"


def test_import() -> None:
    without(f"import lonedot\n{NOBODY_ASKED}")


def test_every_other_module() -> None:
    printed = without(f"""
import importlib, pkgutil, lonedot
names = [module.name for module in pkgutil.walk_packages(lonedot.__path__, "lonedot.", onerror=lambda name: None)]
for name in names:
    if name.split(".")[1:2] != ["aiosmtpd"] and not name.endswith("__main__"):
        importlib.import_module(name)
        print(name)
{NOBODY_ASKED}
""")
    names = printed.split()
    assert {"lonedot.server", "lonedot.session", "lonedot.cli", "lonedot.sasl.scram"} <= set(names)
    files = [path for path in (PACKAGE / "lonedot").rglob("*.py") if "aiosmtpd" not in path.parts]
    assert len([name for name in names if name != "lonedot._core"]) == len(files) - len(
        [path for path in files if path == PACKAGE / "lonedot/__init__.py" or path.name == "__main__.py"]
    )


def test_a_server() -> None:
    printed = without(f"""
import asyncio, smtplib, lonedot

class Handler:
    def on_message(self, connection, message):
        print(message.reverse_path, message.content)

def send(address):
    host, _, port = address.rpartition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.sendmail("a@b.example", ["c@d.example"], b"..one\\r\\n")

async def main():
    server = lonedot.Server(Handler(), lonedot.Config(hostname="mx.example"))
    await server.listen("127.0.0.1:0")
    await asyncio.to_thread(send, server.listeners[0].address)
    await server.stop(drain=0)

asyncio.run(main())
{NOBODY_ASKED}
""")
    assert printed == "a@b.example b'..one\\r\\n'\n"


def test_the_command_line() -> None:
    printed = without(f"""
from lonedot.cli import main
try:
    main(["serve", "--help"])
except SystemExit as status:
    assert not status.code
{NOBODY_ASKED}
""")
    assert printed.startswith("usage: lonedot serve")


def test_its_own_module() -> None:
    printed = without("""
try:
    import lonedot.aiosmtpd
except ImportError as error:
    print(error.name, "|", error)
assert "lonedot.aiosmtpd" not in sys.modules
import lonedot
""")
    name, _, said = printed.strip().partition(" | ")
    assert name == "aiosmtpd"
    assert said.endswith("not installed; pip install lonedot[aiosmtpd]")


VERSIONED = """
import importlib.metadata, sys
version = importlib.metadata.version
importlib.metadata.version = lambda name: {version!r} if name == "aiosmtpd" else version(name)
try:
    import lonedot.aiosmtpd
except ImportError as error:
    assert error.name == "aiosmtpd" and "aiosmtpd" not in sys.modules
    print(error)
"""


@pytest.mark.parametrize("version", ["1.4.5", "1.4.4.post2", "1.4", "1.4a1", "1.3.9", "0.9.9"])
def test_one_that_is_too_old(version: str) -> None:
    said = python(VERSIONED.format(version=version)).strip()
    assert said == (
        f"lonedot.aiosmtpd takes aiosmtpd 1.4.6 or newer, not {version}; pip install --upgrade lonedot[aiosmtpd]"
    )


@pytest.mark.parametrize("version", ["1.4.6", "1.4.6.post1", "1.4.7b1", "1.4.10", "1.5", "2.0a1"])
def test_one_that_is_not(version: str) -> None:
    assert python(VERSIONED.format(version=version)) == ""

"""The recipes that receive mail, each run as it stands: what they deliver, to the octet, and what they do not."""

from __future__ import annotations

import shlex
import shutil
import smtplib
import socket
import struct
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.recipes import ENVELOPE, Client, Recipe, commands, running
from tests.serving import SECONDS, eventually

RECIPES: dict[str, tuple[str, dict[str, str]]] = {
    "threads": ("threads_server.py", {}),
    "anyio-asyncio": ("anyio_server.py", {"backend": "asyncio"}),
    "anyio-trio": ("anyio_server.py", {"backend": "trio"}),
    "twisted": ("twisted_server.py", {}),
}
SESSIONS = ["threads", "anyio-asyncio", "anyio-trio"]
"""Those that are built on `Session`."""

ENDINGS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "data/endings.toml").read_text())["ending"]

MESSAGE = b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n\r\n\xff\xfe caf\xc3\xa9 \x01\t\r\n...\r\n \r\n"
"""Lines of dots, octets above 127, empty lines."""


def run(name: str, directory: Path, *options: str) -> Any:
    recipe, replaced = RECIPES[name]
    return running(recipe, directory, *options, **replaced)


@pytest.fixture(scope="module", params=RECIPES)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    """One process for the tests that only send messages."""
    with run(request.param, tmp_path_factory.mktemp(request.param), "--max-size", "100000") as recipe:
        recipe.twisted = request.param == "twisted"
        yield recipe


@pytest.fixture
def recipe(shared: Recipe) -> Recipe:
    """The same, with nothing delivered yet."""
    for path in (shared.directory / "mail").iterdir():
        path.unlink()
    return shared


def wire(octets: str) -> bytes:
    return octets.encode("latin-1")


def greeting(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), SECONDS) as sock:
        return sock.recv(1024)


def as_delivered(recipe: Recipe, message: bytes) -> bytes:
    """Twisted puts an empty line above what does not begin with a header."""
    first = message.partition(b"\r\n")[0]
    return b"\r\n" + message if recipe.twisted and first and b":" not in first else message


class TestDelivered:
    def test_two_messages_by_smtplib(self, recipe: Recipe) -> None:
        with smtplib.SMTP("127.0.0.1", recipe.port, timeout=SECONDS) as client:
            assert client.sendmail("a@example.net", ["b@example.org", "c@Example.ORG"], MESSAGE) == {}
            assert client.sendmail("", ["b@example.org"], b"second\r\n") == {}
        assert set(recipe.stored()) == {MESSAGE, as_delivered(recipe, b"second\r\n")}
        # One for each recipient is Twisted's way.
        assert len(recipe.stored()) == (3 if recipe.twisted else 2)
        eventually(lambda: "octets from <> to <b@example.org>" in recipe.said(), "the second message's line")
        assert "octets from <a@example.net> to <b@example.org>" in recipe.said()
        assert "<c@Example.ORG>\n" in recipe.said()

    @pytest.mark.parametrize("step", [None, 1], ids=["one segment", "octet by octet"])
    def test_all_at_once(self, recipe: Recipe, step: int | None) -> None:
        """Two messages and what stands between, before the first reply is read."""
        octets = b"EHLO x\r\n" + ENVELOPE + b"..one\r\n.\r\n" + ENVELOPE + b"two\r\n.\r\nQUIT\r\n"
        with Client(recipe.port) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(octets), step or len(octets)):
                client.send(octets[at : at + (step or len(octets))])
            client.expect(250, 250, 250, 354, 250, 250, 250, 354, 250, 221)
            assert client.end() == b""
        assert set(recipe.stored()) == {as_delivered(recipe, b".one\r\n"), as_delivered(recipe, b"two\r\n")}

    def test_without_mail_data(self, recipe: Recipe) -> None:
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.say(".", 250)
        assert recipe.stored() == [b""]

    def test_at_and_over_the_size(self, recipe: Recipe) -> None:
        """Exactly at the limit is accepted; past it the end is waited for, and the connection goes on."""
        line = b".%s\r\n" % (b"x" * 97)  # 100 octets of mail data, one more on the wire
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.send(b"." + b".".join([line] * 1000) + b".\r\n")
            client.expect(250)
            client.send(ENVELOPE + b"." + b".".join([line] * 1000) + b"x\r\n.\r\n")
            assert client.expect(250, 250, 354, 552).startswith("552 5.3.4 ")
            client.send(ENVELOPE + b"after\r\n.\r\n")
            client.expect(250, 250, 354, 250)
        assert {len(message) for message in recipe.stored()} == {
            len(as_delivered(recipe, message)) for message in (line * 1000, b"after\r\n")
        }

    def test_a_recipient_elsewhere(self, recipe: Recipe) -> None:
        with Client(recipe.port) as client:
            client.say("EHLO x", 250)
            client.say("MAIL FROM:<a@example.net>", 250)
            client.say("RCPT TO:<b@example.com>", 550)
            client.say("RCPT TO:<Postmaster>", 250)
            client.say("RCPT TO:<b@example.org>", 250)
            client.say("DATA", 354)
            client.send(b"x\r\n.\r\n")
            client.expect(250)
        assert set(recipe.stored()) == {as_delivered(recipe, b"x\r\n")}


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending["name"])
def test_what_ends_mail_data(recipe: Recipe, ending: dict[str, Any]) -> None:
    """Behind what may be an end stands a whole transaction: smuggled, where it was none."""
    code = 550 if "violation" in ending else 250
    with Client(recipe.port) as client:
        client.until_mail_data()
        client.send(wire(ending["before"] + ending["octets"]) + ENVELOPE + b"two\r\n.\r\nQUIT\r\n")
        if ending["ends"]:
            client.expect(code, 250, 250, 354, 250, 221)
        else:
            client.expect(code, 221)
        assert client.end() == b""
    messages = [wire(ending["kept"])] if code == 250 else []
    if ending["ends"]:
        messages.append(b"two\r\n")
    elif messages:
        messages[0] += ENVELOPE + b"two\r\n"
    assert sorted(recipe.stored()) == sorted(as_delivered(recipe, message) for message in messages)


@pytest.mark.parametrize("manner", ["close", "half-close", "reset"])
@pytest.mark.parametrize("octets", [b"", b"QUIT\r\n", b"Subject: half a mess", b"all but its end\r\n.\r"])
def test_a_client_that_gives_up_inside_mail_data(recipe: Recipe, manner: str, octets: bytes) -> None:
    """What it says there is mail data, not a command; and it is no message."""
    before = recipe.said().count("\n")
    with Client(recipe.port) as client:
        client.until_mail_data()
        client.send(octets)
        if manner == "half-close":
            client.sock.shutdown(socket.SHUT_WR)
            assert client.end() == b""
        elif manner == "reset":
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: recipe.said().count("\n") > before, "the server to notice")
    assert recipe.stored() == []
    with Client(recipe.port) as client:
        client.until_mail_data()
        client.send(b"next\r\n.\r\n")
        client.expect(250)
    assert recipe.stored() == [as_delivered(recipe, b"next\r\n")]


@pytest.mark.parametrize("name", RECIPES)
class TestAlone:
    """What takes a process of its own."""

    def test_the_command_to_try(self, name: str, tmp_path: Path) -> None:
        (command,) = (command for command in commands(RECIPES[name][0]) if command.startswith("swaks "))
        tool, *arguments = shlex.split(command)
        path = shutil.which(tool)
        if path is None:
            pytest.skip(f"{tool} is not installed")
        with run(name, tmp_path) as recipe:
            arguments[arguments.index("127.0.0.1:2525")] = recipe.address
            subprocess.run([path, *arguments], check=True, timeout=SECONDS, stdout=subprocess.DEVNULL)
            (message,) = recipe.stored()
            assert b"\r\nTo: b@example.org\r\n" in message
            recipe.stop()

    def test_silence(self, name: str, tmp_path: Path) -> None:
        with run(name, tmp_path, "--timeout", "1") as recipe:
            with Client(recipe.port) as client:
                client.expect(421)
                assert client.end() == b""
            with Client(recipe.port) as client:
                client.send(b"EHLO x\r\n" + ENVELOPE + b"half")
                client.expect(250, 250, 250, 354, 421)
                assert client.end() == b""
            assert recipe.stored() == []
            eventually(lambda: "not delivered" in recipe.said(), "the server's word of it")


@pytest.mark.parametrize("name", SESSIONS)
class TestOnSession:
    def test_a_stop(self, name: str, tmp_path: Path) -> None:
        """Idle clients hear 421, and those inside mail data; nothing half is delivered."""
        with run(name, tmp_path) as recipe, Client(recipe.port) as idle, Client(recipe.port) as sending:
            sending.until_mail_data()
            sending.send(b"half")
            recipe.process.terminate()
            for client in (idle, sending):
                client.expect(421)
                assert client.end() == b""
            assert recipe.process.wait(SECONDS) == 0
            assert recipe.stored() == []
            assert "not delivered" in recipe.said()

    def test_one_too_many(self, name: str, tmp_path: Path) -> None:
        with run(name, tmp_path, "--max-connections", "2") as recipe:
            with Client(recipe.port) as first, Client(recipe.port):
                with Client(recipe.port, greeting=421) as third:
                    assert third.end() == b""
                first.say("QUIT", 221)
                assert first.end() == b""
            eventually(lambda: greeting(recipe.port).startswith(b"220 "), "room for another client")
            recipe.stop()

    def test_a_flood_of_commands(self, name: str, tmp_path: Path) -> None:
        """More replies than a session keeps at a time, all of which come."""
        count = 20_000
        with run(name, tmp_path) as recipe, Client(recipe.port) as client:
            sending = threading.Thread(target=client.send, args=(b"NOOP\r\n" * count + b"QUIT\r\n",))
            sending.start()
            client.expect(*[250] * count, 221)
            sending.join()

    def test_chunks(self, name: str, tmp_path: Path) -> None:
        with run(name, tmp_path) as recipe, Client(recipe.port) as client:
            client.say("EHLO x", 250)
            client.send(ENVELOPE.removesuffix(b"DATA\r\n") + b"BDAT 5\r\n.\r\n.\rBDAT 3 LAST\r\n\nno")
            client.expect(250, 250, 250, 250)
            assert recipe.stored() == [b".\r\n.\r\nno"]

    def test_what_cannot_be_stored_is_not_acknowledged(self, name: str, tmp_path: Path) -> None:
        with run(name, tmp_path) as recipe, Client(recipe.port) as client:
            (tmp_path / "mail").rmdir()
            client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            assert client.expect(451).startswith("451 4.3.0 ")
            (tmp_path / "mail").mkdir()
            client.send(ENVELOPE + b"x\r\n.\r\n")
            client.expect(250, 250, 354, 250)
            assert recipe.stored() == [b"x\r\n"]

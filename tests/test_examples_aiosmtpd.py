"""The recipe for aiosmtpd, run as it stands in both its ways: what it delivers, to the octet, and what it does not."""

from __future__ import annotations

import smtplib
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.recipes import ENVELOPE, Client, Recipe, running
from tests.serving import SECONDS, eventually

ENDINGS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "data/endings.toml").read_text())["ending"]
MESSAGE = b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n\r\n\xff\xfe caf\xc3\xa9 \x01\t\r\n...\r\n \r\n"


def free_address() -> str:
    # aiosmtpd's controller connects to the port it was told, so it cannot be told 0.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:{1}".format(*probe.getsockname())


@pytest.fixture(scope="module", params=["controller", "engine"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    directory = tmp_path_factory.mktemp(request.param)
    options = {"listen": free_address(), "by": request.param}
    with running("aiosmtpd_server.py", directory, "--max-size", "100000", **options) as recipe:
        yield recipe
        recipe.stop()


@pytest.fixture
def recipe(shared: Recipe) -> Recipe:
    """The same, with nothing delivered yet."""
    for path in (shared.directory / "mail").iterdir():
        path.unlink()
    return shared


def test_two_messages_by_smtplib(recipe: Recipe) -> None:
    with smtplib.SMTP("127.0.0.1", recipe.port, timeout=SECONDS) as client:
        assert client.sendmail("a@example.net", ["b@example.org", "c@Example.ORG"], MESSAGE) == {}
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("a@example.net", ["d@elsewhere.example"], MESSAGE)
        assert refused.value.recipients["d@elsewhere.example"][0] == 550
        assert client.sendmail("a@example.net", ["b@example.org"], b"second\r\n") == {}
    assert sorted(recipe.stored()) == sorted([MESSAGE, b"second\r\n"])


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: str(ending["name"]))
def test_only_crlf_dot_crlf_ends(recipe: Recipe, ending: dict[str, Any]) -> None:
    octets = (ending.get("before", "one") + ending["octets"]).encode("latin-1")
    with Client(recipe.port) as client:
        client.until_mail_data()
        client.send(octets + b"NOOP\r\n.\r\n")
        accepted = client.reply()[-1].startswith("250 ")
        # The engine refuses what aiosmtpd keeps: bare CR, bare LF, NUL.
        assert accepted or client.say("NOOP", 250)
    stored = recipe.stored()
    assert len(stored) == accepted
    # A false end is mail data, and so is what comes behind it.
    assert all((b"NOOP" in message) != ending["ends"] for message in stored)


@pytest.mark.parametrize("command", [b"QUIT\r\n", b"RSET\r\n", b"half"])
def test_who_gives_up_inside_mail_data_delivers_nothing(recipe: Recipe, command: bytes) -> None:
    with Client(recipe.port) as client:
        client.until_mail_data()
        client.send(command)
        client.sock.shutdown(socket.SHUT_WR)
        client.end()
    with Client(recipe.port) as client:
        client.say("NOOP", 250)
    assert recipe.stored() == []


def test_the_size_is_a_limit(recipe: Recipe) -> None:
    line = b"x" * 98 + b"\r\n"
    for octets, code in (line * 1000, 250), (line * 1000 + b"\r\n", 552):
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.send(octets + b".\r\n")
            client.expect(code)
    assert recipe.stored() == [line * 1000]


def test_pipelined_commands_are_answered_in_order(recipe: Recipe) -> None:
    with Client(recipe.port) as client:
        client.say("EHLO client.example", 250)
        client.send(ENVELOPE + b"first\r\n.\r\n" + ENVELOPE + b"second\r\n.\r\nQUIT\r\n")
        client.expect(250, 250, 354, 250, 250, 250, 354, 250, 221)
    eventually(lambda: sorted(recipe.stored()) == [b"first\r\n", b"second\r\n"], "both messages")

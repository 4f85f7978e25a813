"""examples/filter_gateway.py: what reaches the next hop, to the octet, and what the client hears of it."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import smtplib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import lonedot
import pytest
from lonedot import Config, Limits, Reply

from tests.next_hops import Scripted, next_hop
from tests.recipes import ENVELOPE, EXAMPLES, Client, Recipe, commands, running
from tests.serving import SECONDS, eventually
from tests.support import Recorder

NAME = "filter_gateway.py"
ENDINGS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "data/endings.toml").read_text())["ending"]

ADDED = re.compile(
    rb"Received: from client\.example \(\[127\.0\.0\.1\]\) by gateway\.example\.org[ \r].*\r\n(?:[ \t].*\r\n)*"
    rb"X-Filtered: \d+ lines\r\n"
)

MAIL_DATA = {
    "dots": b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n...\r\n.\r\n",
    "octets above 127": b"Subject: x\r\n\r\n" + bytes(set(range(1, 256)) - {10, 13}) + b"\r\n",
    "empty": b"",
    "an empty line": b"\r\n",
    "no header": b"only a body\r\n",
    "lines as long as may be": (b"x" * 998 + b"\r\n") * 3,
    "a megabyte": b"".join(b".%d\r\n" % number for number in range(130_000)),
}


def gateway(directory: Path, port: int, *options: str) -> Any:
    return running(NAME, directory, *options, next_hop=f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def handler() -> Recorder:
    return Recorder(on_connect=None, on_mail=None, on_rcpt=None, on_disconnect=None)


@pytest.fixture(scope="module")
def shared(handler: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    """One gateway and one next hop that takes everything, for the tests that only send messages."""
    with next_hop(handler) as port, gateway(tmp_path_factory.mktemp("gateway"), port) as recipe:
        yield recipe


@pytest.fixture
def recipe(shared: Recipe, handler: Recorder) -> Recipe:
    """The same, with nothing relayed yet."""
    eventually(lambda: len(handler.of("on_disconnect")) == len(handler.of("on_connect")), "connections to end")
    handler.calls.clear()
    return shared


def without_added(content: bytes) -> bytes:
    """What is below the fields that the gateway added."""
    added = ADDED.match(content)
    assert added, content[:300]
    return content[added.end() :]


class TestPassedOn:
    @pytest.mark.parametrize("mail_data", MAIL_DATA.values(), ids=MAIL_DATA)
    def test_the_octets(self, recipe: Recipe, handler: Recorder, mail_data: bytes) -> None:
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.send(lonedot.encode_data(mail_data))
            client.expect(250)
        (content,) = handler.contents
        assert without_added(content) == mail_data

    def test_a_first_line_that_begins_with_white_space(self, recipe: Recipe, handler: Recorder) -> None:
        """It would continue the field above it."""
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.send(b"\t(a date of the client's)\r\n.\r\n")
            client.expect(250)
        (content,) = handler.contents
        assert without_added(content) == b"\r\n\t(a date of the client's)\r\n"

    @pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending["name"])
    def test_what_ends_mail_data(self, recipe: Recipe, handler: Recorder, ending: dict[str, Any]) -> None:
        code = 550 if "violation" in ending else 250
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.send((ending["before"] + ending["octets"]).encode("latin-1") + ENVELOPE + b"two\r\n.\r\nQUIT\r\n")
            client.expect(*([code, 250, 250, 354, 250, 221] if ending["ends"] else [code, 221]))
            assert client.end() == b""
        messages = [ending["kept"].encode("latin-1")] if code == 250 else []
        if ending["ends"]:
            messages.append(b"two\r\n")
        elif messages:
            messages[0] += ENVELOPE + b"two\r\n"
        assert [without_added(content) for content in handler.contents] == messages

    def test_two_messages_by_smtplib(self, recipe: Recipe, handler: Recorder) -> None:
        with smtplib.SMTP("127.0.0.1", recipe.port, local_hostname="client.example", timeout=SECONDS) as client:
            assert client.sendmail("", ["b@example.org"], b"one\r\n") == {}
            body = ["BODY=8BITMIME", "SMTPUTF8"]
            assert client.sendmail("å@example.net", ["b@example.org", "ç@example.org"], b"\xff\r\n", body) == {}
        first, second = handler.of("on_message")
        assert (first.reverse_path, first.forward_paths) == ("", ("b@example.org",))
        assert (second.reverse_path, second.forward_paths) == ("å@example.net", ("b@example.org", "ç@example.org"))
        assert (second.parameters.body, second.parameters.smtputf8) == ("8BITMIME", True)
        assert first.transaction.connection is second.transaction.connection
        # smtplib gives the size; here come the added fields with it.
        assert [mail.parameters.size for mail in handler.of("on_mail")] == [5 + 2048, 3 + 2048]

    def test_all_at_once(self, recipe: Recipe, handler: Recorder) -> None:
        with Client(recipe.port) as client:
            client.send(b"EHLO client.example\r\n" + (ENVELOPE + b"one\r\n.\r\n") * 2 + b"QUIT\r\n")
            client.expect(250, *[250, 250, 354, 250] * 2, 221)
            assert client.end() == b""
        assert [without_added(content) for content in handler.contents] == [b"one\r\n"] * 2

    @pytest.mark.parametrize("between", ["RSET", "EHLO client.example"])
    def test_a_transaction_that_is_given_up(self, recipe: Recipe, handler: Recorder, between: str) -> None:
        with Client(recipe.port) as client:
            client.say("EHLO client.example", 250)
            client.say("MAIL FROM:<first@example.net>", 250)
            client.say("RCPT TO:<first@example.org>", 250)
            client.say(between, 250)
            client.send(ENVELOPE + b"second\r\n.\r\n")
            client.expect(250, 250, 354, 250)
        (message,) = handler.of("on_message")
        assert (message.reverse_path, message.forward_paths) == ("a@example.net", ("b@example.org",))

    def test_the_command_to_try(self, recipe: Recipe, handler: Recorder) -> None:
        (command,) = (command for command in commands(NAME) if command.startswith("swaks "))
        tool, *arguments = shlex.split(command.replace("127.0.0.1:2525", recipe.address))
        path = shutil.which(tool)
        if path is None:
            pytest.skip(f"{tool} is not installed")
        subprocess.run([path, *arguments], check=True, timeout=SECONDS, stdout=subprocess.DEVNULL)
        assert len(handler.contents) == 1


class TestGivenUp:
    @pytest.mark.parametrize("octets", [b"", b"QUIT\r\n", b"half a message\r\n.\r"])
    def test_inside_mail_data(self, recipe: Recipe, handler: Recorder, octets: bytes) -> None:
        """The next hop has a transaction without DATA, and then its connection ends."""
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.send(octets)
        eventually(lambda: handler.of("on_disconnect"), "the next hop's connection to end")
        assert [name for name, _ in handler.calls] == ["on_connect", "on_mail", "on_rcpt", "on_disconnect"]


class TestWhatTheNextHopSays:
    def test_refusals(self, tmp_path: Path) -> None:
        """Of a sender, of one recipient among others, of a message: each as it was said."""

        def on_rcpt(connection: object, rcpt: lonedot.Rcpt) -> Reply | None:
            return Reply(550, "5.1.1", "No such user\nAsk postmaster") if rcpt.local_part == "nobody" else None

        def on_mail(connection: object, mail: lonedot.Mail) -> Reply | None:
            return Reply(451, "4.7.1", "Greylisted") if mail.local_part == "early" else None

        def on_message(connection: object, message: lonedot.Message) -> Reply | None:
            return Reply(554, "5.7.1", "Not\nwanted") if b"unwanted" in message.content else Reply(250, None, "Queued")

        handler = Recorder(on_rcpt=on_rcpt, on_mail=on_mail, on_message=on_message)
        with next_hop(handler) as port, gateway(tmp_path, port) as recipe, Client(recipe.port) as client:
            client.say("EHLO client.example", 250)
            assert client.say("MAIL FROM:<early@example.net>", 451) == "451 4.7.1 Greylisted"
            client.say("MAIL FROM:<a@example.net>", 250)
            client.say("RCPT TO:<b@example.org>", 250)
            client.send(b"RCPT TO:<nobody@example.org>\r\n")
            assert client.reply() == ["550-5.1.1 No such user", "550 5.1.1 Ask postmaster"]
            client.say("RCPT TO:<c@example.org>", 250)
            client.say("DATA", 354)
            client.send(b"one\r\n.\r\n")
            # The server behind it gives no enhanced code, and this one promises one.
            assert client.expect(250) == "250 2.0.0 Queued"
            client.send(ENVELOPE + b"unwanted\r\n.\r\n")
            client.expect(250, 250, 354)
            assert client.reply() == ["554-5.7.1 Not", "554 5.7.1 wanted"]
            client.send(ENVELOPE + b"two\r\n.\r\n")
            client.expect(250, 250, 354, 250)
            recipe.stop()
        assert [message.forward_paths for message in handler.of("on_message")] == [
            ("b@example.org", "c@example.org"),
            ("b@example.org",),
            ("b@example.org",),
        ]

    def test_the_filter_s_own_refusal(self, recipe: Recipe, handler: Recorder) -> None:
        with Client(recipe.port) as client:
            client.until_mail_data()
            client.send(b"X-Spam-Flag: YES\r\n\r\nbuy\r\n.\r\n")
            client.expect(550)
            client.send(ENVELOPE + b"Subject: a quote\r\n\r\nX-Spam-Flag: YES\r\n.\r\n")
            client.expect(250, 250, 354, 250)
        assert len(handler.contents) == 1

    @pytest.mark.parametrize(
        ("code", "text", "reply"),
        [
            (250, "2.1.5 Ok", b"250 2.1.5 Ok\r\n"),
            (251, "will forward", b"251 2.0.0 will forward\r\n"),
            (550, "5.1.1 a\n5.1.1 b\n5.1.1", b"550-5.1.1 a\r\n550-5.1.1 b\r\n550 5.1.1 \r\n"),
            (550, "5.1.1", b"550 5.1.1 \r\n"),
            (550, "", b"550 5.0.0 \r\n"),
            (550, "4.1.1 contradicts", b"550 5.0.0 4.1.1 contradicts\r\n"),
            (550, "5.01.1 x", b"550 5.0.0 5.01.1 x\r\n"),
            (550, "5.1.1000 x", b"550 5.0.0 5.1.1000 x\r\n"),
            (571, "5.7.1 x", b"550 5.7.1 x\r\n"),
            (421, "4.3.2 going down", b"451 4.3.2 going down\r\n"),
            (550, "5.1.1 caf\xe9\x00\r\x85\u2028x", b"550 5.1.1 caf?????x\r\n"),
            (354, "go on", None),
            (199, "x", None),
            (-1, "x", None),
            (999, "x", None),
        ],
    )
    def test_any_reply(self, code: int, text: str, reply: bytes | None) -> None:
        passed_on = module().passed_on(code, text)
        assert (bytes(passed_on) if passed_on is not None else None) == reply


def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("filter_gateway", EXAMPLES / NAME)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class TestOffers:
    def keywords(self, client: Client) -> set[str]:
        client.send(b"EHLO client.example\r\n")
        return {line[4:] for line in client.reply()[1:]}

    def test_those_of_the_next_hop(self, tmp_path: Path) -> None:
        config = Config(hostname="next.example", limits=Limits(max_size=10_000))
        with next_hop(Recorder(), config) as port, gateway(tmp_path, port) as recipe, Client(recipe.port) as client:
            assert self.keywords(client) == {
                *("SIZE 7952", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"),
            }
            client.say("MAIL FROM:<a@example.net> SIZE=7952", 250)
            client.say("RSET", 250)
            client.say("MAIL FROM:<a@example.net> SIZE=7953", 552)

    def test_none_of_the_next_hop(self, tmp_path: Path) -> None:
        config = Config(hostname="next.example", extensions=frozenset())
        handler = Recorder()
        with next_hop(handler, config) as port, gateway(tmp_path, port) as recipe, Client(recipe.port) as client:
            assert self.keywords(client) == {"PIPELINING", "ENHANCEDSTATUSCODES"}
            for parameter in ("SIZE=1", "BODY=8BITMIME", "SMTPUTF8"):
                client.say(f"MAIL FROM:<a@example.net> {parameter}", 555)
            client.send(ENVELOPE + b"\xff\r\n.\r\n")
            assert client.expect(250, 250, 354, 554).startswith("554 5.6.3 ")
            client.send(ENVELOPE + b"seven bits\r\n.\r\n")
            client.expect(250, 250, 354, 250)
        assert [without_added(content) for content in handler.contents] == [b"seven bits\r\n"]

    def test_at_and_over_the_size(self, tmp_path: Path) -> None:
        handler = Recorder()
        config = Config(hostname="next.example", limits=Limits(max_size=10_000))
        line = b"x" * 98 + b"\r\n"
        with next_hop(handler, config) as port, gateway(tmp_path, port) as recipe, Client(recipe.port) as client:
            client.until_mail_data()
            client.send(line * 79 + b"x" * 50 + b"\r\n.\r\n")
            client.expect(250)
            client.send(ENVELOPE + line * 79 + b"x" * 51 + b"\r\n.\r\n")
            client.expect(250, 250, 354, 552)
        assert [len(without_added(content)) for content in handler.contents] == [7952]

    def test_what_is_offered_no_longer(self, tmp_path: Path) -> None:
        with Scripted() as hop, gateway(tmp_path, hop.port) as recipe, Client(recipe.port) as client:
            client.until_mail_data()
            client.send(b"one\r\n.\r\n")
            client.expect(250)
        with Scripted() as hop, gateway(tmp_path, hop.port) as recipe, Client(recipe.port) as client:
            hop.said["EHLO"] = b"250 x"
            client.say("EHLO client.example", 250)
            assert client.say("MAIL FROM:<a@example.net>", 451).startswith("451 4.4.1 ")


class TestNoAnswer:
    def test_nobody_there_at_the_start(self, tmp_path: Path) -> None:
        with Scripted() as nobody:
            port = nobody.port
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / NAME), "--listen", "127.0.0.1:0", "--next-hop", f"127.0.0.1:{port}"],
            capture_output=True,
            timeout=SECONDS,
        )
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.startswith(b"127.0.0.1:%d " % port)
        assert done.stderr.count(b"\n") == 1

    def test_gone_and_back(self, tmp_path: Path) -> None:
        """The client's connection is the same all the time."""
        handler = Recorder()
        with ExitStack() as stack:
            with next_hop(handler) as port:
                recipe = stack.enter_context(gateway(tmp_path, port))
                client = stack.enter_context(Client(recipe.port))
                client.until_mail_data()
                client.send(b"one\r\n.\r\n")
                client.expect(250)
                client.say("MAIL FROM:<a@example.net>", 250)
            assert client.say("RCPT TO:<b@example.org>", 451).startswith("451 4.4.1 ")
            client.say("RSET", 250)
            assert client.say("MAIL FROM:<a@example.net>", 451).startswith("451 4.4.1 ")
            with next_hop(handler, port=port):
                client.send(ENVELOPE + b"two\r\n.\r\n")
                client.expect(250, 250, 354, 250)
        assert [without_added(content) for content in handler.contents] == [b"one\r\n", b"two\r\n"]

    @pytest.mark.parametrize("verb", ["", "EHLO", "MAIL", "RCPT", "DATA", "."])
    def test_too_slow(self, verb: str, tmp_path: Path) -> None:
        self.not_acknowledged(tmp_path, verb, None, "--timeout", "1")

    @pytest.mark.parametrize(
        ("verb", "said"),
        [
            *(("", said) for said in (b"554 no", b"what?")),
            *((verb, said) for verb in ("MAIL", "RCPT") for said in (b"354 go on", b"421 bye", b"what?", b"666 x")),
            *(("DATA", said) for said in (b"250 ok", b"220 ok", b"421 bye", b"what?")),
            *((".", said) for said in (b"354 go on", b"220 x", b"421 bye", b"what?", b"25 ok")),
        ],
    )
    def test_what_makes_no_sense(self, verb: str, said: bytes, tmp_path: Path) -> None:
        """Also a 2xx where only another reply would mean that the message is taken."""
        self.not_acknowledged(tmp_path, verb, said)

    def not_acknowledged(self, directory: Path, verb: str, said: bytes | None, *options: str) -> None:
        """The next hop says this once; the client hears 451 to what it was asked then, and goes on."""
        with Scripted() as hop, gateway(directory, hop.port, *options) as recipe, Client(recipe.port) as client:
            client.say("EHLO client.example", 250)
            hop.once[verb] = said
            steps = [("MAIL FROM:<a@example.net>", 250), ("RCPT TO:<b@example.org>", 250), ("DATA", 354)]
            at = {"MAIL": 0, "": 0, "EHLO": 0, "RCPT": 1}.get(verb, 3)
            for line, code in steps[:at]:
                client.say(line, code)
            client.say("half of it\r\n." if at == 3 else steps[at][0], 451)
            assert hop.once == {}
            client.say("RSET", 250)
            client.send(ENVELOPE + b"again\r\n.\r\n")
            client.expect(250, 250, 354, 250)
            # The connection on which replies could be mistaken is not used again; nor was that to learn the offers.
            eventually(lambda: hop.closed == 2, "the first two connections to end")
            recipe.stop()

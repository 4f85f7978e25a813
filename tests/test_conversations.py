"""The corpus of conversations and endings (tests/data/README.md) against the running server, on real sockets.

The Rust tests hold the session against it at every split; here it is the whole path that has to agree.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from lonedot import AbortReason, Config, DataReport, Limits, MaildirDelivery, Policies, Reply, Server, Transaction

from tests import reference
from tests.serving import without_trace
from tests.support import Client, run, until

DATA = Path(__file__).parent / "data"

# What a clock, a stop or a reset ends needs more than a script: see test_server_clocks, _stop and _conversation. Which
# line ends a server hands out is its delivery's to say: see test_maildir.
CONVERSATIONS = [
    pytest.param(conversation, id=f"{file.stem}: {conversation['name']}")
    for file in sorted((DATA / "conversations").glob("*.toml"))
    for conversation in tomllib.loads(file.read_text())["conversation"]
    if not any("abort" in step for step in conversation["step"])
    and "line_ends" not in conversation.get("settings", {})
    # Limits takes 1 octet at the least: SIZE 0 would mean no limit to clients (RFC 1870 §4).
    and conversation.get("settings", {}).get("max_size") != 0
]

ENDINGS = [
    pytest.param(ending, policy, id=f"{ending['name']} {policy}")
    for ending in tomllib.loads((DATA / "endings.toml").read_text())["ending"]
    for policy in ("strict", "keep")
]


# What the server offers by itself.
OWN = {"SIZE", "PIPELINING", "ENHANCEDSTATUSCODES", "CHUNKING", "LIMITS", "HELP"}


def reply_of(text: str | None) -> Reply | None:
    """`250 2.1.5 Ok`, with or without its enhanced code."""
    if text is None:
        return None
    parts = re.fullmatch(r"(\d{3}) (?:(\d\.\d+\.\d+) )?(.*)", text, re.DOTALL)
    assert parts is not None, text
    return Reply(int(parts[1]), parts[2], parts[3])


class Application:
    """Answers as the corpus says, and remembers what it was given."""

    def __init__(self, conversation: dict[str, Any]) -> None:
        self.greeting = reply_of(conversation.get("greeting"))
        self.said: dict[str, Any] = conversation.get("replies", {})
        self.asked = {"data": 0, "message": 0}
        self.delivered: list[dict[str, Any]] = []
        self.aborted: list[dict[str, Any]] = []
        self.ended: str | None = None
        self.capabilities = {"8BITMIME", "SMTPUTF8"}

    def on_connect(self, connection: Any) -> Reply | None:
        return self.greeting

    def on_hello(self, connection: Any, hello: Any) -> Reply | None:
        return reply_of(self.said.get("hello", {}).get(hello.name))

    def on_mail(self, connection: Any, mail: Any) -> Reply | None:
        return reply_of(self.said.get("mail", {}).get(mail.reverse_path))

    def on_rcpt(self, connection: Any, rcpt: Any) -> Reply | None:
        return reply_of(self.said.get("rcpt", {}).get(rcpt.forward_path))

    def on_vrfy(self, connection: Any, vrfy: Any) -> Reply | None:
        return reply_of(self.said.get("vrfy", {}).get(vrfy.argument))

    def next_of(self, kind: str) -> Any:
        at, answers = self.asked[kind], self.said.get(kind, [])
        self.asked[kind] += 1
        return answers[at] if at < len(answers) else None

    def on_data(self, connection: Any, transaction: Transaction) -> Sink | Reply:
        refusal = reply_of(self.next_of("data"))
        return refusal if refusal is not None and refusal.code >= 400 else Sink(self, transaction)

    def on_abort(self, connection: Any, transaction: Transaction, reason: AbortReason) -> None:
        told: dict[str, Any] = {"reason": str(reason), "octets": reason.octets}
        if reason.only_command is not None:
            told["only_command"] = reason.only_command
        if reason.violation is not None:
            told["violation"] = reason.violation.name
        self.aborted.append(told)

    def on_disconnect(self, connection: Any, reason: str) -> None:
        self.ended = reason


class Sink:
    """Keeps one message."""

    def __init__(self, application: Application, transaction: Transaction) -> None:
        self.application = application
        self.transaction = transaction
        self.content = b""

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    async def finish(self, report: DataReport) -> Any:
        self.application.delivered.append(
            {
                "reverse_path": self.transaction.reverse_path,
                "forward_paths": list(self.transaction.forward_paths),
                "content": self.content.decode("latin-1"),
                "size": report.size,
            }
        )
        answer = self.application.next_of("message")
        return [reply_of(each) for each in answer] if isinstance(answer, list) else reply_of(answer)

    async def abort(self, reason: AbortReason) -> None:
        pass


def of_class(kind: type, settings: dict[str, Any]) -> Any:
    return kind(**{name: settings[name] for name in (field.name for field in fields(kind)) if name in settings})


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_conversation(conversation: dict[str, Any]) -> None:
    settings = conversation.get("settings", {})
    application = Application(conversation)
    offers: dict[str, Any] = {}
    if "extensions" in settings:
        lines = settings["extensions"]
        application.capabilities = {line for line in lines if line.partition(" ")[0] not in OWN}
        offers = {"extensions": {line.partition(" ")[0] for line in lines}}
    config = Config(
        **offers,
        hostname=settings.get("hostname", "foo.com"),
        limits=of_class(Limits, settings),
        policies=of_class(Policies, settings),
    )

    async def take(client: Client, step: dict[str, Any]) -> None:
        if "send" in step:
            client.send(step["send"].encode("latin-1") * step.get("times", 1))
        if step.get("eof"):
            client.writer.write_eof()
        texts = []
        for code in step.get("expect", []):
            lines = await client.reply()
            assert lines[-1].startswith(str(code)), (step, lines)
            texts += lines
        if step.get("expect") != [354]:  # whose words are no hook's to choose
            assert step.get("expect_text", "") in "".join(f"{text}\r\n" for text in texts)

    async def main() -> None:
        server = Server(application, config)
        await server.listen("127.0.0.1:0", dialect=conversation.get("dialect", "smtp"))
        try:
            async with Client.to(server, greeting=None) as client:
                for step in conversation["step"]:
                    await take(client, step)
                if "closed" in conversation:
                    assert await client.end() == b""
            await until(lambda: not server.conversations)
            assert application.ended == conversation.get("closed", application.ended)
        finally:
            await server.stop(drain=0)

    run(main())
    delivered = conversation.get("delivered", [])
    pairs = zip(application.delivered, delivered, strict=True)
    assert [{key: one[key] for key in wanted} for one, wanted in pairs] == delivered
    # A client that only left at the end of its conversation left mail data behind, or not: the corpus says neither.
    if "closed" in conversation or conversation.get("aborted"):
        assert application.aborted == conversation.get("aborted", [])


@pytest.mark.parametrize(("ending", "policy"), ENDINGS)
def test_ending(ending: dict[str, Any], policy: str) -> None:
    application = Application({})
    keep = Policies(bare_cr="keep", bare_lf="keep", long_line="keep", nul="keep")
    config = Config(hostname="foo.com", policies=keep if policy == "keep" else Policies())
    attack = b"MAIL FROM:<smuggled@b.example>\r\nRCPT TO:<victim@foo.com>\r\nDATA\r\nsmuggled\r\n.\r\n"
    refused = policy == "strict" and "violation" in ending

    async def main() -> None:
        server = Server(application, config)
        await server.listen("127.0.0.1:0")
        try:
            async with Client.to(server) as client:
                client.send(b"EHLO b.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@foo.com>\r\nDATA\r\n")
                await client.expect(250, 250, 250, 354)
                client.send((ending["before"] + ending["octets"]).encode("latin-1") + attack)
                # What is no end leaves one message, with the attack in it; what is one leaves commands behind it.
                await client.expect(550 if refused else 250)
                if ending["ends"]:
                    await client.expect(250, 250, 354, 250)
                client.send(b"QUIT\r\n")
                await client.expect(221)
                assert await client.end() == b""
        finally:
            await server.stop(drain=0)

    run(main())
    paths = [message["reverse_path"] for message in application.delivered]
    if ending["ends"]:
        assert paths == ([] if refused else ["a@b.example"]) + ["smuggled@b.example"]
    else:
        assert paths == ([] if refused else ["a@b.example"])
    if not refused:
        content = application.delivered[0]["content"]
        assert content == ending["kept"] if ending["ends"] else content.startswith(ending["kept"])
        assert ending["ends"] or content.endswith(attack.decode().removesuffix(".\r\n"))


def test_what_is_stored_with_crlf_is_what_the_reference_decodes(tmp_path: Path) -> None:
    """Every ending once more, into a Maildir, with policies that keep all: the files are the reference's octets."""
    delivery = MaildirDelivery(tmp_path, hostname="foo.com", line_ends="crlf")
    keep = Policies(bare_cr="keep", bare_lf="keep", long_line="keep", nul="keep")
    endings = tomllib.loads((DATA / "endings.toml").read_text())["ending"]
    wanted = []

    async def main() -> None:
        server = Server(config=Config(hostname="foo.com", policies=keep), delivery=delivery)
        await server.listen("127.0.0.1:0")
        try:
            for ending in endings:
                # No white space first: an empty line would go before it.
                wire = ("x" + ending["before"] + ending["octets"]).encode("latin-1") + b"\r\n.\r\n"
                decoded = reference.decode(wire, bare_cr="keep", bare_lf="keep", long_line="keep", nul="keep")
                assert decoded.eof
                wanted.append(decoded.out)
                async with Client.to(server) as client:
                    await client.until_mail_data()
                    client.send(wire)
                    await client.expect(250)
        finally:
            await server.stop(drain=0)

    run(main())
    stored = [without_trace(path.read_bytes()) for path in (tmp_path / "new").iterdir()]
    assert sorted(stored) == sorted(wanted)

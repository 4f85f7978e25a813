"""The corpus of conversations and endings (tests/data/README.md) against the running server, on real sockets.

The Rust tests hold the session against it at every split, test_session_conversations the session as Python has it; here
it is the whole path that has to agree.
"""

from __future__ import annotations

import ssl
import tomllib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from lonedot import (
    TLS,
    AbortReason,
    Authenticator,
    Config,
    DataReport,
    MaildirDelivery,
    Policies,
    Reply,
    Server,
    Transaction,
)
from lonedot.config import TlsUse
from lonedot.sasl import Exchange, Identity, Outcome

from tests import reference
from tests.conversations import DATA, Replies, config_of, conversations, octets
from tests.serving import without_trace
from tests.support import Client, run, until
from tests.tls_support import ClientTls, TlsClient


def what_keeps_it_from_the_server(conversation: dict[str, Any]) -> str | None:
    """Why a conversation cannot be had with the running server; each line goes once its reason does."""
    settings, replies, steps = (conversation.get(key, {}) for key in ("settings", "replies", "step"))
    keywords = {line.partition(" ")[0] for line in settings.get("extensions", [])}
    reasons = {
        # See test_server_clocks, _stop and _conversation.
        "what a clock, a stop or a reset ends needs more than a script": any("abort" in step for step in steps),
        # See test_maildir.
        "which line ends a server hands out is its delivery's to say": "line_ends" in settings,
        # It would mean no limit to clients (RFC 1870 §4).
        "Limits takes 1 octet at the least": settings.get("max_size") == 0,
        # A handler is asked when the first chunk comes and when the last one has: between them nobody speaks for it.
        "the end of a chunk is not asked about": "chunk" in replies,
        # The session drops it; to the server it is part of a handshake. See test_tls_starttls.
        "what is sent in the clear where a handshake is due is no TLS": "STARTTLS" in keywords
        and _talks_in_the_clear(steps),
        # Whom a trusted client speaks for is no handler's to refuse.
        "XCLIENT and XFORWARD are not asked about": bool(replies.keys() & {"xclient", "xforward"}),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _talks_in_the_clear(steps: list[dict[str, Any]]) -> bool:
    """Whether octets, or the end of them, come between the 220 to STARTTLS and the handshake."""
    due = False
    for step in steps[1:]:
        if step.get("tls"):
            due = False
        elif due:
            return True
        due = due or 220 in step.get("expect", [])
    return False


CONVERSATIONS = [
    pytest.param(conversation, id=name)
    for name, conversation in conversations().items()
    if what_keeps_it_from_the_server(conversation) is None
]

ENDINGS = [
    pytest.param(ending, policy, id=f"{ending['name']} {policy}")
    for ending in tomllib.loads((DATA / "endings.toml").read_text())["ending"]
    for policy in ("strict", "keep")
]

# What the server offers by itself, or by its settings: the rest is the handler's to declare.
OWN = {
    "SIZE",
    "PIPELINING",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "LIMITS",
    "HELP",
    "STARTTLS",
    "AUTH",
    "XCLIENT",
    "XFORWARD",
}

# Replies whose words are no application's to choose.
WORDED = ([354], [235])


class Application:
    """Answers as the corpus says, and remembers what it was given."""

    def __init__(self, conversation: dict[str, Any]) -> None:
        self.replies = replies = Replies(conversation)
        self.delivered: list[dict[str, Any]] = []
        self.aborted: list[dict[str, Any]] = []
        self.ended: str | None = None
        lines = conversation.get("settings", {}).get("extensions", ("8BITMIME", "SMTPUTF8"))
        self.capabilities = {line for line in lines if line.partition(" ")[0] not in OWN}
        # Having these hooks is offering EXPN and ETRN.
        if "EXPN" in lines:
            self.on_expn = lambda connection, expn: replies.to("expn", expn.argument)
        if "ETRN" in lines:
            self.on_etrn = lambda connection, etrn: replies.to("etrn", etrn.node)

    def on_connect(self, connection: Any) -> Reply | None:
        return self.replies.greeting

    def on_hello(self, connection: Any, hello: Any) -> Reply | None:
        return self.replies.to("hello", hello.name)

    def on_mail(self, connection: Any, mail: Any) -> Reply | None:
        return self.replies.to("mail", mail.reverse_path)

    def on_rcpt(self, connection: Any, rcpt: Any) -> Reply | None:
        return self.replies.to("rcpt", rcpt.forward_path)

    def on_vrfy(self, connection: Any, vrfy: Any) -> Reply | None:
        return self.replies.to("vrfy", vrfy.argument)

    def on_help(self, connection: Any, topic: Any) -> Reply | None:
        return self.replies.to("help", topic.argument)

    def on_noop(self, connection: Any, noop: Any) -> Reply | None:
        return self.replies.to("noop", noop.argument)

    def on_rset(self, connection: Any, rset: Any) -> Any:
        return self.replies.next("rset")

    def on_quit(self, connection: Any, command: Any) -> Any:
        return self.replies.next("quit")

    def on_unknown(self, connection: Any, unknown: Any) -> Reply | None:
        return self.replies.to("unknown", unknown.verb)

    def on_data(self, connection: Any, transaction: Transaction) -> Sink | Reply:
        refusal: Reply | None = self.replies.next("data")
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
        return self.application.replies.next("message")

    async def abort(self, reason: AbortReason) -> None:
        pass


class Scripted(Authenticator):
    """Offers the mechanisms it is told to, and answers as the corpus says."""

    class Credentials:
        """Nobody asks them."""

        def check_password(self, connection: Any, name: str, password: str) -> bool:
            raise AssertionError("never called")

    def __init__(self, replies: Replies, mechanisms: list[str], security: list[str]) -> None:
        super().__init__(
            self.Credentials(),
            required="require-auth" in security,
            dangerously_without_tls="auth-without-tls" in security,
        )
        self._replies = replies
        self._scripted = tuple(mechanisms)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        return self._scripted

    def exchange(self, mechanism: str, connection: Any) -> Exchange:
        assert mechanism in self._scripted
        return Said(self._replies, connection)


class Said(Exchange):
    """One exchange, as the corpus has it. `credentials` are the replies."""

    mechanism = "SAID"

    async def _step(self, response: bytes | None) -> Outcome:
        assert isinstance(self._credentials, Replies)
        reply: Reply | None = self._credentials.next("auth")
        if reply is None:
            return Reply(454, "4.7.0", "Nobody is here to authenticate you; try again later")
        if reply.code == 334:
            return b64decode(reply.text, validate=True)
        return Identity("a", self.mechanism, "a") if reply.code == 235 else reply


class Script:
    """The client's side: a conversation's steps, each done and its replies read."""

    def __init__(self, client: Client, context: ssl.SSLContext) -> None:
        self.client = client
        self._context = context

    async def take(self, step: dict[str, Any]) -> None:
        """Does what a step says."""
        if step.get("tls"):
            self.client = TlsClient(self.client._reader, self.client.writer, ClientTls(self._context))
            await self.client.shake()
        elif "send" in step:
            self.client.send(octets(step))
        elif step.get("eof"):
            if isinstance(self.client, TlsClient):
                self.client.write(self.client.tls.close_notify())
            self.client.writer.write_eof()
        texts = []
        for code in step.get("expect", []):
            lines = await self.client.reply()
            assert lines[-1].startswith(str(code)), (step, lines)
            texts += lines
        if step.get("expect") not in WORDED:
            text = "".join(f"{line}\r\n" for line in texts)
            assert step.get("expect_text", "") in text, (step, text)

    def end(self) -> None:
        """Nobody reads any more."""
        if isinstance(self.client, TlsClient) and self.client._reading is not None:
            self.client._reading.cancel()


def server_for(conversation: dict[str, Any], application: Application, tls: TLS) -> Server:
    """One with the conversation's settings."""
    settings = conversation.get("settings", {})
    lines: list[str] | None = settings.get("extensions")
    more: dict[str, Any] = {"require_tls": "require-tls" in settings.get("security", ())}
    if lines is not None:
        more["extensions"] = keywords = {line.partition(" ")[0] for line in lines}
        if keywords & {"XCLIENT", "XFORWARD"}:
            more["trusted_clients"] = ("127.0.0.1",)
        mechanisms = [words[1:] for words in map(str.split, lines) if words[0] == "AUTH"]
        if mechanisms:
            more["auth"] = Scripted(application.replies, mechanisms[0], settings.get("security", []))
    return Server(application, config_of(conversation, tls=tls, **more))


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_conversation(conversation: dict[str, Any], tls: TLS, context: ssl.SSLContext) -> None:
    settings = conversation.get("settings", {})
    over_tls = settings.get("over_tls", False)
    starttls = "STARTTLS" in settings.get("extensions", ())
    application = Application(conversation)

    async def main() -> None:
        server = server_for(conversation, application, tls)
        use: TlsUse | None = "implicit" if over_tls else "starttls" if starttls else None
        await server.listen("127.0.0.1:0", dialect=conversation.get("dialect", "smtp"), tls=use)
        clients = TlsClient.over(server, context, greeting=None) if over_tls else Client.to(server, greeting=None)
        try:
            async with clients as client:
                script = Script(client, context)
                try:
                    for step in conversation["step"]:
                        await script.take(step)
                    if "closed" in conversation:
                        assert await script.client.end() == b""
                finally:
                    script.end()
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


def test_most_of_the_corpus_is_had_with_the_server() -> None:
    """And what is not has its reason told."""
    reasons = [what_keeps_it_from_the_server(conversation) for conversation in conversations().values()]
    assert len(reasons) >= 450
    assert reasons.count(None) >= 0.9 * len(reasons), sorted(reason for reason in reasons if reason)


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

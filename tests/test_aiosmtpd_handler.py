"""A handler written for aiosmtpd on lonedot's own server: it sees what aiosmtpd has it see; what it says is sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiosmtpd.handlers import Mailbox, Sink
from aiosmtpd.smtp import MISSING, SMTP, Envelope, Session
from lonedot import Config, Server
from lonedot.aiosmtpd import AiosmtpdHandler

from tests.support import LOOPS, Client, run, serving

MAIL = "MAIL FROM:<a@example.org> SIZE=100 BODY=8BITMIME SMTPUTF8"
RCPT = "RCPT TO:<b@example.org>"
MESSAGE = b"Subject: s\r\n\r\n..dotted\r\n\xff\r\n.\r\n"
CONTENT = b"Subject: s\r\n\r\n.dotted\r\n\xff\r\n"


@asynccontextmanager
async def upstream(handler: Any, **options: Any) -> AsyncIterator[Client]:
    """A client of aiosmtpd itself."""
    loop = asyncio.get_running_loop()
    made: list[SMTP] = []

    def factory() -> SMTP:
        made.append(SMTP(handler, hostname="mx.example", loop=loop, enable_SMTPUTF8=True, **options))
        return made[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        listener = SimpleNamespace(address=f"{host}:{port}")
        async with Client.to(cast(Server, SimpleNamespace(listeners=[listener]))) as client:
            yield client
    finally:
        server.close()
        for smtp in made:
            task = smtp._handler_coroutine
            if task is not None:
                task.cancel()
                await asyncio.wait([task])


@asynccontextmanager
async def adapted(handler: Any, **options: Any) -> AsyncIterator[Client]:
    """A client of lonedot's server."""
    async with serving(AiosmtpdHandler(handler, **options)) as server, Client.to(server) as client:
        yield client


BOTH = pytest.mark.parametrize("served", [upstream, adapted])
Served = Callable[..., Any]


class Everything:
    """Every hook; remembers what it was given, and says what aiosmtpd says without it."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def note(self, name: str, session: Session, envelope: Envelope, *arguments: Any) -> None:
        known = (session.host_name, session.extended_smtp, session.peer is not None)
        self.seen.append((name, known, vars(envelope) | {}, arguments))

    async def handle_HELO(self, server: Any, session: Session, envelope: Envelope, hostname: str) -> str:
        self.note("HELO", session, envelope, hostname)
        session.host_name = hostname
        return f"250 {server.hostname}"

    async def handle_EHLO(
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.note("EHLO", session, envelope, hostname)
        assert responses[0] == "250-mx.example"
        assert responses[-1].startswith("250 ")
        session.host_name = hostname
        cast(Any, session).of_mine = len(self.seen)
        return responses

    async def handle_MAIL(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.note("MAIL", session, envelope, address, sorted(options))
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        cast(Any, envelope).of_mine = "m"
        server.of_mine = "s"
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.note("RCPT", session, envelope, address, options)
        if address.startswith("nobody"):
            return "550 5.1.1 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(0)
        self.note("DATA", session, envelope, server.of_mine, cast(Any, session).of_mine, cast(Any, envelope).of_mine)
        return "250 2.6.0 taken as 4711"

    async def handle_VRFY(self, server: Any, session: Session, envelope: Envelope, address: str) -> str:
        self.note("VRFY", session, envelope, address)
        return "252 maybe"

    async def handle_NOOP(self, server: Any, session: Session, envelope: Envelope, arg: str | None) -> str:
        self.note("NOOP", session, envelope, arg)
        return "250 nothing done"

    async def handle_RSET(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.note("RSET", session, envelope)
        return "250 forgotten"

    async def handle_QUIT(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.note("QUIT", session, envelope)
        return "221 until then"


async def talk(client: Client) -> list[str]:
    """Uses every hook; the replies but those to EHLO, whose keywords are each server's own."""
    lines: Sequence[str] = ("HELO there.example", "VRFY <somebody@example.org>", "NOOP hello", "NOOP")
    replies = [await client.say(line, 252 if line[0] == "V" else 250) for line in lines]
    await client.say("EHLO there.example", 250)
    lines = (MAIL, "RSET", MAIL, "RCPT TO:<nobody@example.org>", RCPT, "RCPT TO:<c@example.org>")
    replies += [await client.say(line, 550 if "nobody" in line else 250) for line in lines]
    await client.say("DATA", 354)
    client.send(MESSAGE)
    replies.append(await client.expect(250))
    await client.say("MAIL FROM:<>", 250)
    replies.append(await client.say(RCPT, 250))
    replies.append(await client.say("QUIT", 221))
    assert await client.end() == b""
    return replies


def test_a_handler_sees_what_aiosmtpd_has_it_see() -> None:
    theirs, ours = Everything(), Everything()
    said: list[list[str]] = []

    async def main() -> None:
        async with upstream(theirs) as client:
            said.append(await talk(client))
        async with adapted(ours) as client:
            said.append(await talk(client))

    run(main())
    assert ours.seen == theirs.seen
    assert said[1] == said[0]
    names = [name for name, *_ in ours.seen]
    assert names == [
        *("HELO", "VRFY", "NOOP", "NOOP", "EHLO", "MAIL", "RSET", "MAIL", "RCPT", "RCPT", "RCPT", "DATA"),
        *("MAIL", "RCPT", "QUIT"),
    ]
    (data,) = (seen for seen in ours.seen if seen[0] == "DATA")
    assert data[2]["content"] == data[2]["original_content"] == CONTENT
    assert data[2]["rcpt_tos"] == ["b@example.org", "c@example.org"]


class OnlyData:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> Any:
        self.envelopes.append(envelope)
        return MISSING


@BOTH
@pytest.mark.parametrize("loop", LOOPS)
def test_what_no_hook_is_asked_about_is_kept(served: Served, loop: str) -> None:
    handler = OnlyData()

    async def main() -> None:
        async with served(handler) as client:
            await client.say("EHLO there.example", 250)
            for _ in range(2):
                await client.say(MAIL, 250)
                await client.say(RCPT, 250)
                await client.say("DATA", 354)
                client.send(MESSAGE)
                await client.expect(250)

    run(main(), loop)
    first, second = handler.envelopes
    assert first is not second
    assert vars(first) == vars(second)
    assert (first.mail_from, first.rcpt_tos, first.smtp_utf8) == ("a@example.org", ["b@example.org"], True)
    assert sorted(first.mail_options) == ["BODY=8BITMIME", "SIZE=100", "SMTPUTF8"]


class Missing:
    """Hooks that leave everything to the server."""

    envelopes: list[Envelope]

    def __init__(self) -> None:
        self.envelopes = []

    async def leave(self, *arguments: Any) -> Any:
        return MISSING

    handle_HELO = handle_MAIL = handle_RCPT = handle_VRFY = handle_NOOP = handle_RSET = handle_QUIT = leave

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> Any:
        self.envelopes.append(envelope)
        return MISSING


@BOTH
def test_missing_leaves_it_to_the_server(served: Served) -> None:
    handler = Missing()

    async def main() -> None:
        async with served(handler) as client:
            for line, code in ("HELO x.example", 250), ("VRFY a@example.org", 252), ("NOOP", 250), ("RSET", 250):
                await client.say(line, code)
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say(RCPT, 250)
            await client.say("DATA", 354)
            client.send(b"hello\r\n.\r\n")
            await client.expect(250)
            await client.say("QUIT", 221)

    run(main())
    (envelope,) = handler.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("a@example.org", ["b@example.org"])
    assert envelope.content == b"hello\r\n"


@BOTH
def test_a_hook_that_a_subclass_has_taken_away_is_none(served: Served) -> None:
    class Without(Everything):
        handle_HELO = handle_EHLO = handle_MAIL = handle_RCPT = handle_DATA = None  # type: ignore[assignment]
        handle_RSET = handle_NOOP = handle_VRFY = handle_QUIT = None  # type: ignore[assignment]

    async def main() -> None:
        async with served(Without()) as client:
            for line, code in ("HELO x.example", 250), ("VRFY a@example.org", 252), ("NOOP", 250), ("RSET", 250):
                await client.say(line, code)
            await client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            await client.expect(250)
            await client.say("QUIT", 221)

    run(main())


class OfFunctions:
    """Given as a class: its hooks are functions."""

    envelopes: list[Envelope] = []  # noqa: RUF012

    async def handle_RCPT(server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N805
        envelope.rcpt_tos.append(address.upper())
        return "250 OK"

    @staticmethod
    async def handle_DATA(server: Any, session: Any, envelope: Envelope) -> str:
        OfFunctions.envelopes.append(envelope)
        return "250 OK"


@BOTH
def test_a_handler_may_be_a_class(served: Served) -> None:
    OfFunctions.envelopes.clear()

    async def main() -> None:
        async with served(OfFunctions) as client:
            await client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            await client.expect(250)

    run(main())
    assert [envelope.rcpt_tos for envelope in OfFunctions.envelopes] == [["B@EXAMPLE.ORG"]]


class Legacy:
    def __init__(self, waits: bool) -> None:
        self.seen: list[tuple[Any, ...]] = []
        if waits:
            self.process_message = self.waits  # type: ignore[assignment]

    def process_message(self, peer: Any, mail_from: str, rcpt_tos: list[str], data: Any) -> str | None:
        self.seen.append((mail_from, rcpt_tos, data))
        return "250 by the old way" if len(self.seen) == 1 else None

    async def waits(self, *arguments: Any) -> str | None:
        await asyncio.sleep(0)
        return Legacy.process_message(self, *arguments)


@pytest.mark.filterwarnings("ignore:Use handler.handle_DATA")
@pytest.mark.parametrize("waits", [False, True])
@BOTH
def test_process_message(served: Served, waits: bool) -> None:
    handler = Legacy(waits)

    async def main() -> None:
        async with served(handler, decode_data=True) as client:
            await client.until_mail_data()
            client.send("grüße\r\n.\r\n".encode())
            assert await client.expect(250) == "250 by the old way"
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say(RCPT, 250)
            await client.say("DATA", 354)
            client.send(b"\xff\r\n.\r\n")
            await client.expect(250)

    run(main())
    assert handler.seen == [
        ("a@example.org", ["b@example.org"], "grüße\r\n"),
        ("a@example.org", ["b@example.org"], "\udcff\r\n"),
    ]


def test_text_that_is_no_ascii_is_refused_without_smtputf8() -> None:
    handler = OnlyData()

    async def main() -> None:
        async with adapted(handler, decode_data=True, enable_SMTPUTF8=False) as client:
            client.send(b"EHLO there.example\r\n")
            keywords = await client.reply()
            assert not any("SMTPUTF8" in line or "8BITMIME" in line for line in keywords)
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say(RCPT, 250)
            await client.say("DATA", 354)
            client.send(b"\xff\r\n.\r\n")
            await client.expect(500)
            assert not handler.envelopes

    run(main())


class Raises:
    def __init__(self, awaits: bool) -> None:
        self.awaits = awaits

    async def handle_NOOP(self, *arguments: Any) -> str:
        raise KeyError("secret")

    async def handle_DATA(self, *arguments: Any) -> str:
        await asyncio.sleep(0)
        raise ValueError("secret")


class Explains(Raises):
    async def handle_exception(self, error: Exception) -> str:
        if self.awaits:
            await asyncio.sleep(0)
        return f"542 {type(error).__name__}"


@pytest.mark.parametrize("awaits", [False, True])
@BOTH
def test_handle_exception_answers(served: Served, awaits: bool) -> None:
    async def main() -> None:
        async with served(Explains(awaits)) as client:
            assert await client.say("NOOP", 542) == "542 KeyError"
            await client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            assert await client.expect(542) == "542 ValueError"
            await client.say("QUIT", 221)

    run(main())


def test_without_it_nothing_of_an_exception_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with adapted(Raises(False)) as client:
            assert "secret" not in await client.say("NOOP", 451)
            await client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            assert "secret" not in await client.expect(451)

    run(main())
    assert len([record for record in caplog.records if record.exc_info]) == 2


@pytest.mark.parametrize("status", [None, "OK", 250, "700 what", "250-more follows"])
def test_what_is_no_status_is_logged_and_nothing_is_acknowledged(status: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Handler:
        async def handle_DATA(self, *arguments: Any) -> Any:
            return status

    async def main() -> None:
        async with adapted(Handler()) as client:
            await client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            await client.expect(451)

    run(main())
    assert caplog.records


def test_a_recipient_accepted_and_not_kept_is_dropped_and_none_at_all_is_no_message() -> None:
    class Drops(OnlyData):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
            if address.startswith("b"):
                envelope.rcpt_tos.append(address)
            return "250 OK"

    handler = Drops()

    async def main() -> None:
        async with adapted(handler) as client:
            await client.say("EHLO there.example", 250)
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say("RCPT TO:<c@example.org>", 250)
            await client.say("DATA", 354)
            client.send(b"x\r\n.\r\n")
            await client.expect(554)
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say("RCPT TO:<c@example.org>", 250)
            await client.say(RCPT, 250)
            await client.say("DATA", 354)
            client.send(b"x\r\n.\r\n")
            await client.expect(250)

    run(main())
    assert [envelope.rcpt_tos for envelope in handler.envelopes] == [["b@example.org"]]


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        ("250 OK", [250, 250]),
        ("250 OK\r\n550 5.2.2 full", [250, 550]),
        ("250-first\r\n250 of two lines\r\n451 later\r\n", [250, 451]),
        (b"250 OK\n250 OK", [250, 250]),
        ("250 OK\r\n250 OK\r\n250 OK", [451, 451]),
    ],
)
def test_lmtp_answers_for_each_recipient(status: Any, codes: list[int]) -> None:
    class Handler:
        async def handle_DATA(self, *arguments: Any) -> Any:
            return status

    async def main() -> None:
        async with (
            serving(AiosmtpdHandler(Handler()), dialect="lmtp") as server,
            Client.to(server) as client,
        ):
            await client.say("LHLO there.example", 250)
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say(RCPT, 250)
            await client.say("RCPT TO:<c@example.org>", 250)
            await client.say("DATA", 354)
            client.send(b"x\r\n.\r\n")
            await client.expect(*codes)

    run(main())


@pytest.mark.filterwarnings("ignore:Use the 5-argument")
@BOTH
def test_the_old_handle_ehlo_pushes_lines(served: Served) -> None:
    class Handler(OnlyData):
        async def handle_EHLO(self, server: Any, session: Session, envelope: Envelope, hostname: str) -> str:
            session.host_name = hostname
            await server.push("250-SOMETHING")
            return "250 HELP"

    async def main() -> None:
        async with served(Handler()) as client:
            await client.until_mail_data()

    run(main())


@BOTH
def test_handle_ehlo_may_refuse(served: Served) -> None:
    class Handler(OnlyData):
        async def handle_EHLO(self, server: Any, session: Session, envelope: Envelope, *others: Any) -> Any:
            return ["550 not you"]

    class Five(OnlyData):
        async def handle_EHLO(
            self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
        ) -> Any:
            return ["550 not you"]

    with pytest.raises((TypeError, RuntimeError)):
        AiosmtpdHandler(type("Six", (OnlyData,), {"handle_EHLO": lambda self, a, b: None})())

    async def main() -> None:
        async with served(Five()) as client:
            await client.say("EHLO there.example", 550)
            await client.say("MAIL FROM:<a@example.org>", 503)

    run(main())


@BOTH
@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_handle_ehlo_gives_lines_in_anything(served: Served, kind: Any) -> None:
    class Handler(OnlyData):
        async def handle_EHLO(
            self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
        ) -> Any:
            session.host_name = hostname
            return kind(responses)

    async def main() -> None:
        async with served(Handler()) as client:
            await client.until_mail_data()

    run(main())


def test_hooks_of_aiosmtpds_own_handlers(tmp_path: Any) -> None:
    mailbox = Mailbox(tmp_path / "box")

    async def main() -> None:
        for handler in (mailbox, Sink()):
            async with adapted(handler) as client:
                await client.until_mail_data()
                client.send(b"Subject: kept\r\n\r\nx\r\n.\r\n")
                await client.expect(250)

    run(main())
    (message,) = mailbox.mailbox
    assert message["Subject"] == "kept"
    assert message["X-RcptTo"] == "b@example.org"
    assert message["X-Peer"] is not None


def test_what_only_aiosmtpds_server_has_says_what_there_is() -> None:
    told: list[str] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            try:
                server.transport.close()
            except AttributeError as error:
                told.append(str(error))
            assert server.data_size_limit == 52_428_800
            assert server.connection.peer[0] == session.peer[0] == "127.0.0.1"
            return "250 OK"

    async def main() -> None:
        async with adapted(Handler()) as client:
            await client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            await client.expect(250)

    run(main())
    assert told == [
        "server.transport is aiosmtpd's, and this is lonedot's server; what it needs of the connection is in "
        "server.connection, server.session and server.envelope"
    ]


@pytest.mark.parametrize("accepts", [True, False])
def test_handle_proxy_is_told_of_the_header(accepts: bool) -> None:
    seen: list[Any] = []

    class Handler(OnlyData):
        async def handle_PROXY(self, server: Any, session: Any, envelope: Any, proxy_data: Any) -> bool:
            seen.append(proxy_data)
            assert session.proxy_data is proxy_data
            return accepts

    async def main() -> None:
        trusted = {"trusted_proxies": ("127.0.0.0/8",)}
        async with (
            serving(AiosmtpdHandler(Handler()), settings=trusted) as server,
            Client.to(server, greeting=None) as client,
        ):
            client.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n")
            await client.expect(220 if accepts else 421)

    run(main())
    (data,) = seen
    assert data
    assert (str(data.src_addr), data.src_port) == ("192.0.2.7", 4711)
    assert (str(data.dst_addr), data.dst_port) == ("192.0.2.1", 25)
    assert (data.version, data.family, data.protocol) == (1, socket.AF_INET - 1, 1)


def test_no_hook_is_asked_that_the_handler_does_not_have() -> None:
    adapter = AiosmtpdHandler(OnlyData())
    hooks = Server(adapter, Config(hostname="mx.example")).hooks
    assert hooks.commands() == {"hello"}
    assert adapter.auth is None

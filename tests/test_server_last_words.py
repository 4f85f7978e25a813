"""NOOP, RSET and QUIT at the running server: what hooks may answer, and that RSET and QUIT take effect whatever a hook
answers, raises, or does not say in time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import lonedot
import pytest
from lonedot import Noop, Quit, Reply, Rset

from tests.support import LOOPS, Client, Recorder, RecordingSink, opened, run, serving, until
from tests.test_server_hooks import WRONG
from tests.test_server_sinks import handler_of

# Seconds after which a hook is too slow.
SOON = 0.2

NAMES = ("on_noop", "on_rset", "on_quit")
SAID = {"on_noop": "NOOP", "on_rset": "RSET", "on_quit": "QUIT"}
OWN = {"on_noop": "250 2.0.0 Ok", "on_rset": "250 2.0.0 Ok", "on_quit": "221 2.0.0 Bye"}

TRANSACTION = b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
CHUNK = b"BDAT 6\r\nbody\r\n"


async def has_effect(name: str, client: Client, handler: Recorder) -> None:
    """In a transaction the client has its reply; the command has done what it says, and nothing else."""
    match name:
        case "on_noop":
            await client.say("RCPT TO:<c@example.org>", 250)
        case "on_rset":
            assert "MAIL" in await client.say("RCPT TO:<c@example.org>", 503)
            await client.say("MAIL FROM:<d@example.org>", 250)
        case "on_quit":
            assert await client.end() == b""
            await until(lambda: handler.of("on_disconnect"))
            assert handler.of("on_disconnect") == ["quit"]


def ask(name: str, answer: Any, awaits: bool = False, loop: str = "asyncio", **limits: Any) -> tuple[str, Recorder]:
    """Says the command in a transaction. Gives the reply and the handler."""
    handler = Recorder(awaits=awaits, on_disconnect=None, **{name: answer})
    said: list[str] = []

    async def main() -> None:
        async with serving(handler, **limits) as server, Client.to(server) as client:
            client.send(TRANSACTION + SAID[name].encode() + b"\r\n")
            await client.expect(250, 250, 250)
            said.append((await client.reply())[-1])
            await has_effect(name, client, handler)

    run(main(), loop)
    return said[0], handler


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", NAMES)
class TestAnswers:
    def test_none_says_what_the_server_does(self, name: str, awaits: bool) -> None:
        said, handler = ask(name, None, awaits)
        assert said == OWN[name]
        kinds = {"on_noop": Noop, "on_rset": Rset, "on_quit": Quit}
        assert [type(event) for event in handler.of(name)] == [kinds[name]]

    @pytest.mark.parametrize("code", [200, 220, 221, 250, 252])
    def test_a_positive_reply_is_said(self, name: str, awaits: bool, code: int) -> None:
        said, _ = ask(name, Reply(code, "2.9.9", "as you like"), awaits)
        assert said == f"{code} 2.9.9 as you like"

    @pytest.mark.parametrize("code", [451, 500, 554])
    def test_a_negative_reply_is_said(self, name: str, awaits: bool, code: int) -> None:
        said, _ = ask(name, Reply(code, None, "not here"), awaits)
        assert said == f"{code} not here"

    @pytest.mark.parametrize("wrong", WRONG, ids=repr)
    def test_what_cannot_be_sent_is_451(
        self, name: str, awaits: bool, wrong: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        said, _ = ask(name, wrong, awaits)
        assert said.startswith("451 4.3.0 ")
        assert [record.levelname for record in caplog.records] == ["ERROR"]

    @pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError(), StopAsyncIteration()], ids=repr)
    def test_an_exception_is_451_and_a_traceback(
        self, name: str, awaits: bool, error: BaseException, caplog: pytest.LogCaptureFixture
    ) -> None:
        said, _ = ask(name, error, awaits)
        assert said.startswith("451 4.3.0 ")
        (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert record.exc_info is not None

    def test_a_421_closes(self, name: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_disconnect=None, **{name: Reply(421, "4.3.2", "going away")})

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                client.send(TRANSACTION + SAID[name].encode() + b"\r\nNOOP\r\n")
                await client.expect(250, 250, 250, 421)
                assert await client.end() == b""
                client.writer.close()
                await until(lambda: not server.conversations)

        run(main())
        assert handler.of("on_disconnect") == ["quit" if name == "on_quit" else "refused"]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", NAMES)
def test_a_hook_that_is_too_slow(name: str, loop: str) -> None:
    said, _ = ask(name, lambda *_: opened(asyncio.Event()), loop=loop, handler_deadline=SOON)
    assert said.startswith("451 4.3.0 ")


def test_what_the_hooks_are_given() -> None:
    """A hook of RSET or QUIT still sees what is about to be given up."""
    seen: list[Any] = []

    class Handler(lonedot.Handler):
        def on_message(self, connection: Any, message: Any) -> None: ...

        def on_noop(self, connection: Any, noop: Noop) -> None:
            seen.append((noop.argument, connection.hello))

        def on_rset(self, connection: Any, rset: Rset) -> None:
            seen.append((type(rset), connection.session.mail.reverse_path))

        def on_quit(self, connection: Any, command: Quit) -> None:
            seen.append((type(command), len(connection.session.rcpts)))

    async def main() -> None:
        async with serving(Handler()) as server, Client.to(server) as client:
            await client.say("NOOP are you there", 250)
            client.send(TRANSACTION + b"RSET\r\n" + TRANSACTION + b"QUIT\r\n")
            await client.expect(250, 250, 250, 250, 250, 250, 250, 221)

    run(main())
    assert seen == [("are you there", None), (Rset, "a@example.org"), (Quit, 1)]


def test_a_group_of_commands_waits_its_turn() -> None:
    """What is behind RSET in one write belongs to the next transaction, however long the hook takes."""
    gate: list[asyncio.Event] = []
    handler = Recorder(on_rset=lambda *_: opened(gate[0]))

    async def main() -> None:
        gate.append(asyncio.Event())
        async with serving(handler) as server, Client.to(server) as client:
            client.send(TRANSACTION + b"RSET\r\nMAIL FROM:<c@example.org>\r\nRCPT TO:<d@example.org>\r\nDATA\r\n")
            await until(lambda: handler.of("on_rset"))
            (conversation,) = server.conversations
            mail = conversation._session.mail
            assert mail is not None
            assert mail.reverse_path == "a@example.org"
            gate[0].set()
            await client.expect(250, 250, 250, 250, 250, 250, 354)
            await client.say("body\r\n.", 250)

    run(main())
    (message,) = handler.of("on_message")
    assert (message.reverse_path, message.forward_paths) == ("c@example.org", ("d@example.org",))


@pytest.mark.parametrize(
    ("answer", "awaits"),
    [("slow", False), *((answer, awaits) for answer in ("none", "no", "421", "raises") for awaits in (False, True))],
)
@pytest.mark.parametrize("name", NAMES)
def test_between_two_chunks(name: str, answer: str, awaits: bool) -> None:
    """NOOP leaves the message alone, but with a 421; RSET and QUIT give it up, once."""
    answers: dict[str, tuple[Any, int]] = {
        "none": (None, 221 if name == "on_quit" else 250),
        "no": (Reply(554, None, "never"), 554),
        "421": (Reply(421, None, "going away"), 421),
        "raises": (ZeroDivisionError(), 451),
        "slow": (lambda *_: opened(asyncio.Event()), 451),
    }
    given, code = answers[answer]
    goes_on = name != "on_quit" and answer != "421"
    sinks: list[RecordingSink] = []
    handler = Recorder(awaits=awaits, on_abort=None, on_disconnect=None, **{name: given})
    del handler.on_message  # type: ignore[attr-defined]

    def open_sink(*_: Any) -> RecordingSink:
        sinks.append(RecordingSink())
        return sinks[-1]

    handler.on_data = open_sink  # type: ignore[attr-defined]

    async def main() -> None:
        async with serving(handler, handler_deadline=SOON) as server:
            async with Client.to(server) as client:
                client.send(TRANSACTION + CHUNK + SAID[name].encode() + b"\r\n")
                await client.expect(250, 250, 250, 250, code)
                if goes_on:
                    client.send(b"BDAT 6 LAST\r\nmore\r\n")
                    await client.expect(250 if name == "on_noop" else 503)
                    client.send(b"RSET\r\n" + TRANSACTION + CHUNK.replace(b"6", b"6 LAST"))
                    await client.expect(*([250 if name == "on_noop" else code] + [250] * 4))
                else:
                    assert await client.end() == b""
            await until(lambda: not server.conversations)

    run(main())
    first = "finish" if name == "on_noop" and goes_on else "shutdown" if name == "on_noop" else "abandoned"
    assert [sink.ends for sink in sinks] == [[first], ["finish"]][: 1 + goes_on]
    aborted = [] if first == "finish" else [first]
    assert [str(reason) for _, reason in handler.of("on_abort")] == aborted
    assert b"".join(sinks[0].chunks) == (b"body\r\nmore\r\n" if first == "finish" else b"body\r\n")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("leaves", ["eof", "close", "reset"])
@pytest.mark.parametrize("answer", [None, Reply(554, None, "stay"), ZeroDivisionError()], ids=repr)
def test_a_client_that_does_not_wait_for_the_reply_to_quit(
    loop: str, leaves: str, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing raises but the hook; the message it had begun is aborted once, and the connection ended with QUIT."""
    gate: list[asyncio.Event] = []

    async def slowly(*_: Any) -> Any:
        await opened(gate[0])
        if isinstance(answer, BaseException):
            raise answer
        return answer

    sink = RecordingSink()
    handler = handler_of(sink)
    handler.on_quit = handler._hook("on_quit", slowly)  # type: ignore[attr-defined]
    handler.on_disconnect = handler._hook("on_disconnect", None)  # type: ignore[attr-defined]

    async def main() -> None:
        gate.append(asyncio.Event())
        async with serving(handler) as server, Client.to(server) as client:
            client.send(TRANSACTION + CHUNK)
            await client.expect(250, 250, 250, 250)
            client.send(b"QUIT\r\n")
            await until(lambda: handler.of("on_quit"))
            (conversation,) = server.conversations
            match leaves:
                case "eof":
                    client.writer.write_eof()
                case "close":
                    client.writer.close()
                    await client.writer.wait_closed()
                case "reset":
                    client.reset()
                    await until(lambda: conversation._gone)
            assert (handler.of("on_disconnect"), sink.ends) == ([], [])
            gate[0].set()
            if leaves == "eof":
                await client.expect(221 if answer is None else 554 if isinstance(answer, Reply) else 451)
                assert await client.end() == b""
            await until(lambda: not server.conversations)

    run(main(), loop)
    assert handler.of("on_disconnect") == ["quit"]
    assert sink.ends == ["abandoned"]
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == isinstance(answer, BaseException)


@pytest.mark.parametrize("name", NAMES)
def test_the_server_stops_while_a_hook_works(name: str) -> None:
    """It is cancelled, and the client told that the server stops; after QUIT nothing more. The message under way is
    aborted, once."""
    sink = RecordingSink()
    handler = handler_of(sink)
    for hook, answer in {name: lambda *_: opened(asyncio.Event()), "on_disconnect": None}.items():
        setattr(handler, hook, handler._hook(hook, answer))

    async def main() -> None:
        async with serving(handler) as server, Client.to(server) as client:
            client.send(TRANSACTION + CHUNK + SAID[name].encode() + b"\r\n")
            await until(lambda: handler.of(name))
            stopping = asyncio.create_task(server.stop(drain=0))
            await client.expect(*([250] * 4), *([451] if name == "on_quit" else [451, 421]))
            assert await client.end() == b""
            client.writer.close()
            await stopping

    run(main())
    assert sink.ends == ["abandoned" if name == "on_quit" else "shutdown"]
    assert handler.of("on_disconnect") == ["quit" if name == "on_quit" else "shutdown"]


def test_a_hook_of_quit_that_never_ends_costs_the_connection() -> None:
    """It loses it without a word: what it would have said nobody knows."""
    gate: list[asyncio.Event] = []

    async def for_ever(*_: Any) -> None:
        while not gate[0].is_set():
            try:
                await gate[0].wait()
            except asyncio.CancelledError:
                pass

    handler = Recorder(on_quit=for_ever, on_disconnect=None)

    async def main() -> None:
        gate.append(asyncio.Event())
        async with serving(handler, handler_deadline=SOON) as server, Client.to(server) as client:
            client.send(b"QUIT\r\n")
            assert await client.end() == b""
            gate[0].set()
            await until(lambda: not server.conversations)

    run(main())
    assert handler.of("on_disconnect") == ["quit"]


def test_a_client_that_was_turned_away_is_unknown_to_the_hooks() -> None:
    """One over max_connections_per_network is told so and closed, whatever it says."""
    handler = Recorder(on_noop=None, on_quit=None, on_disconnect=None)

    async def main() -> None:
        async with serving(handler, max_connections_per_network=1) as server, Client.to(server) as known:
            async with Client.to(server, greeting=None) as unknown:
                unknown.send(b"NOOP\r\nQUIT\r\n")
                await unknown.expect(421)
                assert await unknown.end() == b""
            await until(lambda: len(server.conversations) == 1)
            assert handler.calls == []
            await known.say("QUIT", 221)
            assert await known.end() == b""
            await until(lambda: not server.conversations)

    run(main())
    assert [name for name, _ in handler.calls] == ["on_quit", "on_disconnect"]

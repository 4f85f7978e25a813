"""Hooks at the running server: what each may answer, and what becomes of wrong answers and of exceptions."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import lonedot
import pytest
from lonedot import Config, Reply, Server

from tests.support import ENVELOPE, Client, Recorder, RecordingSink, run, serving, until

# What makes the server call the hook, once the client has said EHLO; and the code where the hook has nothing to say.
SAID: dict[str, tuple[str, int]] = {
    "on_hello": ("EHLO again.example", 250),
    "on_mail": ("MAIL FROM:<a@example.org>", 250),
    "on_rcpt": ("RCPT TO:<b@example.org>", 250),
    "on_vrfy": ("VRFY somebody", 252),
    "on_message": ("body\r\n.", 250),
}
BEFORE = {
    "on_rcpt": ["MAIL FROM:<a@example.org>"],
    "on_message": ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"],
}

WRONG = [Reply(354, None, "go on"), "250 Ok", 250, True, [Reply(250)], Ellipsis, b"250 Ok\r\n"]


async def up_to(client: Client, name: str) -> None:
    await client.say("HELO first.example", 250)
    for line in BEFORE.get(name, []):
        await client.say(line, 354 if line == "DATA" else 250)


def only(name: str, answer: Any, awaits: bool) -> Recorder:
    # The first HELO is let through.
    if name == "on_hello":
        real = answer

        def second(*arguments: Any) -> Any:
            if arguments[-1].name == "first.example":
                return None
            if isinstance(real, BaseException):
                raise real
            return real(*arguments) if callable(real) else real

        answer = second
    return Recorder(awaits=awaits, **{name: answer})


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", SAID)
class TestAnswers:
    def ask(self, name: str, awaits: bool, answer: Any, code: int, goes_on: bool = True) -> str:
        said: list[str] = []

        async def main() -> None:
            async with serving(only(name, answer, awaits)) as server, Client.to(server) as client:
                await up_to(client, name)
                said.append(await client.say(SAID[name][0], code))
                if goes_on:
                    await client.say("NOOP", 250)
                    await client.say("RSET", 250)
                    await client.say("MAIL FROM:<c@example.org>", 250) if name != "on_mail" else None
                else:
                    assert await client.end() == b""

        run(main())
        return said[0]

    def test_none_accepts(self, name: str, awaits: bool) -> None:
        self.ask(name, awaits, None, SAID[name][1])

    def test_a_positive_reply_is_said(self, name: str, awaits: bool) -> None:
        code = {"on_hello": 250, "on_vrfy": 251}.get(name, 250)
        text = self.ask(name, awaits, Reply(code, "2.9.9", "as you like"), code)
        assert ("2.9.9 as you like" in text) == (name != "on_hello")

    @pytest.mark.parametrize("code", [450, 550])
    def test_a_negative_reply_is_said(self, name: str, awaits: bool, code: int) -> None:
        text = self.ask(name, awaits, Reply(code, None, "not here"), code)
        assert text == f"{code} not here"

    def test_a_421_closes(self, name: str, awaits: bool) -> None:
        self.ask(name, awaits, Reply(421, "4.3.2", "going away"), 421, goes_on=False)

    @pytest.mark.parametrize("wrong", WRONG, ids=repr)
    def test_what_cannot_be_sent_is_451(
        self, name: str, awaits: bool, wrong: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.ask(name, awaits, wrong, 451)
        (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert record.exc_info is not None

    @pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError(), StopAsyncIteration()], ids=repr)
    def test_an_exception_is_451_and_a_traceback(
        self, name: str, awaits: bool, error: BaseException, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = self.ask(name, awaits, error, 451)
        assert "4.3.0" in text
        (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert record.exc_info is not None
        assert record.exc_info[0] is not None


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
class TestConnect:
    def greeted(self, awaits: bool, answer: Any, code: int) -> Recorder:
        handler = Recorder(awaits=awaits, on_connect=answer, on_disconnect=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server, greeting=code) as client:
                if code == 220:
                    await client.say("EHLO x.example", 250)
                elif code != 421:
                    await client.say("EHLO x.example", 503)
                    await client.say("QUIT", 221)
                if code != 220:
                    assert await client.end() == b""
                client.writer.close()
                await until(lambda: not server.conversations)

        run(main())
        return handler

    def test_none_greets(self, awaits: bool) -> None:
        assert self.greeted(awaits, None, 220).of("on_disconnect") == ["eof"]

    def test_a_greeting_of_its_own(self, awaits: bool) -> None:
        self.greeted(awaits, Reply(220, None, "mx.example welcomes you"), 220)

    def test_a_refusal(self, awaits: bool) -> None:
        assert self.greeted(awaits, Reply(554, None, "no service"), 554).of("on_disconnect") == ["quit"]

    def test_a_421(self, awaits: bool) -> None:
        assert self.greeted(awaits, Reply(421, None, "later"), 421).of("on_disconnect") == ["refused"]

    @pytest.mark.parametrize("wrong", [*WRONG, Reply(250), ZeroDivisionError()], ids=repr)
    def test_wrong_answers_refuse(self, awaits: bool, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
        self.greeted(awaits, wrong, 451)
        assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
class TestData:
    @pytest.mark.parametrize("wrong", [None, *WRONG, Reply(250), ZeroDivisionError()], ids=repr)
    def test_wrong_answers_are_451(self, awaits: bool, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
        self.data(awaits, wrong, 451)
        assert [record.levelname for record in caplog.records] == ["ERROR"] * 4

    @pytest.mark.parametrize("code", [450, 554])
    def test_a_refusal(self, awaits: bool, code: int) -> None:
        self.data(awaits, Reply(code, None, "no"), code)

    def test_a_421_closes(self, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_data=Reply(421, "4.3.2", "going away"), on_disconnect=None)
        del handler.on_message  # type: ignore[attr-defined]

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                client.send(ENVELOPE + b"NOOP\r\n")
                await client.expect(250, 250, 421)
                assert await client.end() == b""
                client.writer.close()
                await until(lambda: not server.conversations)

        run(main())
        assert handler.of("on_disconnect") == ["refused"]

    def test_half_a_sink_is_none(self, awaits: bool) -> None:
        class Half:
            def write(self, chunk: bytes) -> None: ...

        self.data(awaits, Half(), 451)

    def data(self, awaits: bool, answer: Any, code: int) -> None:
        class Handler:
            def on_data(self, connection: Any, transaction: Any) -> Any:
                if isinstance(answer, BaseException):
                    raise answer
                return slowly() if awaits else answer

        async def slowly() -> Any:
            await asyncio.sleep(0)
            return answer

        async def main() -> None:
            async with serving(Handler()) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                for _ in range(2):  # a refused DATA leaves the transaction open
                    client.send(b"RSET\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n")
                    await client.expect(250, 250, 250)
                    await client.say("DATA", code)
                    await client.say("DATA", code)
                await client.say("NOOP", 250)

        run(main())


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", ["on_abort", "on_disconnect"])
class TestFarewells:
    @pytest.mark.parametrize("answer", [None, "x", Reply(421), ZeroDivisionError(), asyncio.CancelledError()], ids=repr)
    def test_their_answers_change_nothing(self, name: str, awaits: bool, answer: Any) -> None:
        handler = Recorder(awaits=awaits, **{"on_abort": None, "on_disconnect": None, name: answer})

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"a\nb\r\n.\r\n")
                await client.expect(550)
                await client.say("QUIT", 221)
                assert await client.end() == b""
                await until(lambda: not server.conversations)

        run(main())
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["violation"]
        assert handler.of("on_disconnect") == ["quit"]


class TestHandlers:
    def on_message(self, *_: Any) -> None: ...

    def test_an_unknown_hook_is_a_mistake_with_a_hint(self) -> None:
        for name, hint in [("on_recpt", "on_rcpt"), ("on_messages", "on_message"), ("on_zzz", "on_connect, on_hello")]:
            handler = type("H", (), {"on_message": self.on_message, name: lambda *_: None})()
            with pytest.raises(TypeError, match=f"H.{name} is no hook.*{hint}"):
                Server(handler)

    def test_what_cannot_be_called_is_no_hook(self) -> None:
        with pytest.raises(TypeError, match="on_mail"):
            Server(type("H", (), {"on_message": self.on_message, "on_mail": 3})())

    def test_mail_data_goes_to_exactly_one_place(self) -> None:
        both = type("Both", (), {"on_message": self.on_message, "on_data": self.on_message})()
        for handler, delivery in [
            (both, None), (object(), None), (None, None), (Recorder(), lonedot.DiscardDelivery()),
        ]:  # fmt: skip
            with pytest.raises(TypeError):
                Server(handler, delivery=delivery)
        Server(None, delivery=lonedot.DiscardDelivery())
        Server(Recorder())

    def test_a_class_is_no_handler(self) -> None:
        with pytest.raises(TypeError, match=r"Recorder\(\)"):
            Server(Recorder)

    def test_one_that_derives_from_handler_has_the_hooks_it_defines(self) -> None:
        class Mine(lonedot.Handler):
            def on_message(self, connection: Any, message: Any) -> Any: ...

        server = Server(Mine(), Config(hostname="mx.example"))
        assert server.hooks.on_message is not None
        assert server.hooks.on_mail is None
        assert server.hooks.on_data is None

        async def main() -> None:
            async with serving(Mine()) as server, Client.to(server) as client:
                await client.until_mail_data()
                await client.say("body\r\n.", 250)

        run(main())

    def test_what_hooks_are_given(self) -> None:
        seen: dict[str, Any] = {}

        class Handler:
            def on_connect(self, connection: Any) -> None:
                assert connection.hello is None
                connection.state["name"] = "mine"
                seen["listener"] = connection.listener

            def on_rcpt(self, connection: Any, rcpt: Any) -> None:
                match connection.session.mail, rcpt:
                    case lonedot.Mail("a@example.org"), lonedot.Rcpt("b@example.org"):
                        seen["rcpt"] = rcpt

            def on_data(self, connection: Any, transaction: Any) -> RecordingSink:
                seen["transaction"] = transaction
                seen["state"] = dict(connection.state)
                assert connection.hello.name == "client.example"
                return RecordingSink()

        async def main() -> None:
            async with serving(Handler()) as server, Client.to(server) as client:
                await client.until_mail_data()
                await client.say(".", 250)
                assert seen["listener"] is server.listeners[0]

        run(main())
        assert seen["state"] == {"name": "mine"}
        assert seen["transaction"].forward_paths == ("b@example.org",)
        assert seen["rcpt"].forward_path == "b@example.org"

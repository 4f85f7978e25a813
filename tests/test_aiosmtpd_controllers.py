"""lonedot's controllers are aiosmtpd's: made, started, stopped and failing alike, with lonedot's SMTP inside."""

from __future__ import annotations

import asyncio
import functools
import inspect
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiosmtpd.controller
import lonedot.aiosmtpd
import pytest
from lonedot import TLS

from tests.aiosmtpd_support import (
    BOTH,
    CLASSES,
    HELLO,
    OURS,
    QUIT,
    SENT,
    Taker,
    left_open,
    read_until,
    served,
    subclass,
)
from tests.tls_support import NAME

CONTROLLERS = ["Controller", "UnixSocketController", "UnthreadedController", "UnixSocketUnthreadedController"]
SENDER, RECIPIENT, TEXT = "a@b.example", "c@d.example", "Subject: x\r\n\r\none\r\n"


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """For controllers that are never started, which make one and leave it open."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


def send(controller: Any, context: ssl.SSLContext | None = None) -> None:
    """A message, by smtplib."""
    if context is None:
        client = smtplib.SMTP(controller.hostname, controller.port)
    else:
        client = smtplib.SMTP_SSL(controller.hostname, controller.port, context=context)
    with client:
        assert client.sendmail(SENDER, [RECIPIENT], TEXT) == {}


@pytest.mark.parametrize("name", CONTROLLERS)
def test_signatures(name: str) -> None:
    ours, theirs = getattr(lonedot.aiosmtpd, name), getattr(aiosmtpd.controller, name)
    assert issubclass(ours, theirs)
    assert inspect.signature(ours) == inspect.signature(theirs)
    methods = [method for method in dir(theirs) if callable(getattr(theirs, method)) and not method.startswith("__")]
    assert "factory" in methods
    for method in methods:
        own, other = (inspect.signature(getattr(of, method)).parameters for of in (ours, theirs))
        assert own == other


@pytest.mark.parametrize("name", ["SMTP", "LMTP"])
def test_signatures_of_servers(name: str) -> None:
    ours, theirs = (getattr(CLASSES[of], name) for of in ("lonedot", "aiosmtpd"))
    assert inspect.signature(ours) == inspect.signature(theirs)
    public = [method for method in dir(theirs) if callable(getattr(theirs, method)) and not method.startswith("__")]
    for method in public:
        assert inspect.iscoroutinefunction(getattr(ours, method)) == inspect.iscoroutinefunction(
            getattr(theirs, method)
        )
        if not isinstance(getattr(theirs, method), type):
            own, other = (list(inspect.signature(getattr(of, method)).parameters) for of in (ours, theirs))
            assert own == other


@BOTH
def test_a_controller(of: str) -> None:
    handler = Taker()
    with served(CLASSES[of].Controller(handler, hostname="127.0.0.1", server_hostname=NAME, ident="it")) as controller:
        assert type(controller.smtpd) is CLASSES[of].SMTP
        assert controller.smtpd.enable_SMTPUTF8
        with socket.create_connection((controller.hostname, controller.port)) as client:
            assert read_until(client, b"\r\n") == b"220 mx.example it\r\n"
        send(controller)
    assert handler.contents == [TEXT.encode()]
    assert controller.smtpd is None
    assert controller.server is None


@BOTH
def test_options_for_the_server(of: str, loop: asyncio.AbstractEventLoop) -> None:
    controller = CLASSES[of].Controller(
        Taker(), hostname="127.0.0.1", data_size_limit=7, decode_data=True, enable_SMTPUTF8=False, timeout=5
    )
    with served(controller):
        smtpd = controller.smtpd
        assert (smtpd.data_size_limit, smtpd._decode_data, smtpd.enable_SMTPUTF8) == (7, True, False)
        assert smtpd._timeout_duration == 5
    with pytest.warns(DeprecationWarning, match="server_kwargs"):
        assert CLASSES[of].Controller(None, loop=loop, server_kwargs={"timeout": 5}).SMTP_kwargs["timeout"] == 5


@BOTH
def test_a_factory_of_the_programs(of: str) -> None:
    classes = CLASSES[of]
    short = subclass(classes.SMTP, line_length_limit=100)

    class Controller(classes.Controller):  # type: ignore[name-defined,misc]
        def factory(self) -> Any:
            return short(self.handler, ident="factory's", **self.SMTP_kwargs)

    class Partial(classes.Controller):  # type: ignore[name-defined,misc]
        def factory(self) -> Any:
            return functools.partial(classes.LMTP, self.handler, ident="partial's")(hostname=NAME)

    for kind, smtp, ident in (Controller, short, "factory's"), (Partial, classes.LMTP, "partial's"):
        with served(kind(Taker(), hostname="127.0.0.1")) as controller:
            assert type(controller.smtpd) is smtp
            with socket.create_connection((controller.hostname, controller.port)) as client:
                assert read_until(client, b"\r\n").endswith(f" {ident}\r\n".encode())


@BOTH
def test_a_partial_class_on_a_loop(of: str) -> None:
    handler = Taker()
    factory = functools.partial(CLASSES[of].SMTP, handler, hostname=NAME, enable_SMTPUTF8=True)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", port) as client:
                await asyncio.to_thread(client.sendmail, SENDER, [RECIPIENT], TEXT)
                await asyncio.to_thread(client.quit)

    asyncio.run(main())
    assert handler.contents == [TEXT.encode()]


@BOTH
def test_a_unix_socket(of: str, tmp_path: Path) -> None:
    handler = Taker()
    controller = CLASSES[of].UnixSocketController(handler, tmp_path / "socket")
    with served(controller), socket.socket(socket.AF_UNIX) as client:
        client.connect(controller.unix_socket)
        client.sendall(HELLO + SENT + QUIT)
        assert read_until(client, b"221 Bye\r\n").endswith(b"250 taken\r\n221 Bye\r\n")
    assert handler.contents == [b"one\r\n"]


@BOTH
def test_unthreaded(of: str) -> None:
    handler = Taker()
    loop = asyncio.new_event_loop()
    controller = CLASSES[of].UnthreadedController(handler, hostname="127.0.0.1", port=0, loop=loop)
    controller.begin()
    controller.port = controller.server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        send(controller)
    finally:
        loop.call_soon_threadsafe(controller.end)
        assert controller.ended.wait(60)
        loop.call_soon_threadsafe(controller.cancel_tasks)
        thread.join()
        loop.close()
        asyncio.set_event_loop(None)
    assert handler.contents == [TEXT.encode()]


@BOTH
def test_tls_from_the_first_octet(of: str, tls: TLS, context: ssl.SSLContext) -> None:
    handler = Taker()
    controller = CLASSES[of].Controller(handler, hostname="127.0.0.1", ssl_context=tls.context)
    with served(controller):
        send(controller, context)
    assert handler.contents == [TEXT.encode()]


@BOTH
class TestFailing:
    def test_the_time_to_start(self, of: str, monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop) -> None:
        assert CLASSES[of].Controller(Taker(), loop=loop, ready_timeout=3).ready_timeout == 3
        monkeypatch.setenv("AIOSMTPD_CONTROLLER_TIMEOUT", "7.5")
        assert CLASSES[of].Controller(Taker(), loop=loop, ready_timeout=3).ready_timeout == 7.5

    def test_a_factory_that_raises(self, of: str) -> None:
        class Controller(CLASSES[of].Controller):  # type: ignore[misc]
            def factory(self) -> Any:
                raise LookupError("no server today")

        self.does_not_start(Controller(Taker(), hostname="127.0.0.1"), LookupError, "no server today")

    def test_a_factory_that_makes_nothing(self, of: str) -> None:
        controller = subclass(CLASSES[of].Controller, factory=lambda self: None)
        self.does_not_start(controller(Taker(), hostname="127.0.0.1"), RuntimeError, r"factory\(\) returned None")

    def test_options_that_are_none(self, of: str, loop: asyncio.AbstractEventLoop) -> None:
        wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"no_such": 1}, TypeError, "no_such"),
            ({"data_size_limit": "1"}, AssertionError, "^$"),
            ({"command_call_limit": "1"}, TypeError, "command_call_limit must be int"),
            ({"proxy_protocol_timeout": 0}, ValueError, "must be > 0"),
        ]

        async def make(options: dict[str, Any]) -> None:
            CLASSES[of].Controller(Taker(), loop=loop, **options).factory()

        for options, error, said in wrong:
            with pytest.raises(error, match=said):
                loop.run_until_complete(make(options))

    def test_a_port_that_is_taken(self, of: str, loop: asyncio.AbstractEventLoop) -> None:
        with served(CLASSES[of].Controller(Taker(), hostname="127.0.0.1")) as controller:
            second = CLASSES[of].Controller(Taker(), "127.0.0.1", controller.port, loop, ready_timeout=2)
            with pytest.raises(OSError, match="address already in use"):
                second.start()
            second._thread.join()

    def test_stopping_what_has_not_started(self, of: str, loop: asyncio.AbstractEventLoop) -> None:
        with pytest.raises(AssertionError, match="SMTP daemon not running"):
            CLASSES[of].Controller(Taker(), loop=loop).stop()

    @staticmethod
    def does_not_start(controller: Any, error: type[Exception], said: str) -> None:
        # The exception knows of the connection that it was raised for.
        with left_open(), pytest.raises(error, match=said), served(controller):
            pass


def test_its_own_classes_are_what_they_make() -> None:
    assert OURS.Controller.factory is OURS.UnixSocketController.factory is OURS.UnthreadedController.factory

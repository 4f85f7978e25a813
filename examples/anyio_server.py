"""Receive mail with anyio, on asyncio or on trio, through `lonedot.Session`.

The session knows SMTP and has no socket and no event loop: octets go in, events come out, replies go in, octets come
out. All the I/O is here, with anyio's own means: a task for each connection, `fail_after` for who waits how long, a
thread for the disk. Each message becomes a file, synced before its 250; what ends without `<CRLF>.<CRLF>` becomes none.
The file holds mail data and no trace fields: final delivery puts `Return-Path:` and `Received:` above (RFC 5321 §4.4).

    python examples/anyio_server.py --listen 127.0.0.1:2525 --directory mail --backend trio
    swaks --server 127.0.0.1:2525 --from a@example.net --to b@example.org

It takes `pip install anyio`, with `anyio[trio]` for trio. It prints `listening on ADDRESS`, then a line for each
message. SIGTERM or SIGINT ends it. A task may be cancelled wherever it waits: a message that is stored is answered all
the same, because replies are sent under a shield; any other client hears 421.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import uuid
from functools import partial
from pathlib import Path

import anyio
import lonedot
from anyio.abc import SocketAttribute, SocketStream

LINGER = 5.0
"""Seconds a client has to read a last reply."""


def store(directory: Path, message: bytes) -> str:
    """The message under a new name. When this returns it is on the disk, or it raises OSError."""
    name = f"{uuid.uuid4().hex}.eml"
    part = directory / f".{name}.part"
    try:
        with open(part, "xb") as file:
            file.write(message)
            file.flush()
            os.fsync(file.fileno())
        part.rename(directory / name)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)  # the name too
    finally:
        os.close(fd)
    return name


class Server:
    """What connections share. `domain`: whose recipients are accepted."""

    def __init__(self, config: lonedot.Config, domain: str, directory: Path) -> None:
        self.config, self.domain, self.directory = config, domain, directory
        self.room = anyio.CapacityLimiter(config.limits.max_connections)

    async def serve(self, stream: SocketStream) -> None:
        """A connection from its greeting to its end. What goes wrong with one ends no other: an exception that left
        this task would cancel all of them."""
        async with stream:
            try:
                try:
                    self.room.acquire_on_behalf_of_nowait(stream)
                except anyio.WouldBlock:
                    await stream.send(bytes(lonedot.Reply(421, "4.3.2", "Too many connections; try again later")))
                    return
                try:
                    await self.guard(stream)
                finally:
                    self.room.release_on_behalf_of(stream)
            except (OSError, anyio.BrokenResourceError, TimeoutError) as error:
                print(f"connection lost: {error!r}", flush=True)
            except Exception:
                logging.exception("a connection failed")

    async def guard(self, stream: SocketStream) -> None:
        """Bounds the whole conversation, and has the last word where it is cut short."""
        session = lonedot.Session(self.config, questions=("rcpt",))
        try:
            with anyio.fail_after(self.config.limits.session_duration):
                await self.converse(stream, session)
        except TimeoutError:
            self.end(session, "timeout")
        except anyio.get_cancelled_exc_class():
            self.end(session, "shutdown")
            with anyio.move_on_after(1, shield=True):
                await stream.send(session.data_to_send())
            raise
        await self.send(stream, session)
        # Closing with octets unread would reset the connection, and the last reply could be lost with it.
        with anyio.move_on_after(LINGER):
            await stream.send_eof()
            while await self.receive(stream):
                pass

    async def converse(self, stream: SocketStream, session: lonedot.Session) -> None:
        """Until the session is closed. Raises TimeoutError."""
        limits = self.config.limits
        content = bytearray()  # a list would keep an object for every two octets of who sends so
        await self.send(stream, session)  # 220
        while not session.closed:
            octets = b""
            # Of a flood of commands the session retains the rest, until the replies to the first are sent.
            if not session.retaining:
                with anyio.fail_after(limits.data_timeout if session.in_mail_data else limits.command_timeout):
                    octets = await self.receive(stream)
            events = session.receive_data(octets) if octets or session.retaining else session.receive_eof()
            while events:
                reply: lonedot.Reply | None = None
                for event in events:
                    match event:
                        case lonedot.MailData():
                            content += event.octets
                        case lonedot.Aborted():
                            content.clear()
                            print(f"not delivered: {event.text}", flush=True)
                        case lonedot.Rcpt():
                            reply = self.accepts(event)
                        case lonedot.EndOfMailData():
                            reply = await self.deliver(session, bytes(content))
                            content.clear()
                # Only the last event of a list waits for a reply; None accepts. More may follow from it.
                events = session.reply(reply) if session.paused else []
            await self.send(stream, session)

    async def receive(self, stream: SocketStream) -> bytes:
        """What comes; nothing when the client has closed its side."""
        try:
            return await stream.receive()
        except anyio.EndOfStream:
            return b""

    async def send(self, stream: SocketStream, session: lonedot.Session) -> None:
        """Sends what the session has to say, also when this task is cancelled meanwhile: one of the replies may be the
        250 to a message that is stored, and a client that does not hear it sends the message again."""
        with anyio.fail_after(self.config.limits.command_timeout, shield=True):
            await stream.send(session.data_to_send())

    def end(self, session: lonedot.Session, reason: str) -> None:
        """Ends a session from outside; what was half received is no message."""
        for event in session.abort(reason):
            if isinstance(event, lonedot.Aborted):
                print(f"not delivered: {event.text}", flush=True)

    def accepts(self, rcpt: lonedot.Rcpt) -> lonedot.Reply | None:
        """None for a recipient of ours. Postmaster without a domain is every server's own (RFC 5321 §4.5.1)."""
        if rcpt.domain.lower() in ("", self.domain):
            return None
        return lonedot.Reply(550, "5.7.1", "No relaying here")

    async def deliver(self, session: lonedot.Session, message: bytes) -> lonedot.Reply:
        """Takes responsibility for a message, or says that it could not (RFC 5321 §4.2.5). Once the thread has begun,
        its result is waited for; cancelled before that, nothing is stored."""
        assert session.mail is not None
        try:
            name = await anyio.to_thread.run_sync(store, self.directory, message)
        except OSError as error:
            print(f"not stored: {error}", flush=True)
            return lonedot.Reply(451, "4.3.0", "The message could not be stored; try again later")
        recipients = " ".join(f"<{rcpt.forward_path}>" for rcpt in session.rcpts)
        print(f"{name}: {len(message)} octets from <{session.mail.reverse_path}> to {recipients}", flush=True)
        return lonedot.Reply(250, "2.0.0", f"Ok: {name}")


async def stop_when_told(scope: anyio.CancelScope) -> None:
    """Cancels the scope at the first signal."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


async def run(server: Server, host: str, port: int) -> None:
    """Listens until a signal comes."""
    async with (
        await anyio.create_tcp_listener(local_host=host, local_port=port) as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(stop_when_told, tasks.cancel_scope)
        print(f"listening on {host}:{listener.extra(SocketAttribute.local_port)}", flush=True)
        await listener.serve(server.serve)


def main() -> None:
    parser = argparse.ArgumentParser(description="Receive mail with anyio.")
    option = parser.add_argument
    option("--listen", default="127.0.0.1:2525", metavar="HOST:PORT")
    option("--directory", type=Path, default=Path("mail"), help="where messages go")
    option("--domain", default="example.org", help="whose recipients are accepted")
    option("--max-size", type=int, default=50_000_000, metavar="OCTETS")
    option("--max-connections", type=int, default=1000, metavar="COUNT")
    option("--timeout", type=float, default=300.0, metavar="SECONDS", help="how long a client is waited for")
    option("--backend", choices=("asyncio", "trio"), default="asyncio")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    timeouts = dict.fromkeys(("command_timeout", "data_timeout"), options.timeout)
    limits = lonedot.Limits(max_size=options.max_size, max_connections=options.max_connections, **timeouts)
    server = partial(Server, lonedot.Config(limits=limits), options.domain.lower(), options.directory)
    host, _, port = options.listen.rpartition(":")

    async def start() -> None:
        await run(server(), host, int(port))

    anyio.run(start, backend=options.backend)


if __name__ == "__main__":
    main()

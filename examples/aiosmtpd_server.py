"""A handler written for aiosmtpd, behind lonedot in either of two ways.

With `--by controller` one import has changed: aiosmtpd's own server speaks, and mail data goes through `DataDecoder`.
With `--by engine` lonedot's own server speaks, and asks the same handler through `AiosmtpdHandler`. The handler knows
of neither. What changes for clients is in docs/aiosmtpd.md.

    python examples/aiosmtpd_server.py --listen 127.0.0.1:2525 --directory mail --by controller
    swaks --server 127.0.0.1:2525 --from a@example.net --to b@example.org

It takes `pip install lonedot[aiosmtpd]`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import uuid
from pathlib import Path

import lonedot

# For aiosmtpd alone: Controller from aiosmtpd.controller, the others from aiosmtpd.smtp.
from lonedot.aiosmtpd import SMTP, AiosmtpdHandler, Controller, Envelope, Session

STOP = {signal.SIGINT, signal.SIGTERM}


class Store:
    """A handler with hooks of aiosmtpd's. `domain`: whose recipients are accepted."""

    def __init__(self, domain: str, directory: Path) -> None:
        self.domain, self.directory = domain, directory

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        if address.rpartition("@")[2].lower() != self.domain:
            return "550 5.7.1 No relaying here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        try:
            # The disk is waited for in a thread: other clients are served meanwhile.
            name = await asyncio.to_thread(self.store, envelope.content)
        except OSError as error:
            print(f"not stored: {error}", flush=True)
            return "451 4.3.0 The message could not be stored; try again later"
        recipients = " ".join(f"<{address}>" for address in envelope.rcpt_tos)
        print(f"{name}: {len(envelope.content)} octets from {envelope.mail_from} to {recipients}", flush=True)
        return f"250 2.0.0 Ok: {name}"

    def store(self, message: bytes) -> str:
        """The message under a new name. When this returns it is on the disk, or it raises OSError."""
        name = f"{uuid.uuid4().hex}.eml"
        part = self.directory / f".{name}.part"
        try:
            with open(part, "xb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self.directory / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        fd = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(fd)  # the name too
        finally:
            os.close(fd)
        return name


def serve_by_controller(handler: Store, host: str, port: int, max_size: int) -> None:
    """aiosmtpd's way: a thread that `start` and `stop` begin and end."""
    # No thread is to be interrupted: the signals wait until this one asks for them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    controller = Controller(handler, hostname=host, port=port, data_size_limit=max_size)
    controller.start()
    try:
        print(f"listening on {host}:{port}", flush=True)
        signal.sigwait(STOP)
    finally:
        controller.stop()


async def serve_by_engine(handler: Store, address: str, max_size: int) -> None:
    """lonedot's: open transactions may end before it does."""
    stopped = asyncio.Event()
    for number in STOP:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = lonedot.Server(AiosmtpdHandler(handler), lonedot.Config(limits=lonedot.Limits(max_size=max_size)))
    listener = await server.listen(address)
    print(f"listening on {listener.address}", flush=True)
    await stopped.wait()
    await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="Receive mail with a handler of aiosmtpd's.")
    option = parser.add_argument
    option("--listen", default="127.0.0.1:2525", metavar="HOST:PORT")
    option("--directory", type=Path, default=Path("mail"), help="where messages go")
    option("--by", choices=["controller", "engine"], default="controller")
    option("--domain", default="example.org", help="whose recipients are accepted")
    option("--max-size", type=int, default=50_000_000, metavar="OCTETS")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    handler = Store(options.domain.lower(), options.directory)
    if options.by == "engine":
        asyncio.run(serve_by_engine(handler, options.listen, options.max_size))
    else:
        host, _, port = options.listen.rpartition(":")
        serve_by_controller(handler, host, int(port), options.max_size)


if __name__ == "__main__":
    main()

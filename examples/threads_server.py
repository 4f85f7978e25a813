"""Receive mail with plain blocking sockets, one thread for each connection, on `lonedot.Session`.

The session knows SMTP and has no socket: octets go in, events come out, replies go in, octets come out. All the I/O is
here: who waits, for how long, where a message is put. Each message becomes a file, synced before its 250; what ends
without `<CRLF>.<CRLF>` becomes none. The file holds mail data and no trace fields: final delivery puts `Return-Path:`
and `Received:` above (RFC 5321 §4.4).

    python examples/threads_server.py --listen 127.0.0.1:2525 --directory mail
    swaks --server 127.0.0.1:2525 --from a@example.net --to b@example.org

It prints `listening on ADDRESS`, then a line for each message. SIGTERM or SIGINT ends it: a message that is whole is
stored and answered, any other client hears 421.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import threading
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import lonedot

LINGER = 5.0
"""Seconds a client has to read a last reply."""
STOP = {signal.SIGINT, signal.SIGTERM}


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
    """Accepts connections, as many at a time as there are threads. `domain`: whose recipients are accepted."""

    def __init__(self, config: lonedot.Config, domain: str, directory: Path) -> None:
        self.config, self.domain, self.directory = config, domain, directory
        self.limits = config.limits
        self.stopping = threading.Event()
        self.open: set[socket.socket] = set()
        self.lock = threading.Lock()
        self.threads = ThreadPoolExecutor(config.limits.max_connections)

    def accept(self, listener: socket.socket) -> None:
        """Until `stop`. Whoever is too much hears so at once; in a queue it would wait for a greeting."""
        while not self.stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                continue  # the listener was shut down; or this one client, or a file descriptor, is gone
            with self.lock:
                room = not self.stopping.is_set() and len(self.open) < self.limits.max_connections
                if room:
                    self.open.add(sock)
                    self.threads.submit(self.serve, sock)
            if not room:
                with sock, contextlib.suppress(OSError):
                    sock.setblocking(False)
                    sock.send(bytes(lonedot.Reply(421, "4.3.2", "Too many connections; try again later")))

    def stop(self, listener: socket.socket) -> None:
        """Accepts nobody any more and wakes every thread that reads: to it the client has ended."""
        with self.lock:
            self.stopping.set()
            listener.shutdown(socket.SHUT_RDWR)
            for sock in self.open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RD)
        self.threads.shutdown()

    def serve(self, sock: socket.socket) -> None:
        """A connection from its greeting to its end. What goes wrong with one ends no other."""
        session = lonedot.Session(self.config, questions=("rcpt",))
        try:
            try:
                self.converse(sock, session)
            except TimeoutError:
                self.end(session, "timeout")
            # Closing with octets unread would reset the connection, and the last reply could be lost with it.
            ends = monotonic() + LINGER
            sock.settimeout(LINGER)
            sock.sendall(session.data_to_send())
            sock.shutdown(socket.SHUT_WR)
            while not self.stopping.is_set() and self.receive(sock, LINGER, ends):
                pass
        except OSError as error:
            print(f"connection lost: {error}", flush=True)
        except Exception:
            traceback.print_exc()  # nobody asks the pool what became of it
        finally:
            with self.lock:
                self.open.discard(sock)
                sock.close()

    def receive(self, sock: socket.socket, silence: float, ends: float) -> bytes:
        """What comes; nothing when the client has closed its side. Raises TimeoutError after so many seconds of
        silence, and at `ends`: a client that sends an octet now and then is never silent."""
        left = ends - monotonic()
        if left <= 0:
            raise TimeoutError("the connection has lasted too long")
        sock.settimeout(min(silence, left))
        return sock.recv(65536)

    def converse(self, sock: socket.socket, session: lonedot.Session) -> None:
        """Until the session is closed."""
        limits = self.limits
        ends = monotonic() + (limits.session_duration or float("inf"))
        content = bytearray()  # a list would keep an object for every two octets of who sends so
        sock.settimeout(limits.command_timeout)
        sock.sendall(session.data_to_send())  # 220
        while not session.closed:
            # Of a flood of commands the session retains the rest, until the replies to the first are sent.
            silence = limits.data_timeout if session.in_mail_data else limits.command_timeout
            octets = b"" if session.retaining else self.receive(sock, silence, ends)
            if not octets and not session.retaining and self.stopping.is_set():
                self.end(session, "shutdown")
                break
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
                            reply = self.deliver(session, bytes(content))
                            content.clear()
                # Only the last event of a list waits for a reply; None accepts. More may follow from it.
                events = session.reply(reply) if session.paused else []
            sock.sendall(session.data_to_send())

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

    def deliver(self, session: lonedot.Session, message: bytes) -> lonedot.Reply:
        """Takes responsibility for a message, or says that it could not (RFC 5321 §4.2.5)."""
        assert session.mail is not None
        try:
            name = store(self.directory, message)
        except OSError as error:
            print(f"not stored: {error}", flush=True)
            return lonedot.Reply(451, "4.3.0", "The message could not be stored; try again later")
        recipients = " ".join(f"<{rcpt.forward_path}>" for rcpt in session.rcpts)
        print(f"{name}: {len(message)} octets from <{session.mail.reverse_path}> to {recipients}", flush=True)
        return lonedot.Reply(250, "2.0.0", f"Ok: {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Receive mail with threads.")
    option = parser.add_argument
    option("--listen", default="127.0.0.1:2525", metavar="HOST:PORT")
    option("--directory", type=Path, default=Path("mail"), help="where messages go")
    option("--domain", default="example.org", help="whose recipients are accepted")
    option("--max-size", type=int, default=50_000_000, metavar="OCTETS")
    option("--max-connections", type=int, default=100, metavar="COUNT")
    option("--timeout", type=float, default=300.0, metavar="SECONDS", help="how long a client is waited for")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    timeouts = dict.fromkeys(("command_timeout", "data_timeout"), options.timeout)
    limits = lonedot.Limits(max_size=options.max_size, max_connections=options.max_connections, **timeouts)
    server = Server(lonedot.Config(limits=limits), options.domain.lower(), options.directory)
    host, _, port = options.listen.rpartition(":")
    # No thread is to be interrupted: the signals wait until this one asks for them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    with socket.create_server((host, int(port))) as listener:
        accepting = threading.Thread(target=server.accept, args=(listener,))
        accepting.start()
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        signal.sigwait(STOP)
        server.stop(listener)
        accepting.join()


if __name__ == "__main__":
    main()

"""Filter mail on its way: receive with `lonedot.Server`, add header fields, relay with aiosmtplib while the client
waits.

Nothing is queued, so nothing is acknowledged that the next hop has not acknowledged: MAIL, each RCPT and the message
are asked there, and what it says, the client hears: code, enhanced code and text. A next hop that is down, slow or
makes no sense is a 451. The client's octets go on as they came, below the fields added; what breaks a rule of mail data
never leaves. Each client has its own connection to the next hop, made at its first MAIL; a client that goes away in the
middle leaves a transaction there that never came to DATA, and its connection is closed.

    python examples/filter_gateway.py --listen 127.0.0.1:2525 --next-hop 127.0.0.1:2526
    swaks --server 127.0.0.1:2525 --from a@example.net --to b@example.org

It takes `pip install aiosmtplib`, and a next hop that answers: what is offered is what that offers, and it is asked
once, at the start, because a listener offers the same to everybody. One that has lost an extension since is a 451 until
the gateway is started anew. Who may send to whom is for the next hop to say, and all it sees is the gateway: it must
not trust that address. A filter of your own goes into `judge`. TLS is left out on both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import re
import signal
from collections.abc import Awaitable

import aiosmtplib
import lonedot
from lonedot.trace import received

ROOM = 2048
"""Octets that the added fields may take, at most: SIZE is about the message with them."""
RELAYED = frozenset({"SIZE", "8BITMIME", "SMTPUTF8"})
"""Extensions that take a next hop that has them. CHUNKING is none: a message that came in chunks may end without the
CRLF that DATA cannot do without."""
UNAVAILABLE = lonedot.Reply(451, "4.4.1", "The next hop cannot be asked now; try again later")


def judge(message: lonedot.Message) -> bytes | lonedot.Reply:
    """The filter: fields to add, each with its CRLF and of ASCII, or a refusal."""
    header = message.content[: message.report.header_end]
    if re.search(rb"(?im)^X-Spam-Flag:[ \t]*YES", header):
        return lonedot.Reply(550, "5.7.1", "This was marked as spam before it came here")
    return b"X-Filtered: %d lines\r\n" % message.report.lines


def passed_on(code: int, text: str) -> lonedot.Reply | None:
    """What the next hop said, as a reply of our own; None for what is none. Its 421 is about its connection to us, not
    about the client's."""
    kind = code // 100
    if kind not in (2, 4, 5):
        return None
    if code == 421:
        code = 451
    elif code % 100 >= 60:
        code = kind * 100 + 50  # 571 and the like: of a code that RFC 5321 §4.2.1 does not know, the first digit counts
    number = r"(?:0|[1-9]\d{0,2})"
    found = re.match(rf"{kind}\.{number}\.{number}(?=[ \n]|$)", text)
    enhanced = found[0] if found else f"{kind}.0.0"
    text = re.sub(rf"(?m)^{re.escape(enhanced)}(?: |$)", "", text)
    return lonedot.Reply(code, enhanced, re.sub(r"[^\t\n -~]", "?", text))


def offers(client: aiosmtplib.SMTP) -> frozenset[str]:
    return frozenset(keyword for keyword in RELAYED if client.supports_extension(keyword))


class Gateway:
    """The hooks. `offered`: the extensions of RELAYED that clients are offered; `seconds`: how long the next hop may
    take for a reply. Each client's connection keeps an aiosmtplib.SMTP in its `state`."""

    def __init__(self, host: str, port: int, hostname: str, seconds: float) -> None:
        self.host, self.port, self.hostname, self.seconds = host, port, hostname, seconds
        self.offered: frozenset[str] = frozenset()
        self.capabilities: frozenset[str] = frozenset()

    async def connected(self) -> aiosmtplib.SMTP:
        """A connection to the next hop, up to its reply to EHLO. Raises SMTPException or OSError."""
        client = aiosmtplib.SMTP(
            hostname=self.host, port=self.port, local_hostname=self.hostname, timeout=self.seconds, start_tls=False
        )
        try:
            await client.connect()
            await client.ehlo()
        except BaseException:
            client.close()
            raise
        return client

    async def learn(self) -> int | None:
        """Asks the next hop what it offers; gives the octets it takes. Raises as `connected`."""
        client = await self.connected()
        self.offered = offers(client)
        self.capabilities = self.offered - {"SIZE"}
        most = client.esmtp_extensions.get("size", "")
        client.close()
        return int(most) if most.isdecimal() and int(most) else None

    async def ask(self, client: aiosmtplib.SMTP, answer: Awaitable[aiosmtplib.SMTPResponse]) -> lonedot.Reply:
        """The next hop's reply. After one that is none, or did not come in time, the next could not be told from it."""
        reply: lonedot.Reply | None = None
        try:
            reply = passed_on(*await answer)
        except aiosmtplib.SMTPDataError as error:
            if error.code >= 400:  # it is raised for a 2xx in place of the 354 too
                reply = passed_on(error.code, error.message)
            if error.code == 421:
                client.close()
        except (aiosmtplib.SMTPException, OSError):
            pass
        finally:
            # Also where we were cancelled.
            if reply is None:
                client.close()
        return reply or UNAVAILABLE

    async def say(self, client: aiosmtplib.SMTP, command: str) -> lonedot.Reply:
        return await self.ask(client, client.execute_command(command.encode()))

    async def on_mail(self, connection: lonedot.Connection, mail: lonedot.Mail) -> lonedot.Reply:
        client: aiosmtplib.SMTP | None = connection.state.get("client")
        if client is not None and client.is_connected:
            # There may be a transaction that the client has given up: by RSET or EHLO, or inside mail data.
            reply = await self.say(client, "RSET")
            if reply.code != 250:
                client.close()
        if client is None or not client.is_connected:
            try:
                client = connection.state["client"] = await self.connected()
            except (aiosmtplib.SMTPException, OSError):
                return UNAVAILABLE
        if not self.offered <= offers(client):
            client.close()
            return UNAVAILABLE
        command = f"MAIL FROM:<{mail.reverse_path}>"
        if mail.parameters.size is not None:
            command += f" SIZE={mail.parameters.size + ROOM}"
        if mail.parameters.body is not None:
            command += f" BODY={mail.parameters.body}"
        return await self.say(client, command + " SMTPUTF8" * mail.parameters.smtputf8)

    async def on_rcpt(self, connection: lonedot.Connection, rcpt: lonedot.Rcpt) -> lonedot.Reply:
        return await self.say(connection.state["client"], f"RCPT TO:<{rcpt.forward_path}>")

    async def on_message(self, connection: lonedot.Connection, message: lonedot.Message) -> lonedot.Reply:
        client: aiosmtplib.SMTP = connection.state["client"]
        verdict = judge(message)
        if isinstance(verdict, lonedot.Reply):
            return verdict
        if message.report.eight_bit and "8BITMIME" not in self.offered:
            return lonedot.Reply(554, "5.6.3", "The next hop takes no octets above 127")
        added = received(message.transaction, self.hostname) + verdict
        if message.content[:1] in (b" ", b"\t"):
            added += b"\r\n"  # or it would continue our last field
        assert len(added) <= ROOM
        # aiosmtplib rewrites bare CR and LF. There are none: the policies refuse them, and have to.
        return await self.ask(client, client.data(added + message.content))

    async def on_disconnect(self, connection: lonedot.Connection, reason: str) -> None:
        client: aiosmtplib.SMTP | None = connection.state.get("client")
        if client is not None:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
            client.close()


async def run(gateway: Gateway, listen: str) -> None:
    """Listens until a signal comes."""
    most = await gateway.learn()
    limits = lonedot.Limits(handler_deadline=5 * gateway.seconds)
    if most is not None:
        limits = dataclasses.replace(limits, max_size=max(most - ROOM, 1))
    extensions = gateway.offered | {"PIPELINING", "ENHANCEDSTATUSCODES"}
    server = lonedot.Server(gateway, lonedot.Config(hostname=gateway.hostname, limits=limits, extensions=extensions))
    listener = await server.listen(listen)
    told_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    print(f"listening on {listener.address}", flush=True)
    await told_to_stop.wait()
    await server.stop(drain=30)


def main() -> None:
    parser = argparse.ArgumentParser(description="Filter mail and relay it while the client waits.")
    option = parser.add_argument
    option("--listen", default="127.0.0.1:2525", metavar="HOST:PORT")
    option("--next-hop", default="127.0.0.1:2526", metavar="HOST:PORT", help="where mail goes on to")
    option("--hostname", default="gateway.example.org", help="what the gateway calls itself")
    option("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long the next hop may take for a reply")
    options = parser.parse_args()
    host, _, port = options.next_hop.rpartition(":")
    try:
        asyncio.run(run(Gateway(host.strip("[]"), int(port), options.hostname, options.timeout), options.listen))
    except (aiosmtplib.SMTPException, OSError) as error:
        raise SystemExit(f"{options.next_hop} or {options.listen}: {error}") from None


if __name__ == "__main__":
    main()

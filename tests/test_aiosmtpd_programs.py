"""Programs as people write them with aiosmtpd: what is seen of each, from the client's side and from its own, is the
same with lonedot's classes."""

from __future__ import annotations

import asyncio
import base64
import collections
import re
import smtplib
import ssl
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from lonedot import TLS
from lonedot.aiosmtpd import AuthResult, LoginPassword

from tests.aiosmtpd_support import CLASSES, Classes, served
from tests.tls_support import NAME

SENDER = "anne@example.org"
MESSAGE = b"From: anne@example.org\r\nSubject: %b\r\n\r\n.dot\r\n..dots\r\n" + b"x" * 900 + b"\r\n"


def seen_by_both(program: Callable[[Classes], Any]) -> Any:
    """What a program shows with aiosmtpd's classes, which is what it shows with lonedot's."""
    theirs, ours = program(CLASSES["aiosmtpd"]), program(CLASSES["lonedot"])
    assert ours == theirs
    return ours


class SpoolHandler:
    """Stores each message in a file of its own, away from the loop, and answers with the name it queued it under."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.queued = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if not address.endswith("@example.net"):
            return "550 5.7.1 not one of ours"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.queued += 1
        queue_id = f"{self.queued:06X}"
        await server.loop.run_in_executor(None, self.store, queue_id, envelope)
        return f"250 2.0.0 queued as {queue_id}"

    def store(self, queue_id: str, envelope: Any) -> None:
        """Under a name of its own first, so that a reader never sees half of it."""
        unfinished = self.spool / f".{queue_id}"
        with unfinished.open("wb") as file:
            file.write(f"{envelope.mail_from} {' '.join(envelope.rcpt_tos)}\n".encode())
            view = memoryview(envelope.content)
            for start in range(0, len(view), 65536):
                file.write(view[start : start + 65536])
        unfinished.rename(self.spool / queue_id)


def test_a_spool(tmp_path: Path) -> None:
    def program(classes: Classes) -> Any:
        spool = tmp_path / classes.SMTP.__module__
        spool.mkdir()
        controller = classes.Controller(SpoolHandler(spool), hostname="127.0.0.1", data_size_limit=1_000_000)
        said: list[Any] = []
        with served(controller), smtplib.SMTP(controller.hostname, controller.port) as client:
            client.ehlo("client.example")
            said.append(dict(client.esmtp_features))
            for body in MESSAGE % b"one", MESSAGE % b"many" + b"y" * 70 + b"\r\n" * 40_000, b"":
                client.mail(SENDER, ["SIZE=1000"])
                said.append(
                    [client.rcpt(to) for to in ("bart@example.net", "cate@elsewhere.example", "dave@example.net")]
                )
                said.append(client.data(body))
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail(SENDER, ["eve@elsewhere.example"], MESSAGE)
            client.mail(SENDER)
            client.rcpt("bart@example.net")
            said.append(client.data(b"z" * 70 + b"\r\n" + b"z\r\n" * 400_000))
        return said, {file.name: file.read_bytes() for file in spool.iterdir()}

    said, files = seen_by_both(program)
    assert said[2] == (250, b"2.0.0 queued as 000001")
    assert said[-1] == (552, b"Error: Too much mail data")
    assert files["000001"] == b"anne@example.org bart@example.net dave@example.net\n" + MESSAGE % b"one"
    assert sorted(files) == ["000001", "000002", "000003"]


class MailboxHandler:
    """Delivers into mailboxes, each recipient for itself."""

    full = frozenset({"full@example.net"})

    def __init__(self) -> None:
        self.mailboxes: dict[str, list[str]] = collections.defaultdict(list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        subject = message_from_bytes(envelope.content, policy=policy.default)["subject"]
        replies = []
        for rcpt in envelope.rcpt_tos:
            if rcpt in self.full:
                replies.append("452 4.2.2 mailbox full")
            elif rcpt.startswith("nobody"):
                replies.append("550 5.1.1 no such mailbox")
            else:
                self.mailboxes[rcpt].append(subject)
                replies.append("250 2.1.5 delivered")
        return "\r\n".join(replies)


def test_mailboxes_by_lmtp(tmp_path: Path) -> None:
    def program(classes: Classes) -> Any:
        class LmtpController(classes.UnixSocketController):  # type: ignore[name-defined,misc]
            def factory(self) -> Any:
                return classes.LMTP(self.handler, hostname="lmtp.example.net", ident="mailboxes")

        handler = MailboxHandler()
        path = str(tmp_path / f"{classes.SMTP.__module__}.socket")
        said: list[Any] = []
        with served(LmtpController(handler, path)), smtplib.LMTP(path) as client:
            said.append(client.docmd("EHLO", "client.example"))
            said.append(client.docmd("HELO", "client.example"))
            said.append(client.ehlo("client.example"))  # LHLO, with this client
            for subject in "one", "two":
                client.mail(SENDER)
                rcpts = ["bart@example.net", "full@example.net", "nobody@example.net"]
                for rcpt in rcpts:
                    client.rcpt(rcpt)
                said.append(client.data(MESSAGE % subject.encode()))
                said.extend(client.getreply() for _ in rcpts[1:])
            said.append(client.sendmail(SENDER, ["bart@example.net"], MESSAGE % b"three"))
            said.append(client.noop())
        return said, dict(handler.mailboxes)

    said, mailboxes = seen_by_both(program)
    delivered, full, nobody = (250, b"2.1.5 delivered"), (452, b"4.2.2 mailbox full"), (550, b"5.1.1 no such mailbox")
    assert said[3:9] == [delivered, full, nobody] * 2
    assert mailboxes == {"bart@example.net": ["one", "two", "three"]}


def test_a_gateway_that_filters() -> None:
    """A subclass that says how many messages a client may send, whose content goes further, and what it did."""

    def program(classes: Classes) -> Any:
        log: list[Any] = []

        sent = collections.Counter[str]()

        class Gateway(classes.SMTP):  # type: ignore[name-defined,misc]
            async def smtp_DATA(self, arg: str) -> None:
                sender = self.envelope.mail_from
                if sender is not None and sent[sender] >= 2:
                    log.append(("limited", sender))
                    await self.push("451 4.7.1 too many messages; come back later")
                    self._set_post_data_state()
                    return
                envelope = self.envelope
                log.append(("begins", sender))
                await super().smtp_DATA(arg)
                if sender is not None:
                    sent[sender] += 1
                size = None if envelope.content is None else len(envelope.content)
                log.append(("over", sender, size, self.envelope is envelope))

            async def push(self, status: Any) -> None:
                log.append(status.split()[0])
                await super().push(status)

        class Filter:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
                if re.search(rb"(?im)^subject:.*winner", envelope.content):
                    return "554 5.7.1 looks like spam"
                session.passed = getattr(session, "passed", 0) + 1
                return f"250 2.0.0 passed, {session.passed} so far"

        class GatewayController(classes.Controller):  # type: ignore[name-defined,misc]
            def factory(self) -> Any:
                return Gateway(self.handler, hostname=NAME, data_size_limit=100_000)

        said: list[Any] = []
        controller = GatewayController(Filter(), hostname="127.0.0.1")
        with served(controller), smtplib.SMTP(controller.hostname, controller.port) as client:
            del log[:]  # of the connection that a controller opens itself
            client.ehlo("client.example")
            said.append(client.docmd("DATA"))
            for sender, subject in (SENDER, b"one"), (SENDER, b"You are the WINNER"), ("bart@example.net", b"two"):
                client.mail(sender)
                client.rcpt("cate@example.net")
                said.append(client.data(MESSAGE % subject))
            client.mail("bart@example.net")
            client.rcpt("cate@example.net")
            said.append(client.data(b"z" * 2000))
            for sender in SENDER, "bart@example.net":
                client.mail(sender)
                client.rcpt("cate@example.net")
                said.append(client.docmd("DATA"))
            said.append(client.noop())
        return said, log

    said, log = seen_by_both(program)
    assert [code for code, _ in said] == [503, 250, 554, 250, 500, 451, 451, 250]
    assert said[3][1] == b"2.0.0 passed, 2 so far"
    assert ("over", SENDER, len(MESSAGE % b"one"), False) in log
    assert log.count(("limited", SENDER)) == 1


class Accounts:
    """An authenticator as aiosmtpd wants it."""

    passwords = {b"anne": b"correct horse"}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, auth_data: Any) -> AuthResult:
        assert isinstance(auth_data, LoginPassword)
        self.asked.append((mechanism, auth_data.login, session.ssl is not None))
        if mechanism not in ("LOGIN", "PLAIN"):
            return AuthResult(success=False, handled=False, message="504 5.5.4 not that")
        if self.passwords.get(auth_data.login) != auth_data.password:
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=auth_data)


class Submitted:
    """Whose messages, and from whom."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append((session.authenticated, session.auth_data.login, envelope.mail_from, envelope.content))
        return "250 2.0.0 submitted"


def test_submission_with_an_authenticator(tls: TLS, context: ssl.SSLContext) -> None:
    def program(classes: Classes) -> Any:
        accounts, handler = Accounts(), Submitted()
        controller = classes.Controller(
            handler, "127.0.0.1", authenticator=accounts, auth_required=True, tls_context=tls.context,
            require_starttls=True, server_hostname=NAME,
        )  # fmt: skip
        said: list[Any] = []
        with served(controller):
            for mechanism, method in ("PLAIN", "auth_plain"), ("LOGIN", "auth_login"):
                with smtplib.SMTP(controller.hostname, controller.port) as client:
                    said.extend([client.ehlo("client.example"), client.docmd("MAIL", f"FROM:<{SENDER}>")])
                    said.append(client.starttls(context=context))
                    said.append(client.ehlo("client.example"))
                    said.append(client.docmd("MAIL", f"FROM:<{SENDER}>"))
                    client.user, client.password = "anne", "wrong"
                    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                        client.auth(mechanism, getattr(client, method))
                    said.append(refused.value.args)
                    client.password = "correct horse"
                    said.append(client.auth(mechanism, getattr(client, method)))
                    said.append(client.sendmail(SENDER, ["cate@example.net"], MESSAGE % mechanism.encode()))
                    said.append(client.docmd("AUTH", "PLAIN " + base64.b64encode(b"\0a\0b").decode()))
        return said, accounts.asked, handler.messages

    said, asked, messages = seen_by_both(program)
    assert [reply[0] for reply in said[:7]] == [250, 530, 220, 250, 530, 535, 235]
    assert asked == [("PLAIN", b"anne", True)] * 2 + [("LOGIN", b"anne", True)] * 2
    assert messages == [(True, b"anne", SENDER, MESSAGE % name) for name in (b"PLAIN", b"LOGIN")]


def test_several_clients_at_once(tmp_path: Path) -> None:
    """The spool again, with eight clients that send four messages each."""

    def program(classes: Classes) -> Any:
        spool = tmp_path / classes.SMTP.__module__
        spool.mkdir()
        controller = classes.Controller(SpoolHandler(spool), hostname="127.0.0.1")

        def send(number: int) -> None:
            with smtplib.SMTP(controller.hostname, controller.port) as client:
                for _ in range(4):
                    client.sendmail(SENDER, ["bart@example.net"], MESSAGE % str(number).encode())

        async def clients() -> None:
            await asyncio.gather(*(asyncio.to_thread(send, number) for number in range(8)))

        with served(controller):
            asyncio.run(clients())
        return sorted(file.read_bytes() for file in spool.iterdir())

    assert len(seen_by_both(program)) == 32

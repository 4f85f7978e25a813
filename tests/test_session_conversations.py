"""The corpus of conversations (tests/data/README.md) against the session from Python, each step sent whole and octet by
octet.

The Rust tests hold the core's session against it at every split; here it is what the binding makes of it.
"""

from __future__ import annotations

from typing import Any

import pytest
from lonedot import (
    Aborted,
    Auth,
    AuthResponse,
    Bdat,
    Closed,
    Data,
    Ehlo,
    EndOfChunk,
    EndOfMailData,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    MailData,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    Unknown,
    Vrfy,
    Xclient,
    Xforward,
    _core,
)
from lonedot.session import Event

from tests.conversations import Replies, config_of, conversations, octets, reply_of

QUESTIONS = ("hello", "mail", "rcpt", "data", "vrfy", "expn", "help", "etrn", "noop", "rset", "quit", "unknown")

# Octet by octet, up to so many.
SMALL = 65536

CONVERSATIONS = [
    pytest.param(conversation, size, id=f"{name}{'' if size is None else ', octet by octet'}")
    for name, conversation in conversations().items()
    for size in (None, 1)
    # Limits takes 1 octet at the least: SIZE 0 would mean no limit to clients (RFC 1870 §4).
    if conversation.get("settings", {}).get("max_size") != 0
    if size is None
    or (conversation.get("split", True) and sum(len(octets(step)) for step in conversation["step"]) <= SMALL)
]


class Driver:
    """A session, its application and its client."""

    def __init__(self, conversation: dict[str, Any]) -> None:
        settings = conversation.get("settings", {})
        self.session = _core.Session(
            config_of(conversation).settings(
                conversation.get("dialect", "smtp"),
                line_ends=settings.get("line_ends", "crlf"),
                extensions=settings.get("extensions"),
                security=settings.get("security", ()),
                questions=QUESTIONS,
            ),
            reply_of(conversation.get("greeting")),
            settings.get("over_tls", False),
        )
        self._replies = Replies(conversation)
        self._content = b""
        self._tls = False
        self.sent = b""
        self.delivered: list[dict[str, Any]] = []
        self.aborted: list[dict[str, Any]] = []
        self.closed: str | None = None

    def act(self, step: dict[str, Any], size: int | None) -> None:
        """Does what a step says, octets in pieces of `size`."""
        if step.get("eof"):
            self._take(self.session.receive_eof())
        elif "abort" in step:
            self._take(self.session.abort(step["abort"]))
        elif step.get("tls"):
            assert self._tls, "nobody was told to start TLS"
            assert self.session.in_handshake
            self._tls = False
            self.session.tls_started()
            assert self.session.tls
        else:
            sent = octets(step)
            for at in range(0, len(sent), size or len(sent) or 1):
                self._take(self.session.receive_data(sent[at : at + size] if size else sent))

    def _take(self, events: list[Event]) -> None:
        while True:
            for event in events:
                assert not self.session.paused or event is events[-1] or not self._asks(event)
                self._note(event)
            self.sent += self.session.data_to_send()
            if self.session.paused:
                events = self._answer(events[-1])
            elif self.session.retaining:
                events = self.session.receive_data(b"")
            else:
                return

    @staticmethod
    def _asks(event: Event) -> bool:
        return not isinstance(event, (MailData, Aborted, StartTls, Closed))

    def _note(self, event: Event) -> None:
        match event:
            case MailData(piece):
                self._content += piece
            case StartTls():
                self._tls = True
            case EndOfMailData(report):
                mail = self.session.mail
                assert mail is not None
                message = {
                    "reverse_path": mail.reverse_path,
                    "forward_paths": [rcpt.forward_path for rcpt in self.session.rcpts],
                    "content": self._content.decode("latin-1"),
                    "size": report.size,
                }
                self.delivered.append(message)
                self._content = b""
            case Aborted(reason, count, only_command):
                told = {"reason": reason, "octets": count, "only_command": only_command}
                told["violation"] = event.violation and event.violation.name
                self.aborted.append({key: value for key, value in told.items() if value is not None})
                self._content = b""
            case Closed(reason):
                assert self.closed is None
                self.closed = reason
            case _:
                pass

    def _answer(self, event: Event) -> list[Event]:
        replies = self._replies
        match event:
            case Ehlo(argument) | Helo(argument) | Lhlo(argument):
                answer = replies.to("hello", argument)
            case Mail(argument):
                answer = replies.to("mail", argument)
            case Rcpt(argument):
                answer = replies.to("rcpt", argument)
            case Vrfy(argument) | Expn(argument) | Help(argument) | Etrn(argument) | Noop(argument) | Unknown(argument):
                answer = replies.to(type(event).__name__.lower(), argument)
            case Data() | Bdat():
                answer = replies.next("data")
            case EndOfChunk():
                answer = replies.next("chunk")
                if answer is not None and answer.code >= 400:
                    self._content = b""
            case Auth() | AuthResponse():
                answer = replies.next("auth")
            case Xclient():
                answer = replies.next("xclient")
            case Xforward():
                answer = replies.next("xforward")
            case Rset():
                answer = replies.next("rset")
            case Quit():
                answer = replies.next("quit")
            case EndOfMailData():
                answer = replies.next("message")
                if isinstance(answer, list):
                    each = [self.session.reply_recipient(index, reply) for index, reply in enumerate(answer)]
                    return [event for events in each for event in events]
            case _:
                raise AssertionError(f"{event!r} asks nothing")
        return self.session.reply(answer)


def replies_in(sent: bytes) -> list[list[str]]:
    """Octets the session sent, as replies: each its lines."""
    replies: list[list[str]] = [[]]
    assert not sent or sent.endswith(b"\r\n")
    for line in sent.decode("ascii").split("\r\n")[:-1]:
        assert len(line) + 2 <= 512 or line.startswith("334 "), line
        replies[-1].append(line)
        if line[3] == " ":
            replies.append([])
    assert replies.pop() == [], "a reply is not whole"
    return replies


@pytest.mark.parametrize(("conversation", "size"), CONVERSATIONS)
def test_conversation(conversation: dict[str, Any], size: int | None) -> None:
    driver = Driver(conversation)
    driver.sent = driver.session.data_to_send()
    for step in conversation["step"]:
        driver.act(step, size)
        sent, driver.sent = driver.sent, b""
        replies = replies_in(sent)
        assert [int(lines[-1][:3]) for lines in replies] == step.get("expect", []), (step, sent)
        assert step.get("expect_text", "") in sent.decode("ascii"), (step, sent)
    wanted = conversation.get("delivered", [])
    pairs = zip(driver.delivered, wanted, strict=True)
    assert [{key: one[key] for key in message} for one, message in pairs] == wanted
    assert driver.aborted == conversation.get("aborted", [])
    assert driver.closed == conversation.get("closed")

"""Session from Python: events, replies, misuse, and what a client that gives up inside DATA leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from lonedot import (
    Aborted,
    Closed,
    Config,
    Data,
    Ehlo,
    EndOfMailData,
    Limits,
    Mail,
    MailData,
    Policies,
    Rcpt,
    ReadBuffer,
    Reply,
    Session,
    Vrfy,
)

from tests.support import ENVELOPE, KEEP
from tests.test_mail_data import NEVER_ENDS

CONFIG = Config(hostname="mx.example")
SMUGGLED = b"MAIL FROM:<smuggled@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nsmuggled\r\n.\r\n"


def codes(session: Session) -> list[int]:
    """The codes of the replies queued so far."""
    lines = session.data_to_send().decode().splitlines()
    return [int(line[:3]) for line in lines if line[3] == " "]


def ready(policies: Policies | None = None, **options: Any) -> Session:
    """A session whose client has said EHLO."""
    config = Config(hostname="mx.example", policies=policies or Policies())
    session = Session(config, **options)
    hello = "LHLO" if options.get("dialect") == "lmtp" else "EHLO"
    assert session.receive_data(f"{hello} client.example\r\n".encode()) == []
    assert codes(session) == [220, 250]
    return session


class TestEvents:
    def test_match(self) -> None:
        session = Session(CONFIG, questions=["hello", "mail", "rcpt", "data", "vrfy"])
        lines = [
            "EHLO a.example", "VRFY who", "MAIL FROM:<a@example.org> SIZE=100", "RCPT TO:<b@example.org>", "DATA",
        ]  # fmt: skip
        events = session.receive_data("\r\n".join([*lines, "body", ".", "QUIT", ""]).encode())
        seen: list[Any] = []
        while events:
            *told, asked = events
            for event in told:
                assert isinstance(event, MailData)
                seen.append(event.octets)
            assert session.paused != isinstance(asked, Closed)
            match asked:
                case Ehlo(name) | Vrfy(name):
                    seen.append(name)
                case Mail(reverse_path, parameters):
                    seen.append((reverse_path, parameters.size, parameters["size"]))
                case Rcpt(forward_path):
                    seen.append(forward_path)
                case Data():
                    seen.append("DATA")
                case EndOfMailData(report):
                    seen.append(report.lines)
                case Closed(reason):
                    seen.append(reason)
                    break
            events = session.reply(None)
        assert seen == [
            "a.example",
            "who",
            ("a@example.org", 100, "100"),
            "b@example.org",
            "DATA",
            b"body\r\n",
            1,
            "quit",
        ]
        assert codes(session) == [220, 250, 252, 250, 250, 354, 250, 221]
        assert session.closed
        assert session.receive_data(b"NOOP\r\n") == []
        assert session.data_to_send() == b""

    def test_events_are_frozen(self) -> None:
        session = ready()
        session.receive_data(b"MAIL FROM:<a@example.org>\r\n")
        for value, name in [(session.mail or session.hello, "name"), (Reply(250), "code"), (session, "paused")]:
            with pytest.raises(AttributeError):
                setattr(value, name, "x")

    def test_while_a_reply_is_owed_input_is_retained(self) -> None:
        session = ready()
        (mail,) = session.receive_data(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nNOOP\r\n")
        assert isinstance(mail, Mail)
        assert session.receive_data(b"NOOP\r\n") == []
        assert session.data_to_send() == b""
        (rcpt,) = session.reply(Reply(250, "2.1.0", "sender as you like"))
        assert isinstance(rcpt, Rcpt)
        assert session.mail == mail
        assert session.reply(Reply(550, "5.1.1", "nobody")) == []
        assert codes(session) == [250, 550, 250, 250]
        assert session.rcpts == ()

    def test_what_is_retained_is_bounded(self) -> None:
        session = ready()
        session.receive_data(b"MAIL FROM:<a@example.org>\r\n")
        for _ in range(100):
            events = session.receive_data(b"x" * 65536)
            if events:
                break
        (closed,) = events
        assert isinstance(closed, Closed)
        assert codes(session) == [421]


class TestMisuse:
    def test_of_reply(self) -> None:
        session = ready(questions=["mail", "data"])
        with pytest.raises(RuntimeError, match="no event waits"):
            session.reply(None)
        session.receive_data(b"MAIL FROM:<a@example.org>\r\n")
        with pytest.raises(ValueError, match="does not answer MAIL"):
            session.reply(Reply(354))
        with pytest.raises(RuntimeError, match="recipient"):
            session.reply_recipient(0, Reply(250))
        with pytest.raises(TypeError):
            session.reply("250 Ok")  # type: ignore[arg-type]
        assert session.paused
        session.reply(None)
        (data,) = session.receive_data(b"RCPT TO:<b@example.org>\r\nDATA\r\n")
        assert isinstance(data, Data)
        with pytest.raises(ValueError, match="354"):
            session.reply(Reply(250))
        session.reply(None)
        assert codes(session) == [250, 250, 354]

    def test_of_reply_recipient(self) -> None:
        session = ready(dialect="lmtp", questions=[])
        session.receive_data(ENVELOPE.replace(b"DATA", b"RCPT TO:<c@example.org>\r\nDATA") + b".\r\n")
        assert codes(session) == [250, 250, 250, 354]
        session.reply_recipient(1, Reply(550))
        assert session.data_to_send() == b""
        for wrong in (1, 2):
            with pytest.raises(ValueError, match="recipient"):
                session.reply_recipient(wrong, Reply(250))
        session.reply_recipient(0, Reply(250))
        assert codes(session) == [250, 550]
        with pytest.raises(RuntimeError):
            session.reply_recipient(0, Reply(250))

    def test_of_abort(self) -> None:
        for reason in ("violation", "quit", "", "EOF"):
            with pytest.raises(ValueError, match="reason takes"):
                ready().abort(reason)

    def test_of_the_constructor(self) -> None:
        mistakes: list[dict[str, Any]] = [{"dialect": "esmtp"}, {"questions": ["starttls"]}]
        for wrong in mistakes:
            with pytest.raises(ValueError):
                Session(CONFIG, **wrong)


class TestBrokenOff:
    @pytest.mark.parametrize(
        ("octets", "only"),
        [
            (b"QUIT\r\n", "QUIT"),
            (b"RSET\r\n", "RSET"),
            (b"quit\r\n", "QUIT"),
            (b"", None),
            (b"Subject: half a mess", None),
        ],
    )
    @pytest.mark.parametrize("reason", ["eof", "reset", "timeout", "shutdown"])
    def test_at_every_split(self, octets: bytes, only: str | None, reason: str) -> None:
        wire = ENVELOPE + octets
        for split in range(len(wire) + 1):
            session = ready(questions=[])
            told = session.receive_data(wire[:split]) + session.receive_data(wire[split:])
            assert all(isinstance(event, MailData) for event in told)
            assert b"".join(event.octets for event in told if isinstance(event, MailData)) in (octets, octets[:-1])
            events = session.receive_eof() if reason == "eof" else session.abort(reason)
            match events:
                case [Aborted(why, count, command) as aborted, Closed(end)]:
                    assert (why, count, command, end) == (reason, len(octets), only, reason)
                    assert aborted.violation is None
                    assert f"{len(octets)} octets" in aborted.text
                case other:
                    pytest.fail(repr(other))
            assert codes(session) == [250, 250, 354] + [421] * (reason in ("timeout", "shutdown"))
            assert session.closed

    @pytest.mark.parametrize("octets", [b"QUIT\r\nx", b"QUITE\r\n", b" QUIT\r\n", b"QUIT \r\n", b"QUIT\r\n\r\n"])
    def test_more_than_a_command_is_no_command(self, octets: bytes) -> None:
        session = ready(questions=[])
        session.receive_data(ENVELOPE + octets)
        aborted = session.receive_eof()[0]
        assert isinstance(aborted, Aborted)
        assert aborted.only_command is None


class TestEndings:
    @pytest.mark.parametrize("policies", [Policies.strict(), KEEP], ids=["strict", "keep"])
    @pytest.mark.parametrize("ending", NEVER_ENDS, ids=repr)
    def test_nothing_is_smuggled_at_any_split(self, ending: bytes, policies: Policies) -> None:
        wire = b"body" + ending + SMUGGLED
        for split in range(len(wire) + 1):
            session = ready(policies, questions=["mail"])
            session.receive_data(b"MAIL FROM:<a@example.org>\r\n")
            session.reply(None)
            session.receive_data(b"RCPT TO:<b@example.org>\r\nDATA\r\n")
            events = session.receive_data(wire[:split]) + session.receive_data(wire[split:])
            assert not any(isinstance(event, Mail) for event in events)
            whole = [event for event in events if isinstance(event, EndOfMailData)]
            if policies == KEEP:
                assert len(whole) == 1
                session.reply(None)
                assert codes(session) == [250, 250, 354, 250]
            else:
                assert not whole
                assert codes(session) == [250, 250, 354, 550]


class TestLimits:
    def test_recipients(self) -> None:
        session = Session(Config(limits=Limits(max_recipients=100)), questions=[])
        session.receive_data(b"HELO x.example\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<b@example.org>\r\n" * 101)
        assert codes(session) == [220, 250, 250, *[250] * 100, 452]
        assert len(session.rcpts) == 100

    def test_a_declared_size(self) -> None:
        session = Session(Config(limits=Limits(max_size=1000)), questions=[])
        session.receive_data(b"EHLO x.example\r\nMAIL FROM:<> SIZE=1001\r\nMAIL FROM:<> SIZE=1000\r\n")
        assert codes(session) == [220, 250, 552, 250]

    @pytest.mark.parametrize(("octets", "code"), [(998, 250), (999, 552)])
    def test_a_size_that_was_not(self, octets: int, code: int) -> None:
        session = Session(Config(limits=Limits(max_size=1000)), questions=[])
        session.receive_data(b"EHLO x.example\r\n" + ENVELOPE + b"x\r\n" + b"x" * (octets - 3) + b"\r\n.\r\n")
        if session.paused:
            session.reply(None)
        assert codes(session)[-1] == code


class TestReadBuffer:
    def test_lends_its_memory(self) -> None:
        buffer = ReadBuffer(64)
        assert len(buffer) == 64
        view = memoryview(buffer)  # type: ignore[arg-type]  # a Buffer, which 3.11 cannot say
        assert (view.readonly, view.nbytes, view.format, view.contiguous) == (False, 64, "B", True)
        view[:6] = b"NOOP\r\n"
        for _ in range(2):  # with the view alive, and without
            session = Session(CONFIG)
            assert session.receive_from(buffer, 6) == []
            assert codes(session) == [220, 250]
            view.release()

    def test_never_reads_past_its_end(self) -> None:
        buffer, session = ReadBuffer(8), Session(CONFIG)
        assert session.receive_from(buffer, 0) == []
        assert session.receive_from(buffer, 8) == []
        for length in (9, 2**63, 2**64, -1):
            with pytest.raises((ValueError, OverflowError)):
                session.receive_from(buffer, length)

    def test_holds_at_least_one_octet(self) -> None:
        for size in (0, -1):
            with pytest.raises((ValueError, OverflowError)):
                ReadBuffer(size)

"""The header check in the running server: findings for hooks and sinks, refusals of which nothing is stored."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from lonedot import Config, HeaderPolicy, MaildirDelivery, Policies, Server, Transaction

from tests.support import LOOPS, Client, Recorder, RecordingSink, run, serving, until

GOOD = (
    b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Ann <ann@a.example>\r\nMessage-ID: <1@a.example>\r\n\r\nhello\r\n"
)
NO_DATE = GOOD.partition(b"\r\n")[2]
ADVISED = GOOD.replace(b"From:", b"Bcc:\r\nFrom:")
LATE = GOOD.replace(b"\r\n\r\n", b"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\xff\r\n")


def codes(findings: Any) -> list[str]:
    return [finding.code for finding in findings]


def policies(header: Any) -> Policies:
    return Policies(header=header)


async def send(client: Client, message: bytes, code: int) -> str:
    await client.say("MAIL FROM:<a@example.org>", 250)
    await client.say("RCPT TO:<b@example.org>", 250)
    await client.say("DATA", 354)
    client.send(message + b".\r\n")
    return await client.expect(code)


@pytest.mark.parametrize("loop", LOOPS)
def test_report_tells_and_refuses_nothing(loop: str) -> None:
    recorder = Recorder()

    async def main() -> None:
        async with serving(recorder, policies=policies("report")) as server, Client.to(server) as client:
            await client.say("EHLO there.example", 250)
            for message in GOOD, NO_DATE, LATE:
                await send(client, message, 250)

    run(main(), loop)
    told = [message.findings for message in recorder.of("on_message")]
    assert [codes(findings) for findings in told] == [[], ["missing-date"], ["eight-bit-body"]]
    assert recorder.contents == [GOOD, NO_DATE, LATE]


@pytest.mark.parametrize("header", ["report", "strict"])
def test_an_idle_connection_holds_nothing_of_the_check(header: str) -> None:
    async def main() -> None:
        async with serving(Recorder(), policies=policies(header)) as server, Client.to(server) as client:
            (conversation,) = server.conversations
            await client.say("EHLO there.example", 250)
            for message, code in (GOOD, 250), (NO_DATE, 250 if header == "report" else 550):
                await send(client, message, code)
                assert conversation._application._check is None
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say("RCPT TO:<b@example.org>", 250)
            client.send(b"BDAT 11\r\nX-Half: yes")
            client.send(b"RSET\r\n")
            await client.expect(250, 250)
            assert conversation._application._check is None

    run(main())


def test_off_knows_nothing() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with serving(recorder) as server, Client.to(server) as client:
            await client.say("EHLO there.example", 250)
            await send(client, NO_DATE, 250)

    run(main())
    assert [message.findings for message in recorder.of("on_message")] == [None]


@pytest.mark.parametrize("message", [NO_DATE, LATE], ids=["by its section", "by its end"])
@pytest.mark.parametrize("dialect", ["smtp", "lmtp"])
def test_strict_refuses_errors_at_the_end(dialect: Any, message: bytes) -> None:
    recorder = Recorder(on_abort=None)

    async def main() -> None:
        policy = {"base": "strict", "eight-bit-body": "refuse"}
        server = serving(recorder, policies=policies(policy), dialect=dialect)
        async with server as made, Client.to(made) as client:
            await client.say("LHLO there.example" if dialect == "lmtp" else "EHLO there.example", 250)
            said = await send(client, message, 550)
            assert said.startswith("550 5.6.0 ")
            await send(client, GOOD, 250)
            await send(client, ADVISED, 250)

    run(main())
    assert recorder.contents == [GOOD, ADVISED]
    ((transaction, reason),) = recorder.of("on_abort")
    assert reason == "refused"
    assert reason.text.startswith("the header check refused it: ")
    assert len(transaction.findings) == 1


class Sinks:
    """Takes mail data as it comes; remembers what was known at each chunk."""

    def __init__(self) -> None:
        self.sinks: list[RecordingSink] = []
        self.known: list[tuple[bytes, Any]] = []

    def on_data(self, connection: Any, transaction: Transaction) -> RecordingSink:
        known = self.known

        class Sink(RecordingSink):
            def write(self, chunk: bytes) -> None:
                known.append((chunk, transaction.findings))
                super().write(chunk)

        self.sinks.append(Sink())
        return self.sinks[-1]


def test_a_sink_knows_as_soon_as_the_section_is_whole() -> None:
    handler = Sinks()

    async def main() -> None:
        async with serving(handler, policies=policies("report")) as server, Client.to(server) as client:
            await client.until_mail_data()
            for part in NO_DATE[:20], NO_DATE[20:-7], NO_DATE[-7:]:
                seen = len(handler.known)
                client.send(part)
                await until(lambda count=seen: len(handler.known) > count)  # type: ignore[misc]
            client.send(b".\r\n")
            await client.expect(250)

    run(main())
    told = [None if known is None else codes(known) for _, known in handler.known]
    assert told[0] is None
    assert told[-1] == ["missing-date"]
    assert handler.sinks[0].ends == ["finish"]


def test_nothing_is_written_from_the_moment_it_is_condemned() -> None:
    handler = Sinks()

    async def main() -> None:
        async with serving(handler, policies=policies("strict")) as server, Client.to(server) as client:
            await client.until_mail_data()
            client.send(NO_DATE + b"x" * 70 + b"\r\n.\r\n")
            await client.expect(550)
            await client.say("MAIL FROM:<a@example.org>", 250)

    run(main())
    assert handler.known == []
    assert handler.sinks[0].ends == ["refused"]


def test_the_chunk_that_condemned_it_is_answered_so() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with serving(recorder, policies=policies("strict")) as server, Client.to(server) as client:
            await client.say("EHLO there.example", 250)
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say("RCPT TO:<b@example.org>", 250)
            client.send(b"BDAT %d\r\n" % len(NO_DATE) + NO_DATE)
            await client.expect(550)
            client.send(b"BDAT 3 LAST\r\nx\r\n")
            await client.expect(503)
            await client.say("RSET", 250)
            await send(client, GOOD, 250)

    run(main())
    assert recorder.contents == [GOOD]


@pytest.mark.parametrize("line_ends", ["lf", "crlf"])
def test_a_maildir_stores_what_passed(tmp_path: Path, line_ends: Any) -> None:
    delivery = MaildirDelivery(tmp_path / "box", hostname="mx.example", line_ends=line_ends)

    async def main() -> None:
        server = serving(delivery=delivery, policies=policies("strict"))
        async with server as made, Client.to(made) as client:
            await client.say("EHLO there.example", 250)
            await send(client, NO_DATE, 550)
            await send(client, GOOD, 250)

    run(main())
    (stored,) = (tmp_path / "box" / "new").iterdir()
    assert stored.read_bytes().replace(b"\r\n", b"\n").endswith(GOOD.replace(b"\r\n", b"\n"))
    assert list((tmp_path / "box" / "tmp").iterdir()) == []


def test_single_codes_may_differ() -> None:
    recorder = Recorder()
    policy = HeaderPolicy("strict", {"missing-date": "report", "empty-bcc": "refuse", "missing-message-id": "ignore"})

    async def main() -> None:
        async with serving(recorder, policies=policies(policy)) as server, Client.to(server) as client:
            await client.say("EHLO there.example", 250)
            await send(client, NO_DATE.replace(b"Message-ID: <1@a.example>\r\n", b""), 250)
            await send(client, ADVISED, 550)

    run(main())
    assert [codes(message.findings) for message in recorder.of("on_message")] == [["missing-date"]]


def test_policies_of_a_network() -> None:
    recorder = Recorder()

    async def main() -> None:
        networks = {"127.0.0.1": policies("strict")}
        async with serving(recorder, settings={"networks": networks}) as server, Client.to(server) as client:
            await client.say("EHLO there.example", 250)
            await send(client, NO_DATE, 550)

    run(main())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("loud", "Policies.header.base takes one of 'off', 'report', 'strict', not 'loud'"),
        (3, "Policies.header takes one of 'off', 'report', 'strict', or a table of verdicts, not 3"),
        ({"missing-data": "refuse"}, "there is no finding 'missing-data'; did you mean missing-date?"),
        ({"missing-date": "reject"}, "missing-date takes one of 'refuse', 'report', 'ignore', not 'reject'"),
        ({"missing-date": ["refuse"]}, "missing-date takes one of 'refuse', 'report', 'ignore', not ['refuse']"),
        ({3: "refuse"}, "Policies.header.codes: there is no finding 3; docs/findings.md lists them"),
    ],
)
def test_what_is_no_policy_says_so(given: Any, says: str) -> None:
    with pytest.raises(ValueError) as raised:
        policies(given)
    assert says in str(raised.value)


@pytest.mark.parametrize("given", [None, "missing-date", [("missing-date", "refuse")]])
def test_codes_are_a_table(given: Any) -> None:
    with pytest.raises(ValueError) as raised:
        HeaderPolicy("strict", given)
    assert str(raised.value) == f"HeaderPolicy.codes takes a table of verdicts by code, not {given!r}"


def test_a_policy_goes_to_another_process() -> None:
    for made in policies("strict"), policies({"base": "off", "missing-date": "refuse"}):
        for copied in pickle.loads(pickle.dumps(made)), copy.deepcopy(made):
            assert copied == made
            assert copied.header.checks


def test_a_table_is_a_policy() -> None:
    assert policies({"base": "off", "missing-date": "refuse"}).header == HeaderPolicy("off", {"missing-date": "refuse"})
    assert Policies().header == HeaderPolicy("off")
    assert not Policies().header.checks
    assert HeaderPolicy("off", {"missing-date": "refuse"}).checks
    assert not HeaderPolicy("off", {"missing-date": "ignore"}).checks
    assert Server(Recorder(), Config(policies=policies("report"))).policies_of(None).header.checks

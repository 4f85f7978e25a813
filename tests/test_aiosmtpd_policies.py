"""What `lonedot.aiosmtpd.SMTP` can be told to refuse that aiosmtpd lets through."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from lonedot import DataDecoder

from tests.aiosmtpd_support import BEGUN, BOTH, CLASSES, HELLO, MESSAGE, OURS, Taker, converse, splits, subclass

ENDINGS = tomllib.loads((Path(__file__).parent / "data/endings.toml").read_text())["ending"]
REJECTING: dict[str, Any] = {"bare_cr": "reject", "bare_lf": "reject", "nul": "reject"}
STRICT = subclass(OURS.SMTP, **REJECTING)
GO_ON = BEGUN[-1]


def lonedots_reply(wire: bytes, name: str) -> bytes:
    """What lonedot's own session answers to it, which names the octet."""
    decoder = DataDecoder(**REJECTING)
    decoder.decode(wire)
    assert decoder.violation is not None
    assert decoder.violation.name == name
    return bytes(decoder.violation.reply()).removesuffix(b"\r\n")


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending["name"])
def test_every_ending(ending: dict[str, Any]) -> None:
    """Answered at the end of the mail data, which is where it is without; the next message is taken."""
    octets = ending["before"].encode() + ending["octets"].encode("latin-1")
    wire = octets if ending["ends"] else octets + b"\r\n.\r\n"
    for cut in splits(wire + b"NOOP\r\n" + MESSAGE + b"two\r\n.\r\n"):
        handler = Taker()
        said = converse(STRICT, handler, HELLO + MESSAGE, *cut)
        first, *others = said[said.index(GO_ON) + 1 :]
        assert others == [b"250 OK", b"250 OK", b"250 OK", GO_ON, b"250 taken"]
        if "violation" in ending:
            assert first == lonedots_reply(wire, ending["violation"])
            assert handler.contents == [b"two\r\n"]
        else:
            assert first == b"250 taken"
            assert len(handler.contents) == 2


@pytest.mark.parametrize(
    ("setting", "octets"), [("bare_cr", b"a\rb\r\n"), ("bare_lf", b"a\nb\r\n"), ("nul", b"a\0b\r\n")]
)
class TestEach:
    """Of the settings is for its own octet, on a class of the program's or on ours."""

    def test_rejects(self, setting: str, octets: bytes) -> None:
        for name in REJECTING:
            handler = Taker()
            said = converse(subclass(OURS.SMTP, **{name: "reject"}), handler, HELLO, MESSAGE + octets + b".\r\n")
            assert (said[-1][:9] == b"550 5.6.0") == (name == setting)
            assert handler.contents == ([] if name == setting else [octets])

    def test_is_set_on_the_class(self, monkeypatch: pytest.MonkeyPatch, setting: str, octets: bytes) -> None:
        monkeypatch.setattr(OURS.SMTP, setting, "reject")
        for of in OURS.SMTP, subclass(OURS.SMTP):
            assert converse(of, Taker(), HELLO, MESSAGE + octets + b".\r\n")[-1][:9] == b"550 5.6.0"

    def test_is_looked_at_for_each_message(self, setting: str, octets: bytes) -> None:
        class Handler(Taker):
            async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:
                setattr(server, setting, "reject" if address.startswith("a@") else "keep")
                envelope.mail_from = address
                return "250 OK"

        handler = Handler()
        wire = MESSAGE + octets + b".\r\n"
        said = converse(OURS.SMTP, handler, HELLO, wire + wire.replace(b"a@", b"other@"))
        assert [line[:3] for line in said[-5:]] == [b"550", b"250", b"250", b"354", b"250"]
        assert handler.contents == [octets]

    def test_is_not_aiosmtpds(self, setting: str, octets: bytes) -> None:
        for of in CLASSES.values():
            handler = Taker()
            assert converse(of.SMTP, handler, HELLO, MESSAGE + octets + b".\r\n")[-1] == b"250 taken"
            assert handler.contents == [octets]


@pytest.mark.parametrize(
    ("setting", "octets", "taken"), [("bare_cr", b"a\rb\r\n", b"a b\r\n"), ("bare_lf", b"a\nb\r\n", b"a\r\nb\r\n")]
)
def test_normalized(setting: str, octets: bytes, taken: bytes) -> None:
    handler = Taker()
    smtp = subclass(OURS.SMTP, **{setting: "normalize"})
    assert converse(smtp, handler, HELLO, MESSAGE + octets + b".\r\n")[-1] == b"250 taken"
    assert handler.contents == [taken]


def test_what_is_refused_first_is_what_is_said() -> None:
    for octets, code in [(b"a\nb" + b"a" * 2000, b"550 5.6.0"), (b"a" * 2000 + b"\n", b"500 Line ")]:
        assert converse(STRICT, Taker(), HELLO, MESSAGE + octets + b"\r\n.\r\n")[-1].startswith(code)


@pytest.mark.parametrize(
    "wrong", [{"bare_lf": "rejected"}, {"nul": "normalize"}, {"data_duration": None}, {"line_length_limit": None}]
)
def test_a_setting_that_is_wrong(wrong: dict[str, Any]) -> None:
    """Said in the place of the 354: after it, the client's mail data would be read as commands."""

    class Handler(Taker):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:
            vars(server).update(wrong)
            envelope.rcpt_tos.append(address)
            return "250 OK"

    handler = Handler()
    said = converse(OURS.SMTP, handler, HELLO, MESSAGE)
    assert said[-3:] == [b"250 OK", b"250 OK", b"451 raised"]
    assert len(handler.calls) == 1


@BOTH
def test_lmtp_reads_mail_data_so_too(of: str) -> None:
    handler = Taker("250 one\r\n250 two")
    lmtp = CLASSES[of].LMTP
    said = converse(lmtp, handler, HELLO.replace(b"EHLO", b"LHLO"), MESSAGE + b"one\n.\r\n\r\n.\r\nNOOP\r\n")
    assert said[-3:] == [b"250 one", b"250 two", b"250 OK"]
    assert handler.contents == [b"one\n.\r\n\r\n"]


def test_lmtp_refuses_so_too() -> None:
    said = converse(subclass(OURS.LMTP, **REJECTING), Taker(), b"LHLO x\r\n", MESSAGE + b"one\n.\r\n\r\n.\r\n")
    assert said[-1] == lonedots_reply(b"one\n.\r\n\r\n.\r\n", "bare-lf")

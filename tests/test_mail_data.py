"""DataDecoder from Python against the corpus, and against the obvious decoder; encode_data as its inverse."""

from __future__ import annotations

import itertools
import smtplib
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lonedot import DataDecoder, DataEncoder, DataReport, decode_data, encode_data

from tests import reference
from tests.reference import Decoded

DATA = Path(__file__).parent / "data"
ALPHABET = (b"\r", b"\n", b".", b"a", b"\0")
KEEP: dict[str, Any] = {"bare_cr": "keep", "bare_lf": "keep", "nul": "keep", "long_line": "keep"}
LIMITS: list[dict[str, Any]] = [{}, {"max_line": 3}, {"max_size": 4}, {"max_line": 3, "max_size": 3}, {"max_line": 1}]
CHOICES = {
    "bare_cr": ("reject", "keep", "normalize"),
    "bare_lf": ("reject", "keep", "normalize"),
    "nul": ("reject", "keep"),
    "long_line": ("reject", "keep"),
    "line_ends": ("crlf", "lf"),
}
# Every policy, the limits in turn: the tests of the core try all pairs of them.
POLICIES = [
    dict(zip(CHOICES, chosen, strict=True)) | LIMITS[nth % len(LIMITS)]
    for nth, chosen in enumerate(itertools.product(*CHOICES.values()))
]

NOTHING = {name: getattr(DataDecoder().report, name) for name in dir(DataReport) if not name.startswith("_")}
"""Every field of a report that has seen nothing."""

# What must never end mail data, each in the middle of a message.
NEVER_ENDS = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\n.\r", b"\r\n.\r", b"\r\n.\r\r\n",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n",
]  # fmt: skip


def decode(chunks: Iterable[bytes], policies: dict[str, Any]) -> Decoded:
    """All that a decoder tells."""
    decoder, out, consumed, unused = DataDecoder(**policies), b"", 0, b""
    for chunk in chunks:
        out += decoder.decode(chunk)
        consumed += decoder.consumed
        unused += chunk[decoder.consumed :]
    assert decoder.unused_data == unused
    violation = decoder.violation
    at = None if violation is None else (violation.name, violation.offset)
    report = decoder.report
    return Decoded(out, decoder.eof, consumed, at, {name: getattr(report, name) for name in NOTHING})


def obvious(wire: bytes, policies: dict[str, Any]) -> Decoded:
    """What the obvious decoder tells, with every field of the report."""
    decoded = reference.decode(wire, **policies)
    assert decoded.report.keys() <= NOTHING.keys()
    return decoded._replace(report=NOTHING | decoded.report)


def check_every_split(wire: bytes, policies: dict[str, Any], expected: Decoded) -> None:
    """Whole, at every split into two, octet by octet."""
    for split in range(len(wire) + 1):
        assert decode([wire[:split], wire[split:]], policies) == expected, (wire, split)
    assert decode([bytes([octet]) for octet in wire], policies) == expected, wire


def cases() -> Iterator[Any]:
    """Those of the corpus: octets, policies, what is to come of them."""
    for case in tomllib.loads((DATA / "mail_data.toml").read_text())["case"]:
        name, wire = case.pop("name"), case.pop("wire").encode("latin-1")
        policies, report = case.pop("policies", {}), case.pop("report", {})
        assert report.keys() <= NOTHING.keys()
        violation = (case.pop("violation"), case.pop("offset")) if "violation" in case else None
        expected = Decoded(
            case.pop("data", "").encode("latin-1"),
            not case.pop("unended", False),
            len(wire) - len(case.pop("rest", "")),
            violation,
            NOTHING | report,
        )
        assert not case, f"{name}: nobody knows {case}"
        yield pytest.param(wire, policies, expected, id=name)


def endings() -> Iterator[Any]:
    """Those of the corpus, each with something after it."""
    for ending in tomllib.loads((DATA / "endings.toml").read_text())["ending"]:
        name, ends, violation = ending.pop("name"), ending.pop("ends"), ending.pop("violation", None)
        octets, kept = (ending.pop("before") + ending.pop("octets")).encode("latin-1"), ending.pop("kept")
        assert not ending, f"{name}: nobody knows {ending}"
        yield pytest.param(octets, ends, kept.encode("latin-1"), violation, id=name)


class TestCorpus:
    @pytest.mark.parametrize(("wire", "policies", "expected"), [*cases()])
    def test_mail_data(self, wire: bytes, policies: dict[str, Any], expected: Decoded) -> None:
        assert obvious(wire, policies) == expected
        check_every_split(wire, policies, expected)

    @pytest.mark.parametrize(("octets", "ends", "kept", "violation"), [*endings()])
    def test_endings(self, octets: bytes, ends: bool, kept: bytes, violation: str | None) -> None:
        wire = octets + b"x\r\n.\r\n"
        keep = obvious(wire, KEEP)
        assert (keep.out, keep.eof) == (kept if ends else kept + b"x\r\n", True)
        assert keep.consumed == (len(octets) if ends else len(wire))
        check_every_split(wire, KEEP, keep)
        strict = obvious(wire, {})
        assert (strict.violation and strict.violation[0]) == violation
        check_every_split(wire, {}, strict)


class TestAgainstTheReference:
    @pytest.mark.parametrize("policies", POLICIES, ids=lambda policies: "-".join(map(str, policies.values())))
    def test_every_short_string_at_every_split(self, policies: dict[str, Any]) -> None:
        for length in range(6):
            for octets in itertools.product(ALPHABET, repeat=length):
                wire = b"".join(octets)
                check_every_split(wire, policies, obvious(wire, policies))

    @pytest.mark.parametrize("policies", POLICIES[::7], ids=repr)
    def test_octet_by_octet_and_with_what_follows(self, policies: dict[str, Any]) -> None:
        for octets in itertools.product(ALPHABET, repeat=4):
            wire = b"".join(octets) + b"\r\n.\r\nQUIT\r\n"
            expected = obvious(wire, policies)
            assert decode([wire], policies) == expected
            assert decode([bytes([octet]) for octet in wire], policies) == expected

    @given(
        parts=st.lists(
            st.one_of(
                st.sampled_from([*ALPHABET, b"\r\n", b"\r\n.", b"\r\n.\r\n", b"x" * 70, b"x" * 990, b"\xff"]),
                # Runs of lines, so that there are many blocks of each kind.
                st.builds(bytes.__mul__, st.sampled_from([b"..\r\n", b"\r\n", b"ab\r\n", b"x"]), st.integers(20, 500)),
            ),
            max_size=30,
        ),
        cuts=st.lists(st.integers(0, 5000), max_size=8),
        policies=st.sampled_from([*POLICIES, {**KEEP, "max_line": 100}, {"max_size": 1500}]),
    )
    def test_long_ones_anywhere_cut(self, parts: list[bytes], cuts: list[int], policies: dict[str, Any]) -> None:
        wire = b"".join(parts)
        places = [0, *sorted(cuts), len(wire)]
        chunks = [wire[a:b] for a, b in itertools.pairwise(places)]
        # The cuts may lie past the end of what came.
        assert decode(chunks, policies) == obvious(b"".join(chunks), policies)

    @pytest.mark.parametrize("ending", NEVER_ENDS, ids=repr)
    def test_nothing_else_ends_mail_data(self, ending: bytes) -> None:
        wire = b"a" + ending + b"MAIL FROM:<x@example.org>\r\n"
        for split in range(len(wire) + 1):
            assert not decode([wire[:split], wire[split:]], KEEP).eof
        assert decode([wire, b".\r\n"], KEEP).eof

    def test_cr_before_the_end_is_mail_data(self) -> None:
        assert decode_data(b"a\r\r\n.\r\n", bare_cr="keep") == b"a\r\r\n"


class TestEncoding:
    @given(st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"\xff", b"\0", b"a" * 100]), max_size=20))
    def test_decoding_undoes_it(self, lines: list[bytes]) -> None:
        mail_data = b"".join(line + b"\r\n" for line in lines)
        assert decode_data(encode_data(mail_data), nul="keep") == mail_data

    @given(st.lists(st.sampled_from([b".", b"a", b"\r\n", b"\r\n.", b"." * 63, b"a\r\n" * 40]), max_size=12))
    def test_every_split_gives_the_same(self, parts: list[bytes]) -> None:
        mail_data = b"".join(parts)
        whole = encode_data(mail_data)
        for split in range(len(mail_data) + 1):
            encoder = DataEncoder()
            assert encoder.encode(mail_data[:split]) + encoder.encode(mail_data[split:]) + encoder.finish() == whole

    def test_as_smtplib_sends_every_short_string(self) -> None:
        for length in range(1, 7):
            for octets in itertools.product(ALPHABET, repeat=length):
                check_with_smtplib(b"".join(octets).decode())

    @given(st.lists(st.sampled_from([".", "a", "\r\n", "\n", "\r", "\r\n.", ".." * 40, "a\r\n" * 40]), min_size=1))
    def test_as_smtplib_sends_long_mail(self, parts: list[str]) -> None:
        check_with_smtplib("".join(parts))

    def test_smtplib_sends_a_line_where_there_is_nothing(self) -> None:
        assert (SentBySmtplib.of(""), encode_data(b"")) == (b"\r\n.\r\n", b".\r\n")


class SentBySmtplib(smtplib.SMTP):
    """What smtplib's own DATA sends, without a connection."""

    sent = b""

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Is taken."""

    def getreply(self) -> tuple[int, bytes]:
        """Go on."""
        return 354, b""

    def send(self, s: Any) -> None:
        """Remembers what was sent."""
        self.sent += s

    @classmethod
    def of(cls, message: str | bytes) -> bytes:
        """The octets of a message on the wire."""
        client = cls()
        client.data(message)
        return client.sent


def check_with_smtplib(text: str) -> None:
    """smtplib makes lines of text; what it sends is what we send of those lines, and is read back as they are."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode()
    lines += b"" if lines.endswith(b"\r\n") else b"\r\n"
    sent = SentBySmtplib.of(text)
    assert sent == SentBySmtplib.of(lines) == encode_data(lines)
    assert decode_data(sent, nul="keep") == lines

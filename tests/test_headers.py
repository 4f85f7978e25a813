"""check_headers: the corpus both languages read (data/headers.toml), its shape in Python, the mail Python makes."""

from __future__ import annotations

import email.policy
import importlib.util
import tomllib
from email.header import Header
from email.message import EmailMessage
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formataddr, formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lonedot import ChunkDecoder, HeaderFinding, HeaderReader, check_headers

CASES = tomllib.loads((Path(__file__).parent / "data" / "headers.toml").read_text(encoding="utf-8"))["case"]
# What Python's own tests of `email` read: not shipped with every Python.
TESTS = importlib.util.find_spec("test")
MESSAGES = Path(TESTS.origin if TESTS and TESTS.origin else "missing").parent / "test_email" / "data"

# What is found in them, and why that is right. Those that are not named have no finding.
UNIDENTIFIED = {"missing-message-id"}  # it has no Message-ID
BARE = {"missing-date", "missing-from", "missing-message-id"}  # it has fields of MIME alone, or none
UNDATED = {"missing-date", "missing-message-id"}  # it was cut down for a test
FOUND: dict[str, set[str]] = {
    "msg_02.txt": {"missing-message-id", "long-line"},  # line 9 has 83 characters
    "msg_05.txt": {"missing-date", "address-without-domain"},  # From: foo, To: baz
    "msg_06.txt": {"return-path-alone"},  # Return-Path without Received
    "msg_07.txt": UNIDENTIFIED,
    "msg_08.txt": UNIDENTIFIED,
    "msg_09.txt": UNIDENTIFIED,
    "msg_10.txt": UNIDENTIFIED,
    "msg_11.txt": BARE,
    "msg_12.txt": UNIDENTIFIED,
    "msg_12a.txt": UNIDENTIFIED,
    "msg_13.txt": UNIDENTIFIED,
    "msg_14.txt": {"content-type-syntax"},  # Content-Type: text; charset=us-ascii
    "msg_15.txt": {
        "missing-date",
        "msg-id-syntax",
        "address-without-domain",
        "long-line",
    },  # Message-ID: <xxxx>, To: XX
    "msg_16.txt": {"long-line"},  # line 12 has 79 characters
    "msg_17.txt": UNIDENTIFIED,
    "msg_18.txt": BARE,
    "msg_19.txt": BARE | {"no-header"},  # a body alone
    "msg_20.txt": {"repeated-field"},  # CC three times
    "msg_21.txt": UNDATED | {"missing-mime-version"},  # a Content-Type and no MIME-Version
    "msg_22.txt": {"long-line"},  # line 6 has 81 characters
    "msg_23.txt": UNDATED | {"missing-mime-version"},
    "msg_24.txt": UNDATED,
    "msg_25.txt": {"mbox-line", "long-line", "repeated-field", "parameter-syntax"},  # two To; a parameter cut to "bo"
    "msg_27.txt": {"long-line"},  # the test is about a long Subject
    "msg_28.txt": UNDATED,
    "msg_29.txt": {"quoted-extended-parameter"},  # title*0*="us-ascii'en'This%20..."
    "msg_30.txt": UNDATED,
    "msg_31.txt": UNDATED,
    "msg_32.txt": UNIDENTIFIED,
    "msg_33.txt": UNIDENTIFIED | {"quoted-extended-parameter"},  # boundary*="ansi-x3.4-1968''..."
    "msg_34.txt": UNDATED | {"missing-mime-version"},
    "msg_35.txt": UNDATED | {"no-colon"},  # the test is about a missing empty line
    "msg_36.txt": UNIDENTIFIED,
    "msg_37.txt": BARE | {"missing-mime-version"},
    "msg_38.txt": BARE,
    "msg_39.txt": BARE,
    "msg_40.txt": BARE,
    "msg_41.txt": UNIDENTIFIED | {"missing-boundary", "empty-parameter"},  # multipart/alternative;
    "msg_42.txt": UNDATED | {"missing-mime-version"},
    "msg_43.txt": {"mbox-line", "long-line", "address-syntax"},  # From: MAILER DAEMON <>
    "msg_45.txt": UNDATED | {"long-line"},  # X-Long-Line
    "msg_46.txt": UNIDENTIFIED,
    "msg_47.txt": UNIDENTIFIED | {"date-syntax"},  # 00:01+0000, without a space before the zone
}

BASE = b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Ann <ann@a.example>\r\nMessage-ID: <1@a.example>\r\n"


def codes(message: bytes, *, smtputf8: bool = False) -> list[str]:
    return [found.code for found in check_headers(message, smtputf8=smtputf8)]


class TestCorpus:
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
    def test_what_is_found(self, case: dict[str, Any]) -> None:
        message = case["message"].encode("latin-1")
        found = check_headers(message, smtputf8=case.get("smtputf8", False))
        got = [(each.offset, each.code, each.line, each.length) for each in found]
        wanted = [(each["offset"], each["code"], each["line"], each["length"]) for each in case.get("found", [])]
        assert sorted(got) == sorted(wanted)
        for each in found:
            assert each.line == message.count(b"\n", 0, each.offset) + 1
            assert each.offset + each.length <= len(message)

    @pytest.mark.parametrize("size", [1, 7, 1 << 20])
    def test_the_same_where_the_decoder_made_the_line_ends_lf(self, size: int) -> None:
        for case in CASES:
            message = case["message"].encode("latin-1")
            decoder = ChunkDecoder(len(message), line_ends="lf")
            content = decoder.decode(message)
            if decoder.report.bare_lf:
                continue  # handed out, it is an LF like the others
            reader = HeaderReader(smtputf8=case.get("smtputf8", False), line_ends="lf")
            for at in range(0, len(content), size):
                reader.read(content[at : at + size])
            reader.finish(decoder.report)
            assert reader.findings == check_headers(message, smtputf8=case.get("smtputf8", False)), case["about"]

    def test_every_case_says_something_else(self) -> None:
        assert len({(case["message"], case.get("smtputf8")) for case in CASES}) == len(CASES) >= 350


class TestShape:
    def test_a_finding(self) -> None:
        (found,) = check_headers(BASE + b"Cc:\r\n\r\nbody\r\n")
        assert (found.code, found.severity, found.field) == ("empty-destination", "error", "Cc")
        assert (found.offset, found.line, found.length) == (len(BASE), 4, 3)
        assert found.section == "RFC 5322 3.6.3"
        assert found.text == "A destination field has no address"
        assert found.help.startswith("Leave the field out")
        assert found.reply.code == 550
        assert found.reply.enhanced == "5.6.0"
        assert "(Cc, line 4)" in found.reply.text
        assert repr(found) == "<HeaderFinding empty-destination: A destination field has no address (Cc, line 4)>"
        match found:
            case HeaderFinding(code, field, line):
                assert (code, field, line) == ("empty-destination", "Cc", 4)
        assert [found] == check_headers(BASE + b"Cc:\r\n")
        assert [found] != check_headers(BASE + b"To:\r\n")

    def test_what_is_missing_has_no_field(self) -> None:
        found = check_headers(b"Subject: x\r\n\r\n")
        assert [(each.code, each.field, each.offset, each.length, each.line) for each in found] == [
            ("missing-date", None, 12, 0, 2),
            ("missing-from", None, 12, 0, 2),
            ("missing-message-id", None, 12, 0, 2),
        ]

    @pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
    def test_any_buffer(self, form: Any) -> None:
        assert check_headers(form(BASE)) == []

    def test_misuse(self) -> None:
        with pytest.raises(TypeError):
            check_headers("text")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            check_headers(b"", True)  # type: ignore[call-arg]

    @given(st.binary(max_size=500), st.booleans())
    def test_no_octets_raise(self, octets: bytes, smtputf8: bool) -> None:
        for message in (octets, BASE + octets):
            assert len(check_headers(message, smtputf8=smtputf8)) <= 101


@pytest.mark.skipif(not MESSAGES.is_dir(), reason="this Python came without the tests of its library")
class TestMessagesOfPythonsOwnTests:
    @pytest.mark.parametrize("name", sorted(path.name for path in MESSAGES.glob("*.txt")) or [""])
    def test_each_finding_is_justified(self, name: str) -> None:
        message = (MESSAGES / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        assert set(codes(message)) == FOUND.get(name, set())


POLICIES = {
    "SMTP": email.policy.SMTP,
    "SMTPUTF8": email.policy.SMTPUTF8,
    "7bit": email.policy.SMTP.clone(cte_type="7bit"),
    "default": email.policy.default.clone(linesep="\r\n"),
    "wide": email.policy.SMTP.clone(max_line_length=100),
}


def made(policy: email.policy.EmailPolicy) -> EmailMessage:
    message = EmailMessage(policy=policy)
    message["From"] = 'Jürgen Müller <j@a.example>, "Ann, B." <ann@a.example>'
    message["Sender"] = "ann@a.example"
    message["To"] = ", ".join(f"Person Nummer {number} <p{number}@b.example>" for number in range(30))
    message["Cc"] = "undisclosed-recipients:;"
    message["Date"] = "Fri, 21 Nov 1997 09:55:06 -0600"
    message["Message-ID"] = "<1@a.example>"
    message["References"] = " ".join(f"<{number}@b.example>" for number in range(40))
    return message


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
class TestMessagesPythonMakes:
    """No error and no warning. The advices are told apart: what Python does is as they say."""

    def advices(self, message: EmailMessage, policy: email.policy.EmailPolicy) -> set[str]:
        found = check_headers(message.as_bytes(), smtputf8=policy.utf8)
        assert {each.code for each in found if each.severity != "advice"} == set()
        return {each.code for each in found}

    def test_text(self, policy: email.policy.EmailPolicy) -> None:
        message = made(policy)
        message["Subject"] = "Hello"
        message.set_content("Grüße\r\n")
        # The policy's own lines.
        allowed = {"long-line"} if (policy.max_line_length or 0) > 78 else set()
        assert self.advices(message, policy) <= allowed

    def test_attachments(self, policy: email.policy.EmailPolicy) -> None:
        message = made(policy)
        message["Subject"] = "Grüße aus Köln, " + "wörter und wörter " * 12
        message.set_content("Grüße\r\n" * 3)
        message.add_alternative("<p>ü</p>", subtype="html")
        message.add_attachment(b"abc" * 100, maintype="application", subtype="octet-stream", filename="grüße, a b.bin")
        # It makes encoded-words of 76 and 77 characters, and names 8bit in the parts alone.
        allowed = {"encoded-word-length", "eight-bit-multipart"}
        allowed |= {"long-line"} if (policy.max_line_length or 0) > 78 else set()
        assert self.advices(message, policy) <= allowed

    def test_an_image(self, policy: email.policy.EmailPolicy) -> None:
        message = made(policy)
        message["Subject"] = "ü" * 300
        image = b"\x00\xff" * 3000
        message.set_content(image, maintype="image", subtype="png", filename="ü" * 40 + ".png", cid="<x@y.example>")
        found = check_headers(message.as_bytes(), smtputf8=policy.utf8)
        # Base64 is written in lines as long as the policy lets lines be.
        wide = (policy.max_line_length or 0) > 78
        assert {each.code for each in found if each.severity != "advice"} == ({"base64-line"} if wide else set())
        assert {each.code for each in found if each.severity == "advice"} <= {"encoded-word-length", "long-line"}


def test_messages_of_the_old_classes() -> None:
    message = MIMEMultipart()
    message["Subject"] = Header("Grüße " * 30, "utf-8").encode()
    message["From"] = formataddr(("Jürgen Müller", "j@a.example"))
    message["To"] = "b@b.example"
    message["Date"] = formatdate()
    message["Message-ID"] = "<1@a.example>"
    message.attach(MIMEText("ü"))
    policy = email.policy.compat32.clone(linesep="\r\n")
    # Encoded-words of 76 characters and more.
    assert set(codes(message.as_bytes(policy=policy))) == {"encoded-word-length"}
    image = MIMEImage(b"xx", _subtype="png")
    for name in ("From", "To", "Message-ID"):
        image[name] = message[name]
    image["Date"] = formatdate(usegmt=True)
    image.add_header("Content-Disposition", "attachment", filename=("utf-8", "", "ü.png"))
    # GMT, as was asked for.
    assert codes(image.as_bytes(policy=policy)) == ["obsolete-zone"]


def test_what_nobody_may_send() -> None:
    """The examples of a talk on refused mail: an empty Cc, a Bcc left in, no Date, twice what may stand once."""
    assert codes(BASE + b"Cc: \r\n") == ["empty-destination"]
    assert codes(BASE + b"Bcc: eve@b.example\r\n") == ["bcc-addresses"]
    assert codes(BASE.partition(b"\r\n")[2]) == ["missing-date"]
    assert codes(BASE + b"Subject: a\r\nSubject: b\r\n") == ["repeated-field"]

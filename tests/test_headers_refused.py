"""Four ways in which mail breaks RFC 5322 and strict receivers refuse it: an empty Cc, a Bcc left in, no Date, and
fields more or less often than the table of section 3.6 says."""

from __future__ import annotations

import pytest
from lonedot import check_headers

FIELDS = {
    "Date": "Sun, 22 Nov 2026 10:00:00 +0900",
    "From": "Taro <taro@a.example>",
    "Sender": "taro@a.example",
    "Reply-To": "taro@a.example",
    "To": "hanako@b.example",
    "Cc": "jiro@b.example",
    "Bcc": "",
    "Message-ID": "<1@a.example>",
    "In-Reply-To": "<0@a.example>",
    "References": "<0@a.example>",
    "Subject": "hello",
    "Comments": "one",
    "Keywords": "one, two",
    "X-Own": "anything",
}
# RFC 5322 §3.6: the least and the most of each; None: as many as one likes.
TABLE = {
    **dict.fromkeys(("Date", "From"), (1, 1)),
    **dict.fromkeys(("Sender", "Reply-To", "To", "Cc", "Bcc"), (0, 1)),
    **dict.fromkeys(("Message-ID", "In-Reply-To", "References", "Subject"), (0, 1)),
    **dict.fromkeys(("Comments", "Keywords", "X-Own"), (0, None)),
}
NEEDED = ("Date", "From", "Message-ID")


def message(*fields: tuple[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode() + b"\r\nhello\r\n"


def usual(**others: str) -> bytes:
    chosen = {name: FIELDS[name] for name in ("Date", "From", "To", "Message-ID", "Subject")} | others
    return message(*chosen.items())


def errors(octets: bytes) -> list[str]:
    return [finding.code for finding in check_headers(octets) if finding.severity == "error"]


def test_a_message_as_it_should_be() -> None:
    assert check_headers(usual()) == []


@pytest.mark.parametrize("name", ["To", "Cc"])
def test_a_destination_without_an_address(name: str) -> None:
    (finding,) = check_headers(usual(**{name: ""}))
    assert (finding.severity, finding.field) == ("error", name)
    assert (finding.reply.code, finding.reply.enhanced) == (550, "5.6.0")


def test_a_bcc_that_was_left_in() -> None:
    (finding,) = check_headers(usual(Bcc="secret@b.example"))
    assert (finding.code, finding.severity, finding.field) == ("bcc-addresses", "warning", "Bcc")
    (empty,) = check_headers(usual(Bcc=""))
    assert (empty.code, empty.severity) == ("empty-bcc", "advice")


def test_no_date() -> None:
    octets = usual().partition(b"\r\n")[2]
    (finding,) = check_headers(octets)
    assert (finding.code, finding.severity, finding.section) == ("missing-date", "error", "RFC 5322 3.6.1")
    assert finding.reply.code == 550


@pytest.mark.parametrize("times", [0, 1, 2, 3])
@pytest.mark.parametrize("name", TABLE)
def test_as_often_as_the_table_says(name: str, times: int) -> None:
    least, most = TABLE[name]
    others = [(other, FIELDS[other]) for other in NEEDED if other != name]
    found = errors(message(*others, *[(name, FIELDS[name])] * times))
    too_many = 0 if most is None else max(times - most, 0)
    assert len(found) == too_many + (1 if times < least else 0), found

"""`lonedot lint`: what it takes, what it finds where, which exit code it gives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shlex
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from lonedot import check_headers
from lonedot.cli import _parser, main
from lonedot.cli.lint import task
from lonedot.cli.lint.message import Message
from lonedot.cli.lint.options import EXAMPLES, wanted
from lonedot.cli.lint.task import Range, Result, Wanted, perform

from tests.linting import ADVISED, BAD, FROM, GOOD, ROWS, WARNED, WRONG, example, lint, mbox, run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Names in the output are as they are given."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, octets: bytes) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    return name


class TestFile:
    def test_without_findings(self) -> None:
        assert lint(write("a.eml", GOOD)) == (0, "1 message read, nothing found\n", "")

    def test_with_one(self) -> None:
        ran = lint(write("a.eml", BAD))
        assert ran.code == 1
        assert ran.out == (
            "a.eml:4:1: error: A destination field has no address (Cc) [empty-destination]\n"
            "  | Cc:\n"
            "  | ^^^\n"
            f"  = {ROWS['empty-destination'].help} (RFC 5322 3.6.3)\n"
            "1 message read, 1 with findings: 1 error, 0 warnings, 0 of advice\n"
        )

    def test_whose_name_says_message_is_no_mbox(self) -> None:
        """Named or found in a folder: the line of a mbox would be sent with it."""
        write("d/a.eml", mbox([BAD])), write("d/b.EML", mbox([GOOD]))
        named, found = lint("d/a.eml", "d/b.EML"), lint("d")
        assert named == found and named.places == ["d/a.eml:1:1", "d/a.eml:5:1", "d/b.EML:1:1"]
        assert named.codes == ["mbox-line", "empty-destination", "mbox-line"]

    def test_of_proc_has_octets_without_a_size(self) -> None:
        assert Path("/proc/version").stat().st_size == 0
        assert f"  | {Path('/proc/version').read_text()[:60]}" in lint("/proc/version").out

    def test_several_are_told_in_their_order(self) -> None:
        write("b", BAD), write("a", BAD), write("c", GOOD)
        assert lint("b", "c", "a").places == ["b:4:1", "a:4:1"]

    def test_of_no_octets_is_a_message_without_fields(self) -> None:
        assert lint(write("a", b"")).codes == ["missing-date", "missing-from", "missing-message-id"]

    @pytest.mark.parametrize(
        "octets",
        [b"\0", bytes(range(256)) * 40, b"\xff" * 5000, b"\r" * 3000, b"\n", b":", b": x\n", b"From", b"a" * 1_000_000],
    )
    def test_of_junk_is_judged(self, octets: bytes) -> None:
        ran = lint(write("a", octets))
        assert ran.code == 1 and ran.codes and ran.err == ""
        assert ran.out.isascii() and not any(ord(c) < 32 for c in ran.out.replace("\n", ""))

    def test_may_be_named_by_any_octets(self, here: Path) -> None:
        name = os.fsdecode(b"\xff \x1b[2J\n.eml")
        (here / name).write_bytes(BAD)
        ran = run(name)
        assert ran.code == 1
        assert ran.out.startswith(r"\udcff \x1b[2J\n.eml:4:1: error: ")

    def test_may_be_named_by_what_the_terminal_has_not(self, here: Path) -> None:
        (here / "gr\u00fcn.eml").write_bytes(BAD)
        ran = run("gr\u00fcn.eml", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"})
        assert ran.code == 1 and ran.out.startswith("gr\\xfcn.eml:4:1")


FORMS = ("CRLF", "LF", "LF on stdin", "mbox", "mbox, CRLF", "quoted mbox", "quoted mbox on stdin")


def fits(form: str, code: str, octets: bytes) -> bool:
    """Whether a file of that form can hold the message: its LF not like all others, its first line not a mbox's."""
    return not octets.startswith(b"From ") and ("CRLF" in form or code != "bare-lf")


def place(file: bytes, offset: int) -> tuple[int, int]:
    return file.count(b"\n", 0, offset) + 1, offset - file.rfind(b"\n", 0, offset)


class TestLineEnds:
    def test_of_unix_are_as_good_as_crlf(self) -> None:
        write("lf", BAD), write("crlf", BAD.replace(b"\n", b"\r\n"))
        lf, crlf = lint("lf", "--format", "json").json, lint("crlf", "--format", "json").json
        (one,), (other,) = lf["findings"], crlf["findings"]
        assert one["offset"] + 3 == other["offset"]
        assert {**one, "path": 0, "offset": 0} == {**other, "path": 0, "offset": 0}

    def test_that_are_mixed_are_found(self) -> None:
        assert lint(write("a", GOOD.replace(b"0600\n", b"0600\r\n"))).codes == ["bare-lf"]

    def test_a_bare_cr_is_found_among_lf(self) -> None:
        ran = lint(write("a", GOOD.replace(b"\n\n", b"\nSubject: a\rb\n\n")))
        assert ran.codes == ["bare-cr"] and ran.places == ["a:4:11"]

    @pytest.mark.parametrize(
        ("form", "code", "octets"), [(form, *one) for form in FORMS for one in WRONG if fits(form, *one)]
    )
    def test_places_are_those_of_the_file(self, form: str, code: str, octets: bytes) -> None:
        """The octets of the file that are meant are those of the mail data, but for the CRs the file does not have."""
        has_cr = "CRLF" in form
        file = octets if has_cr else octets.replace(b"\r\n", b"\n")
        if "mbox" in form:
            end = b"\r\n" if has_cr else b"\n"
            file = file if file.endswith(b"\n") else file + end
            if "quoted" in form:
                file += b">From here\n" if b"\n\n" in file else b"\n>From here\n"
            file = mbox([BAD] * 3, end) + FROM.replace(b"\n", end) + file + end
        arguments = [] if "stdin" in form else [write("file", file)]
        document = lint("--format", "json", *arguments, stdin=file).json
        found = [one for one in document["findings"] if one["message"] in (None, 4)]
        expected = check_headers(octets)
        assert [(one["code"], one["field"]) for one in found] == [(one.code, one.field) for one in expected]
        for one, other in zip(found, expected, strict=True):
            meant = octets[other.offset : other.offset + other.length]
            start, end_of = one["offset"], one["offset"] + one["length"]
            assert file[start:end_of] == (meant if has_cr else meant.replace(b"\r\n", b"\n"))
            assert (one["line"], one["column"]) == place(file, start)
            assert (one["end_line"], one["end_column"]) == place(file, end_of)

    def test_places_are_those_before_the_quoting(self) -> None:
        """In the header section too, where no mbox should have one."""
        octets = GOOD.replace(b"\n\n", b"\nSubject: a\n>From here: b\nCc:\n\n")
        assert lint(stdin=FROM + octets).places == ["-#1:6:2", "-#1:7:1"]
        assert lint(stdin=octets).places == ["-:5:1", "-:6:1"]


class TestExplain:
    @pytest.mark.parametrize("code", ROWS)
    def test_has_all_of_the_table(self, code: str) -> None:
        row = ROWS[code]
        ran = lint("--explain", code)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"{code}: {row.severity}, {row.section}; refused with {row.reply.code} ")
        assert f"\n{row.text}.\n{row.help}.\n" in ran.out
        assert "\nwrong:\n  " in ran.out and "\nright:\n  " in ran.out
        assert ran.out.isascii() and ran.out.replace("\n", "").isprintable()
        assert ("stands for" in ran.out) == ("{" in row.wrong + row.right)

    def test_of_none_names_those_that_are_near(self) -> None:
        ran = lint("--explain", "mising-date")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(
            "lonedot: lint: --explain: there is no finding 'mising-date'; did you mean missing-date"
        )

    def test_the_table_is_that_of_the_findings(self) -> None:
        for found in check_headers(example(ROWS["missing-date"].wrong)):
            row = ROWS[found.code]
            of_row = (row.severity, row.section, row.text, row.help, row.reply.code, row.reply.enhanced)
            reply = found.reply
            assert of_row == (found.severity, found.section, found.text, found.help, reply.code, reply.enhanced)


class TestStandardInput:
    @pytest.mark.parametrize("arguments", [[], ["-"]])
    def test_of_one_message(self, arguments: list[str]) -> None:
        assert lint(*arguments, stdin=BAD).places == ["-:4:1"]

    def test_of_a_mbox(self) -> None:
        assert lint(stdin=mbox([GOOD, BAD])).places == ["-#2:12:1"]

    def test_between_files(self) -> None:
        write("a", BAD), write("b", BAD)
        assert lint("a", "-", "b", stdin=BAD).places == ["a:4:1", "-:4:1", "b:4:1"]

    def test_can_be_read_once(self) -> None:
        ran = lint("-", "-", stdin=BAD)
        assert ran.code == 2 and ran.out == "" and "more than once" in ran.err

    def test_that_is_closed_cannot_be_read(self) -> None:
        ran = run("-", stdin=None, preexec_fn=lambda: os.close(0))
        assert ran.code == 2 and ran.err == "lonedot: lint: cannot read -: standard input is closed\n"

    def test_of_a_fifo_is_a_message_too(self, here: Path) -> None:
        os.mkfifo("fifo")
        writer = threading.Thread(target=Path("fifo").write_bytes, args=(mbox([GOOD, BAD]),))
        writer.start()
        ran = lint("fifo")
        writer.join()
        assert ran.places == ["fifo#2:12:1"]


class TestFolder:
    def test_its_files_by_name_then_its_folders(self) -> None:
        for name in ("d/b.eml", "d/a.eml", "d/z/a.EML", "d/c/x.eml", "d/c/.hidden/x.eml"):
            write(name, BAD)
        names = [place.partition(":")[0] for place in lint("d").places]
        assert names == ["d/a.eml", "d/b.eml", "d/c/x.eml", "d/c/.hidden/x.eml", "d/z/a.EML"]

    @pytest.mark.parametrize(
        ("name", "octets", "taken"),
        [
            ("any", BAD, True),
            ("any", BAD.replace(b"\n", b"\r\n"), True),
            ("any.eml", b"", True),
            ("any", b"", False),
            ("any", b"Subject: hello\n\nfrom: me\n", False),
            ("any", b"date: 2024-01-01\ntitle: a page\n", False),
            ("any", b"date: 2024-01-01\nDate: 2024-01-02\n", False),
            ("any.py", b"import os\nfrom: to\nto: me\n", False),
            ("any", b"From here on it is a letter\n\n", False),
            ("any", bytes(range(256)), False),
            ("any", mbox([BAD]), True),
        ],
    )
    def test_which_files_are_messages(self, name: str, octets: bytes, taken: bool) -> None:
        write(f"d/{name}", octets)
        assert lint("d", "--format", "json").json["messages"] == taken

    def test_a_mbox_stands_in_its_place(self) -> None:
        write("d/a.eml", BAD), write("d/b", mbox([GOOD, BAD])), write("d/c.eml", BAD)
        assert lint("d").places == ["d/a.eml:4:1", "d/b#2:12:1", "d/c.eml:4:1"]

    def test_many_files(self) -> None:
        for number in range(150):
            write(f"d/{number:03}.eml", BAD if number % 50 == 49 else GOOD)
        ran = lint("d")
        assert ran.places == ["d/049.eml:4:1", "d/099.eml:4:1", "d/149.eml:4:1"]
        assert ran.out.endswith("\n150 messages read, 3 with findings: 3 errors, 0 warnings, 0 of advice\n")

    def test_links_to_folders_are_not_followed(self) -> None:
        write("d/a.eml", BAD)
        Path("d/loop").symlink_to("../d")
        assert lint("d").places == ["d/a.eml:4:1"]
        assert lint("d/loop").places == ["d/loop/a.eml:4:1"]

    def test_what_is_no_file_is_left_alone(self) -> None:
        os.mkdir("d")
        os.mkfifo("d/fifo.eml")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind("d/socket.eml")
        Path("d/null.eml").symlink_to("/dev/null")
        assert lint("d") == (0, "0 messages read, nothing found\n", "")

    def test_that_is_deep(self, here: Path) -> None:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        write("a.eml", BAD)
        os.chdir(here)
        try:
            assert lint("d").places == ["d/" * 1500 + "a.eml:4:1"]
        finally:
            # Python's own way to remove it goes as deep as it is.
            subprocess.run(["rm", "-r", "d"], check=True)


class TestMaildir:
    @pytest.fixture(autouse=True)
    def maildir(self) -> None:
        for name in ("cur", "new", "tmp"):
            os.makedirs(f"m/{name}")

    def test_cur_and_new_are_read_and_tmp_is_not(self) -> None:
        for name in ("m/new/2", "m/cur/1:2,S", "m/cur/.hidden", "m/tmp/3", "m/dovecot-uidlist", "m/a.eml"):
            write(name, BAD)
        assert lint("m").places == ["m/cur/1:2,S:4:1", "m/new/2:4:1"]

    def test_its_folders_are_read_too(self) -> None:
        for folder in ("m/.Sent", "m/Work"):
            for name in ("cur", "new", "tmp"):
                write(f"{folder}/{name}/1", BAD)
        assert lint("m").places == ["m/.Sent/cur/1:4:1", "m/.Sent/new/1:4:1", "m/Work/cur/1:4:1", "m/Work/new/1:4:1"]

    def test_a_file_is_a_message_whatever_it_begins_with(self) -> None:
        write("m/new/1", mbox([GOOD])), write("m/new/2", b"")
        codes = lint("m").codes
        assert codes[0] == "mbox-line" and "missing-from" in codes


class TestUnread:
    def test_the_rest_is_told(self) -> None:
        write("a", BAD)
        ran = lint("no/such", "a", "nor")
        assert ran.code == 2 and ran.places == ["a:4:1"]
        assert ran.err == (
            "lonedot: lint: cannot read no/such: No such file or directory\n"
            "lonedot: lint: cannot read nor: No such file or directory\n"
        )
        assert ran.out.endswith("0 of advice; 2 could not be read\n")

    def test_a_link_that_leads_nowhere(self) -> None:
        write("d/b.eml", BAD)
        Path("d/a.eml").symlink_to("nowhere")
        Path("d/c").symlink_to("nowhere")
        ran = lint("d")
        assert ran.code == 2 and ran.places == ["d/b.eml:4:1"]
        assert ran.err.count("No such file or directory") == 2

    def test_a_file_that_disappears(self, monkeypatch: pytest.MonkeyPatch) -> None:
        write("d/a.eml", BAD), write("d/b.eml", BAD)
        monkeypatch.setattr("lonedot.cli.lint.task._read", removing("d/a.eml"))
        ran = lint("d")
        assert ran.code == 2 and ran.places == ["d/b.eml:4:1"] and "cannot read d/a.eml: No such file" in ran.err

    @pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
    def test_a_file_that_becomes_something_else(
        self, make: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write("d/a.eml", BAD)
        monkeypatch.setattr("lonedot.cli.lint.task._read", removing("d/a.eml", make))
        ran = lint("d")
        assert ran.code == 2 and ran.err.startswith("lonedot: lint: cannot read d/a.eml: ")

    def test_a_mbox_that_disappears_or_gets_shorter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = Wanted(frozenset(ROWS), frozenset(ROWS))
        octets = mbox([BAD, BAD])
        write("a", octets[:-20])
        assert perform(Range("a", 0, len(octets), len(octets)), wanted).messages == 2
        os.remove("a")
        assert perform(Range("a", 0, len(octets), len(octets)), wanted).unread == [("a", "No such file or directory")]

    @pytest.mark.parametrize("compress", [bz2.compress, gzip.compress, lzma.compress, lambda octets: b"(\xb5/\xfd\4"])
    def test_what_is_compressed(self, compress: Callable[[bytes], bytes]) -> None:
        octets = compress(BAD)
        write("d/a.eml", octets), write("mbox.gz", octets)
        for arguments, name in (["d"], "d/a.eml"), (["mbox.gz"], "mbox.gz"), (["-"], "-"):
            ran = lint(*arguments, stdin=octets)
            assert (ran.code, ran.codes) == (2, [])
            assert ran.err.startswith(
                f"lonedot: lint: cannot read {name}: it is compressed; give what is in it on stdin"
            )

    def test_a_socket(self) -> None:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind("socket")
            ran = lint("socket")
        assert ran.code == 2 and "cannot read socket: No such device or address" in ran.err

    def test_is_worse_than_findings(self) -> None:
        assert lint("no", "--fail-on", "never", write("a", GOOD)).code == 2


def removing(victim: str, instead: Callable[[str], None] = lambda path: None) -> Callable[[str, Result], Message]:
    """Reads a file, but that one is removed before, and something made in its place."""
    read = task._read

    def reading(path: str, result: Result) -> Message:
        if path == victim:
            os.remove(path)
            instead(path)
        return read(path, result)

    return reading


class TestExitCode:
    @pytest.mark.parametrize(
        ("octets", "codes"),
        [
            (GOOD, {"never": 0, "error": 0, "warning": 0, "advice": 0}),
            (ADVISED, {"never": 0, "error": 0, "warning": 0, "advice": 1}),
            (WARNED, {"never": 0, "error": 0, "warning": 1, "advice": 1}),
            (BAD, {"never": 0, "error": 1, "warning": 1, "advice": 1}),
        ],
    )
    def test_of_what_is_found(self, octets: bytes, codes: dict[str, int]) -> None:
        write("a", octets)
        assert {name: lint("a", "--fail-on", name).code for name in codes} == codes
        assert lint("a").code == codes["error"]

    def test_of_the_worst_wherever_it_is(self) -> None:
        write("a", BAD), write("b", mbox([GOOD])), write("c", mbox([BAD]))
        assert [lint(*names).code for names in ("ab", "ba", "bcb", "b")] == [1, 1, 1, 0]

    def test_of_what_is_not_told(self) -> None:
        write("a", WARNED)
        ran = lint("a", "--severity", "error", "--fail-on", "warning")
        assert ran.code == 1 and ran.out == "1 message read, nothing told, though something was found\n"


class TestChoice:
    ALL = WARNED.replace(b"\n\n", b"\nCc:\nBcc:\n\n")

    @pytest.mark.parametrize(
        ("arguments", "codes"),
        [
            ([], ["empty-destination", "empty-bcc", "missing-message-id"]),
            (["--severity", "warning"], ["empty-destination", "missing-message-id"]),
            (["--severity", "error"], ["empty-destination"]),
            (["--only", "empty-bcc"], ["empty-bcc"]),
            (["--only", "empty-bcc", "--only", "missing-message-id"], ["empty-bcc", "missing-message-id"]),
            (["--ignore", "empty-bcc", "--ignore", "empty-destination"], ["missing-message-id"]),
            (["--only", "empty-bcc,missing-message-id"], ["empty-bcc", "missing-message-id"]),
            (["--ignore", "empty-bcc, empty-destination"], ["missing-message-id"]),
            (["--only", "empty-bcc", "--ignore", "empty-bcc"], []),
            (["--only", "empty-bcc", "--severity", "error"], []),
        ],
    )
    def test_of_codes(self, arguments: list[str], codes: list[str]) -> None:
        assert sorted(lint(*arguments, write("a", self.ALL)).codes) == sorted(codes)

    def test_what_is_ignored_does_not_fail(self) -> None:
        assert lint("--ignore", "empty-destination", write("a", BAD)).code == 0

    def test_smtputf8(self) -> None:
        write("a", GOOD.replace(b"\n\n", "\nSubject: gr\u00fcn\n\n".encode()))
        assert lint("a").codes == ["eight-bit"]
        assert lint("a", "--smtputf8").codes == []


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--ignore", "mising-date"], ["--ignore", "'mising-date'", "missing-date"]),
            (["--only", "Missing-Date"], ["--only", "'Missing-Date'", "missing-date"]),
            (["--only", "zzzzzz"], ["'zzzzzz'", "docs/findings.md"]),
            (["--ignore", "long-line,mising-date"], ["--ignore", "'mising-date'", "missing-date"]),
            (["--only", ""], ["--only", "''"]),
            (["--ignore", "long-line,"], ["--ignore", "''"]),
            (["--jobs", "0"], ["--jobs", "from 1 on", "'0'"]),
            (["--jobs", "many"], ["--jobs", "'many'"]),
            (["--format", "xml"], ["--format", "sarif"]),
            (["--fail-on", "bad"], ["--fail-on", "never"]),
            (["--formt", "json"], ["--formt", "--format?"]),
            (["a", "--format", "json", "b", "--formt"], ["--formt", "--format?"]),
        ],
    )
    def test_are_one_line_and_exit_code_2(self, arguments: list[str], words: list[str]) -> None:
        ran = lint(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("lonedot: lint: ") and ran.err.count("\n") == 1
        assert [word for word in words if word not in ran.err] == []

    def test_options_may_stand_between_files(self) -> None:
        for name in ("a", "b", "c"):
            write(name, BAD)
        assert lint("a", "--fail-on", "never", "b", "--jobs", "1", "-", "c", stdin=BAD).places == [
            "a:4:1", "b:4:1", "-:4:1", "c:4:1",
        ]  # fmt: skip


class TestHelp:
    def test_has_every_option_with_its_default(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            main(["lint", "--help"])
        text = capsys.readouterr().out
        described = re.split(r"\n  (?=--)", text[text.index("what is found") : text.index("examples:")])[1:]
        assert len(described) == 10
        assert [one for one in described if "(default: " not in " ".join(one.split())] == [
            one for one in described if one.startswith("--explain")
        ]

    def test_its_commands_and_the_readmes_are_options_that_there_are(self) -> None:
        readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
        commands = re.findall(r"^(?:\$|  ).*?lonedot (lint\b.*)$", readme + EXAMPLES, re.MULTILINE)
        assert len(commands) == 10
        for command in commands:
            options, left = _parser().parse_known_args(shlex.split(command.partition(" >")[0]))
            assert left == [] and wanted(options).codes
            if options.explain is not None:
                assert options.explain in ROWS

    def test_the_readmes_example_is_true(self) -> None:
        readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
        shown = re.search(r"\$ lonedot lint message.eml\n(.*?)\$", readme, re.DOTALL)
        assert shown is not None
        assert lint(write("message.eml", BAD)).out == shown[1]

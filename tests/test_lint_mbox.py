"""`lonedot lint` and mboxes: where messages begin, at any division into blocks; those that are too large to be held."""

from __future__ import annotations

import mailbox
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lonedot.cli.lint import mbox as under_test
from lonedot.cli.lint.mbox import pieces, ranges
from lonedot.cli.lint.message import Message
from lonedot.cli.lint.task import Files, Held, Range, Result, Task, Wanted, perform

from tests.linting import BAD, FROM, GOOD, ROWS, Ran, lint, mbox
from tests.serving import SECONDS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def obvious(octets: bytes) -> list[bytes]:
    """Line by line."""
    found: list[bytes] = []
    after_empty = True
    for line in octets.splitlines(keepends=True) if b"\r" not in octets else re.findall(rb"[^\n]*\n|[^\n]+$", octets):
        known = line[: under_test.LINE]
        timed = re.search(rb"\d\d:\d\d", known) is not None or known in (b"From \n", b"From \r\n")
        dated = re.search(rb" Fri Nov [ 2]?1 09:5\d", known) is not None
        if not found or (line.startswith(b"From ") and (dated or (after_empty and timed))):
            found.append(b"")
        found[-1] += line
        after_empty = line in (b"\n", b"\r\n")
    return found


def blocks(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[at : at + size] for at in range(0, len(octets), size))


def random_mbox(chance: random.Random) -> bytes:
    froms = [b"From ", b"From \n", b"From \r\n", b"From 09:55\n", b"From 09:5\n", b"From a Fri Nov 21 09:55\n"]
    froms += [b"From  Fri Nov 1 09:55", b"From a Fri Nov  1 09:54\r\n", b"From " + b"a" * 30 + b"09:55\n"]
    parts = [b">From ", b"\n", b"\n", b"\n\n", b"\r\n", b"\r\n\r\n", b"a", b"From: b", b" ", b"\r"]
    return b"From " + b"".join(chance.choices(parts + froms, k=chance.randrange(40)))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little has to be there of a line, so that small divisions divide."""
    monkeypatch.setattr(under_test, "LINE", 32)


class TestPieces:
    @pytest.mark.usefixtures("short")
    def test_are_those_of_an_obvious_reader_at_every_division(self) -> None:
        chance = random.Random(6)
        for _ in range(400):
            octets = random_mbox(chance)
            wanted = obvious(octets)
            for size in range(1, min(len(octets), 24) + 1):
                found = list(pieces(blocks(octets, size)))
                assert [piece.octets for piece in found] == wanted, (octets, size)
                assert all(piece.quoted for piece in found if re.search(rb"^>+From ", piece.octets, re.MULTILINE))

    @pytest.mark.usefixtures("short")
    def test_parts_begin_at_borders(self, monkeypatch: pytest.MonkeyPatch) -> None:
        chance = random.Random(7)
        for size in (16, 17, 31, 64):
            monkeypatch.setattr(under_test, "BLOCK", size)
            octets = b"".join(random_mbox(chance) + b"\n\n" for _ in range(60))
            Path("mbox").write_bytes(octets)
            with open("mbox", "rb") as file:
                parts = list(ranges(file.fileno(), len(octets)))
            assert [start for start, _ in parts] == [0, *(end for _, end in parts[:-1])]
            assert parts[-1][1] == len(octets) and len(parts) > 5
            assert [one for start, end in parts for one in obvious(octets[start:end])] == obvious(octets)

    @pytest.mark.usefixtures("short")
    def test_one_that_is_too_large_is_cut_and_the_next_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(under_test, "MAX_OCTETS", 40)
        chance = random.Random(8)
        cut = 0
        for _ in range(400):
            octets = random_mbox(chance) + b"\n\n" + random_mbox(chance)
            wanted = obvious(octets)
            for size in range(1, 60, 3):
                found = list(pieces(blocks(octets, size)))
                assert len(found) == len(wanted), (octets, size)
                for piece, whole in zip(found, wanted, strict=True):
                    assert len(piece.octets) + piece.dropped == len(whole)
                    assert whole.startswith(piece.octets) and (not piece.dropped or len(piece.octets) == 40)
                    assert piece.dropped_lines == whole[len(piece.octets) :].count(b"\n")
                    cut += piece.dropped > 0
        assert cut > 1000

    @pytest.mark.parametrize(
        ("line", "after_empty", "elsewhere"),
        [
            (b"From ann@a.example Fri Nov 21 09:55:06 1997", True, True),
            (b"From ann@a.example  Sat Nov  1 09:55:06 1997", True, True),
            (b"From - Tue Jan 02 15:04:05 2018", True, True),
            (b"From 1597@xxx Tue Jan 02 15:04:05 +0000 2018", True, True),
            (b"From a b@c.example Tue Jan 2 15:04 2018 remote from d", True, True),
            (b"From a@a.example 2018-01-02 15:04:05", True, False),
            (b"From ", True, False),
            (b"From", False, False),
            (b"From here on it is a letter", False, False),
            (b"From the 21st of November to the 1st of December 1997", False, False),
            (b"From a@a.example" + b" " * 600 + b"Fri Nov 21 09:55:06 1997", False, False),
            (b" From ann@a.example Fri Nov 21 09:55:06 1997", False, False),
        ],
    )
    @pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
    def test_which_lines_are_borders(self, line: bytes, after_empty: bool, elsewhere: bool, line_end: bytes) -> None:
        for before, border in ((GOOD + b"\n", after_empty), (GOOD, elsewhere), (GOOD + b"a\n\na\n", elsewhere)):
            octets = (FROM + before + line + b"\n" + BAD + FROM + GOOD).replace(b"\n", line_end)
            for arguments in (["-"], ["mbox"]):
                Path("mbox").write_bytes(octets)
                document = lint(*arguments, "--format", "json", stdin=octets).json
                assert document["messages"] == 2 + border
                assert [one["message"] for one in document["findings"]] == [2] * border

    def test_are_as_python_writes_them(self) -> None:
        box = mailbox.mbox("mbox")
        box.lock()
        messages = [BAD, GOOD + b"From here\nto there\n>From\n", BAD, GOOD]
        for message in messages:
            box.add(message)
        box.close()
        ran = lint("mbox", "--format", "json")
        assert ran.json["messages"] == 4
        assert [one["message"] for one in ran.json["findings"]] == [1, 3]


class TestPlaces:
    @pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
    @pytest.mark.parametrize("block", [64, 200, 1000, 1 << 22])
    def test_are_the_same_at_every_division(self, line_end: bytes, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """From a file in parts and from a stream in others: numbers, lines and offsets."""
        monkeypatch.setattr(under_test, "BLOCK", block)
        monkeypatch.setattr("lonedot.cli.lint.sources.BLOCK", block)
        monkeypatch.setattr("lonedot.cli.lint.cores.ALONE", -1.0)
        messages = [
            GOOD,
            BAD,
            GOOD + b"From here\n\nFrom there\n",
            BAD,
            GOOD + b"\n\n",
            BAD,
            GOOD.rstrip(b"\n"),
            BAD,
        ] * 3
        octets = mbox([one + (b"" if one.endswith(b"\n") else b"\n") for one in messages], line_end)
        Path("mbox").write_bytes(octets)
        wrong = [number for number, one in enumerate(messages, 1) if b"Cc:" in one]
        places = [found.start() for found in re.finditer(rb"^Cc:", octets, re.MULTILINE)]
        for arguments in (["mbox"], ["-"], ["mbox", "--jobs", "2"]):
            found = lint("--format", "json", *arguments, stdin=octets).json["findings"]
            assert [one["message"] for one in found] == wrong
            assert [one["offset"] for one in found] == places
            assert [one["line"] for one in found] == [octets.count(b"\n", 0, place) + 1 for place in places]

    def test_results_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lonedot.cli.lint.task.MAX_FOUND", 3)
        octets = mbox([BAD] * 10)
        Path("mbox").write_bytes(octets)
        Path("a").write_bytes(BAD)
        tasks: list[Task] = [
            Files(["a"] * 10),
            Range("mbox", 0, len(octets), len(octets)),
            Held([Message("-", None, BAD)] * 10, len(octets)),
        ]
        for task in tasks:
            rest: Task | None = task
            found = []
            while rest is not None:
                result = perform(rest, Wanted(frozenset(ROWS), frozenset(ROWS)))
                found.append(len(result.found))
                rest = result.rest
            assert found == [3, 3, 3, 1]
            counted = perform(task, Wanted(frozenset(ROWS), frozenset(ROWS), only_counts=True))
            assert (counted.found, counted.rest, counted.counts.total()) == ([], None, 10)

    @pytest.mark.parametrize("block", [512, 1 << 22])
    def test_of_one_mbox_after_another(self, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(under_test, "BLOCK", block)
        for name in ("a", "b"):
            Path(name).write_bytes(mbox([GOOD, BAD] * 10))
        places = lint("a").places
        assert len(places) == 10 and places[-1].startswith("a#20:")
        assert lint("a", "b", "a").places == [*places, *(place.replace("a#", "b#") for place in places), *places]

    def test_many_findings_come_in_several_results(self, monkeypatch: pytest.MonkeyPatch) -> None:
        octets = mbox([BAD, GOOD] * 40)
        Path("mbox").write_bytes(octets)
        for name in ("a.eml", "b.eml", "c.eml"):
            Path(name).write_bytes(BAD)
        arguments = ["mbox", "a.eml", "-", "b.eml", "c.eml"]
        whole = lint(*arguments, stdin=octets)
        assert len(whole.places) == 83
        monkeypatch.setattr("lonedot.cli.lint.task.MAX_FOUND", 3)
        assert lint(*arguments, stdin=octets) == whole
        monkeypatch.setattr(under_test, "BLOCK", 512)
        monkeypatch.setattr("lonedot.cli.lint.cores.ALONE", -1.0)
        for jobs in ("1", "2"):
            assert lint(*arguments, "--jobs", jobs, stdin=octets) == whole

    def test_one_that_disappears_is_told_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(under_test, "BLOCK", 512)
        Path("mbox").write_bytes(mbox([BAD, GOOD] * 20))

        def removing(task: Task, wanted: Wanted, threads: int) -> Result:
            if isinstance(task, Range) and task.start > 1000:
                Path("mbox").unlink(missing_ok=True)
            return perform(task, wanted, threads)

        monkeypatch.setattr("lonedot.cli.lint.perform", removing)
        ran = lint("mbox", "mbox", "--format", "json", "--jobs", "1")
        gone = {"path": "mbox", "why": "No such file or directory"}
        assert (ran.code, ran.json["unread"], ran.err.count("\n")) == (2, [gone, gone], 2)
        assert ran.json["errors"] > 2

    def test_of_what_has_nothing_but_borders(self) -> None:
        ran = lint(stdin=FROM + b"\n" + FROM + b"\n" + FROM)
        assert ran.places[::3] == ["-#1:2:1", "-#2:4:1", "-#3:6:1"]
        assert ran.codes == ["missing-date", "missing-from", "missing-message-id"] * 3


class TestLarge:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("message", "mbox", "task", "sources"):
            monkeypatch.setattr(f"lonedot.cli.lint.{module}.MAX_OCTETS", 1 << 16)

    def told(self, ran: Ran, place: str) -> None:
        assert (
            ran.code == 1
            and ran.err.startswith(f"lonedot: lint: {place}: a message over ")
            and ran.err.count("\n") == 1
        )

    def test_a_message(self) -> None:
        octets = BAD + b"a" * 100_000
        Path("a").write_bytes(octets)
        self.told(lint("a"), "a")
        self.told(lint(stdin=octets), "-")

    def test_of_a_message_so_much_is_checked(self) -> None:
        """From a file and from a stream."""
        octets = GOOD + b"a" * ((1 << 16) - len(GOOD))
        for cut in (octets + b"\xff", octets + b"a\xff", octets + b"a" * (1 << 20) + b"\xff"):
            Path("a").write_bytes(cut)
            assert lint("a").codes == lint(stdin=cut).codes == []
        Path("a").write_bytes(octets[:-1] + b"\xff")
        assert lint("a").codes == lint(stdin=octets[:-1] + b"\xff").codes == ["eight-bit-body"]

    def test_a_device_without_end(self) -> None:
        self.told(lint("/dev/zero"), "/dev/zero")

    def test_a_message_of_a_mbox(self, monkeypatch: pytest.MonkeyPatch) -> None:
        octets = mbox([GOOD, BAD + b"a\n" * 50_000, BAD])
        Path("a").write_bytes(octets)
        second = f"octet {len(mbox([GOOD]))}"
        for block, most in (1 << 10, 4096), (1 << 17, 4096), (1 << 17, 1):
            monkeypatch.setattr(under_test, "BLOCK", block)
            monkeypatch.setattr("lonedot.cli.lint.sources.BLOCK", block)
            monkeypatch.setattr("lonedot.cli.lint.task.MAX_FOUND", most)
            for name, ran in (("a", lint("a")), ("-", lint(stdin=octets))):
                self.told(ran, f"{name}, {second}")
                last = octets.count(b"\n", 0, octets.rindex(b"Cc:")) + 1
                assert ran.places == [f"{name}#2:12:1", f"{name}#3:{last}:1"]


class TestMemory:
    """With room for Python and a message of 64 MiB, in the one process and in others."""

    SCRIPT = """\
import resource, sys
from lonedot.cli import main
from lonedot.cli.lint import cores, mbox, message, sources, task
for module in (mbox, message, sources, task):
    module.MAX_OCTETS = 1 << 22
cores.ALONE = -1.0
code = main(sys.argv[1:])
print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) >> 10)
sys.exit(code)
"""

    def most(self, *arguments: str, writing: Iterator[bytes] | None = None) -> int:
        """MiB."""
        process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, "lint", *arguments],
            stdin=subprocess.PIPE if writing is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        if writing is not None:
            assert process.stdin is not None
            for octets in writing:
                process.stdin.write(octets)
            process.stdin.close()
        out = process.stdout.read()
        assert process.wait(SECONDS) == 0
        process.stdout.close()
        assert b"messages read, nothing found" in out or b"message read, nothing found" in out
        return int(out.split()[-1])

    def test_of_a_large_mbox(self) -> None:
        """Of 256 MiB, of which a third would show."""
        octets = mbox([GOOD + (b"a" * 70 + b"\n") * 70] * 200)
        with open("mbox", "wb") as file:
            while file.tell() < 256 << 20:
                file.write(octets)
        small = self.most("--jobs", "1", self.small())
        for jobs in ("1", "2"):
            assert self.most("--jobs", jobs, "mbox") < small + 80

    def test_of_a_stream_without_a_line_end(self) -> None:
        small = self.most("--jobs", "1", self.small())
        endless = b"a" * (1 << 20)
        for begin in (GOOD, FROM + GOOD):
            assert self.most("--jobs", "1", "-", writing=(octets for octets in [begin, *[endless] * 300])) < small + 80

    def small(self) -> str:
        Path("small").write_bytes(GOOD)
        return "small"

"""`lonedot lint` at work: on several cores, on a terminal, and however it is ended."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from lonedot.cli.lint.progress import Progress, shown
from lonedot.cli.lint.task import Files, Held, Range

from tests.linting import ADVISED, BAD, GOOD, WARNED, command, in_processes, lint, mbox, run, written_to
from tests.serving import SECONDS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def large(megabytes: int, message: bytes = BAD) -> bytes:
    """A mbox of so many million octets, of messages of some 5,000."""
    one = mbox([message + (b"a" * 70 + b"\n") * 70])
    return one * (megabytes * 1_000_000 // len(one))


class TestCores:
    @pytest.mark.parametrize("form", ["text", "json", "sarif", "summary"])
    def test_the_output_is_the_same_however_many_there_are(self, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(400):
            folder = Path(f"m/{'new' if number % 3 else 'cur'}")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:03}").write_bytes((GOOD, BAD, WARNED, ADVISED)[number % 4])
        os.mkdir("m/tmp")
        Path("mbox").write_bytes(mbox([GOOD, BAD, WARNED, ADVISED, GOOD] * 300))
        monkeypatch.setattr("lonedot.cli.lint.mbox.BLOCK", 10_000)
        monkeypatch.setattr("lonedot.cli.lint.cores.ALONE", -1.0)
        arguments = ["--format", form, "m", "no/such", "mbox", "m/new/001"]
        one = lint(*arguments, "--jobs", "1")
        assert one.code == 2 and len(one.out) > 100
        for jobs in ("2", "4"):
            assert lint(*arguments, "--jobs", jobs) == one

    def test_a_stream_goes_to_all_of_them_too(self) -> None:
        octets = large(20)
        one = run("--jobs", "1", "--format", "json", stdin=octets)
        assert one.json["errors"] == octets.count(b"\nCc:")
        assert run("--jobs", "3", "--format", "json", stdin=octets, made=in_processes) == one

    def test_much_work_starts_processes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        begun: list[int] = []
        fork = os.fork

        def forked() -> int:
            begun.append(1)
            return fork()

        monkeypatch.setattr("os.fork", forked)
        Path("mbox").write_bytes(large(30))
        # As if each look at the clock were after a second.
        monkeypatch.setattr("lonedot.cli.lint.cores.time", SimpleNamespace(monotonic=itertools.count().__next__))
        assert lint("mbox", "--jobs", "2").code == 1
        assert begun

    def test_little_work_starts_no_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.fork", None)
        monkeypatch.setattr("lonedot.cli.lint.cores.ALONE", SECONDS)
        Path("mbox").write_bytes(large(9))
        assert lint("mbox", "--jobs", "8").code == 1

    def test_what_it_does_not_need_is_not_loaded(self) -> None:
        """Loading the server takes longer than checking thousands of messages."""
        Path("a").write_bytes(BAD)
        script = (
            "import sys\n"
            "from lonedot.cli import main\n"
            "main(['lint', 'a'])\n"
            "print(*sorted({'asyncio', 'dataclasses', 'json', 'logging', 'ssl', 'tomllib'} & sys.modules.keys()))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS)
        assert done.stderr == "" and done.stdout.splitlines()[-2:] == [
            "1 message read, 1 with findings: 1 error, 0 warnings, 0 of advice", "",
        ]  # fmt: skip

    def test_a_process_that_is_killed_is_told(self, here: Path) -> None:
        """As the kernel does when memory ends."""
        Path("mbox").write_bytes(large(30))
        script = (
            "import os, signal, sys\n"
            "from lonedot.cli import main\n"
            "from lonedot.cli.lint import cores, task\n"
            "cores.ALONE = -1.0\n"
            "parent = os.getpid()\n"
            "judge = task._judge\n"
            "def killed(*given):\n"
            "    if os.getpid() != parent:\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "    judge(*given)\n"
            "task._judge = killed\n"
            "sys.exit(main(['lint', '--jobs', '2', 'mbox']))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=SECONDS)
        assert done.returncode == 2
        assert done.stderr == b"lonedot: lint: a process that checked messages was killed; --jobs 1 takes less memory\n"


class TestEndings:
    @contextlib.contextmanager
    def at_work(self, jobs: int) -> Iterator[subprocess.Popen[bytes]]:
        """It has read what there is, waits for more, and has its processes."""
        process = subprocess.Popen(
            in_processes("--jobs", str(jobs), "--format", "summary", "-"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            assert process.stdin is not None
            process.stdin.write(large(50))
            process.stdin.flush()
            until(lambda: len(children(process.pid)) == (jobs if jobs > 1 else 0))
            try:
                yield process
            finally:
                process.kill()

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_ctrl_c_is_quiet(self, jobs: int) -> None:
        """The terminal's, which all processes get."""
        with self.at_work(jobs) as process:
            until(lambda: self.is_interrupted(process))
            assert process.returncode == 130
            assert process.stderr is not None and process.stderr.read() == b""

    def is_interrupted(self, process: subprocess.Popen[bytes]) -> bool:
        # Python misses a signal in the moment between looking for one and reading; so who types it types it again.
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            return False
        return True

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_no_process_is_left_behind(self, number: signal.Signals) -> None:
        with self.at_work(3) as process:
            others = children(process.pid)
            process.send_signal(number)
            assert process.wait(SECONDS) == -number
            until(lambda: not any(map(alive, others)))

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_a_reader_that_goes_is_left_quietly(self, jobs: str) -> None:
        Path("mbox").write_bytes(large(30))
        process = subprocess.Popen(in_processes("--jobs", jobs, "mbox"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 141

    def test_a_full_disk(self) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command("-"), input=BAD, stdout=full, stderr=subprocess.PIPE, timeout=SECONDS)
        assert done.returncode == 2
        assert done.stderr == b"lonedot: lint: cannot write to standard output: No space left on device\n"

    @pytest.mark.parametrize("arguments", [["no", "a"], ["--no-such-option"]])
    def test_stderr_that_is_closed_or_full(self, arguments: list[str]) -> None:
        """What cannot be told is not told on stdout instead, and changes nothing."""
        Path("a").write_bytes(BAD)
        whole = run(*arguments)
        assert whole.code == 2
        closed = subprocess.run(
            command(*arguments), stdout=subprocess.PIPE, timeout=SECONDS, preexec_fn=lambda: os.close(2)
        )
        with open("/dev/full", "wb") as nowhere:
            full = subprocess.run(command(*arguments), stdout=subprocess.PIPE, stderr=nowhere, timeout=SECONDS)
        for done in (closed, full):
            assert (done.returncode, done.stdout.decode()) == (2, whole.out)

    def test_stdout_that_is_closed(self) -> None:
        for arguments in (["-"], ["--explain", "nul"]):
            ran = run(*arguments, stdin=BAD, preexec_fn=lambda: os.close(1))
            assert (ran.code, ran.err.count("\n")) == (2, 1) and "standard output is closed" in ran.err


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class TestTerminal:
    def on_terminal(
        self,
        *arguments: str,
        script: str = "",
        stdin: int = subprocess.DEVNULL,
        columns: int = 80,
        term: str = "xterm",
        stdout: bool = False,
    ) -> tuple[int, bytes]:
        """Exit code, and what is on stderr, a terminal; and on stdout, when told."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        begin = "import sys; from lonedot.cli import main; from lonedot.cli.lint import progress; "
        process = subprocess.Popen(
            [sys.executable, "-c", f"{begin}{script}sys.exit(main(sys.argv[1:]))", "lint", *arguments],
            stdin=theirs if stdin == subprocess.PIPE else stdin,
            stdout=theirs if stdout else subprocess.DEVNULL,
            stderr=theirs,
            env={**os.environ, "TERM": term},
        )
        os.close(theirs)
        err = written_to(ours)
        os.close(ours)
        return process.wait(SECONDS), err

    def test_shows_how_far_it_is(self) -> None:
        Path("mbox").write_bytes(large(20, GOOD))
        code, err = self.on_terminal("mbox", "--jobs", "1", script="progress._QUIET = progress._EVERY = 0.0; ")
        assert code == 0
        parts = err.split(b"\r")
        assert parts[0] == b"" and parts[1].startswith(b"[######") and b" MB\x1b[K" in parts[1]
        assert parts[-2].startswith(b"[" + b"#" * 30 + b"] 100 %, ")
        assert parts[-1] == b"\x1b[K"

    def test_shows_nothing_of_little_work(self) -> None:
        Path("mbox").write_bytes(mbox([BAD]))
        assert self.on_terminal("mbox", script="progress._QUIET = 3600.0; ") == (1, b"")

    def test_shows_nothing_when_told(self) -> None:
        """Nor where a line cannot be taken back."""
        Path("mbox").write_bytes(large(20, GOOD))
        script = "progress._QUIET = progress._EVERY = 0.0; "
        assert self.on_terminal("mbox", "--no-progress", script=script) == (0, b"")
        assert self.on_terminal("mbox", term="dumb", script=script) == (0, b"")

    def test_makes_room_for_the_findings(self) -> None:
        Path("mbox").write_bytes(large(20))
        script = "progress._QUIET = progress._EVERY = 0.0; "
        code, shown = self.on_terminal("mbox", "--jobs", "1", "--color", "never", script=script, stdout=True)
        lines = shown.split(b"\r\n")
        assert code == 1 and sum(b"MB" in line for line in lines) > 3
        assert all(re.search(rb"MB\x1b\[K\r\x1b\[K(mbox#|\d)", line) for line in lines if b"MB" in line)

    @pytest.mark.parametrize("columns", [40, 10, 1])
    def test_takes_one_line_of_a_narrow_terminal(self, columns: int) -> None:
        Path("mbox").write_bytes(large(20, GOOD))
        script = "progress._QUIET = progress._EVERY = 0.0; "
        code, err = self.on_terminal("mbox", "--jobs", "1", script=script, columns=columns)
        lines = [line.removesuffix(b"\x1b[K") for line in err.split(b"\r")]
        assert code == 0 and max(map(len, lines)) == columns - 1

    def test_does_not_wait_for_a_terminal_to_type_a_message(self) -> None:
        code, err = self.on_terminal(stdin=subprocess.PIPE)
        assert code == 2 and err.startswith(b"lonedot: lint: give a FILE") and err.count(b"\n") == 1

    def test_what_cannot_be_read_is_told_on_a_line_of_its_own(self) -> None:
        Path("mbox").write_bytes(large(20, GOOD))
        code, err = self.on_terminal("mbox", "no", script="progress._QUIET = progress._EVERY = 0.0; ")
        assert code == 2
        assert b"\r\x1b[Klonedot: lint: cannot read no: No such file or directory\r\n" in err


class TestProgress:
    @pytest.mark.parametrize(
        ("task", "line"),
        [
            (Range("a", 0, 25_000_000, 100_000_000), "[#######.......................] 25 %, 25 of 100 MB"),
            (Range("a", 0, 7, 7), "[##############################] 100 %, 0 of 0 MB"),
            (Files(["a"] * 64, 1000, 4256), "[#######.......................] 25 %, 1,064 of 4,256 messages"),
            (Files(["a"]), ""),
            (Held([], 1_234_567_890), "1,234 MB"),
        ],
    )
    def test_line(self, task: Range | Files | Held, line: str) -> None:
        assert shown(task) == line

    def test_is_written_no_oftener_than_it_can_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [0.0]
        monkeypatch.setattr("lonedot.cli.lint.progress.time.monotonic", lambda: now[0])
        terminal = io.StringIO()
        shows = Progress(terminal)
        for _ in range(1000):
            now[0] += 0.01
            shows.done(Held([], 1_000_000))
        assert 80 <= terminal.getvalue().count("\r") <= 91
        shows.hide()
        assert terminal.getvalue().endswith("\r\x1b[K")
        length = len(terminal.getvalue())
        shows.hide()
        assert len(terminal.getvalue()) == length

"""`lonedot user`: the line it prints gets its user in; what it refuses."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from lonedot import Users
from lonedot.cli import main

from tests.exchanges import connection
from tests.serving import SECONDS


def piped(monkeypatch: pytest.MonkeyPatch, octets: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets), encoding="ascii"))


def gets_in(tmp_path: Path, line: str, name: str, password: str) -> bool:
    file = tmp_path / "users"
    file.touch(mode=0o600)
    file.write_text(line, encoding="utf-8")
    return asyncio.run(Users(file).check_password(connection(), name, password)) is True


class TestLine:
    @pytest.mark.parametrize(
        ("options", "begins"),
        [
            ([], "SCRAM-SHA-256$60000:"),
            (["--scheme", "scram"], "SCRAM-SHA-256$"),
            (["--scheme", "argon2"], "$argon2id$"),
        ],
    )
    def test_gets_its_user_in(
        self,
        options: list[str],
        begins: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        piped(monkeypatch, "p\u00e4ss:word \r\nsecond line\n".encode())
        assert main(["user", "ann@example.org", *options]) == 0
        line, nothing = capsys.readouterr()
        assert line.startswith(f"ann@example.org:{begins}") and line.count("\n") == 1 and nothing == ""
        assert gets_in(tmp_path, line, "ann@example.org", "p\u00e4ss:word ")
        assert not gets_in(tmp_path, line, "ann@example.org", "p\u00e4ss:word")

    def test_is_prepared(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        piped(monkeypatch, "\u2168".encode())
        assert main(["user", "\u2168"]) == 0
        line = capsys.readouterr().out
        assert line.startswith("IX:") and gets_in(tmp_path, line, "IX", "IX")


class TestMistakes:
    @pytest.mark.parametrize(
        ("name", "password", "words"),
        [
            ("a:b", b"x\n", "a name has no colon"),
            ("#a", b"x\n", "does not begin with #"),
            ("a ", b"x\n", "no spaces around it"),
            ("", b"x\n", "1 to 1024 octets"),
            ("a\nb", b"x\n", "no control characters"),
            ("a", b"\n", "a password has 1 to 1024 octets"),
            ("a", b"", "a password has 1 to 1024 octets"),
            ("a", b"x" * 1025 + b"\n", "a password has 1 to 1024 octets"),
            ("a", b"x\ty\n", "no control characters"),
            ("a", b"\xff\n", "is not UTF-8"),
            ("a", "\U0001f600".encode(), "none that a client may write otherwise"),
        ],
    )
    def test_are_one_line(
        self,
        name: str,
        password: bytes,
        words: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        piped(monkeypatch, password)
        assert main(["user", name]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and err.startswith("lonedot: user: ") and words in err

    def test_argon2_takes_its_package(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("lonedot.users.find_spec", lambda name: None)
        assert main(["user", "a", "--scheme", "argon2"]) == 2
        assert "pip install lonedot[argon2]" in capsys.readouterr().err

    def test_the_longest_password_is_taken(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        piped(monkeypatch, b"x" * 1024 + b"\r\n")
        assert main(["user", "a"]) == 0


class TestTerminal:
    """On a terminal the password is asked for twice, and not shown."""

    def answer(self, *answers: bytes) -> tuple[int, str, str, str]:
        """Exit code, stdout, stderr, and what the terminal showed."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "lonedot", "user", "ann"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # The terminal becomes the process's own, which is where getpass asks.
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )
        os.close(theirs)
        shown = b""
        try:
            for prompt, answer in zip((b"Password for ann: ", b"Again: "), answers, strict=True):
                while prompt not in shown:
                    shown += os.read(ours, 1024)
                os.write(ours, answer)
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
            process.wait(SECONDS)
            os.close(ours)
        return process.returncode, out.decode(), err.decode(), shown.decode()

    def test_twice_the_same(self, tmp_path: Path) -> None:
        code, out, err, shown = self.answer(b"a secret\n", b"a secret\n")
        assert (code, err) == (0, "")
        assert "a secret" not in shown
        assert gets_in(tmp_path, out, "ann", "a secret")

    def test_twice_another(self) -> None:
        code, out, err, _ = self.answer(b"a secret\n", b"a secrte\n")
        assert (code, out) == (2, "")
        assert "the two passwords differ" in err

    def test_none(self) -> None:
        code, out, err, _ = self.answer(b"a secret\n", b"\x04")
        assert (code, out) == (2, "")
        assert "no password was given" in err

"""What `lonedot lint` writes: lines with carets, JSON, SARIF, the table, colours."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from lonedot import __version__
from lonedot.cli.lint.excerpt import WIDTH, excerpt, visible

from tests.linting import ADVISED, BAD, GOOD, ROWS, WARNED, WRONG, command, lint, mbox, written_to
from tests.serving import SECONDS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_field(field: bytes) -> bytes:
    return GOOD.replace(b"\n\n", b"\n" + field + b"\n\n")


class TestExcerpt:
    @pytest.mark.parametrize(
        ("octets", "at", "length", "line", "carets"),
        [
            (b"Cc: a b\n", 4, 3, "Cc: a b", "    ^^^"),
            (b"Cc: a b", 4, 3, "Cc: a b", "    ^^^"),
            (b"before\nCc: a b\nafter", 11, 1, "Cc: a b", "    ^"),
            (b"Cc: a\r\n", 4, 1, "Cc: a", "    ^"),
            (b"a\tb\n", 2, 1, r"a\tb", "   ^"),
            (b"a\tb\n", 1, 1, r"a\tb", " ^^"),
            (b"gr\xfc\xdf: \x1b[2J\x00\n", 2, 2, r"gr\xfc\xdf: \x1b[2J\x00", "  ^^^^^^^^"),
            (b"a\rb\r\n", 1, 1, r"a\rb", " ^^"),
            (b"a\r\n", 2, 1, r"a\r", "   ^"),
            (b"\n", 0, 0, "", "^"),
            (b"", 0, 0, "", "^"),
            (b"abc\n", 3, 0, "abc", "   ^"),
            (b"abc\n def\n", 1, 6, "abc", " ^^"),
            (b"abc\r\n def\n", 1, 6, "abc", " ^^"),
        ],
    )
    def test_carets_stand_under_what_is_meant(
        self, octets: bytes, at: int, length: int, line: str, carets: str
    ) -> None:
        found = excerpt(octets, octets.rfind(b"\n", 0, at) + 1, at, at + length)
        assert (found.text, " " * found.indent + "^" * found.carets) == (line, carets)

    @pytest.mark.parametrize("filling", [b"a", b"\t", b"\xff"])
    @pytest.mark.parametrize("before", [0, 1, 39, 40, 41, 99, 100, 101, 5000])
    @pytest.mark.parametrize("after", [0, 1, 59, 60, 61, 5000])
    @pytest.mark.parametrize("length", [1, 3, 200])
    def test_of_long_lines_is_cut_around_it(self, filling: bytes, before: int, after: int, length: int) -> None:
        octets = filling * before + b"M" * length + filling * after
        found = excerpt(octets, 0, before, before + length)
        assert len(found.text) <= WIDTH
        meant = found.text[found.indent : found.indent + found.carets]
        assert meant.startswith("M") and set(meant) <= set("M.")
        assert found.text[: found.indent].startswith("...") == (len(visible(filling * before)) > 40)
        whole = visible(octets)
        if found.text.endswith("...") and len(whole) > WIDTH:
            assert found.indent + found.carets <= WIDTH
        else:
            assert found.carets == length
            assert whole.endswith(found.text.removeprefix("..."))

    def test_of_an_enormous_line_looks_at_little_of_it(self) -> None:
        octets = b"x" * (1 << 24)
        tracemalloc.start()
        try:
            assert excerpt(octets, 0, 1 << 23, 1 << 24).text == "..." + "x" * (WIDTH - 6) + "..."
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()

    def test_is_what_the_text_has(self) -> None:
        ran = lint(stdin=with_field(b"X-A: " + b"a" * 60 + b"\x07\t" + b"b" * 30))
        line, carets = ran.out.split("\n")[1:3]
        assert ran.codes == ["control-octet", "long-line"]
        assert line == "  | ..." + "a" * 37 + r"\x07\t" + "b" * 30
        assert carets == "  | " + " " * 40 + "^^^^"


class TestText:
    def test_every_line_is_printable_whatever_is_in_the_message(self) -> None:
        for code, octets in WRONG:
            ran = lint(stdin=octets)
            assert ran.out.isascii() and ran.out.replace("\n", "").isprintable(), code
            findings = len(ran.codes)
            assert ran.out.count("\n") == 4 * findings + 1

    def test_a_name_that_is_no_name_cannot_forge_a_line(self) -> None:
        ran = lint(stdin=with_field(b"\x1b[2J\xff: a"))
        assert r"(\x1b[2J\xef\xbf\xbd)" in ran.out or r"\x1b[2J\xff" in ran.out
        assert "\x1b" not in ran.out

    @pytest.mark.parametrize(
        ("messages", "line"),
        [
            ([GOOD] * 3, "3 messages read, nothing found"),
            ([WARNED, GOOD, BAD], "3 messages read, 2 with findings: 1 error, 1 warning, 0 of advice"),
            ([ADVISED] * 1200, "1,200 messages read, 1,200 with findings: 0 errors, 0 warnings, 1,200 of advice"),
        ],
    )
    def test_ends_with_the_numbers(self, messages: list[bytes], line: str) -> None:
        assert lint(stdin=mbox(messages)).out.splitlines()[-1] == line


class TestColour:
    def on_terminal(self, *arguments: str, **environment: str) -> str:
        """What the terminal shows."""
        ours, theirs = pty.openpty()
        plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        process = subprocess.Popen(
            command(*arguments), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env={**plain, **environment}
        )
        os.close(theirs)
        shown = written_to(ours)
        process.wait(SECONDS)
        os.close(ours)
        return shown.decode()

    @pytest.mark.parametrize(
        ("arguments", "environment", "coloured"),
        [
            ([], {"TERM": "xterm"}, True),
            ([], {"TERM": "xterm", "NO_COLOR": ""}, True),
            ([], {"TERM": "xterm", "NO_COLOR": "1"}, False),
            ([], {"TERM": "dumb"}, False),
            (["--color", "never"], {"TERM": "xterm"}, False),
            (["--color", "always"], {"TERM": "dumb", "NO_COLOR": "1"}, True),
        ],
    )
    def test_on_a_terminal(self, arguments: list[str], environment: dict[str, str], coloured: bool) -> None:
        Path("a.eml").write_bytes(BAD)
        shown = self.on_terminal("a.eml", *arguments, **environment)
        assert ("\x1b[1;31merror:\x1b[0m" in shown) == coloured
        assert ("\x1b" in shown) == coloured and "empty-destination" in shown

    def test_elsewhere(self) -> None:
        assert "\x1b" not in lint(stdin=BAD).out
        text = lint("--color", "always", stdin=BAD).out
        assert re.sub(r"\x1b\[[0-9;]*m", "", text) == lint(stdin=BAD).out != text
        for form in ("json", "sarif", "summary"):
            assert "\x1b" not in lint("--color", "always", "--format", form, stdin=BAD).out


KEYS: dict[str, type | tuple[type, ...]] = {
    "path": str, "message": (int, type(None)), "line": int, "column": int, "end_line": int, "end_column": int,
    "offset": int, "length": int, "code": str, "severity": str, "field": (str, type(None)), "text": str,
    "help": str, "section": str, "reply": str,
}  # fmt: skip


class TestJson:
    def test_has_every_key_of_the_right_type(self) -> None:
        seen = set()
        for _, octets in WRONG:
            document = lint("--format", "json", stdin=mbox([GOOD]) + mbox([octets.replace(b"\r\n", b"\n")])).json
            assert list(document) == [
                "version", "lonedot", "findings", "messages", "with_findings", "errors", "warnings", "advice", "unread",
            ]  # fmt: skip
            assert (document["version"], document["lonedot"]) == (1, __version__)
            for found in document["findings"]:
                assert list(found) == list(KEYS)
                assert all(isinstance(found[key], kinds) for key, kinds in KEYS.items())
                row = ROWS[found["code"]]
                assert (found["severity"], found["text"], found["help"]) == (row.severity, row.text, row.help)
                assert found["reply"] == f"{row.reply.code} {row.reply.enhanced}"
                seen.add(found["code"])
        assert len(seen) > 50

    def test_the_numbers(self) -> None:
        ran = lint("--format", "json", "-", "no", stdin=mbox([WARNED, GOOD, BAD, ADVISED, BAD]))
        document = ran.json
        assert ran.code == 2
        assert len(document.pop("findings")) == 4
        del document["lonedot"]
        assert document == {
            "version": 1, "messages": 5, "with_findings": 4, "errors": 2, "warnings": 1, "advice": 1,
            "unread": [{"path": "no", "why": "No such file or directory"}],
        }  # fmt: skip

    def test_without_findings_is_one_value_too(self) -> None:
        assert lint("--format", "json", stdin=GOOD).json["findings"] == []

    def test_has_one_finding_a_line(self) -> None:
        lines = lint("--format", "json", stdin=mbox([BAD] * 5)).out.splitlines()
        assert [json.loads(line.rstrip(","))["message"] for line in lines[1:-1]] == [1, 2, 3, 4, 5]

    def test_is_ascii(self, here: Path) -> None:
        (here / "gr\u00fcn\x7f.eml").write_bytes(BAD)
        ran = lint("--format", "json", "gr\u00fcn\x7f.eml")
        assert ran.out.isascii() and "\x7f" not in ran.out and ran.json["findings"][0]["path"] == "gr\u00fcn\x7f.eml"


class TestSarif:
    """Against the members that the standard requires, and the values it allows (SARIF 2.1.0, section 3)."""

    def log(self, *arguments: str, stdin: bytes = b"") -> dict[str, Any]:
        log = lint("--format", "sarif", *arguments, stdin=stdin).json
        assert set(log) == {"$schema", "version", "runs"} and log["version"] == "2.1.0"
        (run,) = log["runs"]
        assert isinstance(run, dict)
        return run

    def test_rules_are_the_table(self) -> None:
        driver = self.log(stdin=GOOD)["tool"]["driver"]
        assert driver["name"] == "lonedot lint" and driver["semanticVersion"] == __version__
        assert [rule["id"] for rule in driver["rules"]] == list(ROWS)
        page = (Path(__file__).parent.parent / "docs" / "findings.md").read_text(encoding="utf-8")
        for rule in driver["rules"]:
            assert rule["shortDescription"]["text"].endswith(".") and rule["help"]["text"]
            level = {"error": "error", "warning": "warning", "advice": "note"}[ROWS[rule["id"]].severity]
            assert rule["defaultConfiguration"] == {"level": level}
            assert f"\n## {urlsplit(rule['helpUri']).fragment}\n" in page

    def test_results(self) -> None:
        run = self.log(stdin=mbox([GOOD, *(octets.replace(b"\r\n", b"\n") for _, octets in WRONG)]))
        found = lint(
            "--format", "json", stdin=mbox([GOOD, *(octets.replace(b"\r\n", b"\n") for _, octets in WRONG)])
        ).json
        assert len(run["results"]) == len(found["findings"]) > 50
        assert run["columnKind"] == "unicodeCodePoints" and run["defaultEncoding"] == "ISO-8859-1"
        for result, one in zip(run["results"], found["findings"], strict=True):
            assert result["ruleId"] == one["code"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
            assert result["level"] in ("error", "warning", "note")
            assert result["message"]["text"].startswith(one["text"])
            (location,) = result["locations"]
            assert location["logicalLocations"] == [{"name": f"message {one['message']}"}]
            physical = location["physicalLocation"]
            assert physical["artifactLocation"] == {"uri": "-"}
            region = physical["region"]
            assert region == {
                "startLine": one["line"], "startColumn": one["column"],
                "endLine": one["end_line"], "endColumn": one["end_column"],
                "charOffset": one["offset"], "charLength": one["length"],
                "byteOffset": one["offset"], "byteLength": one["length"],
            }  # fmt: skip
            assert min(region["startLine"], region["startColumn"], region["endColumn"]) >= 1
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])

    def test_paths_are_references(self, here: Path) -> None:
        names = ["a b.eml", "c:d#e?.eml", os.fsdecode(b"\xff\n.eml"), str(here / "x y.eml"), "d/e.eml"]
        (here / "d").mkdir()
        for name in names:
            Path(name).write_bytes(BAD)
        uris = [
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            for result in self.log(*names)["results"]
        ]
        assert [unquote(urlsplit(uri).path, errors="surrogateescape") for uri in uris] == names
        assert [urlsplit(uri).scheme for uri in uris] == ["", "", "", "file", ""]
        assert all(re.fullmatch(r"[A-Za-z0-9/%._~:-]+", uri) for uri in uris)

    def test_what_could_not_be_read(self) -> None:
        (invocation,) = self.log("no such")["invocations"]
        assert invocation["executionSuccessful"] is False
        (notification,) = invocation["toolExecutionNotifications"]
        assert notification["level"] == "error" and "No such file" in notification["message"]["text"]
        location = notification["locations"][0]["physicalLocation"]["artifactLocation"]
        assert location == {"uri": "no%20such"}
        assert self.log(stdin=BAD)["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


class TestSummary:
    def test_the_worst_come_first_then_the_most(self) -> None:
        several = BAD.replace(b"Cc:\n", b"Cc:\nTo:\n")
        undated = GOOD[GOOD.index(b"From") :]
        messages = [several, BAD, WARNED, *[ADVISED] * 1000, GOOD, *[undated] * 4]
        ran = lint("--format", "summary", stdin=mbox(messages))
        assert ran.code == 1
        assert ran.out == (
            "finding             severity  messages  findings\n"
            "missing-date        error            4         4\n"
            "empty-destination   error            2         3\n"
            "missing-message-id  warning          1         1\n"
            "empty-bcc           advice       1,000     1,000\n"
            "\n"
            "1,008 messages read, 1,007 with findings: 7 errors, 1 warning, 1,000 of advice\n"
        )

    def test_without_findings_has_no_table(self) -> None:
        assert lint("--format", "summary", stdin=GOOD).out == "1 message read, nothing found\n"
